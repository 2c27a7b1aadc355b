//! What the running service tells of itself: the log, the figures of `/metrics`, and traces where they are built in.
//! Not here: the lines, figures and spans themselves, which are made where the thing they tell of is handled.

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

/// Why the log, the figures or the traces cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// Something in the process has set up a log already.
    #[error("the log is set up already")]
    AlreadySet(#[from] TryInitError),
    /// Traces cannot be sent.
    #[error("traces cannot be set up")]
    Traces(#[from] TracesError),
}

/// What was set up, until the process ends.
#[must_use]
pub struct Telemetry {
    exporting: Option<Exporting>,
}

/// Sends the log to the standard error, and panics to the log; begins to count; and sends traces, if there is an endpoint
/// for them. Where there is one, this must be called within a tokio runtime.
///
/// # Errors
///
/// [`TelemetryError::AlreadySet`] when called a second time, [`TelemetryError::Traces`] where traces cannot be sent.
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
    /// Sends what was not sent yet. Blocks for some seconds at most; the runtime must still run.
    pub fn finish(self) {
        if let Some(exporting) = self.exporting {
            exporting.finish();
        }
    }
}
