//! The time of day, passed in: the system's in service, a frozen one in tests and for `--as-of`.
//! Not here: time limits and latencies, which are measured with the monotonic clock.

use chrono::{DateTime, SubsecRound as _, Utc};

/// Tells the present moment.
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// The present moment, in UTC.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock, to the microsecond, so that an instant that was kept is the same when it is read back.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock; everything else is passed a `Clock`")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }
}

/// A clock that stands still.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(DateTime<Utc>);

impl FixedClock {
    /// A clock that always tells `moment`.
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
