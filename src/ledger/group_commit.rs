//! How the writer waits for more: until there is enough, or the runtime that answers calls brings it none at its turns, or a little while has
//! passed. Calls that come together are then written together, for on a busy machine each waking of the writer takes the time of a call's own
//! work; and where nothing else is being answered, nobody waits.
//! Not here: what becomes of what waits; see [`super::writer`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

use super::writer::MAX_RECORDS;

/// So many are enough: more are not written together.
const ENOUGH: usize = MAX_RECORDS;

/// So long more is waited for at most.
const LONGEST: Duration = Duration::from_millis(20);

/// So many turns of the runtime that brought nothing are a lull. The first may be this task's own, ahead of those that wait for their turn.
const QUIET_TURNS: usize = 2;

/// What the writer and those who send it jobs know of each other.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// How many jobs were sent.
    sent: AtomicUsize,
    /// How many of them the writer took.
    taken: AtomicUsize,
    /// How many had been sent when they were enough, or nothing else came any more.
    sent_at_lull: AtomicUsize,
    /// Whether somebody looks out for that.
    is_watched: AtomicBool,
    lull: Notify,
}

impl Gathering {
    /// Says that a job was sent.
    pub(super) fn tell(self: &Arc<Self>) {
        let sent = self.sent.fetch_add(1, Ordering::SeqCst) + 1;
        if sent.saturating_sub(self.taken.load(Ordering::SeqCst)) >= ENOUGH {
            self.end_wait(sent);
        }
        if !self.is_watched.swap(true, Ordering::SeqCst) {
            tokio::spawn(Arc::clone(self).watch());
        }
    }

    /// Says that the writer took so many jobs.
    pub(super) fn took(&self, jobs: usize) {
        self.taken.fetch_add(jobs, Ordering::SeqCst);
    }

    /// Waits until enough wait beside the first one, or until a lull after that was sent, but not long.
    pub(super) async fn wait_for_batch(&self) {
        let (end, first) = (Instant::now() + LONGEST, self.taken.load(Ordering::SeqCst) + 1);
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
            // Whoever sent one just before that saw it watched.
            if self.sent.load(Ordering::SeqCst) == sent || self.is_watched.swap(true, Ordering::SeqCst) {
                return;
            }
        }
    }

    /// How many were sent when nothing came for some turns.
    async fn lulled(&self) -> usize {
        let (mut sent, mut quiet) = (self.sent.load(Ordering::SeqCst), 0);
        while quiet < QUIET_TURNS {
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

    /// Sends so many, one at each turn of the runtime.
    async fn send(gathering: Arc<Gathering>, count: usize) {
        for _ in 0..count {
            gathering.tell();
            yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn as_long_as_every_turn_brings_one_all_are_waited_for() {
        let gathering = Arc::new(Gathering::default());
        let sender = tokio::spawn(send(Arc::clone(&gathering), ENOUGH - 1));
        let begun = Instant::now();
        gathering.wait_for_batch().await;
        assert!(sender.is_finished());
        assert_eq!((gathering.sent_at_lull.load(Ordering::SeqCst), begun.elapsed()), (ENOUGH - 1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn enough_are_not_kept_waiting_for_more() {
        let gathering = Arc::new(Gathering::default());
        gathering.took(5);
        gathering.sent.store(5, Ordering::SeqCst);
        let sender = tokio::spawn(send(Arc::clone(&gathering), 10 * ENOUGH));
        gathering.wait_for_batch().await;
        let sent = gathering.sent.load(Ordering::SeqCst);
        assert!(!sender.is_finished() && (5 + ENOUGH..5 + 2 * ENOUGH).contains(&sent), "{sent}");
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
        assert!((LONGEST..LONGEST * 2).contains(&begun.elapsed()), "{:?}", begun.elapsed());
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
