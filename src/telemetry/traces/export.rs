//! Exports spans to a collector by OTLP over HTTP, in the background, and continues the caller's trace.
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp> <https://www.w3.org/TR/trace-context/>
//! Not here: which spans there are.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::{Metadata, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;

use super::{SpanLayer, TracesError};
use crate::config::TracesConfig;
use crate::outgoing;

/// The service name in traces.
const SERVICE: &str = env!("CARGO_PKG_NAME");

/// The exported spans; the request span is only for the log.
const SENT: [&str; 3] = ["call", "fhir_search", "evaluate"];

const CONNECTING: Duration = Duration::from_secs(2);
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
const FINISHING: Duration = Duration::from_secs(3);

/// The headers of a caller's trace context.
const HEADERS: [&str; 2] = ["traceparent", "tracestate"];

/// The active span export.
#[derive(Debug)]
pub(crate) struct Exporting(SdkTracerProvider);

impl Exporting {
    /// Starts exporting, if there is an endpoint. Spans that cannot be delivered are dropped: no call waits for them.
    pub(crate) fn begin(traces: &TracesConfig) -> Result<Option<(Self, SpanLayer)>, TracesError> {
        let Some(endpoint) = &traces.endpoint else { return Ok(None) };
        let runtime = Handle::try_current().map_err(|_| TracesError::NoRuntime)?;
        let connections =
            outgoing::connections(endpoint, true, CONNECTING).timeout(EXPORT_TIMEOUT).build().map_err(TracesError::Connections)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint.as_str())
            .with_timeout(EXPORT_TIMEOUT)
            .with_http_client(Collector { connections, runtime })
            .build()
            .map_err(|error| TracesError::Exporter(error.into()))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(traces.sample_ratio))))
            .with_resource(Resource::builder_empty().with_service_name(SERVICE).build())
            .build();
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(is_sent));
        Ok(Some((Self(provider), layer.boxed())))
    }

    /// Exports the remaining spans.
    pub(crate) fn finish(self) {
        if let Err(error) = self.0.shutdown_with_timeout(FINISHING) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

fn is_sent(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with(env!("CARGO_CRATE_NAME")) && SENT.contains(&metadata.name())
}

/// Makes a call's span continue its caller's trace, if the caller sends one.
pub(crate) fn continue_callers<'h>(span: &Span, header: impl Fn(&str) -> Option<&'h str>) {
    let carrier: HashMap<String, String> = HEADERS.iter().filter_map(|name| Some(((*name).to_owned(), header(name)?.to_owned()))).collect();
    if carrier.is_empty() || span.is_disabled() {
        return;
    }
    let parent = TraceContextPropagator::new().extract(&carrier);
    if parent.span().span_context().is_valid() {
        // This fails only if no spans are exported; then there is nothing to link.
        _ = span.set_parent(parent);
    }
}

/// The connections to the collector. The exporter runs on its own thread, without a runtime.
#[derive(Debug)]
struct Collector {
    connections: reqwest::Client,
    runtime: Handle,
}

impl HttpClient for Collector {
    fn send_bytes<'s, 'f>(
        &'s self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        let connections = self.connections.clone();
        let sent = self.runtime.spawn(async move { send(&connections, request).await });
        Box::pin(async move { sent.await? })
    }
}

async fn send(connections: &reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let answer = connections.execute(request.try_into()?).await?;
    let status = answer.status();
    Ok(Response::builder().status(status).body(answer.bytes().await?)?)
}
