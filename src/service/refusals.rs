//! Limits how many refused callers get a ledger record of their own; those beyond are counted together.
//! Not here: refusing them ([`crate::auth`]).

use std::num::NonZeroU32;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::ids::IdSource;
use crate::ledger::{Entry, EntryKind};
use crate::rate_limits::{RateLimits, Taken};

/// The window in which refused callers are limited and counted.
const MINUTE: Duration = Duration::from_mins(1);

/// Limits how many refused callers get a record of their own, so that refused requests cannot fill the disk.
#[derive(Debug)]
pub struct Refusals(RateLimits<(), DateTime<Utc>>);

impl Default for Refusals {
    fn default() -> Self {
        Self(RateLimits::new(MINUTE))
    }
}

/// How to record one refused caller.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Whether this caller gets a record of its own.
    pub(super) is_recorded: bool,
    /// The number of unrecorded refusals in the previous window, and the window's start.
    pub(super) beyond: Option<(u32, DateTime<Utc>)>,
}

impl Refusals {
    /// Counts a refusal; at most `most` per minute get a record of their own.
    pub(super) fn turn(&self, most: NonZeroU32, now: DateTime<Utc>) -> Turn {
        let Taken { wait, ended } = self.0.take(&(), most, now);
        let beyond = ended.filter(|minute| minute.refused > 0);
        Turn { is_recorded: wait.is_none(), beyond: beyond.map(|minute| (minute.refused, minute.since)) }
    }

    /// The refusals not recorded yet, at shutdown.
    pub(super) fn rest(&self) -> Option<(u32, DateTime<Utc>)> {
        self.0.take_refused(&()).map(|minute| (minute.refused, minute.since))
    }
}

/// The entry for refused callers that are counted together: how many, and since when.
pub(super) fn many_refusals(ids: &dyn IdSource, (count, since): (u32, DateTime<Utc>)) -> Entry<'static> {
    let mut entry = Entry::new(ids.new_id(), EntryKind::Refusal, since);
    entry.cause = Some("several".to_owned());
    entry.summary = json!({ "count": count }).to_string().into_bytes();
    entry
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn beyond_so_many_a_minute_refused_callers_are_counted_together() {
        let refusals = Refusals::default();
        let most = NonZeroU32::new(2).expect("not zero");
        let begun = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let at = |seconds| begun + TimeDelta::seconds(seconds);
        let turn = |is_recorded, beyond| Turn { is_recorded, beyond };
        assert_eq!(refusals.turn(most, at(0)), turn(true, None));
        assert_eq!(refusals.turn(most, at(1)), turn(true, None));
        assert_eq!(refusals.turn(most, at(2)), turn(false, None));
        assert_eq!(refusals.turn(most, at(59)), turn(false, None));
        assert_eq!(refusals.turn(most, at(60)), turn(true, Some((2, begun))));
        assert_eq!(refusals.rest(), None);
        assert_eq!(refusals.turn(most, at(61)), turn(true, None));
        assert_eq!(refusals.turn(most, at(62)), turn(false, None));
        assert_eq!((refusals.rest(), refusals.rest()), (Some((1, at(60))), None));
    }
}
