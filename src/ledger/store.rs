//! Where the writer's records go: SQLite, or PostgreSQL with a spool on this machine for the times it is away.
//! Not here: bringing the spool's records to PostgreSQL; see [`super::forwarder`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tracing::{info, warn};

use super::append::Known;
use super::chain::{Head, Record};
use super::database::Database;
use super::error::LedgerError;
use super::state::State;

/// Where records go.
#[derive(Debug)]
pub(super) enum Store {
    /// SQLite: one chain, for ever.
    File(Database),
    /// PostgreSQL: a chain for each run of an instance.
    Server(Server),
}

/// PostgreSQL, and the spool for the times it is away.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) database: Database,
    pub(super) spool: Database,
    pub(super) state: Arc<State>,
    /// How long a batch may take before it goes to the spool.
    pub(super) patience: Duration,
}

impl Store {
    /// Writes a batch, all or nothing; it is durable when this returns.
    pub(super) async fn append(&mut self, records: &[Record]) -> Result<(), LedgerError> {
        match self {
            Self::File(database) => database.append(records, Known::IsFault).await,
            Self::Server(server) => server.append(records).await,
        }
    }

    /// Writes something, to find out whether anything can be written.
    pub(super) async fn probe(&self, instance: &str, now: i64) -> Result<(), LedgerError> {
        match self {
            Self::File(database) => database.probe(instance, now).await,
            Self::Server(server) if server.state.is_spooling() => server.spool.probe(instance, now).await,
            Self::Server(server) => match server.in_time(server.database.probe(instance, now)).await {
                Ok(()) => Ok(()),
                Err(error) => {
                    server.begin_spooling(&error);
                    server.spool.probe(instance, now).await
                }
            },
        }
    }

    /// The end of the chain that goes on: SQLite's own.
    pub(super) async fn head(&self) -> Result<Option<Head>, LedgerError> {
        match self {
            Self::File(database) => database.head().await,
            Self::Server(_) => Ok(None),
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::File(database) => database.close().await,
            Self::Server(server) => {
                server.spool.close().await;
                server.database.close().await;
                // The forwarder ends when it finds them closed.
                server.state.to_forward.notify_one();
            }
        }
    }
}

impl Server {
    /// Invariant: a record goes to PostgreSQL only when all before it are there, so that it gets them in order.
    async fn append(&self, records: &[Record]) -> Result<(), LedgerError> {
        if self.state.is_spooling() && self.state.spooled() == 0 {
            self.state.end_spooling();
            info!("records go to the database again");
        }
        if !self.state.is_spooling() {
            match self.in_time(self.database.append(records, Known::IsFault)).await {
                Ok(()) => return Ok(()),
                // Whether it took them or not: forwarding skips what is there.
                Err(error) => self.begin_spooling(&error),
            }
        }
        self.spool.append(records, Known::IsFault).await?;
        self.state.count_spooled(records.len());
        Ok(())
    }

    fn begin_spooling(&self, error: &LedgerError) {
        if self.state.begin_spooling() {
            warn!(error = std::error::Error::source(error).map(tracing::field::display), "the database is away; records go to the spool");
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, LedgerError>>) -> Result<T, LedgerError> {
        timeout(self.patience, work).await.unwrap_or(Err(LedgerError::TooSlow))
    }
}
