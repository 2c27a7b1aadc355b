//! The metrics of this process, in Prometheus' text format: their descriptions and histogram buckets.
//! Not here: updating them, which happens next to the code they measure; and access control, see [`crate::http`].
//!
//! Invariant: a label's value is a constant, a configured name, or an id from the policy, never text from a caller.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// How often recorded times are moved into their buckets if the metrics are not scraped.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Upper bounds in seconds. 0.5 and 5 are the latency targets of a call.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Upper bounds for the number of records in a batch.
const RECORDS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only increases.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It counts values per bucket.
    Histogram,
}

/// Describes a metric.
#[derive(Clone, Copy, Debug)]
pub struct MetricDescription {
    /// Its name, which ends in its unit, or in `_total` for a counter.
    pub name: &'static str,
    /// Its type.
    pub kind: MetricKind,
    /// A one-line description.
    pub help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> MetricDescription {
    MetricDescription { name, kind: MetricKind::Counter, help }
}

const fn gauge(name: &'static str, help: &'static str) -> MetricDescription {
    MetricDescription { name, kind: MetricKind::Gauge, help }
}

const fn histogram(name: &'static str, help: &'static str) -> MetricDescription {
    MetricDescription { name, kind: MetricKind::Histogram, help }
}

/// All metrics, in the order of `docs/operations.md`.
pub const DESCRIPTIONS: [MetricDescription; 24] = [
    counter("sij_cds_calls_total", "Hook calls, by hook, client and status."),
    counter("sij_cds_calls_within_500_milliseconds_total", "Hook calls answered 200 within half a second, by hook and client."),
    counter("sij_cds_calls_within_5_seconds_total", "Hook calls answered 200 within five seconds, by hook and client."),
    histogram("sij_cds_call_seconds", "Time from a hook call's head to its answer, by hook and status."),
    counter("sij_cds_calls_decided_total", "Hook calls with at least one order decided, by hook and client."),
    counter("sij_cds_orders_total", "Orders decided, by hook, client, plan, kind of order and determination."),
    counter("sij_cds_orders_passed_over_total", "Orders that got no determination, by hook, client and reason."),
    counter("sij_cds_verdicts_total", "Verdicts on criteria, one a joint of an order, by criterion and verdict."),
    counter("sij_cds_feedback_total", "Feedback entries, by client, outcome and override reason."),
    counter("sij_cds_requests_total", "Requests that are no hook calls, by route and status."),
    counter("sij_cds_callers_refused_total", "Callers refused, by cause."),
    counter("sij_cds_connections_refused_total", "Connections closed for speaking plain HTTP from elsewhere."),
    counter("sij_cds_key_set_fetches_total", "Fetches of clients' key sets, by client and outcome."),
    counter("sij_cds_fhir_queries_total", "Queries of FHIR servers, by server, resource type and outcome."),
    counter("sij_cds_fhir_pages_total", "Pages that FHIR servers sent, by server, resource type and outcome of the query."),
    histogram("sij_cds_fhir_query_seconds", "Time of a query of a FHIR server with all its pages, by server, resource type and outcome."),
    counter("sij_cds_reloads_total", "Reloads of the configuration, by outcome."),
    gauge("sij_cds_build_info", "Always 1; the label is the program's version."),
    counter("sij_cds_ledger_records_total", "Records written to the ledger, by kind."),
    counter("sij_cds_ledger_failed_records_total", "Records that could not be written to the ledger."),
    counter("sij_cds_ledger_client_bytes_total", "Sealed bytes written to the ledger, by client."),
    histogram("sij_cds_ledger_commit_seconds", "Time of a commit to the ledger."),
    histogram("sij_cds_ledger_batch_records", "Records of a commit to the ledger."),
    gauge("sij_cds_ledger_key_seals", "At most how often a key of the ledger has sealed for this instance, by key."),
];

/// The metrics of this process, which has a single recorder.
#[derive(Debug)]
pub struct Metrics(PrometheusHandle);

static INSTALLED: OnceLock<Option<Metrics>> = OnceLock::new();

impl Metrics {
    /// Installs the recorder, once per process; earlier updates are lost. `None` if another recorder is installed already.
    pub fn install() -> Option<&'static Self> {
        INSTALLED.get_or_init(Self::begin).as_ref()
    }

    /// The metrics, if they are recorded.
    #[must_use]
    pub fn of_this_process() -> Option<&'static Self> {
        INSTALLED.get().and_then(Option::as_ref)
    }

    fn begin() -> Option<Self> {
        let recorder = with_buckets(PrometheusBuilder::new()).build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).ok()?;
        DESCRIPTIONS.iter().for_each(describe);
        metrics::gauge!("sij_cds_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
        Some(Self(handle))
    }

    /// Renders all metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Runs upkeep forever, so that recorded times do not accumulate while the metrics are not scraped.
    pub async fn keep_up(&self) {
        let mut ticks = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            ticks.tick().await;
            self.0.run_upkeep();
        }
    }
}

/// Setting buckets fails only for an empty list of bounds, and none is empty.
fn with_buckets(builder: PrometheusBuilder) -> PrometheusBuilder {
    let suffix = |builder: PrometheusBuilder, suffix: &str, bounds: &[f64]| {
        builder.set_buckets_for_metric(Matcher::Suffix(suffix.to_owned()), bounds).unwrap_or_default()
    };
    suffix(suffix(builder, "_seconds", &SECONDS), "_batch_records", &RECORDS)
}

fn describe(figure: &MetricDescription) {
    match figure.kind {
        MetricKind::Counter => metrics::describe_counter!(figure.name, figure.help),
        MetricKind::Gauge => metrics::describe_gauge!(figure.name, figure.help),
        MetricKind::Histogram => metrics::describe_histogram!(figure.name, figure.help),
    }
}
