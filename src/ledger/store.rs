//! The writer's destination: one connection to the database, opened again after a failure.
//! Not here: which records to write, and where they are in their chain; see [`super::writer`].

use std::time::Duration;

use sqlx::{AnyConnection, Connection as _};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::chain::Record;
use super::chain_position::{ChainHead, End};
use super::database::{Database, DatabaseKind};
use super::error::LedgerError;
use super::files::LockFile;
use super::insert::insert;
use super::keys::KeyRing;
use super::quick_check::quick_check;
use super::seals::SealCounts;
use super::token_rows::{self, TokenRow};
use super::wal::WalCheckpoints;

/// How long the quick check of PostgreSQL may take. Much longer than a record: its queries follow one another, and no call's answer depends
/// on how soon they end.
const QUICK_CHECK_TIMEOUT: Duration = Duration::from_secs(30);

/// About this many used tokens take as many bytes as a record's row.
const TOKENS_OF_A_ROW: usize = 8;

/// Whether the tables are there and the ledger passed the quick check.
#[derive(Debug)]
enum Preparation {
    /// It was not attempted, or the last attempt failed.
    Due,
    /// An attempt runs, for however short a time each write waits for it.
    Running(JoinHandle<Result<(), LedgerError>>),
    Done,
}

/// The destination of records.
#[derive(Debug)]
pub(super) struct Store {
    database: Database,
    /// `None` after a failure, when the state of its transaction is unknown.
    connection: Option<AnyConnection>,
    /// How long PostgreSQL may take. A write to a file is never abandoned, because it might still succeed.
    timeout: Option<Duration>,
    preparation: Preparation,
    /// SQLite only.
    file: Option<(LockFile, WalCheckpoints)>,
}

impl Store {
    /// SQLite in a file that only this process writes to while it holds the lock.
    pub(super) fn new_file(database: Database, lock: LockFile) -> Self {
        let checkpoints = WalCheckpoints::start(database.clone());
        Self { database, connection: None, timeout: None, preparation: Preparation::Due, file: Some((lock, checkpoints)) }
    }

    /// PostgreSQL.
    pub(super) fn new_server(database: Database, timeout: Duration) -> Self {
        Self { database, connection: None, timeout: Some(timeout), preparation: Preparation::Due, file: None }
    }

    /// Whether a chain continues over restarts. In PostgreSQL each run of an instance has its own.
    pub(super) fn has_one_chain(&self) -> bool {
        self.database.has_one_chain()
    }

    /// Whether used tokens are kept beside the records.
    pub(super) fn has_token_table(&self) -> bool {
        self.database.kind == DatabaseKind::Sqlite
    }

    /// Creates the tables and runs the quick check, unless that was done, and waits to the end.
    pub(super) async fn prepare(&mut self, keys: &KeyRing) -> Result<(), LedgerError> {
        self.wait_for_preparation(keys, None).await
    }

    /// As [`Store::prepare`], but waits no longer than for a record. Then the attempt goes on, and the next call waits for the same one.
    pub(super) async fn prepare_in_time(&mut self, keys: &KeyRing) -> Result<(), LedgerError> {
        self.wait_for_preparation(keys, self.timeout).await
    }

    async fn wait_for_preparation(&mut self, keys: &KeyRing, limit: Option<Duration>) -> Result<(), LedgerError> {
        loop {
            match &mut self.preparation {
                Preparation::Done => return Ok(()),
                Preparation::Due => self.preparation = Preparation::Running(self.begin_preparation(keys.clone())),
                Preparation::Running(attempt) => {
                    let outcome = in_time(limit, async { Ok(attempt.await.unwrap_or(Err(LedgerError::Closed))) }).await?;
                    self.preparation = if outcome.is_ok() { Preparation::Done } else { Preparation::Due };
                    return outcome;
                }
            }
        }
    }

    fn begin_preparation(&self, keys: KeyRing) -> JoinHandle<Result<(), LedgerError>> {
        let (database, end) = (self.database.clone(), self.file.as_ref().and_then(|(lock, _)| lock.end()));
        let limit = self.timeout.map(|_| QUICK_CHECK_TIMEOUT);
        tokio::spawn(async move {
            database.migrate().await?;
            in_time(limit, quick_check(&database, &keys, end)).await
        })
    }

    /// Writes records and used tokens, all or none; they are durable when this returns. Also removes tokens that ended before the second
    /// `expired_before`, if that is given.
    pub(super) async fn append(
        &mut self,
        records: Vec<Record>,
        tokens: Vec<TokenRow>,
        expired_before: Option<i64>,
    ) -> Result<(), LedgerError> {
        let rows = records.len() + tokens.len().div_ceil(TOKENS_OF_A_ROW);
        let bytes = records.iter().map(|record| record.sealed.size()).sum();
        let kind = self.database.kind;
        self.transact(async |connection| {
            insert(connection, kind, records).await?;
            token_rows::insert(connection, tokens).await?;
            match expired_before {
                Some(moment) => token_rows::remove_expired(connection, moment).await,
                None => Ok(()),
            }
        })
        .await?;
        if let Some((_, checkpoints)) = &mut self.file {
            checkpoints.count(rows, bytes);
        }
        Ok(())
    }

