//! Errors of the ledger.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;
use uuid::Uuid;

use super::chain_position::ChainPosition;
use super::finding::{Defect, DefectFound};
use super::health::UnwritableCause;
use super::keys::LedgerKeysError;

/// An error of the ledger. Messages reveal nothing of a record but its id and position.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The keys cannot be used.
    #[error("`ledger.{key}`: the keys cannot be used")]
    Keys {
        /// The configuration key.
        key: &'static str,
        /// The cause.
        source: LedgerKeysError,
    },
    /// A file cannot be read or created.
    #[error("`ledger.{key}`: cannot use `{}`", path.display())]
    Unusable {
        /// The configuration key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Another process writes to the file.
    #[error("`ledger.url`: another process writes to `{}`", path.display())]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The file was written by an earlier version, which kept a journal beside it.
    #[error(
        "`ledger.url`: an earlier version of this program wrote `{0}` in a form that this one does not read; export its records with \
         that version, then move it and the files beside it away",
        path.display()
    )]
    OldFile {
        /// The database.
        path: PathBuf,
    },
    /// The tables were created by an earlier version.
    #[error(
        "`ledger.url`: an earlier version of this program made the database's ledger tables; export their records with that version, \
         then configure a new database"
    )]
    OldTables,
    /// The database is missing although a file beside it shows that it had records.
    #[error(
        "`ledger.url`: `{0}` is missing or empty, but `{1}` shows that it had records; restore it, or move `{1}` away to begin a new ledger",
        path.display(), witness.display()
    )]
    MissingFile {
        /// The database.
        path: PathBuf,
        /// The file beside it.
        witness: PathBuf,
    },
    /// The quick check found a defect.
    #[error(
        "the ledger is damaged: {0}. `sij-cds ledger verify` names every defect; restore the ledger, or configure another one, before \
         `serve` writes to it"
    )]
    Damaged(DefectFound),
    /// The lock file says that the chain was longer.
    #[error(
        "the ledger is damaged: {finding}, as `{0}` says. `sij-cds ledger verify` names every defect; restore the database with its \
         write-ahead log, or move `{0}` away to go on without the missing records",
        witness.display()
    )]
    Shortened {
        /// The record.
        finding: DefectFound,
        /// The lock file.
        witness: PathBuf,
    },
    /// The writer's task cannot write entries.
    #[error("records cannot be written: {0}")]
    Unwritable(UnwritableCause),
    /// The database cannot be opened.
    #[error("the ledger's database cannot be opened")]
    Unopened(#[source] sqlx::Error),
    /// The tables cannot be created.
    #[error("the ledger's tables cannot be made")]
    Migrate(#[from] MigrateError),
    /// The database returned an error or did not answer.
    #[error("the ledger's database failed")]
    Database(#[from] sqlx::Error),
    /// The operation timed out.
    #[error("the ledger took too long")]
    TooSlow,
    /// The ledger is disabled, so there is nothing to read.
    #[error("`ledger.url` is `off`: no records are kept")]
    Off,
    /// The process is shutting down, or the writer has ended.
    #[error("the ledger is closed")]
    Closed,
    /// An entry cannot be sealed.
    #[error("a record cannot be sealed")]
    Sealing,
    /// A record does not open because it was altered.
    #[error("record `{id}` was altered")]
    Altered {
        /// The record.
        id: Uuid,
    },
    /// A record's key is not configured.
    #[error("record `{id}` was sealed with key `{key_id}`, which is not among the keys")]
    UnknownKey {
        /// The record.
        id: Uuid,
        /// The id of its key.
        key_id: String,
    },
    /// A record cannot be decoded.
    #[error("a record cannot be read: its `{column}` is not of this program")]
    Unreadable {
        /// The column.
        column: &'static str,
    },
}

impl LedgerError {
    /// The innermost cause, which is the most specific.
    pub(super) fn reason(&self) -> String {
        let mut cause: &dyn std::error::Error = self;
        while let Some(source) = cause.source() {
            cause = source;
        }
        cause.to_string()
    }

    /// Whether the database finds its own file damaged: SQLite's `CORRUPT` and `NOTADB`, or PostgreSQL's class XX.
    pub(super) fn is_damage(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else { return false };
        let code = error.code().unwrap_or_default();
        // SQLite's extended codes have the code in their low byte.
        code.starts_with("XX") || code.parse().is_ok_and(|code: i32| matches!(code & 0xff, 11 | 26))
    }

    /// Whether a later attempt at the same database cannot succeed, either.
    pub(super) fn is_permanent(&self) -> bool {
        matches!(self, Self::Keys { .. } | Self::OldTables | Self::Damaged(_) | Self::Migrate(MigrateError::VersionMismatch(_)))
    }

    /// What a database error says of the ledger's file after a record, if it says that the file is damaged.
    pub(super) fn into_finding(self, after: ChainPosition) -> Result<DefectFound, Self> {
        if self.is_damage() { Ok(DefectFound { position: after, defect: Defect::Unreadable(self.reason()) }) } else { Err(self) }
    }

    /// Why nothing can be written, in words for readiness.
    pub(super) fn unwritable_cause(&self) -> UnwritableCause {
        match self {
            Self::Unwritable(cause) => *cause,
            Self::TooSlow => UnwritableCause::TooSlow,
            Self::Closed => UnwritableCause::Closed,
            Self::Unopened(error) | Self::Database(error) => UnwritableCause::from_database(error),
            _ if self.is_permanent() => UnwritableCause::Refused,
            _ => UnwritableCause::Failed,
        }
    }
}
