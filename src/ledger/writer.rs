//! The single writer: takes all queued entries, assigns their chain positions, and writes them together, so that many calls share the cost
//! of one transaction (group commit).
//! Not here: waiting for a batch ([`super::batch`]), and where records are written ([`super::store`]).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use super::batch::{Batch, Job, WriteResult};
use super::chain::Record;
use super::chain_position::ChainHead;
use super::entry::{Entry, EntryKind};
use super::error::LedgerError;
use super::health::LastWrite;
use super::keys::KeyRing;
use super::sealed::SealedEntry;
use super::seals::SealCounts;
use super::store::Store;
use super::token_queue::TokenQueue;
use crate::clock::Clock;
use crate::ids::IdSource;

/// How often to note the chain's end beside the database.
const END_INTERVAL: Duration = Duration::from_secs(1);

/// How often to remove expired tokens, in seconds. As many may expire in that time as calls are taken.
const TOKEN_REMOVAL_INTERVAL: i64 = 1;

/// The writer.
pub(super) struct Writer {
    pub(super) queue: mpsc::Receiver<Job>,
    pub(super) store: Store,
    pub(super) last_write: Arc<LastWrite>,
    pub(super) keys: Arc<ArcSwap<KeyRing>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) instance: String,
    pub(super) chain: Chain,
    /// How often each key has sealed for this instance; `None` until it is read.
    pub(super) seals: Option<SealCounts>,
    /// Used tokens, which are written with the records.
    pub(super) tokens: Arc<TokenQueue>,
    /// The second since 1970 after which expired tokens are removed again.
    pub(super) tokens_removed_at: i64,
    /// When the chain's end was last noted beside the database.
    pub(super) end_noted_at: Option<Instant>,
    /// Whether the last write failed, so that each outage is logged once.
    pub(super) is_failing: bool,
}

/// What is known of the chain's end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Chain {
    /// The chain continues from here.
    At(ChainHead),
    /// The end of the one chain must be read again, because a write failed.
    Unread,
    /// A start record is due: the process started, or it is uncertain where this run's chain ends, but not before this head.
    Begin(Option<ChainHead>),
}

impl Writer {
    /// Runs until closed.
    pub(super) async fn run(mut self) {
        while let Some(mut batch) = Batch::next(&mut self.queue).await {
            let closing = batch.closing.take();
            self.write(batch).await;
            if let Some(closing) = closing {
                if let Chain::At(head) = self.chain {
                    self.store.note_end(head.into());
                }
                self.store.close().await;
                // The caller may have stopped waiting.
                _ = closing.send(Ok(()));
                return;
            }
        }
    }

    async fn write(&mut self, batch: Batch) {
        let Batch { entries, has_writes, writes, probes, .. } = batch;
        if has_writes || !self.tokens.is_empty() {
            let outcome = self.write_entries(entries).await;
            for done in writes {
                // The caller may have stopped waiting; the record is durable anyway.
                _ = done.send(outcome);
            }
        }
        if !probes.is_empty() {
            let outcome = self.probe().await;
            for done in probes {
                _ = done.send(outcome);
            }
        }
    }

    async fn write_entries(&mut self, entries: Vec<SealedEntry>) -> WriteResult {
        let (begun, count) = (Instant::now(), entries.len());
        let outcome = self.append(entries).await;
        metrics::histogram!("sij_cds_ledger_commit_seconds").record(begun.elapsed());
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        metrics::histogram!("sij_cds_ledger_batch_records").record(count as f64);
        if outcome.is_err() {
            metrics::counter!("sij_cds_ledger_failed_records_total").increment(count as u64);
        }
        self.note(outcome)
    }

    /// Notes the outcome of a write, and logs where it differs from the one before.
    fn note(&mut self, outcome: Result<(), LedgerError>) -> WriteResult {
        self.last_write.note(outcome.is_ok());
        let was_failing = std::mem::replace(&mut self.is_failing, outcome.is_err());
        match &outcome {
            Err(error) if !was_failing => {
                error!(reason = error.reason(), "records cannot be written, and no call is answered until they can");
            }
            Ok(()) if was_failing => info!("records can be written again"),
            Ok(()) | Err(_) => {}
        }
        outcome.map_err(|error| error.unwritable_cause())
    }

