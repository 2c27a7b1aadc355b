//! Errors of the ledger.

use std::borrow::Cow;
use std::path::PathBuf;

use sqlx::migrate::MigrateError;
use uuid::Uuid;

use super::chain_position::ChainPosition;
use super::finding::{Defect, DefectFound};
use super::health::UnwritableCause;
use super::keys::LedgerKeysError;

/// The length of PostgreSQL's codes.
const SQLSTATE: usize = 5;

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
        let is_damaged = |code: &str| code.starts_with("XX") || sqlite_code(code).is_some_and(|code| matches!(code & 0xff, 11 | 26));
        self.code().is_some_and(|code| is_damaged(&code))
    }

    /// Whether the database could not answer, which says nothing about its records.
    pub(super) fn is_unavailable(&self) -> bool {
        match self {
            Self::TooSlow | Self::Closed => true,
            Self::Unopened(error) | Self::Database(error) => {
                matches!(error, sqlx::Error::PoolClosed) || UnwritableCause::from_database(error).is_outage()
            }
            _ => false,
        }
    }

    /// Whether the error says that the row that was read is damaged: the file is, or a value is not of its column's type. Every other error,
    /// known or not, says nothing about the row.
    pub(super) fn is_row_damage(&self) -> bool {
        match self {
            Self::Unreadable { .. }
            | Self::Database(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::AnyDriverError(_)) => true,
            _ => self.is_damage() || self.code().is_some_and(|code| is_unreadable_value(&code)),
        }
    }

    /// The code that the database gave.
    fn code(&self) -> Option<Cow<'_, str>> {
        if let Self::Database(sqlx::Error::Database(error)) = self { error.code() } else { None }
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

/// A code of SQLite, whose low byte is the primary code. PostgreSQL's codes are longer.
fn sqlite_code(code: &str) -> Option<i32> {
    code.parse().ok().filter(|_| code.len() < SQLSTATE)
}

/// SQLite's `IOERR_READ`, `IOERR_SHORT_READ`, `IOERR_DATA` and `IOERR_CORRUPTFS`, or PostgreSQL's class 22 (data exception).
fn is_unreadable_value(code: &str) -> bool {
    matches!(sqlite_code(code), Some(266 | 522 | 8202 | 8458)) || (code.len() == SQLSTATE && code.starts_with("22"))
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use sqlx::Error;
    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// An error with a code, as a database reports it.
    #[derive(Debug)]
    struct Coded(&'static str);

    impl fmt::Display for Coded {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }
    }

    impl std::error::Error for Coded {}

    impl DatabaseError for Coded {
        fn message(&self) -> &str {
            self.0
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }

        fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    fn coded(code: &'static str) -> LedgerError {
        LedgerError::Database(Error::Database(Box::new(Coded(code))))
    }

    fn cause() -> Box<dyn std::error::Error + Send + Sync> {
        "a cause".into()
    }

    /// What an error that reading a row returns says.
    #[derive(Debug, PartialEq, Eq)]
    enum Says {
        /// The database could not answer.
        Unavailable,
        /// The row is damaged.
        Damaged,
        /// Neither.
        Nothing,
    }

    #[test]
    fn an_error_of_the_database_is_not_taken_for_a_damaged_record() {
        let codes = [
            "57P01", "57P02", "57P03", "08000", "08003", "08006", "57014", "53100", "53200", "53300", "13", "778", "5", "517", "6", "7",
            "14",
        ];
        let mut table: Vec<(LedgerError, Says)> = codes.map(|code| (coded(code), Says::Unavailable)).into();
        table
            .extend(["11", "267", "26", "522", "266", "8458", "XX001", "XX002", "22021", "22P05"].map(|code| (coded(code), Says::Damaged)));
        // An unknown column, a lost right, a deadlock, and codes whose low byte is one of SQLite's.
        table.extend(["1", "42703", "42501", "40P01", "57099", "58030"].map(|code| (coded(code), Says::Nothing)));
        table.extend([
            (LedgerError::TooSlow, Says::Unavailable),
            (LedgerError::Database(Error::Io(std::io::ErrorKind::ConnectionReset.into())), Says::Unavailable),
            (LedgerError::Database(Error::Tls(cause())), Says::Unavailable),
            (LedgerError::Database(Error::WorkerCrashed), Says::Unavailable),
            (LedgerError::Database(Error::PoolTimedOut), Says::Unavailable),
            (LedgerError::Database(Error::PoolClosed), Says::Unavailable),
            (LedgerError::Unopened(Error::PoolTimedOut), Says::Unavailable),
            (LedgerError::Database(Error::Decode(cause())), Says::Damaged),
            (LedgerError::Database(Error::AnyDriverError(cause())), Says::Damaged),
            (LedgerError::Database(Error::ColumnDecode { index: "client".to_owned(), source: cause() }), Says::Damaged),
            (LedgerError::Unreadable { column: "kind" }, Says::Damaged),
            (LedgerError::Database(Error::Protocol("none".to_owned())), Says::Nothing),
        ]);
        for (error, expected) in table {
            let found = match (error.is_unavailable(), error.is_row_damage()) {
                (true, false) => Says::Unavailable,
                (false, true) => Says::Damaged,
                (false, false) => Says::Nothing,
                (true, true) => panic!("{error:?}"),
            };
            assert_eq!(found, expected, "{error:?}");
        }
    }
}
