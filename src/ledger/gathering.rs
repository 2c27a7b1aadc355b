//! How the writer waits for more: until as many jobs wait as came together the last time, or a little while. It is woken once for all
//! of them, for on a busy machine each waking takes the time of a call's own work.
//! Not here: what becomes of them; see [`super::writer`].

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// So long a job that came the last time is waited for, and all of them at most: callers that call again at once are back by then.
const PATIENCE: Duration = Duration::from_micros(500);
const LONGEST: Duration = Duration::from_millis(5);

/// What the writer and those who send it jobs know of each other.
#[derive(Debug)]
pub(super) struct Gathering {
    /// The writer is to be woken when so many jobs wait.
    wanted: AtomicUsize,
    enough: Notify,
}

impl Default for Gathering {
    fn default() -> Self {
        Self { wanted: AtomicUsize::new(usize::MAX), enough: Notify::new() }
    }
}

impl Gathering {
    /// Says that so many jobs wait now.
    pub(super) fn tell(&self, waiting: usize) {
        if waiting >= self.wanted.load(Ordering::SeqCst) {
            self.enough.notify_one();
        }
    }

    /// Waits until so many jobs wait as came `lately`, but not long, and not at all where they came one by one.
    pub(super) async fn until(&self, lately: usize, waiting: impl Fn() -> usize) {
        if lately < 2 {
            return;
        }
        let end = Instant::now() + LONGEST.min(PATIENCE.saturating_mul(u32::try_from(lately).unwrap_or(u32::MAX)));
        self.wanted.store(lately, Ordering::SeqCst);
        // Who told of an earlier number has woken it, too. Who is not seen in time is no harm: the wait is short.
        while waiting() < lately {
            if timeout_at(end, self.enough.notified()).await.is_err() {
                break;
            }
        }
        self.wanted.store(usize::MAX, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn as_many_as_came_lately_end_the_wait() {
        let (gathering, waiting) = (Arc::new(Gathering::default()), Arc::new(AtomicUsize::new(1)));
        let begun = Instant::now();
        let (one, count) = (Arc::clone(&gathering), Arc::clone(&waiting));
        let wait = tokio::spawn(async move { one.until(3, || count.load(Ordering::SeqCst)).await });
        tokio::task::yield_now().await;
        for number in [2, 3] {
            assert!(!wait.is_finished(), "{number}");
            waiting.store(number, Ordering::SeqCst);
            gathering.tell(number);
        }
        wait.await.expect("it ends");
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_long_and_one_caller_not_at_all() {
        let gathering = Gathering::default();
        for (lately, longest) in [(0, 0), (1, 0), (2, 1), (8, 4), (64, 5), (4_000, 5)] {
            // A notice from before is not one of this wait.
            gathering.enough.notify_one();
            let begun = Instant::now();
            gathering.until(lately, || 1).await;
            assert!(begun.elapsed() <= Duration::from_millis(longest + 1), "{lately}: {:?}", begun.elapsed());
            assert_eq!(begun.elapsed() == Duration::ZERO, longest == 0, "{lately}");
        }
    }
}
