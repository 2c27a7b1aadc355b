//! Why the ledger did not do what it should.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;
use uuid::Uuid;

use super::keys::KeysError;

/// Why the ledger did not do what it should. No message holds anything of a record but its id.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The keys cannot be used.
    #[error("`ledger.{key}`: the keys cannot be used")]
    Keys {
        /// The configuration's key.
        key: &'static str,
        /// Why.
        source: KeysError,
    },
    /// A file cannot be read or made.
    #[error("`ledger.{key}`: cannot use `{}`", path.display())]
    Unusable {
        /// The configuration's key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process keeps its records there.
    #[error("`ledger.{key}`: another process keeps its records in `{}`", path.display())]
    InUse {
        /// The configuration's key.
        key: &'static str,
        /// The database.
        path: PathBuf,
    },
    /// The file refused.
    #[error("the ledger's file cannot be written")]
    File(#[source] rusqlite::Error),
    /// The journal beside it cannot be used.
    #[error("the ledger's journal cannot be read or written")]
    Journal(#[source] std::io::Error),
    /// The writer has nowhere to run.
    #[error("the ledger's writer cannot be started")]
    NoThread(#[source] std::io::Error),
    /// The database cannot be opened.
    #[error("the ledger's database cannot be opened")]
    Unopened(#[source] sqlx::Error),
    /// The tables cannot be made.
    #[error("the ledger's tables cannot be made")]
    Migrate(#[from] MigrateError),
    /// The database refused or did not answer.
    #[error("the ledger's database failed")]
    Database(#[from] sqlx::Error),
    /// It took too long.
    #[error("the ledger took too long")]
    TooSlow,
    /// The ledger is switched off, and there is nothing to read.
    #[error("`ledger.url` is `off`: no records are kept")]
    Off,
    /// The process is ending, or the writer is gone.
    #[error("the ledger is closed")]
    Closed,
    /// An entry cannot be sealed.
    #[error("a record cannot be sealed")]
    Sealing,
    /// A record does not open: it was altered.
    #[error("record `{id}` was altered")]
    Altered {
        /// The record.
        id: Uuid,
    },
    /// A record's key is not among those configured.
    #[error("record `{id}` was sealed with key `{key_id}`, which is not among the keys")]
    UnknownKey {
        /// The record.
        id: Uuid,
        /// Its key's id.
        key_id: String,
    },
    /// A record cannot be read at all.
    #[error("a record cannot be read: its `{column}` is not of this program")]
    Unreadable {
        /// The column.
        column: &'static str,
    },
}
