//! Rate limits: how many events each key may have in a fixed window, which begins with the key's first event.
//! Not here: what the events and keys are; calls of clients, wrong signatures of addresses and records of refused callers are
//! limited where they happen.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// Maximum number of keys counted. Beyond it, keys that had no event lately are dropped, or all keys if there are none of those.
const MAX_KEYS: usize = 10_000;

/// Counts events per key.
#[derive(Debug)]
pub(crate) struct RateLimits<K, T = Instant> {
    window: Duration,
    by_key: Mutex<HashMap<K, Window<T>>>,
}

/// The events of one key in one window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<T> {
    /// When the window began.
    pub(crate) since: T,
    /// Events within the limit.
    allowed: u32,
    /// Events beyond the limit.
    pub(crate) refused: u32,
    is_exempt: bool,
}

/// What became of one event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken<T> {
    /// How long until the next event is allowed, if this one is not.
    pub(crate) wait: Option<Duration>,
    /// The key's previous window, if this event begins a new one.
    pub(crate) ended: Option<Window<T>>,
}

/// A time of the clock that a limit goes by.
pub(crate) trait MonotonicTime: Copy {
    /// The time since `earlier`; `None` if the clock was set back since.
    fn since(self, earlier: Self) -> Option<Duration>;
}

impl MonotonicTime for Instant {
    fn since(self, earlier: Self) -> Option<Duration> {
        self.checked_duration_since(earlier)
    }
}

impl MonotonicTime for DateTime<Utc> {
    fn since(self, earlier: Self) -> Option<Duration> {
        (self - earlier).to_std().ok()
    }
}

impl<K: Clone + Eq + Hash, T: MonotonicTime> RateLimits<K, T> {
    pub(crate) fn new(window: Duration) -> Self {
        Self { window, by_key: Mutex::default() }
    }

    /// Counts an event; a key may have `most` in a window.
    pub(crate) fn take(&self, key: &K, most: NonZeroU32, now: T) -> Taken<T> {
        self.with_current(key, now, |window, ended| {
            let is_allowed = window.count(1, most);
            Taken { wait: (!is_allowed).then(|| self.left(window, now)), ended }
        })
    }

    /// Counts several events that are allowed together as soon as one is. Those beyond `most` count in the windows that follow.
    pub(crate) fn take_many(&self, key: &K, events: u32, most: NonZeroU32, now: T) -> Taken<T> {
        self.with_current(key, now, |window, ended| {
            if let Some(age) = ended.and_then(|last| now.since(last.since)) {
                let windows = u32::try_from(age.as_nanos() / self.window.as_nanos().max(1)).unwrap_or(u32::MAX);
                window.allowed = ended.map_or(0, |last| last.allowed).saturating_sub(most.get().saturating_mul(windows));
            }
            let is_allowed = window.count(events, most);
            let further = window.allowed.saturating_sub(most.get()) / most.get();
            Taken { wait: (!is_allowed).then(|| self.left(window, now) + self.window * further), ended }
        })
    }

    /// How long until the next event is allowed; `None` if it is allowed now. Counts nothing.
    pub(crate) fn wait(&self, key: &K, most: NonZeroU32, now: T) -> Option<Duration> {
        let by_key = self.lock();
        let window = by_key.get(key).filter(|window| window.allowed >= most.get() && !window.is_exempt)?;
        now.since(window.since).and_then(|age| self.window.checked_sub(age))
    }

    /// Exempts a key from [`Self::wait`] in this window and the next.
    pub(crate) fn exempt(&self, key: &K, now: T) {
        self.with_current(key, now, |window, _| window.is_exempt = true);
    }

    /// The current window of a key with refused events, which are forgotten.
    pub(crate) fn take_refused(&self, key: &K) -> Option<Window<T>> {
        let mut by_key = self.lock();
        let window = by_key.get_mut(key).filter(|window| window.refused > 0)?;
        let taken = *window;
        window.refused = 0;
        Some(taken)
    }

