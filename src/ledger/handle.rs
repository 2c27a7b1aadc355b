//! The ledger's interface for the rest of the program: it accepts entries and reports when they are durable.
//! Not here: how they are written; see [`super::writer`].

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

use super::batch::{Job, WriteResult};
use super::database::{Database, DatabaseKind};
use super::entry::Entry;
use super::error::LedgerError;
use super::health::{LastWrite, LedgerHealth, UnwritableCause};
use super::keys::KeyRing;
use super::opening::{OpenStore, open};
use super::sealed::SealedEntry;
use super::token_queue::{PendingToken, TokenQueue};
use super::token_rows::{self, TokenRow};
use super::writer::{Chain, Writer};
use crate::clock::Clock;
use crate::config::LedgerConfig;
use crate::ids::IdSource;

/// How many jobs may wait for the writer before it rejects more; far above the number of concurrent calls.
const MAX_QUEUE: usize = 4_096;

/// How long a failed health check is reused.
const FAILURE_TTL: Duration = Duration::from_millis(250);

/// The ledger: every call, answer and feedback, durable before the answer leaves.
#[derive(Debug)]
pub struct Ledger(pub(super) Option<OpenLedger>);

/// Entries being written to the ledger. If this is dropped, they may or may not be recorded.
#[derive(Debug)]
#[must_use]
pub struct PendingWrite(Option<QueuedWrite>);

#[derive(Debug)]
struct QueuedWrite {
    done: oneshot::Receiver<WriteResult>,
    count: u64,
    bytes: u64,
    end: Instant,
}

#[derive(Debug)]
pub(super) struct OpenLedger {
    queue: mpsc::Sender<Job>,
    pub(super) keys: Arc<ArcSwap<KeyRing>>,
    pub(super) write_timeout: Duration,
    pub(super) database: Database,
    last_write: Arc<LastWrite>,
    tokens: Arc<TokenQueue>,
    /// The last failed health check.
    last_failure: Mutex<Option<(UnwritableCause, Instant)>>,
}

