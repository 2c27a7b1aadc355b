//! Where the writer's records go: SQLite, or PostgreSQL with a spool on this machine for the times it is away.
//! Not here: bringing the spool's records to PostgreSQL; see [`super::spool`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tracing::{info, warn};
use uuid::Uuid;

use super::chain::{ChainHead, Record};
use super::database::Database;
use super::error::LedgerError;
use super::spool::Spool;

/// So many records are brought after each batch: twice as many as one may have.
const MAX_FORWARDED: i64 = 512;

/// Where records go.
#[derive(Debug)]
pub(super) enum Store {
    /// SQLite: one chain, for ever.
    File(Database),
    /// PostgreSQL: a chain for each run of an instance.
    Server(PostgresStore),
}

/// PostgreSQL, and the spool for the times it is away.
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

    /// Whether records have no rows yet when they are written.
    pub(super) fn makes_rows_later(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// What is done after a batch when nobody's answer waits any more.
    pub(super) async fn follow_up(&self) {
        if let Self::Server(server) = self {
            server.catch_up().await;
        }
    }

    /// Gives rows to what was kept without.
    pub(super) fn settle(&self) -> Result<(), LedgerError> {
        match self {
            Self::File(database) => database.writer()?.settle(),
            Self::Server(_) => Ok(()),
        }
    }

    /// Writes something, to find out whether anything can be written.
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

    /// What the chain of a process goes on from that found PostgreSQL away when it began; `None` as long as that cannot be told.
    pub(super) async fn previous_chain_head(&self, instance: &str, own: Uuid) -> Option<Option<ChainHead>> {
        match self {
            Self::Server(server) => server.in_time(server.spool.database.head_of(instance, Some(own))).await.ok(),
            Self::File(_) => Some(None),
        }
    }

    /// The end of the chain that goes on: SQLite's own.
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
                // What fails is made good by the next process.
                _ = self.settle();
                database.close().await;
            }
            Self::Server(server) => {
                if server.spool.state.is_spooling() {
                    // What does not get there now is brought by the next process.
                    _ = server.in_time(server.spool.bring_all()).await;
                }
                server.spool.waiting.close().await;
                server.spool.database.close().await;
                // The forwarder ends when it finds them closed.
                server.spool.state.to_forward.notify_one();
            }
        }
    }
}

impl PostgresStore {
    /// Invariant: a record goes to PostgreSQL only when all before it are there, so that it gets them in order.
    async fn append(&self, records: Vec<Record>) -> Result<(), LedgerError> {
        if self.is_direct().await {
            match self.in_time(self.spool.database.append_to_server(&records)).await {
                Ok(()) => return Ok(()),
                // Whether it took them or not: forwarding skips what is there.
                Err(error) => self.begin_spooling(&error),
            }
        }
        let count = records.len();
        self.spool.waiting.writer()?.append(records)?;
        self.spool.state.count_spooled(count);
        Ok(())
    }

    /// Where PostgreSQL takes records again, brings more of them than a batch adds: otherwise calls that go on could keep it behind for as
    /// long as they go on.
    async fn catch_up(&self) {
        let state = &self.spool.state;
        let is_due = state.is_spooling() && state.spooled() > 0 && state.is_reached();
        if is_due && self.in_time(self.spool.bring(MAX_FORWARDED)).await.is_err() {
            state.note_reached(false);
        }
    }

    /// Whether records go to PostgreSQL: as they did, or again because all that waited got there.
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
