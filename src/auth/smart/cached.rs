//! Something fetched from an EHR, kept for five minutes and fetched by one launch for all.
//! Not here: the fetching.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::ExchangeError;

/// How long it is used.
const FRESH: TimeDelta = TimeDelta::minutes(5);

/// What was fetched last.
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
    /// Whoever waited for an attempt takes what came of it, be it a failure; later ones only what is fresh.
    fn serves(&self, asked: Instant, now: DateTime<Utc>) -> bool {
        let is_fresh = self.outcome.is_ok() && now >= self.fetched && now < self.fetched + FRESH;
        self.ended >= asked || is_fresh
    }
}

impl<T> Cached<T> {
    /// What is kept, or else what `fetch` brings.
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

    /// Has the next launch fetch anew, unless that happened since `seen` was got.
    pub(super) async fn forget(&self, seen: &Arc<T>) {
        let mut last = self.0.lock().await;
        if last.as_ref().is_some_and(|attempt| attempt.outcome.as_ref().is_ok_and(|kept| Arc::ptr_eq(kept, seen))) {
            *last = None;
        }
    }
}
