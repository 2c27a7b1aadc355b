//! The health of the ledger: whether the last write succeeded, and otherwise why not.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant};

/// A successful write this recent counts as a passed health check.
const WRITE_HEALTH_TTL: Duration = Duration::from_millis(500);

/// The health of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerHealth {
    /// Records are written to their database.
    Writable,
    /// Nothing can be written, so no call is answered.
    Unwritable(UnwritableCause),
    /// The ledger is disabled.
    Off,
}

/// Why nothing can be written. The words reveal nothing of a record, an address or a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnwritableCause {
    /// The database cannot be reached.
    Unreachable,
    /// The database does not answer in time.
    TooSlow,
    /// The disk is full.
    DiskFull,
    /// The quick check found a defect, or the tables are of an earlier version.
    Refused,
    /// Too many writes wait.
    QueueFull,
    /// The database reported another error.
    Failed,
    /// The ledger is closed.
    Closed,
}

impl LedgerHealth {
    /// The name that the readiness endpoint reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Writable => "writable",
            Self::Unwritable(_) => "unwritable",
            Self::Off => "off",
        }
    }

    /// Why nothing can be written; `None` if records can be written or none are kept.
    #[must_use]
    pub fn unwritable_cause(self) -> Option<UnwritableCause> {
        if let Self::Unwritable(cause) = self { Some(cause) } else { None }
    }
}

impl fmt::Display for UnwritableCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unreachable => "the database cannot be reached",
            Self::TooSlow => "the database does not answer in time",
            Self::DiskFull => "the disk is full",
            Self::Refused => "the ledger is damaged or of an earlier version",
            Self::QueueFull => "too many records wait to be written",
            Self::Failed => "the database reports an error",
            Self::Closed => "the ledger is closed",
        })
    }
}

impl UnwritableCause {
    /// Whether the database is away, overloaded or full, which says nothing about its records.
    pub(super) fn is_outage(self) -> bool {
        match self {
            Self::Unreachable | Self::TooSlow | Self::DiskFull => true,
            Self::Refused | Self::QueueFull | Self::Failed | Self::Closed => false,
        }
    }

    pub(super) fn from_database(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => Self::Unreachable,
            sqlx::Error::PoolTimedOut => Self::TooSlow,
            sqlx::Error::Database(error) => Self::from_code(error.code().as_deref().unwrap_or_default()),
            _ => Self::Failed,
        }
    }

    /// SQLite reports a full disk by `SQLITE_FULL` or `SQLITE_IOERR_WRITE`, and that it must wait or lacks memory or file handles by `BUSY`,
    /// `LOCKED`, `NOMEM` and `CANTOPEN`. PostgreSQL's codes are those of its appendix A: classes 08 and 57P for connections that end or are
    /// not accepted, and class 53 for insufficient resources.
    fn from_code(code: &str) -> Self {
        match code {
            "13" | "778" | "4874" | "53100" => Self::DiskFull,
            "57014" | "5" | "261" | "517" | "773" | "6" | "262" => Self::TooSlow,
            "53200" | "53300" | "53400" | "7" | "14" => Self::Unreachable,
            _ if code.starts_with("08") || code.starts_with("57P") => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}

/// When the last write succeeded; cleared by a failure.
#[derive(Debug, Default)]
pub(super) struct LastWrite(Mutex<Option<Instant>>);

impl LastWrite {
    /// Notes whether the last write succeeded.
    pub(super) fn note(&self, is_written: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = is_written.then(Instant::now);
    }

    /// Whether a write succeeded so recently that no trial write is needed.
    pub(super) fn is_recent(&self) -> bool {
        let written_at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written_at.is_some_and(|at| at.elapsed() < WRITE_HEALTH_TTL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_error_is_named_by_its_code() {
        for (code, expected) in [
            ("13", UnwritableCause::DiskFull),
            ("778", UnwritableCause::DiskFull),
            ("53100", UnwritableCause::DiskFull),
            ("57P01", UnwritableCause::Unreachable),
            ("57014", UnwritableCause::TooSlow),
            ("5", UnwritableCause::TooSlow),
            ("53300", UnwritableCause::Unreachable),
            ("08006", UnwritableCause::Unreachable),
            ("23505", UnwritableCause::Failed),
        ] {
            assert_eq!(UnwritableCause::from_code(code), expected, "{code}");
        }
    }
}
