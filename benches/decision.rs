//! Measures a decision against parsing the same bytes into `serde_json::Value`: the whole answer, its parts, and the calls that
//! take another path. `cargo bench --bench decision`; `docs/performance.md` explains the results.
//!
//! Criterion times each separately. The ratios at the end alternate the two, so that other load on the machine affects both
//! equally. Not here: the cost of HTTP; see `tests/e2e/load.sh`.

#[path = "support/request.rs"]
mod request;

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use criterion::{BenchmarkId, Criterion, Throughput};
use futures_util::FutureExt as _;
use serde_json::Value;
use sij_cds::app::{App, Ports};
use sij_cds::auth::{Credentials, VerifiedClient};
use sij_cds::cds_hooks::Dialect;
use sij_cds::cds_hooks::{Hook, ServiceIds};
use sij_cds::cds_hooks::{Prefetch, read};
use sij_cds::clock::FixedClock;
use sij_cds::config::{Config, Layers};
use sij_cds::crd::Dialects;
use sij_cds::crd::{Options, Presentation, cards};
use sij_cds::decision::Services;
use sij_cds::evidence::{PatientRecord, Prefetched, ReadingContext, ReadingOptions};
use sij_cds::ids::{IdSource, RandomIds};
use sij_cds::policy::{Inquiry, Reference, evaluate};

use request::Call;

const SIZES: [usize; 2] = [60, 1_000];

fn main() -> anyhow::Result<()> {
    let service = Service::new()?;
    let mut criterion =
        Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3)).configure_from_args();
    for resources in SIZES {
        whole(&mut criterion, &service, resources);
        variants(&mut criterion, &service, resources);
        parts(&mut criterion, &service, resources)?;
    }
    criterion.final_summary();
    // Like Criterion: skip this if the benchmark is only tested, listed or filtered.
    if std::env::args().skip(1).all(|argument| argument == "--bench") {
        ratios(&service)?;
    }
    Ok(())
}

struct Service {
    app: App,
    caller: VerifiedClient,
    services: Services,
    now: DateTime<Utc>,
}

impl Service {
    fn new() -> anyhow::Result<Self> {
        let now = "2026-06-01T09:30:00Z".parse().context("an instant")?;
        let config = Config::layered(Layers::default())?;
        let ports = Ports::new(&config, Arc::new(FixedClock::at(now)), Arc::new(RandomIds))?;
        let app = App::build(&config, ports)?;
        let caller = app
            .authenticate(Credentials::default())
            .now_or_never()
            .context("nobody is asked")?
            .map_err(|refused| anyhow::anyhow!(refused.cause))?
            .client;
        Ok(Self { app, caller, services: Services::load(&Hook::ALL, ServiceIds::PerHook)?, now })
    }

    fn answer(&self, body: &str) {
        // Without FHIR servers the future never waits.
        let _ = black_box(self.app.hooks.answer(&self.caller, black_box(body.as_bytes())).now_or_never());
    }
}

fn value(body: &str) {
    let _ = black_box(serde_json::from_slice::<Value>(black_box(body.as_bytes())));
}

/// Calls that differ in what is read, or how.
fn calls(resources: usize) -> Vec<(&'static str, String)> {
    let usual = Call::about(resources);
    let json = usual.json();
    vec![
        ("order out of scope", Call { code: "99213", ..usual }.json()),
        ("prefetch before context", Call { prefetch_first: true, ..usual }.json()),
        ("resourceType last", Call { type_last: true, ..usual }.json()),
        ("one broken resource", json.replacen(r#""status":"final""#, r#""status":7"#, 1)),
        ("usual", json),
    ]
}

fn whole(criterion: &mut Criterion, service: &Service, resources: usize) {
    let body = Call::about(resources).json();
    for (name, run) in [("value", &(|| value(&body)) as &dyn Fn()), ("answer", &|| service.answer(&body))] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(resources), |bencher| bencher.iter(run));
        group.finish();
    }
}

