//! A client's cached key set. Its freshness is bounded, concurrent calls share one fetch, and a stale set stays usable for a
//! while when its server is down.
//! Not here: fetching it ([`super::key_fetch`]), and parsing it ([`super::keys`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use chrono::{DateTime, Utc};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::JoinHandle;
use tracing::{Instrument, info, warn};

use super::key_fetch::{FetchedKeySet, KeyServer};
use super::keys::Keys;
use super::refusal::Refusal;
use super::token::{SignedClaims, UnverifiedToken};
use crate::clock::Clock;
use crate::config::AuthConfig;

/// How long key sets are cached.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeySetLimits {
    min_age: Duration,
    max_age: Duration,
    max_stale: Duration,
    cooldown: Duration,
}

impl From<&AuthConfig> for KeySetLimits {
    fn from(config: &AuthConfig) -> Self {
        Self {
            min_age: config.key_set_min_age,
            max_age: config.key_set_max_age,
            max_stale: config.key_set_max_stale,
            cooldown: config.key_set_cooldown,
        }
    }
}

impl KeySetLimits {
    /// When a set stops being fresh, and when it stops being usable.
    fn ends(&self, fetched: DateTime<Utc>, max_age: Option<Duration>) -> (DateTime<Utc>, DateTime<Utc>) {
        let fresh_until = fetched + max_age.unwrap_or(self.min_age).clamp(self.min_age, self.max_age);
        (fresh_until, fresh_until + self.max_stale)
    }

    fn is_cooling(&self, since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
        since.is_some_and(|since| now >= since && now < since + self.cooldown)
    }
}

/// The context of a key lookup.
#[derive(Clone, Copy)]
pub(super) struct KeyRequest<'a> {
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) limits: KeySetLimits,
    /// Identifies the set in the log.
    pub(super) client: &'a str,
}

/// A published key set.
#[derive(Debug)]
pub(super) struct KeySet {
    server: KeyServer,
    known: ArcSwapOption<CachedKeys>,
    /// The last fetch, if it failed. Soon after a failure, calls that can use the stale set do not wait for the next fetch.
    failed: ArcSwapOption<FailedFetch>,
    /// How often an early refetch was requested. What was fetched, or failed, before the last request counts no more.
    doubts: AtomicU64,
    /// Locked during a fetch, so that all waiting calls share it.
    attempts: Arc<Mutex<Attempts>>,
}

#[derive(Debug)]
struct CachedKeys {
    keys: Keys,
    fetched_at: DateTime<Utc>,
    max_age: Option<Duration>,
    /// The number of requested refetches when its fetch began.
    doubts: u64,
}

#[derive(Debug)]
struct FailedFetch {
    at: DateTime<Utc>,
    /// The number of requested refetches when it began.
    doubts: u64,
}

/// When an unknown key last caused a fetch.
#[derive(Debug, Default)]
struct Attempts {
    for_unknown_key: Option<DateTime<Utc>>,
}

impl KeySet {
    pub(super) fn new(server: KeyServer) -> Self {
        let (known, failed) = (ArcSwapOption::empty(), ArcSwapOption::empty());
        Self { server, known, failed, doubts: AtomicU64::new(0), attempts: Arc::default() }
    }

    /// Makes the next call refetch the set and wait for it, however recently a fetch failed or whether one is under way. If that fails, the
    /// known set stays in use.
    pub(super) fn doubt(&self) {
        self.doubts.fetch_add(1, Ordering::SeqCst);
    }

    fn is_fresh(&self, known: &CachedKeys, asking: &KeyRequest<'_>) -> bool {
        asking.clock.now() < known.ends(asking.limits).0 && known.doubts == self.doubts.load(Ordering::SeqCst)
    }

    /// When the last fetch failed; `None` if it succeeded, or began before a refetch was requested.
    fn failed_at(&self) -> Option<DateTime<Utc>> {
        let failed = self.failed.load();
        failed.as_ref().filter(|failed| failed.doubts == self.doubts.load(Ordering::SeqCst)).map(|failed| failed.at)
    }

    /// Returns the token's claims if the key it names verifies its signature.
    pub(super) async fn verify(self: &Arc<Self>, token: UnverifiedToken<'_>, asking: &KeyRequest<'_>) -> Result<SignedClaims, Refusal> {
        let key_id = token.key_id.as_deref().ok_or(Refusal::NoKeyId)?;
        let known = match self.known.load_full() {
            Some(known) if self.is_fresh(&known, asking) && known.keys.holds(key_id) => known,
            Some(known) if self.is_done_without(&known, key_id, asking) => {
                self.refresh_beside(asking);
                known
            }
            seen => self.refreshed(key_id, seen, asking).await?,
        };
        known.keys.verify(token)
    }

