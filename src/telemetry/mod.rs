//! The service's telemetry: the log, the metrics of `/metrics`, and traces if they are built in.
//! Not here: log statements, metric updates and spans, which are next to the code they describe.

mod log;
mod metrics;
mod traces;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

pub use log::subscriber;
pub use metrics::{DESCRIPTIONS, MetricDescription, MetricKind, Metrics};
pub use traces::{TracesError, call_span};

use crate::config::{LogConfig, TracesConfig};
use traces::Exporting;

/// Why the log, the metrics or the traces cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A log is already set up in this process.
    #[error("the log is set up already")]
    AlreadySet(#[from] TryInitError),
    /// Traces cannot be exported.
    #[error("traces cannot be set up")]
    Traces(#[from] TracesError),
}

/// Active telemetry, until the process ends.
#[must_use]
pub struct Telemetry {
    exporting: Option<Exporting>,
}

/// Sends the log to standard error, and panics to the log; installs the metrics; and exports traces, if there is an endpoint
/// for them. With an endpoint, this must be called within a tokio runtime.
///
/// # Errors
///
/// [`TelemetryError::AlreadySet`] if called a second time, [`TelemetryError::Traces`] if traces cannot be exported.
pub fn init(log: &LogConfig, traces: &TracesConfig) -> Result<Telemetry, TelemetryError> {
    let mut layers = vec![log::layer(log, std::io::stderr)];
    let exporting = Exporting::begin(traces)?.map(|(exporting, layer)| {
        layers.push(layer);
        exporting
    });
    tracing_subscriber::registry().with(layers).try_init()?;
    std::panic::set_hook(Box::new(log::log_panic));
    Metrics::install();
    Ok(Telemetry { exporting })
}

impl Telemetry {
    /// Exports the remaining spans. Blocks for a few seconds at most; the runtime must still be running.
    pub fn finish(self) {
        if let Some(exporting) = self.exporting {
            exporting.finish();
        }
    }
}
