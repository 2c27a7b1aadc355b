//! The writer's destination: SQLite, or PostgreSQL with a local spool for when it is unavailable.
//! Not here: forwarding the spool's records to PostgreSQL; see [`super::spool`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tracing::{info, warn};
use uuid::Uuid;

use super::chain::{ChainHead, Record};
use super::database::Database;
use super::error::LedgerError;
use super::spool::Spool;

/// Number of records forwarded after each batch: twice the maximum of a batch.
const MAX_FORWARDED: i64 = 512;

/// The destination of records.
#[derive(Debug)]
pub(super) enum Store {
    /// SQLite: one chain forever.
    File(Database),
    /// PostgreSQL: one chain per run of an instance.
    Server(PostgresStore),
}

/// PostgreSQL, and the spool for when it is unavailable.
#[derive(Debug)]
pub(super) struct PostgresStore {
    pub(super) spool: Arc<Spool>,
    /// How long a batch may take before it goes to the spool.
    pub(super) statement_timeout: Duration,
}

impl Store {
    /// Writes a batch, all or nothing; it is durable when this returns.
    pub(super) async fn append(&mut self, records: Vec<Record>) -> Result<(), LedgerError> {
        match self {
            Self::File(database) => database.writer()?.append(records),
            Self::Server(server) => server.append(records).await,
        }
    }

    /// Whether newly written records get their rows later.
    pub(super) fn makes_rows_later(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Work to do after a batch, when no call waits for it any more.
    pub(super) async fn follow_up(&self) {
        if let Self::Server(server) = self {
            server.catch_up().await;
        }
    }

    /// Writes the pending rows.
    pub(super) fn settle(&self) -> Result<(), LedgerError> {
        match self {
            Self::File(database) => database.writer()?.settle(),
            Self::Server(_) => Ok(()),
        }
    }

    /// Performs a trial write to check that records can be written.
    pub(super) async fn probe(&self, instance: &str, now: i64) -> Result<(), LedgerError> {
        let server = match self {
            Self::File(database) => {
                database.writer()?.probe()?;
                return database.probe(instance, now).await;
            }
            Self::Server(server) => server,
        };
        let is_direct = server.is_direct().await;
        if is_direct || server.spool.state.spooled() == 0 {
            match server.in_time(server.spool.database.probe(instance, now)).await {
                Ok(()) => {
                    server.end_spooling();
                    return Ok(());
                }
                Err(error) => server.begin_spooling(&error),
            }
        }
        server.spool.waiting.probe(instance, now).await
    }

    /// The end of the chain that an instance continues if PostgreSQL was unavailable at startup; `None` while that is unknown.
    pub(super) async fn previous_chain_head(&self, instance: &str, own: Uuid) -> Option<Option<ChainHead>> {
        match self {
            Self::Server(server) => server.in_time(server.spool.database.head_of(instance, Some(own))).await.ok(),
            Self::File(_) => Some(None),
        }
    }

    /// The end of the chain to continue: SQLite's own.
    pub(super) async fn head(&self) -> Result<Option<ChainHead>, LedgerError> {
        match self {
            Self::File(database) => {
                self.settle()?;
                database.head().await
            }
            Self::Server(_) => Ok(None),
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::File(database) => {
                // The next process repairs what fails here.
                _ = self.settle();
                database.close().await;
            }
            Self::Server(server) => {
                if server.spool.state.is_spooling() {
                    // The next process forwards what fails here.
                    _ = server.in_time(server.spool.bring_all()).await;
                }
                server.spool.waiting.close().await;
                server.spool.database.close().await;
                // The forwarder ends when it finds the databases closed.
                server.spool.state.to_forward.notify_one();
            }
        }
    }
}

impl PostgresStore {
    /// Invariant: a record goes to PostgreSQL only after all earlier ones are there, which preserves their order.
    async fn append(&self, records: Vec<Record>) -> Result<(), LedgerError> {
        if self.is_direct().await {
            match self.in_time(self.spool.database.append_to_server(&records)).await {
                Ok(()) => return Ok(()),
                // Whether or not PostgreSQL took them: forwarding skips existing records.
                Err(error) => self.begin_spooling(&error),
            }
        }
        let count = records.len();
        self.spool.waiting.writer()?.append(records)?;
        self.spool.state.count_spooled(count);
        Ok(())
    }

    /// If PostgreSQL accepts records again, forwards more than a batch adds: under a continuous load the spool would otherwise never
    /// empty.
    async fn catch_up(&self) {
        let state = &self.spool.state;
        let is_due = state.is_spooling() && state.spooled() > 0 && state.is_reached();
        if is_due && self.in_time(self.spool.bring(MAX_FORWARDED)).await.is_err() {
            state.note_reached(false);
        }
    }

    /// Whether records go directly to PostgreSQL; switches back from the spool once all spooled records are forwarded.
    async fn is_direct(&self) -> bool {
        let state = &self.spool.state;
        if !state.is_spooling() {
            return true;
        }
        if !state.is_nearly_forwarded() {
            return false;
        }
        if self.in_time(self.spool.bring_all()).await.is_err() {
            state.note_reached(false);
            return false;
        }
        self.end_spooling();
        true
    }

    fn end_spooling(&self) {
        if self.spool.state.end_spooling() {
            info!("all records of the spool are in the database, and new ones go there again");
        }
    }

    fn begin_spooling(&self, error: &LedgerError) {
        if self.spool.state.begin_spooling() {
            warn!(reason = super::writer::reason(error), "the database is away; records go to the spool");
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, LedgerError>>) -> Result<T, LedgerError> {
        timeout(self.statement_timeout, work).await.unwrap_or(Err(LedgerError::TooSlow))
    }
}
