//! A value fetched from an EHR and cached for five minutes. Concurrent launches share one fetch.
//! Not here: the fetching.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::ExchangeError;

/// How long a fetched value is reused.
const FRESH: TimeDelta = TimeDelta::minutes(5);

/// The last attempt to fetch the value.
#[derive(Debug)]
pub(super) struct Cached<T>(Mutex<Option<Attempt<T>>>);

#[derive(Debug)]
struct Attempt<T> {
    ended: Instant,
    fetched: DateTime<Utc>,
    outcome: Result<Arc<T>, ExchangeError>,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Attempt<T> {
    /// Waiters share the in-flight result, even an error; later callers reuse only a fresh success.
    fn serves(&self, asked: Instant, now: DateTime<Utc>) -> bool {
        let is_fresh = self.outcome.is_ok() && now >= self.fetched && now < self.fetched + FRESH;
        self.ended >= asked || is_fresh
    }
}

impl<T> Cached<T> {
    /// Returns the cached value, or runs `fetch`.
    pub(super) async fn get(
        &self,
        now: DateTime<Utc>,
        fetch: impl Future<Output = Result<T, ExchangeError>>,
    ) -> Result<Arc<T>, ExchangeError> {
        let asked = Instant::now();
        let mut last = self.0.lock().await;
        if let Some(attempt) = last.as_ref().filter(|attempt| attempt.serves(asked, now)) {
            return attempt.outcome.clone();
        }
        let outcome = fetch.await.map(Arc::new);
        *last = Some(Attempt { ended: Instant::now(), fetched: now, outcome: outcome.clone() });
        outcome
    }

    /// Drops the cached value if it is still `seen`, so that the next launch fetches a new one.
    pub(super) async fn forget(&self, seen: &Arc<T>) {
        let mut last = self.0.lock().await;
        if last.as_ref().is_some_and(|attempt| attempt.outcome.as_ref().is_ok_and(|kept| Arc::ptr_eq(kept, seen))) {
            *last = None;
        }
    }
}
