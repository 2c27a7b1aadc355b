//! What is remembered from call to call, and from one configuration to the next: used tokens and key sets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use secrecy::ExposeSecret;
use url::Url;

use super::clients::AuthError;
use super::key_fetch::KeyServer;
use super::key_set::KeySet;
use super::postgres::SharedTokens;
use super::replay::{Replays, UsedTokens};
use crate::config::AuthConfig;

/// Used tokens and key sets. It outlives a reload of the configuration, so that no token is taken twice for it, and key sets
/// serve on whose servers are down.
#[derive(Debug)]
pub struct CallerMemory {
    pub(super) replays: Replays,
    key_sets: Mutex<HashMap<KeySetPlace, Weak<KeySet>>>,
}

/// Where a key set is fetched, and on what terms.
type KeySetPlace = (Url, bool, Duration);

impl CallerMemory {
    /// Memory as configuration has it: in this process, or in PostgreSQL. Nothing is connected to yet.
    ///
    /// # Errors
    /// [`AuthError::ReplayDatabase`] when the database's URL cannot be used.
    pub fn build(config: &AuthConfig) -> Result<Self, AuthError> {
        let shared = config.replay_url.as_ref().map(|url| SharedTokens::new(url.expose_secret())).transpose();
        let shared = shared.map_err(|_| AuthError::ReplayDatabase)?;
        let replays = Replays::new(UsedTokens::new(config.replay_capacity), shared);
        Ok(Self { replays, key_sets: Mutex::default() })
    }

    /// Has every key set fetched again by its next call: whoever asks for a reload may know that a key is not to be trusted.
    pub fn doubt_key_sets(&self) {
        let key_sets = self.key_sets.lock().unwrap_or_else(PoisonError::into_inner);
        key_sets.values().filter_map(Weak::upgrade).for_each(|set| set.doubt());
    }

    /// The key set of a place: the one known already, if there is one.
    pub(super) fn key_set(&self, url: &Url, allow_private_addresses: bool, timeout: Duration) -> Result<Arc<KeySet>, reqwest::Error> {
        let mut key_sets = self.key_sets.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (url.clone(), allow_private_addresses, timeout);
        if let Some(known) = key_sets.get(&place).and_then(Weak::upgrade) {
            return Ok(known);
        }
        key_sets.retain(|_, set| set.strong_count() > 0);
        let set = Arc::new(KeySet::new(KeyServer::new(url.clone(), allow_private_addresses, timeout)?));
        key_sets.insert(place, Arc::downgrade(&set));
        Ok(set)
    }
}