    /// Performs a trial write to check that records can be written.
    pub(super) async fn probe(&mut self, instance: &str, now: i64) -> Result<(), LedgerError> {
        let upsert = "INSERT INTO ledger_probe (instance, probed_at) VALUES ($1, $2) \
            ON CONFLICT (instance) DO UPDATE SET probed_at = EXCLUDED.probed_at";
        self.transact(async |connection| {
            sqlx::query(upsert).bind(instance.to_owned()).bind(now).execute(connection).await?;
            Ok(())
        })
        .await
    }

    /// Runs a transaction; its writes are durable when this returns. After any failure, the next one takes a new connection.
    async fn transact(&mut self, write: impl AsyncFnOnce(&mut AnyConnection) -> Result<(), LedgerError>) -> Result<(), LedgerError> {
        let (kept, database) = (self.connection.take(), self.database.clone());
        let written = async {
            let mut connection = begin(&database, kept).await?;
            write(&mut connection).await?;
            sqlx::query("COMMIT").execute(&mut connection).await?;
            Ok(connection)
        };
        self.connection = Some(in_time(self.timeout, written).await?);
        Ok(())
    }

    /// The end of the one chain; `None` if there are no records yet.
    pub(super) async fn head(&mut self) -> Result<Option<ChainHead>, LedgerError> {
        in_time(self.timeout, self.database.head()).await
    }

    /// The end of the chain that an instance wrote last.
    pub(super) async fn last_head(&mut self, instance: &str) -> Result<Option<ChainHead>, LedgerError> {
        in_time(self.timeout, self.database.last_head(instance)).await
    }

    /// How often each key has sealed for an instance.
    pub(super) async fn seals(&mut self, instance: &str, keys: &KeyRing) -> Result<SealCounts, LedgerError> {
        in_time(self.timeout, SealCounts::of_instance(&self.database, instance, keys)).await
    }

    /// Notes in the lock file how far the chain got.
    pub(super) fn note_end(&self, end: End) {
        if let Some((lock, _)) = &self.file {
            lock.write_end(&end);
        }
    }

    pub(super) async fn close(&mut self) {
        if let Preparation::Running(attempt) = &self.preparation {
            attempt.abort();
        }
        // Stop checkpoints first: the last connection to close moves the log into the database.
        let lock = self.file.take().map(|(lock, _)| lock);
        if let Some(connection) = self.connection.take() {
            _ = in_time(self.timeout, async { Ok(connection.close().await?) }).await;
        }
        self.database.close().await;
        drop(lock);
    }
}

async fn in_time<T>(limit: Option<Duration>, work: impl Future<Output = Result<T, LedgerError>>) -> Result<T, LedgerError> {
    match limit {
        Some(limit) => timeout(limit, work).await.unwrap_or(Err(LedgerError::TooSlow)),
        None => work.await,
    }
}

/// Begins a transaction on the connection that is there, or on a new one if that one broke while it was idle.
async fn begin(database: &Database, kept: Option<AnyConnection>) -> Result<AnyConnection, LedgerError> {
    let begin = database.begin_statement();
    if let Some(mut connection) = kept {
        match sqlx::query(begin).execute(&mut connection).await {
            Ok(_) => return Ok(connection),
            Err(error) if database.kind == DatabaseKind::Sqlite => return Err(error.into()),
            Err(_) => {}
        }
    }
    let mut connection = database.connect().await?;
    sqlx::query(begin).execute(&mut connection).await?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::super::keys::new_key_line;
    use super::*;

    #[tokio::test]
    async fn an_attempt_to_prepare_is_not_begun_again_while_it_runs() {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("postgres://sij_cds@{}/ledger?sslmode=disable", silent.local_addr().expect("an address"));
        let database = Database::from_url(&url, Duration::from_secs(20)).expect("a URL");
        let mut store = Store::new_server(database, Duration::from_millis(20));
        let keys = KeyRing::read(&new_key_line("a").expect("random")).expect("a key");
        for _ in 0..3 {
            assert!(matches!(store.prepare_in_time(&keys).await, Err(LedgerError::TooSlow)));
        }
        let _one = silent.accept().await.expect("a connection");
        let second = timeout(Duration::from_millis(50), silent.accept()).await;
        assert!(second.is_err(), "there is a second attempt");
    }
}
