//! `[log]`: the format and level of the log.
//! Not here: what is logged; see [`crate::telemetry`].

use serde::Deserialize;

/// The log's settings. Every value of these types is valid, so there is nothing to validate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// One JSON object per line, or text.
    pub format: LogFormat,
    /// The most verbose level of this program's own messages.
    pub level: LogLevel,
}

/// The format of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// One line of text, for people.
    Text,
}

/// The verbosity of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only failures of this service.
    Error,
    /// Also refused calls, and failures of other systems.
    Warn,
    /// Also a line per call.
    Info,
    /// Also health checks and reads of `/metrics`.
    Debug,
    /// Everything.
    Trace,
}
