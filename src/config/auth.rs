//! `[auth]`: whether callers must say who they are, and how strictly that is checked.
//! Not here: the callers themselves, which are [`super::clients`]; and the checking, which is [`crate::auth`].

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::ClientConfig;
use super::duration;
use super::error::SectionError;

/// How callers are authenticated (CDS Hooks, "Trusting CDS Clients").
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether callers must authenticate; absent: as soon as a client is configured.
    pub mode: Option<AuthMode>,
    /// Whether discovery too takes a token.
    pub protect_discovery: bool,
    /// How far a caller's clock may be off.
    #[serde(deserialize_with = "duration::deserialize")]
    pub leeway: Duration,
    /// The longest time between a token's `iat` and its `exp`.
    #[serde(deserialize_with = "duration::deserialize")]
    pub max_token_lifetime: Duration,
    /// The most used tokens of one issuer remembered in memory.
    pub replay_capacity: std::num::NonZeroUsize,
    /// PostgreSQL database that several instances remember used tokens in; absent: in memory.
    pub replay_url: Option<SecretString>,
    /// Time limit of fetching a key set.
    #[serde(deserialize_with = "duration::deserialize")]
    pub key_set_timeout: Duration,
    /// The shortest time a key set is taken for fresh, whatever its server says.
    #[serde(deserialize_with = "duration::deserialize")]
    pub key_set_min_age: Duration,
    /// The longest.
    #[serde(deserialize_with = "duration::deserialize")]
    pub key_set_max_age: Duration,
    /// How long after that it is used while its server is down.
    #[serde(deserialize_with = "duration::deserialize")]
    pub key_set_max_stale: Duration,
    /// The shortest time between two fetches that an unknown key or a failure causes.
    #[serde(deserialize_with = "duration::deserialize")]
    pub key_set_cooldown: Duration,
}

/// Whether callers must say who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Every call brings a token of a configured client.
    Required,
    /// Nobody is asked; the service then listens on a loopback address only.
    Development,
}

impl AuthConfig {
    /// The mode, given the clients.
    #[must_use]
    pub fn mode(&self, clients: &[ClientConfig]) -> AuthMode {
        self.mode.unwrap_or(if clients.is_empty() { AuthMode::Development } else { AuthMode::Required })
    }

    pub(super) fn validate(&self, clients: &[ClientConfig]) -> Vec<SectionError> {
        let mut faults = Vec::new();
        match self.mode {
            Some(AuthMode::Required) if clients.is_empty() => {
                faults.push(SectionError::new("mode", "`required` needs at least one of `[[clients]]`, or nobody could call"));
            }
            Some(AuthMode::Development) if !clients.is_empty() => {
                faults
                    .push(SectionError::new("mode", "`development` lets everybody in, and is refused where `[[clients]]` are configured"));
            }
            _ => {}
        }
        if self.key_set_min_age > self.key_set_max_age {
            faults.push(SectionError::new("key_set_min_age", "must not be longer than `auth.key_set_max_age`"));
        }
        if self.replay_url.as_ref().is_some_and(|url| !is_postgres(url.expose_secret())) {
            // The URL may hold a password, so it is not quoted.
            faults.push(SectionError::new("replay_url", "is not a URL such as `postgres://user@host/database`"));
        }
        faults
    }
}

fn is_postgres(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "postgres" | "postgresql"))
}
