//! The one writer: takes whatever waits, gives it its places in the chain, and writes it in one transaction, so that many
//! calls share the time of one (group commit).
//! Not here: where it is written; see [`super::store`].

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::chain::{Head, Record};
use super::entry::{Entry, EntryKind};
use super::error::LedgerError;
use super::keys::KeyRing;
use super::sealed::SealedEntry;
use super::state::State;
use super::store::Store;
use crate::clock::Clock;
use crate::ids::IdSource;

/// The most records of one transaction, and about how many bytes.
const MOST_RECORDS: usize = 256;
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Whether it is written. The cause of a failure is in the log.
pub(super) type Written = Result<(), LedgerError>;

/// What the writer is asked for.
pub(super) enum Job {
    /// To write entries, and to say when they are durable.
    Keep(Vec<SealedEntry>, oneshot::Sender<Written>),
    /// To find out whether anything can be written.
    Probe(oneshot::Sender<Written>),
    /// To write what waits and end.
    Close(oneshot::Sender<Written>),
}

/// The writer.
pub(super) struct Writer {
    pub(super) queue: mpsc::Receiver<Job>,
    pub(super) store: Store,
    pub(super) state: Arc<State>,
    pub(super) keys: Arc<ArcSwap<KeyRing>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) instance: String,
    pub(super) chain: Chain,
}

/// What is known of the chain's end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Chain {
    /// It goes on from here.
    At(Head),
    /// SQLite's is to be read again, because a write failed.
    Unread,
    /// A start is to be recorded: the process began, or the end of PostgreSQL's chain is not certain. It went at least so far.
    Begin(Option<Head>),
}

/// What is written together.
#[derive(Default)]
struct Batch {
    entries: Vec<SealedEntry>,
    bytes: usize,
    waiting: Vec<oneshot::Sender<Written>>,
    probes: Vec<oneshot::Sender<Written>>,
    closing: Option<oneshot::Sender<Written>>,
}

impl Writer {
    /// Runs until it is told to close.
    pub(super) async fn run(mut self) {
        while let Some(first) = self.queue.recv().await {
            let mut batch = Batch::default();
            batch.add(first);
            while batch.has_room()
                && let Ok(job) = self.queue.try_recv()
            {
                batch.add(job);
            }
            let closing = batch.closing.take();
            self.write(batch).await;
            if let Some(closing) = closing {
                self.store.close().await;
                // Whoever closes may have gone.
                _ = closing.send(Ok(()));
                return;
            }
        }
    }

    async fn write(&mut self, batch: Batch) {
        let Batch { entries, waiting, probes, .. } = batch;
        if !waiting.is_empty() {
            let outcome = self.keep(entries).await;
            for waiting in waiting {
                // Whoever waited may have gone: the record is kept all the same.
                _ = waiting.send(outcome.as_ref().copied().map_err(|_| LedgerError::Closed));
            }
        }
        if !probes.is_empty() {
            let outcome = self.probe().await;
            for probe in probes {
                _ = probe.send(outcome.as_ref().copied().map_err(|_| LedgerError::Closed));
            }
        }
    }

    async fn keep(&mut self, entries: Vec<SealedEntry>) -> Written {
        let (begun, count) = (Instant::now(), entries.len());
        let outcome = self.append(entries).await;
        metrics::histogram!("sij_cds_ledger_commit_seconds").record(begun.elapsed());
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        metrics::histogram!("sij_cds_ledger_batch_records").record(count as f64);
        match &outcome {
            Ok(()) => {
                self.state.note_written();
                metrics::counter!("sij_cds_ledger_records_total").increment(count as u64);
            }
            Err(error) => {
                metrics::counter!("sij_cds_ledger_failed_records_total").increment(count as u64);
                error!(reason = reason(error), records = count, "records cannot be written, and their calls are not answered");
            }
        }
        outcome
    }

    async fn append(&mut self, entries: Vec<SealedEntry>) -> Written {
        let keys = self.keys.load_full();
        let (mut head, start) = self.chain_end(&keys).await?;
        let before = head;
        let now = self.clock.now().timestamp_micros();
        let mut records: Vec<Record> = Vec::with_capacity(entries.len() + 1);
        for sealed in start.into_iter().chain(entries) {
            let key = keys.of_id(&sealed.key_id).ok_or(LedgerError::Sealing)?;
            records.push(head.append(sealed, &self.instance, now, key));
        }
        // Until this is known to have ended well, it may have.
        self.chain = self.uncertain(before);
        self.store.append(&records).await?;
        self.chain = Chain::At(head);
        Ok(())
    }

    fn uncertain(&self, before: Head) -> Chain {
        match (&self.store, self.chain) {
            (_, Chain::Begin(_)) => self.chain,
            (Store::File(_), Chain::At(_) | Chain::Unread) => Chain::Unread,
            (Store::Server(_), Chain::At(_) | Chain::Unread) => Chain::Begin(Some(before)),
        }
    }

    /// The end of the chain to append to, and a start where one is to be recorded.
    async fn chain_end(&mut self, keys: &KeyRing) -> Result<(Head, Option<SealedEntry>), LedgerError> {
        let link = match self.chain {
            Chain::At(head) => return Ok((head, None)),
            Chain::Unread => return Ok((self.own_chain().await?, None)),
            Chain::Begin(link) => link,
        };
        let mut start = Entry::new(self.ids.new_id(), EntryKind::Start, self.clock.now());
        start.summary = super::start::summary(link)?;
        Ok((self.own_chain().await?, Some(SealedEntry::seal(start, keys)?)))
    }

    /// SQLite's one chain goes on; PostgreSQL's are new.
    async fn own_chain(&self) -> Result<Head, LedgerError> {
        Ok(self.store.head().await?.unwrap_or_else(|| Head::of_new(self.ids.new_id())))
    }

    async fn probe(&self) -> Written {
        if self.state.was_written_lately() {
            return Ok(());
        }
        self.store.probe(&self.instance, self.clock.now().timestamp_micros()).await.inspect(|()| self.state.note_written())
    }
}

impl Batch {
    fn add(&mut self, job: Job) {
        match job {
            Job::Keep(entries, waiting) => {
                self.bytes += entries.iter().map(SealedEntry::size).sum::<usize>();
                self.entries.extend(entries);
                self.waiting.push(waiting);
            }
            Job::Probe(waiting) => self.probes.push(waiting),
            Job::Close(waiting) => self.closing = Some(waiting),
        }
    }

    fn has_room(&self) -> bool {
        self.entries.len() < MOST_RECORDS && self.bytes < MOST_BYTES && self.closing.is_none()
    }
}

/// The innermost cause, which says most.
fn reason(error: &LedgerError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