impl Ledger {
    /// A disabled ledger, which records nothing.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// Opens the configured ledger, creates its tables, checks it quickly, and records that the process started. An unavailable PostgreSQL
    /// is not an error; a damaged ledger, and a file that cannot be written, are.
    ///
    /// # Errors
    /// [`LedgerError`] if the keys or the database cannot be used.
    pub async fn open(config: &LedgerConfig, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Result<Self, LedgerError> {
        let Some(OpenStore { store, database, keys, must_be_writable }) = open(config).await? else { return Ok(Self::off()) };
        let keys = Arc::new(ArcSwap::from_pointee(keys));
        let ((sender, queue), last_write) = (mpsc::channel(MAX_QUEUE), Arc::new(LastWrite::default()));
        let tokens = Arc::new(TokenQueue::default());
        let writer = Writer {
            queue,
            store,
            last_write: Arc::clone(&last_write),
            keys: Arc::clone(&keys),
            clock,
            ids,
            instance: config.instance.clone(),
            chain: Chain::Begin(None),
            seals: None,
            tokens: Arc::clone(&tokens),
            tokens_removed_at: 0,
            end_noted_at: None,
            is_failing: false,
        };
        tokio::spawn(writer.run());
        let write_timeout = config.write_timeout;
        let open = OpenLedger { queue: sender, keys, write_timeout, database, last_write, tokens, last_failure: Mutex::default() };
        let started = open.ask(|done| Job::Write(Vec::new(), Some(done))).await;
        if must_be_writable {
            started.map_err(LedgerError::Unwritable)?;
        }
        Ok(Self(Some(open)))
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
    pub async fn write(&self, entries: Vec<Entry<'_>>) -> Result<(), LedgerError> {
        self.begin_write(entries)?.durable().await
    }

    /// What takes the place of a secret in a record: a digest with a key of its own. `None` if the ledger is disabled.
    #[must_use]
    pub fn redaction_digest(&self, record: Uuid, secret: &str) -> Option<String> {
        Some(self.0.as_ref()?.keys.load().sealing()?.redaction(record, secret))
    }

    /// Seals entries and queues them for writing. They no longer borrow anything when this returns.
    ///
    /// # Errors
    /// [`LedgerError`] if they cannot be sealed, or the queue is full.
    pub fn begin_write(&self, entries: Vec<Entry<'_>>) -> Result<PendingWrite, LedgerError> {
        let Some(open) = &self.0 else { return Ok(PendingWrite(None)) };
        let sealed = open.seal(entries)?;
        let (count, bytes, (sender, done)) = (sealed.len() as u64, sealed.iter().map(SealedEntry::bytes).sum(), oneshot::channel());
        open.send(Job::Write(sealed, Some(sender))).map_err(LedgerError::Unwritable)?;
        Ok(PendingWrite(Some(QueuedWrite { done, count, bytes, end: Instant::now() + open.write_timeout })))
    }

    /// Records an entry that no call waits for, if the queue has room.
    pub fn write_in_background(&self, entry: Entry<'_>) {
        let Some(open) = &self.0 else { return };
        let sent = open.seal(vec![entry]).and_then(|sealed| open.send(Job::Write(sealed, None)).map_err(LedgerError::Unwritable));
        if sent.is_err() {
            metrics::counter!("sij_cds_ledger_failed_records_total").increment(1);
        }
    }

    /// Whether used tokens can be kept beside the records: only in a SQLite file.
    #[must_use]
    pub fn keeps_tokens(&self) -> bool {
        self.0.as_ref().is_some_and(|open| open.database.kind == DatabaseKind::Sqlite)
    }

    /// Queues a used token, to be written with the next records; `None` if that is not possible.
    pub fn begin_token(&self, token: TokenRow) -> Option<PendingToken> {
        let open = self.0.as_ref().filter(|_| self.keeps_tokens())?;
        open.tokens.push(token, &open.queue, open.write_timeout)
    }

    /// The tokens that are to be remembered at `now` (seconds since 1970).
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails.
    pub async fn tokens(&self, now: i64) -> Result<Vec<TokenRow>, LedgerError> {
        match self.0.as_ref().filter(|_| self.keeps_tokens()) {
            Some(open) => token_rows::unexpired(&open.database, now).await,
            None => Ok(Vec::new()),
        }
    }

    /// The calls that showed these cards, as far as they are found; `None` if the lookup fails.
    pub async fn calls_of_cards(&self, cards: &[Uuid]) -> Option<Vec<(Uuid, Uuid)>> {
        let open = self.0.as_ref()?;
        open.in_time(open.database.calls_of_cards(cards)).await.ok()
    }

    /// The ledger's health; performs a trial write unless a recent write shows it.
    pub async fn health(&self) -> LedgerHealth {
        let Some(open) = &self.0 else { return LedgerHealth::Off };
        // Concurrent callers share one probe, so that unauthenticated health checks take at most one place in the queue.
        let mut last_failure = open.last_failure.lock().await;
        if open.last_write.is_recent() {
            return LedgerHealth::Writable;
        }
        if let Some((cause, at)) = *last_failure
            && at.elapsed() < FAILURE_TTL
        {
            return LedgerHealth::Unwritable(cause);
        }
        let outcome = open.ask(Job::Probe).await;
        *last_failure = outcome.err().map(|cause| (cause, Instant::now()));
        outcome.map_or_else(LedgerHealth::Unwritable, |()| LedgerHealth::Writable)
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
        if let Some(open) = &self.0 {
            open.keys.store(Arc::new(keys));
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
        if let Some(open) = &self.0 {
            let (done, closed) = oneshot::channel();
            // A writer that has ended has already closed the database.
            if open.queue.send(Job::Close(done)).await.is_ok() {
                _ = closed.await;
            }
        }
    }
}

impl PendingWrite {
    /// The size of the sealed entries, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.as_ref().map_or(0, |queued| queued.bytes)
    }

    /// Waits until the entries are durable.
    ///
    /// # Errors
    /// [`LedgerError`] if they are not durable, or not known to be, within `ledger.write_timeout`.
    pub async fn durable(self) -> Result<(), LedgerError> {
        let Some(QueuedWrite { done, count, end, .. }) = self.0 else { return Ok(()) };
        let Ok(written) = timeout_at(end, done).await else {
            metrics::counter!("sij_cds_ledger_failed_records_total").increment(count);
            return Err(LedgerError::TooSlow);
        };
        written.unwrap_or(Err(UnwritableCause::Closed)).map_err(LedgerError::Unwritable)
    }
}

impl OpenLedger {
    fn seal(&self, entries: Vec<Entry<'_>>) -> Result<Vec<SealedEntry>, LedgerError> {
        let keys = self.keys.load();
        entries.into_iter().map(|entry| SealedEntry::seal(entry, &keys)).collect()
    }

    fn send(&self, job: Job) -> WriteResult {
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => UnwritableCause::QueueFull,
            TrySendError::Closed(_) => UnwritableCause::Closed,
        })
    }

    async fn ask(&self, job: impl FnOnce(oneshot::Sender<WriteResult>) -> Job) -> WriteResult {
        let (done, written) = oneshot::channel();
        self.send(job(done))?;
        timeout(self.write_timeout, written).await.map_err(|_| UnwritableCause::TooSlow)?.unwrap_or(Err(UnwritableCause::Closed))
    }

    /// Runs a lookup within `ledger.write_timeout`.
    pub(super) async fn in_time<T>(&self, look_up: impl Future<Output = Result<T, LedgerError>>) -> Result<T, LedgerError> {
        timeout(self.write_timeout, look_up).await.unwrap_or(Err(LedgerError::TooSlow))
    }
}
