//! The log: where its lines go, in which form, and from which level.
//! Not here: the lines themselves, which are written where the thing they tell of is handled.

use std::io;

use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogConfig, LogFormat, LogLevel};

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// Something in the process has set up a log already.
    #[error("the log is set up already")]
    AlreadySet(#[from] TryInitError),
}

/// Sends the log to the standard error, and panics to the log.
///
/// # Errors
///
/// [`TelemetryError::AlreadySet`] when called a second time.
pub fn init(log: &LogConfig) -> Result<(), TelemetryError> {
    subscriber(log, io::stderr).try_init()?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// A log with the configured form and level that goes to `writer`: the standard error, or a buffer in tests.
pub fn subscriber<W>(log: &LogConfig, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).with_target(false);
    let registry = tracing_subscriber::registry().with(levels(log.level));
    match log.format {
        LogFormat::Json => Box::new(registry.with(lines.json().flatten_event(true).with_span_list(false))),
        LogFormat::Text => Box::new(registry.with(lines.with_ansi(false))),
    }
}

/// Invariant: no token and no patient data reach the log. The finer levels of HTTP libraries write headers, so they stay at warn.
fn levels(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new().with_target(env!("CARGO_CRATE_NAME"), level).with_default(level.min(LevelFilter::WARN))
}

/// A panic's message may quote the data it stumbled over, so only its place is logged.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "panicked");
}
