//! The single writer: takes all queued entries, assigns their chain positions, and writes them together, so that many
//! calls share the cost of one write (group commit).
//! Not here: where records are written; see [`super::store`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout_at;
use tracing::error;
use uuid::Uuid;

use super::chain::{ChainHead, Record};
use super::entry::{Entry, EntryKind};
use super::error::LedgerError;
use super::keys::KeyRing;
use super::sealed::SealedEntry;
use super::state::WriterState;
use super::store::Store;
use crate::clock::Clock;
use crate::ids::IdSource;

/// Limits of a transaction: the number of records, and approximate bytes.
pub(super) const MAX_RECORDS: usize = 256;
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Rows are written once this many records, or the records of this interval, lack them: one row costs as much as a dozen in a batch.
const MAX_WITHOUT_ROWS: usize = 128;
const ROW_BATCH_INTERVAL: Duration = Duration::from_millis(50);

/// Pause between attempts to write pending rows, unless a lookup needs them earlier.
const ROW_RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Pause between attempts to find the end of the previous chain.
const LINK_RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Whether the write succeeded. The cause of a failure is in the log.
pub(super) type WriteResult = Result<(), LedgerError>;

/// A request to the writer.
pub(super) enum Job {
    /// Write entries, and notify the sender, if any, when they are durable.
    Keep(Vec<SealedEntry>, Option<oneshot::Sender<WriteResult>>),
    /// Check whether anything can be written.
    Probe(oneshot::Sender<WriteResult>),
    /// Write the queued entries and end.
    Close(oneshot::Sender<WriteResult>),
}

/// The writer.
pub(super) struct Writer {
    pub(super) queue: mpsc::Receiver<Job>,
    pub(super) store: Store,
    pub(super) state: Arc<WriterState>,
    pub(super) keys: Arc<ArcSwap<KeyRing>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) instance: String,
    pub(super) chain: Chain,
    /// Whether the end of the previous chain is still to be recorded, because PostgreSQL was unavailable when this chain began.
    pub(super) is_link_due: bool,
    /// When that end was last looked up.
    pub(super) link_tried_at: Option<Instant>,
    pub(super) without_rows: WithoutRows,
}

/// What is known of the chain's end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Chain {
    /// The chain continues from here.
    At(ChainHead),
    /// SQLite's chain end must be read again, because a write failed.
    Unread,
    /// A start record is due: the process started, or the end of PostgreSQL's chain is uncertain but is not before this head.
    Begin(Option<ChainHead>),
}

/// Durable records that cannot be looked up yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WithoutRows {
    records: usize,
    /// When their rows are due, if there are any.
    due: Option<Instant>,
}

/// Entries to write together.
#[derive(Default)]
struct Batch {
    entries: Vec<SealedEntry>,
    bytes: usize,
    jobs: usize,
    /// Whether anything is to be written, even if only a start record.
    is_asked: bool,
    waiting: Vec<oneshot::Sender<WriteResult>>,
    probes: Vec<oneshot::Sender<WriteResult>>,
    closing: Option<oneshot::Sender<WriteResult>>,
}

