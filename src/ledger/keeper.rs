//! The ledger's interface for the rest of the program: it accepts entries and reports when they are durable.
//! Not here: how they are written; see [`super::writer`].

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

use super::database::Database;
use super::entry::Entry;
use super::error::LedgerError;
use super::forwarder::forward;
use super::keys::KeyRing;
use super::opening::{Opened, open};
use super::sealed::SealedEntry;
use super::state::{LedgerHealth, WriterState};
use super::store::Store;
use super::writer::{Chain, Job, WithoutRows, WriteResult, Writer};
use crate::clock::Clock;
use crate::config::LedgerConfig;
use crate::ids::IdSource;

/// How many jobs may wait for the writer before it rejects more; far above the number of concurrent calls.
const MAX_QUEUE: usize = 4_096;

/// How long a health check's result is reused.
const HEALTH_CACHE_TTL: Duration = Duration::from_millis(250);

/// The ledger: every call, answer and feedback, durable before the answer leaves.
#[derive(Debug)]
pub struct Ledger(pub(super) Option<OpenLedger>);

/// Entries being written to the ledger. If this is dropped, they may or may not be recorded.
#[derive(Debug)]
#[must_use]
pub struct PendingWrite(Option<Waiting>);

#[derive(Debug)]
struct Waiting {
    written: oneshot::Receiver<WriteResult>,
    count: u64,
    end: Instant,
}

#[derive(Debug)]
pub(super) struct OpenLedger {
    queue: mpsc::Sender<Job>,
    pub(super) keys: Arc<ArcSwap<KeyRing>>,
    state: Arc<WriterState>,
    pub(super) write_timeout: Duration,
    /// Where to look up cards: the spool, then the database, which has the records forwarded in the meantime.
    pub(super) databases: Vec<Database>,
    last_standing: Mutex<Option<(LedgerHealth, Instant)>>,
}