    async fn append(&mut self, entries: Vec<SealedEntry>) -> Result<(), LedgerError> {
        let keys = self.keys.load_full();
        let (mut head, start) = self.chain_end(&keys).await?;
        let before = head;
        let now = self.clock.now();
        let mut records: Vec<Record> = Vec::with_capacity(entries.len() + 1);
        for sealed in start.into_iter().chain(entries) {
            let key = keys.of_id(&sealed.key_id).ok_or(LedgerError::Sealing)?;
            records.push(head.append(sealed, &self.instance, now.timestamp_micros(), key));
        }
        let counts = EntryKind::ALL.map(|kind| (kind, records.iter().filter(|record| record.sealed.kind == kind).count()));
        let sealed: BTreeMap<String, u64> = records.iter().fold(BTreeMap::new(), |mut counts, record| {
            *counts.entry(record.sealed.key_id.clone()).or_default() += 1;
            counts
        });
        // Until the outcome is known, the write may have succeeded.
        self.chain = self.uncertain(before);
        self.store_with_tokens(records, now.timestamp()).await?;
        self.chain = Chain::At(head);
        self.note_end(head);
        self.count_seals(&sealed);
        for (kind, written) in counts {
            metrics::counter!("sij_cds_ledger_records_total", "kind" => kind.as_str()).increment(written as u64);
        }
        Ok(())
    }

    fn count_seals(&mut self, records: &BTreeMap<String, u64>) {
        let counts = self.seals.get_or_insert_default();
        for (key, records) in records {
            if counts.add(key, *records) {
                warn!(key, "this key of the ledger has sealed 2^31 times; rotate it before 2^32");
            }
        }
        for (key, seals) in &counts.0 {
            #[expect(clippy::cast_precision_loss, reason = "an estimate")]
            metrics::gauge!("sij_cds_ledger_key_seals", "key" => key.clone()).set(*seals as f64);
        }
    }

    /// Stores records, and the used tokens that wait at this moment.
    async fn store_with_tokens(&mut self, records: Vec<Record>, now: i64) -> Result<(), LedgerError> {
        let tokens = self.tokens.waiting();
        let count = tokens.len();
        let is_removal_due = self.store.has_token_table() && now >= self.tokens_removed_at.saturating_add(TOKEN_REMOVAL_INTERVAL);
        self.store.append(records, tokens, is_removal_due.then_some(now)).await?;
        self.tokens.note_durable(count);
        if is_removal_due {
            self.tokens_removed_at = now;
        }
        Ok(())
    }

    fn uncertain(&self, before: ChainHead) -> Chain {
        match self.chain {
            Chain::Begin(_) => self.chain,
            Chain::At(_) | Chain::Unread if self.store.has_one_chain() => Chain::Unread,
            Chain::At(_) | Chain::Unread => Chain::Begin(Some(before)),
        }
    }

    /// The chain end to append to, and a start entry if one is due.
    async fn chain_end(&mut self, keys: &KeyRing) -> Result<(ChainHead, Option<SealedEntry>), LedgerError> {
        self.store.prepare_in_time(keys).await?;
        let before = match self.chain {
            Chain::At(head) => return Ok((head, None)),
            Chain::Unread => return Ok((self.one_chain().await?, None)),
            Chain::Begin(before) => before,
        };
        if self.seals.is_none() {
            let counts = self.store.seals(&self.instance, keys).await?;
            counts.advice().iter().for_each(|advice| warn!("{advice}"));
            self.seals = Some(counts);
        }
        if self.store.has_one_chain() {
            return Ok((self.one_chain().await?, Some(self.start_entry(None, keys)?)));
        }
        let previous = match before {
            Some(head) => Some(head),
            None => self.store.last_head(&self.instance).await?,
        };
        Ok((ChainHead::new(self.ids.new_id()), Some(self.start_entry(previous, keys)?)))
    }

    fn start_entry(&self, previous: Option<ChainHead>, keys: &KeyRing) -> Result<SealedEntry, LedgerError> {
        let mut start = Entry::new(self.ids.new_id(), EntryKind::Start, self.clock.now());
        start.summary = super::start::summary(previous, &self.seals.clone().unwrap_or_default())?;
        SealedEntry::seal(start, keys)
    }

    /// The end of the chain that continues over restarts.
    async fn one_chain(&mut self) -> Result<ChainHead, LedgerError> {
        Ok(self.store.head().await?.unwrap_or_else(|| ChainHead::new(self.ids.new_id())))
    }

    fn note_end(&mut self, head: ChainHead) {
        if self.end_noted_at.is_none_or(|at| at.elapsed() >= END_INTERVAL) {
            self.store.note_end(head.into());
            self.end_noted_at = Some(Instant::now());
        }
    }

    async fn probe(&mut self) -> WriteResult {
        let outcome = self.try_write().await;
        self.note(outcome)
    }

    async fn try_write(&mut self) -> Result<(), LedgerError> {
        if !matches!(self.chain, Chain::At(_)) {
            // Learn where the chain ends, so that the next call does not have to.
            self.append(Vec::new()).await?;
        }
        self.store.probe(&self.instance, self.clock.now().timestamp_micros()).await
    }
}