impl Writer {
    /// Runs until closed, on its own thread, because it blocks on disks.
    pub(super) fn start(self) -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("ledger-writer".to_owned()).spawn(move || runtime.block_on(self.run()))?;
        Ok(())
    }

    async fn run(mut self) {
        loop {
            let Some(first) = self.next().await else { return };
            if matches!(first, Job::Keep(..)) {
                // Concurrent calls tend to arrive together, and fewer transactions make each call cheaper.
                self.state.gathering.wait_for_batch().await;
            }
            let mut batch = Batch::default();
            batch.add(first);
            self.drain(&mut batch);
            self.state.gathering.took(batch.jobs);
            let closing = batch.closing.take();
            self.write(batch).await;
            if let Some(closing) = closing {
                self.store.close().await;
                // The caller may have stopped waiting.
                _ = closing.send(Ok(()));
                return;
            }
        }
    }

    /// Waits for the next job and meanwhile does work that is due.
    async fn next(&mut self) -> Option<Job> {
        while let Some(due) = self.without_rows.due {
            match timeout_at(due.into(), self.queue.recv()).await {
                Ok(job) => return job,
                Err(_) => self.settle(),
            }
        }
        self.queue.recv().await
    }

    /// Writes the pending rows.
    fn settle(&mut self) {
        self.without_rows = WithoutRows::default();
        if let Err(error) = self.store.settle() {
            self.without_rows.due = Some(Instant::now() + ROW_RETRY_INTERVAL);
            self.state.note_written(false);
            error!(reason = reason(&error), "records are kept but cannot be looked up, and no more calls are answered until they can");
        }
    }

    /// Adds the other queued jobs to the batch.
    fn drain(&mut self, batch: &mut Batch) {
        while batch.has_room()
            && let Ok(job) = self.queue.try_recv()
        {
            batch.add(job);
        }
    }

    async fn write(&mut self, batch: Batch) {
        let Batch { entries, is_asked, waiting, probes, .. } = batch;
        if is_asked {
            let outcome = self.keep(entries).await;
            for waiting in waiting {
                // The caller may have stopped waiting; the record is durable anyway.
                _ = waiting.send(outcome.as_ref().copied().map_err(|_| LedgerError::Closed));
            }
            if self.without_rows.are_due() {
                self.settle();
            }
            self.store.follow_up().await;
        }
        if !probes.is_empty() {
            let outcome = self.probe().await;
            for probe in probes {
                _ = probe.send(outcome.as_ref().copied().map_err(|_| LedgerError::Closed));
            }
        }
    }

    async fn keep(&mut self, entries: Vec<SealedEntry>) -> WriteResult {
        let (begun, count) = (Instant::now(), entries.len());
        let outcome = self.append(entries).await;
        metrics::histogram!("sij_cds_ledger_commit_seconds").record(begun.elapsed());
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        metrics::histogram!("sij_cds_ledger_batch_records").record(count as f64);
        match &outcome {
            Ok(()) => {
                self.state.note_written(true);
            }
            Err(error) => {
                self.state.note_written(false);
                metrics::counter!("sij_cds_ledger_failed_records_total").increment(count as u64);
                error!(reason = reason(error), records = count, "records cannot be written, and their calls are not answered");
            }
        }
        outcome
    }

    async fn append(&mut self, entries: Vec<SealedEntry>) -> WriteResult {
        let keys = self.keys.load_full();
        let (mut head, start) = self.chain_end(&keys).await?;
        let (before, late) = (head, self.late_start(head.chain, &keys).await?);
        let has_late = late.is_some();
        let now = self.clock.now().timestamp_micros();
        let mut records: Vec<Record> = Vec::with_capacity(entries.len() + 1);
        for sealed in start.into_iter().chain(late).chain(entries) {
            let key = keys.of_id(&sealed.key_id).ok_or(LedgerError::Sealing)?;
            records.push(head.append(sealed, &self.instance, now, key));
        }
        let counts = EntryKind::ALL.map(|kind| (kind, records.iter().filter(|record| record.sealed.kind == kind).count()));
        let count = records.len();
        // Until the outcome is known, the write may have succeeded.
        self.chain = self.uncertain(before);
        self.store.append(records).await?;
        self.chain = Chain::At(head);
        self.is_link_due &= !has_late;
        if self.store.makes_rows_later() {
            self.without_rows.add(count);
        }
        for (kind, written) in counts {
            metrics::counter!("sij_cds_ledger_records_total", "kind" => kind.as_str()).increment(written as u64);
        }
        Ok(())
    }

    fn uncertain(&self, before: ChainHead) -> Chain {
        match (&self.store, self.chain) {
            (_, Chain::Begin(_)) => self.chain,
            (Store::File(_), Chain::At(_) | Chain::Unread) => Chain::Unread,
            (Store::Server(_), Chain::At(_) | Chain::Unread) => Chain::Begin(Some(before)),
        }
    }

    /// The chain end to append to, and a start entry if one is due.
    async fn chain_end(&mut self, keys: &KeyRing) -> Result<(ChainHead, Option<SealedEntry>), LedgerError> {
        let link = match self.chain {
            Chain::At(head) => return Ok((head, None)),
            Chain::Unread => return Ok((self.own_chain().await?, None)),
            Chain::Begin(link) => link,
        };
        Ok((self.own_chain().await?, Some(self.start_entry(link, keys)?)))
    }

    /// A start entry that names the end of the previous chain, once that is known.
    async fn late_start(&mut self, own: Uuid, keys: &KeyRing) -> Result<Option<SealedEntry>, LedgerError> {
        let is_time = self.link_tried_at.is_none_or(|tried: Instant| tried.elapsed() >= LINK_RETRY_INTERVAL);
        if !self.is_link_due || self.state.is_spooling() || !is_time {
            return Ok(None);
        }
        self.link_tried_at = Some(Instant::now());
        let Some(link) = self.store.previous_chain_head(&self.instance, own).await else { return Ok(None) };
        if link.is_none() {
            self.is_link_due = false;
        }
        link.map(|link| self.start_entry(Some(link), keys)).transpose()
    }

    fn start_entry(&self, link: Option<ChainHead>, keys: &KeyRing) -> Result<SealedEntry, LedgerError> {
        let mut start = Entry::new(self.ids.new_id(), EntryKind::Start, self.clock.now());
        start.summary = super::start::summary(link)?;
        SealedEntry::seal(start, keys)
    }

    /// SQLite continues its one chain; PostgreSQL starts a new one.
    async fn own_chain(&self) -> Result<ChainHead, LedgerError> {
        Ok(self.store.head().await?.unwrap_or_else(|| ChainHead::of_new(self.ids.new_id())))
    }

    async fn probe(&self) -> WriteResult {
        if self.state.was_written_lately() {
            return Ok(());
        }
        self.store.probe(&self.instance, self.clock.now().timestamp_micros()).await.inspect(|()| self.state.note_written(true))
    }
}

impl WithoutRows {
    fn add(&mut self, records: usize) {
        self.records += records;
        self.due = self.due.or_else(|| Some(Instant::now() + ROW_BATCH_INTERVAL));
    }

    fn are_due(self) -> bool {
        self.records >= MAX_WITHOUT_ROWS || self.due.is_some_and(|due| due <= Instant::now())
    }
}

impl Batch {
    fn add(&mut self, job: Job) {
        self.jobs += 1;
        match job {
            // The call was already answered with 503: a record would describe an answer that was never sent.
            Job::Keep(_, Some(waiting)) if waiting.is_closed() => {}
            Job::Keep(entries, waiting) => {
                self.is_asked = true;
                self.bytes += entries.iter().map(SealedEntry::size).sum::<usize>();
                self.entries.extend(entries);
                self.waiting.extend(waiting);
            }
            Job::Probe(waiting) => self.probes.push(waiting),
            Job::Close(waiting) => self.closing = Some(waiting),
        }
    }

    fn has_room(&self) -> bool {
        self.entries.len() < MAX_RECORDS && self.bytes < MAX_BYTES && self.closing.is_none()
    }
}

/// The innermost cause, which is the most specific.
pub(super) fn reason(error: &LedgerError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
