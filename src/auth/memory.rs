//! State that outlives calls and configuration reloads: used tokens and key sets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use secrecy::ExposeSecret;
use url::Url;

use super::clients::AuthError;
use super::durable_tokens::{DurableTokens, StoredToken};
use super::key_fetch::KeyServer;
use super::key_set::KeySet;
use super::postgres::SharedTokens;
use super::replay::{UsedTokenStore, UsedTokens};
use crate::config::Config;

/// Used tokens and key sets. They survive a configuration reload, so that a token cannot be replayed after it, and cached key
/// sets stay usable while their servers are down.
#[derive(Debug)]
pub struct CallerMemory {
    pub(super) replays: UsedTokenStore,
    key_sets: Mutex<HashMap<KeySetPlace, Weak<KeySet>>>,
}

/// Identifies a key set: its URL, whether private addresses are allowed, and the timeout.
type KeySetPlace = (Url, bool, Duration);

impl CallerMemory {
    /// Creates the store that the configuration asks for: in this process, or in PostgreSQL. Does not connect yet.
    ///
    /// # Errors
    /// [`AuthError::ReplayDatabase`] if the database URL cannot be used.
    pub fn build(config: &Config) -> Result<Self, AuthError> {
        let shared = config.replay_database().map(|url| SharedTokens::new(url.expose_secret())).transpose();
        let shared = shared.map_err(|_| AuthError::ReplayDatabase)?;
        let replays = UsedTokenStore::new(UsedTokens::new(config.auth.replay_capacity), shared);
        Ok(Self { replays, key_sets: Mutex::default() })
    }

    /// Creates the table of used tokens, if they are kept in PostgreSQL.
    ///
    /// # Errors
    /// [`AuthError::ReplayTable`] if it cannot be created.
    pub async fn create_token_table(&self) -> Result<(), AuthError> {
        self.replays.create_table().await.map_err(AuthError::ReplayTable)
    }

    /// Stores used tokens durably from now on, and remembers those that an earlier process stored.
    pub fn keep_used_tokens(&self, durable: Arc<dyn DurableTokens>, stored: Vec<StoredToken>) {
        self.replays.keep_in(durable, stored);
    }

    /// Makes the next call for each key set refetch it: the reload may have been requested because a key was compromised.
    pub fn doubt_key_sets(&self) {
        let key_sets = self.key_sets.lock().unwrap_or_else(PoisonError::into_inner);
        key_sets.values().filter_map(Weak::upgrade).for_each(|set| set.doubt());
    }

    /// Returns the key set of a URL, reusing the known one.
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