fn variants(criterion: &mut Criterion, service: &Service, resources: usize) {
    let mut group = criterion.benchmark_group("variant");
    for (name, body) in calls(resources) {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::new(name, resources), |bencher| bencher.iter(|| service.answer(&body)));
    }
    group.finish();
}

/// The steps of the usual answer.
fn parts(criterion: &mut Criterion, service: &Service, resources: usize) -> anyhow::Result<()> {
    let body = Call::about(resources).json();
    let read_all = || read::<Prefetched<'_>>(black_box(&body), |_, _| true);
    let call = read_all()?;
    let Prefetch::Read(prefetch) = call.prefetch else { anyhow::bail!("the prefetch is read") };
    let patient_record = PatientRecord::of_orders(call.context.order_resources()).with(prefetch, &service.services.prefetch_keys);
    let policy = service.app.policies().newest();
    let patient = call.context.patient_id.as_ref();
    let reading = ReadingContext { policy, patient_id: patient, options: ReadingOptions::none() };
    let facts = patient_record.facts(reading);
    let inquiry = || Inquiry { patient: Reference::new("Patient", patient.into()), as_of: service.now };
    let evaluation = evaluate(policy, &facts, inquiry());
    let orders: Vec<_> = patient_record.drafts().iter().map(|draft| (draft.position, draft.raw)).collect();
    let dialects = Dialects::load()?;
    let presentation = Presentation {
        source_label: "Plan",
        policy_url: None,
        has_policy_card: false,
        unavailable: &[],
        unreadable: 0,
        orders: &orders,
        user_id: "Practitioner/1",
        hook: Hook::OrderSign,
        options: &Options::default(),
        dialect: dialects.get(Dialect::Standard),
        form: None,
        therapy_order_code: None,
        coverage_note: None,
        app: None,
    };
    let write_cards = || cards(&evaluation, |_| &presentation, |_| policy, || RandomIds.new_id());

    let mut group = criterion.benchmark_group("part");
    group.bench_function(BenchmarkId::new("read", resources), |bencher| bencher.iter(read_all));
    group.bench_function(BenchmarkId::new("facts", resources), |bencher| bencher.iter(|| patient_record.facts(reading)));
    group.bench_function(BenchmarkId::new("evaluate", resources), |bencher| bencher.iter(|| evaluate(policy, &facts, inquiry())));
    group.bench_function(BenchmarkId::new("cards", resources), |bencher| bencher.iter(write_cards));
    let response = write_cards();
    group.bench_function(BenchmarkId::new("write", resources), |bencher| bencher.iter(|| serde_json::to_vec(&response)));
    group.finish();
    Ok(())
}

/// Prints the ratio of the time of each call's answer to that of parsing the same bytes into a `Value`, in alternation.
fn ratios(service: &Service) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{:<26}{:>10}{:>10}{:>12}{:>12}{:>8}", "answer / value", "resources", "bytes", "value µs", "answer µs", "ratio")?;
    for resources in SIZES {
        for (name, body) in calls(resources) {
            let (value, answer) = in_turns(&|| value(&body), &|| service.answer(&body));
            let ratio = answer / value;
            writeln!(out, "{name:<26}{resources:>10}{:>10}{value:>12.1}{answer:>12.1}{ratio:>8.3}", body.len())?;
        }
    }
    Ok(())
}

/// The median time of each in microseconds, over two seconds. A turn is long enough that each has the caches to itself.
fn in_turns(first: &dyn Fn(), second: &dyn Fn()) -> (f64, f64) {
    const TURN: Duration = Duration::from_millis(20);
    let mut times = [Vec::new(), Vec::new()];
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        for (run, times) in [first, second].into_iter().zip(&mut times) {
            run();
            let (turn, mut runs) = (Instant::now(), 0.0);
            while turn.elapsed() < TURN {
                run();
                runs += 1.0;
            }
            times.push(turn.elapsed().as_secs_f64() * 1e6 / runs);
        }
    }
    let [first, second] = times.map(median);
    (first, second)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
