//! A circuit breaker: after a server fails in several calls in a row, calls skip it for a while and do not wait for it.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// The number of consecutive failures that opens the breaker, and how long it stays open.
#[derive(Clone, Copy, Debug)]
pub(super) struct BreakerLimits {
    pub failures: u32,
    pub cooldown: Duration,
}

/// Counts a server's consecutive failures.
#[derive(Debug)]
pub(super) struct Breaker {
    limits: BreakerLimits,
    state: Mutex<BreakerState>,
}

#[derive(Debug, Default)]
struct BreakerState {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    pub(super) fn new(limits: BreakerLimits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// Whether the server may be queried now.
    pub(super) fn allows(&self, now: Instant) -> bool {
        self.with(|state| state.open_until.is_none_or(|until| until <= now))
    }

    /// Records a response of any kind.
    pub(super) fn succeeded(&self) {
        self.with(|state| *state = BreakerState::default());
    }

    /// Records a failure. After the cooldown, one more failure opens the breaker again.
    pub(super) fn failed(&self, now: Instant) {
        let BreakerLimits { failures, cooldown } = self.limits;
        self.with(|state| {
            state.failures = state.failures.saturating_add(1);
            if state.failures >= failures {
                state.open_until = Some(now + cooldown);
            }
        });
    }

    /// Ignores lock poisoning: a panic cannot leave the counters inconsistent.
    fn with<T>(&self, change: impl FnOnce(&mut BreakerState) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOLDOWN: Duration = Duration::from_secs(30);

    fn failed_times(times: u32) -> (Breaker, Instant) {
        let breaker = Breaker::new(BreakerLimits { failures: 3, cooldown: COOLDOWN });
        let now = Instant::now();
        (0..times).for_each(|_| breaker.failed(now));
        (breaker, now)
    }

    #[test]
    fn it_opens_with_the_last_failure_borne_and_not_before() {
        assert!(failed_times(2).0.allows(Instant::now()));
        let (breaker, now) = failed_times(3);
        assert!(!breaker.allows(now));
    }

    #[test]
    fn it_closes_after_the_cooldown_and_opens_again_at_once_if_that_fails() {
        let (breaker, now) = failed_times(3);
        assert!(breaker.allows(now + COOLDOWN));
        breaker.failed(now + COOLDOWN);
        assert!(!breaker.allows(now + COOLDOWN));
    }

    #[test]
    fn an_answer_forgets_all_failures() {
        let (breaker, now) = failed_times(3);
        breaker.succeeded();
        breaker.failed(now);
        assert!(breaker.allows(now));
    }
}
