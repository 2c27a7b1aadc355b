//! The log's format and level.
//! Not here: the log statements, which are next to the code they describe.

use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, FilterFn, LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry};

use crate::config::{LogConfig, LogFormat, LogLevel};

/// The only span that lines show. Finer spans are for traces; showing them would hide the request id.
const SHOWN_SPAN: &str = "request";

/// A log with the configured format and level that writes to `writer`: standard error, or a buffer in tests.
pub fn subscriber<W>(log: &LogConfig, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    Box::new(tracing_subscriber::registry().with(layer(log, writer)))
}

pub(super) fn layer<W>(log: &LogConfig, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).with_target(false);
    let shown = levels(log.level).and(shown_spans());
    match log.format {
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).with_filter(shown).boxed(),
        LogFormat::Text => lines.with_ansi(false).with_filter(shown).boxed(),
    }
}

/// Invariant: no token and no patient data reach the log. HTTP libraries log headers at finer levels, so they stay at warn.
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

/// Invariant: every line within a call contains its request id.
fn shown_spans() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    filter_fn(|metadata| !metadata.is_span() || metadata.name() == SHOWN_SPAN)
}

/// Logs only a panic's location, because its message may contain the data that caused it.
pub(super) fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "panicked");
}
