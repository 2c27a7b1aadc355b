//! Errors of the ledger.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;
use uuid::Uuid;

use super::keys::KeysError;

/// An error of the ledger. Messages reveal nothing of a record but its id.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The keys cannot be used.
    #[error("`ledger.{key}`: the keys cannot be used")]
    Keys {
        /// The configuration key.
        key: &'static str,
        /// The cause.
        source: KeysError,
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
    /// Another process writes its records there.
    #[error("`ledger.{key}`: another process keeps its records in `{}`", path.display())]
    InUse {
        /// The configuration key.
        key: &'static str,
        /// The database.
        path: PathBuf,
    },
    /// The ledger's file rejected a write.
    #[error("the ledger's file cannot be written")]
    File(#[source] rusqlite::Error),
    /// The journal beside the file cannot be used.
    #[error("the ledger's journal cannot be read or written")]
    Journal(#[source] std::io::Error),
    /// The writer's thread or runtime cannot be started.
    #[error("the ledger's writer cannot be started")]
    NoThread(#[source] std::io::Error),
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
