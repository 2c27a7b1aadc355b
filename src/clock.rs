//! The current time, injected: the system clock in service, a fixed one in tests and for `--as-of`.
//! Not here: timeouts and latencies, which use the monotonic clock.

use chrono::{DateTime, SubsecRound as _, Utc};

/// Provides the current time.
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// The current time in UTC.
    fn now(&self) -> DateTime<Utc>;
}

/// The system clock, truncated to microseconds, so that a stored instant compares equal when it is read back.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock; everything else is passed a `Clock`")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }
}

/// A clock with a fixed time.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(DateTime<Utc>);

impl FixedClock {
    /// Creates a clock that always returns `moment`.
    #[must_use]
    pub const fn at(moment: DateTime<Utc>) -> Self {
        Self(moment)
    }
}

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_always_tells_its_moment() {
        let moment = DateTime::UNIX_EPOCH;
        let clock = FixedClock::at(moment);
        assert_eq!((clock.now(), clock.now()), (moment, moment));
    }
}
