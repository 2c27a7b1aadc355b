//! How the ledger stands: what its writer, its forwarder and whoever asks after its health know of each other.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Duration, Instant};

use super::group_commit::Gathering;

/// For so long a record that was written proves that records can be.
const PROOF: Duration = Duration::from_secs(1);

/// For so many the writer waits when it goes back from the spool to PostgreSQL.
const FEW_RECORDS: i64 = 400;

/// How the ledger stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerHealth {
    /// Records are written where they belong.
    Writable,
    /// PostgreSQL is away, and records are written to the spool on this machine.
    Spooling,
    /// Nothing can be written, so no call is answered.
    Unwritable,
    /// No ledger is kept.
    Off,
}

impl LedgerHealth {
    /// As readiness shows it.
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

/// What is known of the writing.
#[derive(Debug, Default)]
pub(super) struct WriterState {
    spooling: AtomicBool,
    spooled: AtomicI64,
    /// Whether the last records that were brought to PostgreSQL got there.
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

    /// Whether PostgreSQL takes records of the spool.
    pub(super) fn is_reached(&self) -> bool {
        self.reached.load(Ordering::Acquire)
    }

    pub(super) fn note_left_over(&self, is_left: bool) {
        self.left_over.store(is_left, Ordering::Release);
    }

    /// Whether records that are in PostgreSQL are still to be removed from the spool.
    pub(super) fn has_left_over(&self) -> bool {
        self.left_over.load(Ordering::Acquire)
    }

    /// Whether so few records wait, and PostgreSQL takes them, that the writer can wait for the last of them to get there.
    pub(super) fn is_nearly_forwarded(&self) -> bool {
        self.spooled() <= FEW_RECORDS && self.is_reached()
    }

    /// How many records wait in the spool.
    pub(super) fn spooled(&self) -> i64 {
        self.spooled.load(Ordering::Acquire)
    }

    /// Whether this is when it began.
    pub(super) fn begin_spooling(&self) -> bool {
        let began = !self.spooling.swap(true, Ordering::AcqRel);
        self.note_reached(false);
        self.to_forward.notify_one();
        began
    }

    /// Whether this is when it ended.
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

    /// Notes whether something could be written just now.
    pub(super) fn note_written(&self, is_written: bool) {
        *self.written_at.lock().unwrap_or_else(PoisonError::into_inner) = is_written.then(Instant::now);
    }

    /// Whether something was written so lately that it need not be tried.
    pub(super) fn was_written_lately(&self) -> bool {
        let written_at = *self.written_at.lock().unwrap_or_else(PoisonError::into_inner);
        written_at.is_some_and(|at| at.elapsed() < PROOF)
    }
}

/// No ledger holds more records than a figure counts exactly.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
fn figure(number: i64) -> f64 {
    number as f64
}
