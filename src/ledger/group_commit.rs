//! Group commit: how the writer waits for a batch to fill. The wait ends when the batch is full, when the runtime that answers calls adds
//! nothing for some scheduler turns, or after a short timeout. Calls that arrive together are written together, since on a busy machine
//! each wake-up of the writer costs as much as a call's own work; on an idle machine no call waits.
//! Not here: processing the queued jobs; see [`super::writer`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

use super::writer::MAX_RECORDS;

/// A batch of this many records is full.
const MAX_BATCH_RECORDS: usize = MAX_RECORDS;

/// The longest wait for more.
const MAX_BATCH_DELAY: Duration = Duration::from_millis(20);

/// This many turns of the runtime without a new job end the wait. The first turn may be this task's own, before other ready tasks run.
const IDLE_YIELDS: usize = 2;

/// State shared by the writer and the senders of jobs.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// How many jobs were sent.
    sent: AtomicUsize,
    /// How many of them the writer took.
    taken: AtomicUsize,
    /// How many had been sent when the batch was full or no more arrived.
    sent_at_lull: AtomicUsize,
    /// Whether a task is watching for that.
    is_watched: AtomicBool,
    lull: Notify,
}

impl Gathering {
    /// Notes that a job was sent.
    pub(super) fn tell(self: &Arc<Self>) {
        let sent = self.sent.fetch_add(1, Ordering::SeqCst) + 1;
        if sent.saturating_sub(self.taken.load(Ordering::SeqCst)) >= MAX_BATCH_RECORDS {
            self.end_wait(sent);
        }
        if !self.is_watched.swap(true, Ordering::SeqCst) {
            tokio::spawn(Arc::clone(self).watch());
        }
    }

    /// Notes that the writer took this many jobs.
    pub(super) fn took(&self, jobs: usize) {
        self.taken.fetch_add(jobs, Ordering::SeqCst);
    }

    /// Waits until the batch is full, or until no more jobs arrive after the first; at most [`MAX_BATCH_DELAY`].
    pub(super) async fn wait_for_batch(&self) {
        let (end, first) = (Instant::now() + MAX_BATCH_DELAY, self.taken.load(Ordering::SeqCst) + 1);
        while self.sent_at_lull.load(Ordering::SeqCst) < first {
            if timeout_at(end, self.lull.notified()).await.is_err() {
                return;
            }
        }
    }

    fn end_wait(&self, sent: usize) {
        self.sent_at_lull.fetch_max(sent, Ordering::SeqCst);
        self.lull.notify_one();
    }

    async fn watch(self: Arc<Self>) {
        loop {
            let sent = self.lulled().await;
            self.end_wait(sent);
            self.is_watched.store(false, Ordering::SeqCst);
            // If a job was sent just before, its sender saw `is_watched` set and started no watcher.
            if self.sent.load(Ordering::SeqCst) == sent || self.is_watched.swap(true, Ordering::SeqCst) {
                return;
            }
        }
    }

    /// How many jobs had been sent when none arrived for [`IDLE_YIELDS`] turns.
    async fn lulled(&self) -> usize {
        let (mut sent, mut quiet) = (self.sent.load(Ordering::SeqCst), 0);
        while quiet < IDLE_YIELDS {
            yield_now().await;
            let now = self.sent.load(Ordering::SeqCst);
            quiet = if now == sent { quiet + 1 } else { 0 };
            sent = now;
        }
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `count` jobs, one at each turn of the runtime.
    async fn send(gathering: Arc<Gathering>, count: usize) {
        for _ in 0..count {
            gathering.tell();
            yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn as_long_as_every_turn_brings_one_all_are_waited_for() {
        let gathering = Arc::new(Gathering::default());
        let sender = tokio::spawn(send(Arc::clone(&gathering), MAX_BATCH_RECORDS - 1));
        let begun = Instant::now();
        gathering.wait_for_batch().await;
        assert!(sender.is_finished());
        assert_eq!((gathering.sent_at_lull.load(Ordering::SeqCst), begun.elapsed()), (MAX_BATCH_RECORDS - 1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn enough_are_not_kept_waiting_for_more() {
        let gathering = Arc::new(Gathering::default());
        gathering.took(5);
        gathering.sent.store(5, Ordering::SeqCst);
        let sender = tokio::spawn(send(Arc::clone(&gathering), 10 * MAX_BATCH_RECORDS));
        gathering.wait_for_batch().await;
        let sent = gathering.sent.load(Ordering::SeqCst);
        assert!(!sender.is_finished() && (5 + MAX_BATCH_RECORDS..5 + 2 * MAX_BATCH_RECORDS).contains(&sent), "{sent}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lull_from_before_is_none_of_this_wait_and_nobody_waits_long() {
        let gathering = Arc::new(Gathering::default());
        for number in 1..4 {
            let begun = Instant::now();
            gathering.tell();
            gathering.wait_for_batch().await;
            gathering.took(1);
            assert_eq!(begun.elapsed(), Duration::ZERO, "{number}");
        }
        let begun = Instant::now();
        gathering.wait_for_batch().await;
        assert!((MAX_BATCH_DELAY..MAX_BATCH_DELAY * 2).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn none_is_overlooked_whoever_sends_it() {
        let gathering = Arc::new(Gathering::default());
        let senders: Vec<_> = (0..4).map(|_| tokio::spawn(send(Arc::clone(&gathering), 1_000))).collect();
        for sender in senders {
            sender.await.expect("it ends");
        }
        while gathering.sent_at_lull.load(Ordering::SeqCst) < 4_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
