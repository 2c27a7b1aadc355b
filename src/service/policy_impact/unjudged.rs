//! Why a call is not judged.

use crate::cds_hooks::RequestError;
use crate::service::{CallError, ReplayError};

/// Why a call is not judged. The message has no value of the call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnjudgedError {
    /// The line exceeds the limit.
    #[error("the line is longer than {limit_bytes} bytes (`server.body_limit_bytes`)")]
    LineTooLong {
        /// The limit.
        limit_bytes: usize,
    },
    /// The line is not UTF-8.
    #[error("the line is not UTF-8 text")]
    NotUtf8,
    /// `asOf` is not an instant.
    #[error("`asOf` is not an instant such as 2026-11-22T10:00:00Z")]
    NotAnInstant,
    /// The line is not the JSON of a call.
    #[error("{0}")]
    NotACall(String),
    /// The call violates the specification or a limit, or does not contain its orders.
    #[error("{0}")]
    Refused(String),
    /// The key of the record is not configured.
    #[error("key `{0}` of the record is missing")]
    KeyMissing(String),
    /// The ledger finds this wrong with the record.
    #[error("{0}")]
    Damaged(String),
    /// Another program or version wrote the record.
    #[error("the record's content is not as this program keeps it")]
    Unreadable,
    /// The code map that the call was read with is no longer configured.
    #[error("the code map that the call was read with is not configured any more")]
    NoCodeMap,
    /// No order of the call was in scope when it was recorded, so its record leaves out the chart.
    #[error("the record has no chart, because the policy decided no order of the call then")]
    NoChart,
}

impl UnjudgedError {
    /// A short stable name, for JSON.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::LineTooLong { .. } => "line-too-long",
            Self::NotUtf8 => "not-utf8",
            Self::NotAnInstant => "not-an-instant",
            Self::NotACall(_) => "not-a-call",
            Self::Refused(_) => "refused",
            Self::KeyMissing(_) => "key-missing",
            Self::Damaged(_) => "damaged",
            Self::Unreadable => "unreadable",
            Self::NoCodeMap => "no-code-map",
            Self::NoChart => "no-chart",
        }
    }
}

impl From<CallError> for UnjudgedError {
    fn from(error: CallError) -> Self {
        let words = error.to_string();
        let message = match error.expression() {
            Some(path) if !words.contains(&format!("`{path}`")) => format!("{words} (at `{path}`)"),
            Some(_) | None => words,
        };
        if matches!(error, CallError::Request(RequestError::Json(_))) { Self::NotACall(message) } else { Self::Refused(message) }
    }
}

impl From<ReplayError> for UnjudgedError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::NotACall | ReplayError::Unreadable | ReplayError::NoPolicy(_) => Self::Unreadable,
            ReplayError::NoCodeMap => Self::NoCodeMap,
            ReplayError::Refused(error) => error.into(),
        }
    }
}