impl Ledger {
    /// A disabled ledger, which records nothing.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// Opens the configured ledger, creates its tables, and records that the process started. An unavailable PostgreSQL is not an
    /// error; a file that cannot be written is.
    ///
    /// # Errors
    /// [`LedgerError`] if the keys or the database cannot be used.
    pub async fn open(config: &LedgerConfig, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Result<Self, LedgerError> {
        let Some(Opened { store, keys, state, link, is_link_due, databases }) = open(config).await? else { return Ok(Self::off()) };
        let keys = Arc::new(ArcSwap::from_pointee(keys));
        let (queue, waiting) = mpsc::channel(MAX_QUEUE);
        if let Store::Server(server) = &store {
            tokio::spawn(forward(Arc::clone(&server.spool)));
        }
        let writer = Writer {
            queue: waiting,
            store,
            state: Arc::clone(&state),
            keys: Arc::clone(&keys),
            clock,
            ids,
            instance: config.instance.clone(),
            chain: Chain::Begin(link),
            is_link_due,
            link_tried_at: None,
            without_rows: WithoutRows::default(),
        };
        writer.start().map_err(LedgerError::NoThread)?;
        let keeping = OpenLedger { queue, keys, state, write_timeout: config.write_timeout, databases, last_standing: Mutex::default() };
        keeping.ask(|done| Job::Keep(Vec::new(), Some(done))).await?;
        Ok(Self(Some(keeping)))
    }

    /// Whether the ledger is enabled.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Records entries, all or none; they are durable when this returns.
    ///
    /// # Errors
    /// [`LedgerError`] if they are not durable, or not known to be, within `ledger.write_timeout`.
    pub async fn keep(&self, entries: Vec<Entry<'_>>) -> Result<(), LedgerError> {
        self.begin_keeping(entries)?.kept().await
    }

    /// Seals entries and queues them for writing. They no longer borrow anything when this returns.
    ///
    /// # Errors
    /// [`LedgerError`] if they cannot be sealed, or the queue is full.
    pub fn begin_keeping(&self, entries: Vec<Entry<'_>>) -> Result<PendingWrite, LedgerError> {
        let Some(keeping) = &self.0 else { return Ok(PendingWrite(None)) };
        let sealed = keeping.seal(entries)?;
        let (count, (done, written)) = (sealed.len() as u64, oneshot::channel());
        keeping.send(Job::Keep(sealed, Some(done)))?;
        Ok(PendingWrite(Some(Waiting { written, count, end: Instant::now() + keeping.write_timeout })))
    }

    /// Records an entry that no call waits for, if the queue has room.
    pub fn keep_unwaited(&self, entry: Entry<'_>) {
        let Some(keeping) = &self.0 else { return };
        let sent = keeping.seal(vec![entry]).and_then(|sealed| keeping.send(Job::Keep(sealed, None)));
        if sent.is_err() {
            metrics::counter!("sij_cds_ledger_failed_records_total").increment(1);
        }
    }

    /// The calls that showed these cards, as far as they are found; `None` if the lookup fails.
    pub async fn calls_of_cards(&self, cards: &[Uuid]) -> Option<Vec<(Uuid, Uuid)>> {
        let keeping = self.0.as_ref()?;
        let mut calls = Vec::new();
        for database in &keeping.databases {
            calls.extend(keeping.looked_up(database, database.found_cards(cards)).await.ok()?);
        }
        Some(calls)
    }

    /// The ledger's health; performs a trial write unless a recent write shows it.
    pub async fn standing(&self) -> LedgerHealth {
        let Some(keeping) = &self.0 else { return LedgerHealth::Off };
        // Concurrent callers share one result, so that unauthenticated health checks take at most one place in the queue.
        let mut last = keeping.last_standing.lock().await;
        if let Some((standing, at)) = *last
            && at.elapsed() < HEALTH_CACHE_TTL
        {
            return standing;
        }
        let standing = match keeping.ask(Job::Probe).await {
            Err(_) => LedgerHealth::Unwritable,
            Ok(()) if keeping.state.is_spooling() => LedgerHealth::Spooling,
            Ok(()) => LedgerHealth::Writable,
        };
        *last = Some((standing, Instant::now()));
        standing
    }

    /// Reads the configured keys; `None` if the ledger is disabled.
    ///
    /// # Errors
    /// [`LedgerError`] if they cannot be read.
    pub fn read_keys(&self, config: &LedgerConfig) -> Result<Option<KeyRing>, LedgerError> {
        self.0.as_ref().map(|_| super::opening::keys(config)).transpose()
    }

    /// Seals with the first of these keys from now on.
    pub fn take_keys(&self, keys: KeyRing) {
        if let Some(keeping) = &self.0 {
            keeping.keys.store(Arc::new(keys));
        }
    }

    /// Checks that the configured keys can be used.
    ///
    /// # Errors
    /// [`LedgerError`] if they cannot.
    pub fn check_keys(config: &LedgerConfig) -> Result<(), LedgerError> {
        if config.keys.is_some() || config.keys_file.is_some() {
            super::opening::keys(config)?;
        }
        Ok(())
    }

    /// Writes the queued entries and closes the database.
    pub async fn close(&self) {
        if let Some(keeping) = &self.0 {
            let (done, closed) = oneshot::channel();
            // A writer that has ended has already closed the database.
            if keeping.queue.send(Job::Close(done)).await.is_ok() {
                _ = closed.await;
            }
        }
    }
}

impl PendingWrite {
    /// Waits until the entries are durable.
    ///
    /// # Errors
    /// [`LedgerError`] if they are not durable, or not known to be, within `ledger.write_timeout`.
    pub async fn kept(self) -> Result<(), LedgerError> {
        let Some(Waiting { written, count, end }) = self.0 else { return Ok(()) };
        let Ok(written) = timeout_at(end, written).await else {
            metrics::counter!("sij_cds_ledger_failed_records_total").increment(count);
            return Err(LedgerError::TooSlow);
        };
        written.unwrap_or(Err(LedgerError::Closed))
    }
}

impl OpenLedger {
    fn seal(&self, entries: Vec<Entry<'_>>) -> Result<Vec<SealedEntry>, LedgerError> {
        let keys = self.keys.load();
        entries.into_iter().map(|entry| SealedEntry::seal(entry, &keys)).collect()
    }

    fn send(&self, job: Job) -> Result<(), LedgerError> {
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => LedgerError::TooSlow,
            TrySendError::Closed(_) => LedgerError::Closed,
        })?;
        self.state.gathering.tell();
        Ok(())
    }

    async fn ask(&self, job: impl FnOnce(oneshot::Sender<WriteResult>) -> Job) -> WriteResult {
        let (done, written) = oneshot::channel();
        self.send(job(done))?;
        timeout(self.write_timeout, written).await.map_err(|_| LedgerError::TooSlow)?.unwrap_or(Err(LedgerError::Closed))
    }
}
