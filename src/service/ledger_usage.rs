//! How many bytes each client's records took of the ledger on one day, and how many they may take.
//! Not here: writing them ([`super::audit`]).

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

/// The bytes that each client's records took on its latest day, in UTC. Clients come from the configuration, so there are few.
#[derive(Debug, Default)]
pub struct LedgerUsage(Mutex<HashMap<String, (NaiveDate, u64)>>);

impl LedgerUsage {
    /// Adds a client's sealed bytes.
    pub(super) fn add(&self, client: &str, bytes: u64, now: DateTime<Utc>) {
        metrics::counter!("sij_cds_ledger_client_bytes_total", "client" => client.to_owned()).increment(bytes);
        let mut by_client = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let today = now.date_naive();
        match by_client.get_mut(client) {
            Some((day, used)) if *day == today => *used = used.saturating_add(bytes),
            Some(latest) => *latest = (today, bytes),
            None => _ = by_client.insert(client.to_owned(), (today, bytes)),
        }
    }

    /// How long a client that took as many bytes as it may has to wait for the next day.
    pub(super) fn wait(&self, client: &str, most: Option<NonZeroU64>, now: DateTime<Utc>) -> Option<Duration> {
        let most = most?.get();
        let by_client = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (day, used) = *by_client.get(client)?;
        if used < most || day != now.date_naive() {
            return None;
        }
        let midnight = day.checked_add_days(Days::new(1))?.and_time(NaiveTime::MIN).and_utc();
        (midnight - now).to_std().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_bytes_each_day_and_takes_nobody_elses() {
        let (usage, most) = (LedgerUsage::default(), NonZeroU64::new(10));
        let noon = DateTime::UNIX_EPOCH + Duration::from_hours(12);
        usage.add("a", 4, noon);
        assert_eq!(usage.wait("a", most, noon), None);
        usage.add("a", 6, noon);
        assert_eq!(usage.wait("a", most, noon), Some(Duration::from_hours(12)));
        assert_eq!((usage.wait("b", most, noon), usage.wait("a", None, noon)), (None, None));
        let tomorrow = noon + Duration::from_hours(12);
        assert_eq!(usage.wait("a", most, tomorrow), None);
        usage.add("a", 9, tomorrow);
        assert_eq!(usage.wait("a", most, tomorrow), None);
    }
}