    /// Calls `change` with the key's current window and the one that ended before it.
    fn with_current<R>(&self, key: &K, now: T, change: impl FnOnce(&mut Window<T>, Option<Window<T>>) -> R) -> R {
        let mut by_key = self.lock();
        if let Some(window) = by_key.get_mut(key) {
            let ended = (!self.is_within(window, now, 1)).then_some(*window);
            if let Some(last) = ended {
                *window = Window::new(now, last.is_exempt && self.is_within(&last, now, 2));
            }
            return change(window, ended);
        }
        self.make_room(&mut by_key, now);
        change(by_key.entry(key.clone()).or_insert_with(|| Window::new(now, false)), None)
    }

    fn make_room(&self, by_key: &mut HashMap<K, Window<T>>, now: T) {
        if by_key.len() >= MAX_KEYS {
            by_key.retain(|_, window| self.is_within(window, now, 2));
        }
        if by_key.len() >= MAX_KEYS {
            by_key.clear();
        }
    }

    /// Whether a window began less than so many window lengths ago.
    fn is_within(&self, window: &Window<T>, now: T, lengths: u32) -> bool {
        now.since(window.since).is_some_and(|age| age < self.window * lengths)
    }

    fn left(&self, window: &Window<T>, now: T) -> Duration {
        self.window.saturating_sub(now.since(window.since).unwrap_or_default())
    }

    /// Ignores lock poisoning: a panic cannot leave the counts inconsistent.
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Window<T>>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Window<T> {
    fn new(since: T, is_exempt: bool) -> Self {
        Self { since, allowed: 0, refused: 0, is_exempt }
    }

    /// Counts events, and tells whether they are allowed.
    fn count(&mut self, events: u32, most: NonZeroU32) -> bool {
        let is_allowed = self.allowed < most.get();
        let count = if is_allowed { &mut self.allowed } else { &mut self.refused };
        *count = count.saturating_add(events);
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(1);
    const TWO: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

    #[tokio::test(start_paused = true)]
    async fn a_key_has_its_events_in_each_window_and_uses_up_nobody_elses() {
        let limits = RateLimits::new(WINDOW);
        let take = |key| limits.take(&key, TWO, Instant::now()).wait;
        assert_eq!([take("a"), take("a"), take("a"), take("b")], [None, None, Some(WINDOW), None]);
        tokio::time::advance(WINDOW / 4).await;
        assert_eq!(take("a"), Some(WINDOW * 3 / 4));
        tokio::time::advance(WINDOW * 3 / 4).await;
        assert_eq!([take("a"), take("a"), take("a")], [None, None, Some(WINDOW)]);
    }

    #[tokio::test(start_paused = true)]
    async fn many_events_at_once_count_in_as_many_windows_as_they_would_take() {
        let limits = RateLimits::new(WINDOW);
        let wait = |events| limits.take_many(&"a", events, TWO, Instant::now()).wait;
        let take = |events| wait(events).is_none();
        assert!(take(5));
        assert_eq!(wait(1), Some(2 * WINDOW));
        tokio::time::advance(WINDOW).await;
        assert_eq!(wait(1), Some(WINDOW));
        tokio::time::advance(WINDOW).await;
        assert!(take(1) && !take(1));
        tokio::time::advance(4 * WINDOW).await;
        assert!(take(1) && take(1) && !take(1));
    }

    #[test]
    fn a_clock_that_is_set_back_begins_a_new_window() {
        let limits = RateLimits::new(WINDOW);
        let begun = DateTime::UNIX_EPOCH + WINDOW;
        assert_eq!([begun, begun, begun].map(|now| limits.take(&(), TWO, now).wait), [None, None, Some(WINDOW)]);
        let set_back = limits.take(&(), TWO, DateTime::UNIX_EPOCH);
        assert_eq!((set_back.wait, set_back.ended.map(|window| window.refused)), (None, Some(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_keys_there_are_few_are_remembered_and_the_idle_ones_go_first() {
        let limits = RateLimits::new(WINDOW);
        let take = |key| limits.take(&key, NonZeroU32::MIN, Instant::now()).wait.is_none();
        (1..MAX_KEYS).for_each(|key| assert!(take(key)));
        tokio::time::advance(2 * WINDOW).await;
        assert!(take(0) && take(MAX_KEYS) && !take(0));
        assert_eq!(limits.lock().len(), 2);
        (1..MAX_KEYS).for_each(|key| assert!(take(key)));
        assert!(limits.lock().len() <= MAX_KEYS);
    }
}
