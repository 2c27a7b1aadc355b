//! Limits how many refused callers get a ledger record of their own; those beyond are counted together.
//! Not here: refusing them ([`crate::auth`]).

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::ids::IdSource;
use crate::ledger::{Entry, EntryKind};

/// The window in which refused callers are limited and counted.
const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// Limits how many refused callers get a record of their own, so that refused requests cannot fill the disk.
#[derive(Debug, Default)]
pub struct Refusals {
    minute: Mutex<Minute>,
}

#[derive(Debug, Default)]
struct Minute {
    since: DateTime<Utc>,
    recorded: u32,
    beyond: u32,
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
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        let mut beyond = None;
        if now - minute.since >= MINUTE || now < minute.since {
            beyond = (minute.beyond > 0).then_some((minute.beyond, minute.since));
            *minute = Minute { since: now, ..Minute::default() };
        }
        let is_recorded = minute.recorded < most.get();
        if is_recorded {
            minute.recorded += 1;
        } else {
            minute.beyond = minute.beyond.saturating_add(1);
        }
        Turn { is_recorded, beyond }
    }

    /// The refusals not recorded yet, at shutdown.
    pub(super) fn rest(&self) -> Option<(u32, DateTime<Utc>)> {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = (minute.beyond > 0).then_some((minute.beyond, minute.since));
        minute.beyond = 0;
        rest
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