    /// Whether the stale set has the key and may be used, because its server is down.
    fn is_done_without(&self, known: &CachedKeys, key_id: &str, asking: &KeyRequest<'_>) -> bool {
        let now = asking.clock.now();
        let failed_lately = self.failed_at().is_some_and(|failed| now < failed + 2 * asking.limits.cooldown);
        failed_lately && now < known.ends(asking.limits).1 && known.keys.holds(key_id)
    }

    /// Refetches in the background, unless a fetch is in progress or failed recently.
    fn refresh_beside(self: &Arc<Self>, asking: &KeyRequest<'_>) {
        let now = asking.clock.now();
        let Ok(attempts) = Arc::clone(&self.attempts).try_lock_owned() else { return };
        if !asking.limits.is_cooling(self.failed_at(), now) {
            self.begin_fetch(attempts, asking);
        }
    }

    /// Returns the newest set available, fetching it if necessary.
    async fn refreshed(
        self: &Arc<Self>,
        key_id: &str,
        seen: Option<Arc<CachedKeys>>,
        asking: &KeyRequest<'_>,
    ) -> Result<Arc<CachedKeys>, Refusal> {
        let mut attempts = Arc::clone(&self.attempts).lock_owned().await;
        let now = asking.clock.now();
        let known = self.known.load_full();
        if let Some(known) = known.as_ref().filter(|known| self.is_fresh(known, asking)) {
            let came_meanwhile = seen.is_none_or(|seen| !Arc::ptr_eq(&seen, known));
            let is_cooling = asking.limits.is_cooling(attempts.for_unknown_key, now);
            if known.keys.holds(key_id) || came_meanwhile || is_cooling {
                return Ok(Arc::clone(known));
            }
            attempts.for_unknown_key = Some(now);
        } else if asking.limits.is_cooling(self.failed_at(), now) {
            return usable(known, now, asking.limits);
        }
        self.begin_fetch(attempts, asking).await.map_err(|_| Refusal::NoKeySet)?;
        usable(self.known.load_full(), now, asking.limits)
    }

    /// Fetches the set in a separate task, so that a caller that disconnects does not cancel the fetch for others.
    fn begin_fetch(self: &Arc<Self>, attempts: OwnedMutexGuard<Attempts>, asking: &KeyRequest<'_>) -> JoinHandle<()> {
        let (set, now, limits, client) = (Arc::clone(self), asking.clock.now(), asking.limits, asking.client.to_owned());
        // Runs in the span of the call that starts it, so that log lines carry that call's id.
        tokio::spawn(async move { set.fetch(attempts, now, limits, &client).await }.in_current_span())
    }

    async fn fetch(&self, _attempts: OwnedMutexGuard<Attempts>, now: DateTime<Utc>, limits: KeySetLimits, client: &str) {
        let doubts = self.doubts.load(Ordering::SeqCst);
        let outcome = match self.server.fetch().await {
            Ok(FetchedKeySet { keys, max_age }) => {
                let fetched = CachedKeys { keys, fetched_at: now, max_age, doubts };
                info!(client, keys = fetched.keys.count(), fresh_until = %fetched.ends(limits).0, "key set fetched");
                self.known.store(Some(Arc::new(fetched)));
                self.failed.store(None);
                "fetched"
            }
            Err(error) => {
                self.failed.store(Some(Arc::new(FailedFetch { at: now, doubts })));
                let is_remembered = usable(self.known.load_full(), now, limits).is_ok();
                warn!(client, reason = %error, is_remembered, "key set not fetched");
                "failed"
            }
        };
        metrics::counter!("sij_cds_key_set_fetches_total", "client" => client.to_owned(), "outcome" => outcome).increment(1);
    }
}

impl CachedKeys {
    /// When the set stops being fresh, and when it stops being usable, by the limits in force: a reload may have shortened them.
    fn ends(&self, limits: KeySetLimits) -> (DateTime<Utc>, DateTime<Utc>) {
        limits.ends(self.fetched_at, self.max_age)
    }
}

fn usable(known: Option<Arc<CachedKeys>>, now: DateTime<Utc>, limits: KeySetLimits) -> Result<Arc<CachedKeys>, Refusal> {
    known.filter(|known| now < known.ends(limits).1).ok_or(Refusal::NoKeySet)
}
