//! `[log]`: the form and fineness of the log.
//! Not here: what is logged; see [`crate::telemetry`].

use serde::Deserialize;

/// The log's settings. Every value of these types is valid, so there is nothing to validate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// One JSON object a line, or text.
    pub format: LogFormat,
    /// The finest level written of this program's own messages.
    pub level: LogLevel,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// One line of text, for people.
    Text,
}

/// How fine a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Faults of ours only.
    Error,
    /// And refusals under load.
    Warn,
    /// And a line a call.
    Info,
    /// And health checks.
    Debug,
    /// Everything.
    Trace,
}
