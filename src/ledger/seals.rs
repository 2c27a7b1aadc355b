//! Counts how often each key has sealed: AES-GCM with random nonces allows 2^32 seals of a key (NIST SP 800-38D, section 8.3). Each start record
//! has the counts up to it, so that neither a restart nor a purge forgets them; what was written since is counted by its sequence numbers.
//! The counts are upper bounds of what this instance wrote: each record counts as two seals.
//! Not here: sealing; see [`super::keys`].

use std::collections::BTreeMap;

use super::chain::Record;
use super::database::Database;
use super::error::LedgerError;
use super::keys::KeyRing;
use super::start::Start;

/// Seals of a key with random nonces.
const MAX_SEALS: u64 = 1 << 32;

/// From here on, a rotation is advised.
const ADVISED_SEALS: u64 = MAX_SEALS / 2;

/// A record's summary and content.
const SEALS_PER_RECORD: u64 = 2;

/// Seals by the id of their key.
#[derive(Clone, Debug, Default)]
pub(super) struct SealCounts(pub(super) BTreeMap<String, u64>);

impl SealCounts {
    /// Counts records; returns the keys that are to be rotated from now on.
    pub(super) fn add(&mut self, key_id: &str, records: u64) -> bool {
        let count = self.0.entry(key_id.to_owned()).or_default();
        let before = *count;
        *count = before.saturating_add(records.saturating_mul(SEALS_PER_RECORD));
        before < ADVISED_SEALS && *count >= ADVISED_SEALS
    }

    /// The higher of both counts of each key.
    pub(super) fn at_least(&mut self, other: &BTreeMap<String, u64>) {
        for (key, count) in other {
            let own = self.0.entry(key.clone()).or_default();
            *own = (*own).max(*count);
        }
    }

    /// What an instance has sealed, from its last start record and the records after it.
    pub(super) async fn of_instance(database: &Database, instance: &str, keys: &KeyRing) -> Result<Self, LedgerError> {
        let Some(start) = database.last_start(instance).await? else {
            let last = if database.has_one_chain() { database.head().await? } else { None };
            let Some(head) = last else { return Ok(Self::default()) };
            return Ok(Self::from_records(head.sequence, database.last_row(head.chain).await?.and_then(|row| row.record).as_ref()));
        };
        let mut counts = Self::up_to(&start, keys);
        let last = database.last_row(start.chain).await?.and_then(|row| row.record);
        let since = last.as_ref().map_or(0, |last| last.sequence - start.sequence) + 1;
        let mut sealing = vec![&start.sealed.key_id];
        // If the key was changed meanwhile, it is unknown when.
        sealing.extend(last.as_ref().map(|last| &last.sealed.key_id).filter(|key| **key != start.sealed.key_id));
        for key in sealing {
            counts.add(key, u64::try_from(since).unwrap_or_default());
        }
        Ok(counts)
    }

    /// The counts that a start record has; if it has none, all records before it.
    pub(super) fn up_to(start: &Record, keys: &KeyRing) -> Self {
        let summary = keys.of_id(&start.sealed.key_id).and_then(|key| start.sealed.open_summary(key).ok());
        let seals = summary.and_then(|summary| serde_json::from_slice::<Start>(&summary).ok()).and_then(|start| start.seals);
        seals.map_or_else(|| Self::from_records(start.sequence - 1, Some(start)), Self)
    }

    fn from_records(records: i64, last: Option<&Record>) -> Self {
        let mut counts = Self::default();
        if let Some(last) = last.filter(|_| records > 0) {
            counts.add(&last.sealed.key_id, u64::try_from(records).unwrap_or_default());
        }
        counts
    }

    /// What to do about each key that has sealed often.
    pub(super) fn advice(&self) -> Vec<String> {
        let often = self.0.iter().filter(|(_, count)| **count >= ADVISED_SEALS);
        often.map(|(key, count)| format!("key `{key}` has sealed up to {count} times: rotate it before {MAX_SEALS}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_is_advised_once_and_long_before_the_limit() {
        let mut counts = SealCounts::default();
        assert!(!counts.add("a", ADVISED_SEALS / 2 - 1));
        assert_eq!(counts.advice(), [""; 0]);
        assert!(!counts.add("b", 7));
        assert!(counts.add("a", 1), "the threshold is reached");
        assert!(!counts.add("a", 1), "it was said");
        assert_eq!(counts.advice(), ["key `a` has sealed up to 2147483650 times: rotate it before 4294967296"]);
    }
}
