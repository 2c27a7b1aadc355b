//! The health of the ledger: state shared by its writer, its forwarder and health checks.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Duration, Instant};

use super::group_commit::Gathering;

/// A successful write this recent counts as a passed health check.
const WRITE_HEALTH_TTL: Duration = Duration::from_secs(1);

/// The writer waits for this many spooled records when it switches back from the spool to PostgreSQL.
const MAX_RECORDS_TO_DRAIN: i64 = 400;

/// The health of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerHealth {
    /// Records are written to their database.
    Writable,
    /// PostgreSQL is unavailable, and records are written to the spool on this machine.
    Spooling,
    /// Nothing can be written, so no call is answered.
    Unwritable,
    /// The ledger is disabled.
    Off,
}

impl LedgerHealth {
    /// The name that the readiness endpoint reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Writable => "writable",
            Self::Spooling => "spooling",
            Self::Unwritable => "unwritable",
            Self::Off => "off",
        }
    }
}

/// State of the writer.
#[derive(Debug, Default)]
pub(super) struct WriterState {
    spooling: AtomicBool,
    spooled: AtomicI64,
    /// Whether the last attempt to forward records to PostgreSQL succeeded.
    reached: AtomicBool,
    left_over: AtomicBool,
    written_at: Mutex<Option<Instant>>,
    /// Wakes the forwarder.
    pub(super) to_forward: Notify,
    pub(super) gathering: Arc<Gathering>,
}

impl WriterState {
    pub(super) fn is_spooling(&self) -> bool {
        self.spooling.load(Ordering::Acquire)
    }

    pub(super) fn note_reached(&self, reached: bool) {
        self.reached.store(reached, Ordering::Release);
    }

    /// Whether PostgreSQL accepts records from the spool.
    pub(super) fn is_reached(&self) -> bool {
        self.reached.load(Ordering::Acquire)
    }

    pub(super) fn note_left_over(&self, is_left: bool) {
        self.left_over.store(is_left, Ordering::Release);
    }

    /// Whether the spool still has records that are already in PostgreSQL.
    pub(super) fn has_left_over(&self) -> bool {
        self.left_over.load(Ordering::Acquire)
    }

    /// Whether PostgreSQL accepts records and so few are spooled that the writer can wait for them to be forwarded.
    pub(super) fn is_nearly_forwarded(&self) -> bool {
        self.spooled() <= MAX_RECORDS_TO_DRAIN && self.is_reached()
    }

    /// How many records are in the spool.
    pub(super) fn spooled(&self) -> i64 {
        self.spooled.load(Ordering::Acquire)
    }

    /// Sets spooling and returns whether that is a change.
    pub(super) fn begin_spooling(&self) -> bool {
        let began = !self.spooling.swap(true, Ordering::AcqRel);
        self.note_reached(false);
        self.to_forward.notify_one();
        began
    }

    /// Ends spooling and returns whether that is a change.
    pub(super) fn end_spooling(&self) -> bool {
        self.spooling.swap(false, Ordering::AcqRel)
    }

    pub(super) fn count_spooled(&self, records: usize) {
        let records = i64::try_from(records).unwrap_or(i64::MAX);
        let spooled = self.spooled.fetch_add(records, Ordering::AcqRel) + records;
        metrics::gauge!("sij_cds_ledger_spooled_records").set(figure(spooled));
        self.to_forward.notify_one();
    }

    pub(super) fn count_forwarded(&self, records: usize) {
        let records = i64::try_from(records).unwrap_or(i64::MAX);
        let spooled = self.spooled.fetch_sub(records, Ordering::AcqRel) - records;
        metrics::gauge!("sij_cds_ledger_spooled_records").set(figure(spooled));
    }

    /// Notes whether the last write succeeded.
    pub(super) fn note_written(&self, is_written: bool) {
        *self.written_at.lock().unwrap_or_else(PoisonError::into_inner) = is_written.then(Instant::now);
    }

    /// Whether a write succeeded so recently that no trial write is needed.
    pub(super) fn was_written_lately(&self) -> bool {
        let written_at = *self.written_at.lock().unwrap_or_else(PoisonError::into_inner);
        written_at.is_some_and(|at| at.elapsed() < WRITE_HEALTH_TTL)
    }
}

/// Gauges take `f64`, which is exact for any realistic number of records.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
fn figure(number: i64) -> f64 {
    number as f64
}
