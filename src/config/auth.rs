//! `[auth]`: whether callers must authenticate, and how strictly tokens are checked.
//! Not here: the callers ([`super::clients`]), and the checks ([`crate::auth`]).

use std::net::SocketAddr;
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
    /// Whether callers must authenticate. Default: required if a client is configured.
    pub mode: Option<AuthMode>,
    /// Whether discovery also requires a token.
    pub protect_discovery: bool,
    /// Tolerance for a caller's clock.
    #[serde(deserialize_with = "duration::deserialize")]
    pub leeway: Duration,
    /// Maximum time between a token's `iat` and its `exp`.
    #[serde(deserialize_with = "duration::deserialize")]
    pub max_token_lifetime: Duration,
    /// Maximum number of used tokens per issuer kept in memory.
    pub replay_capacity: std::num::NonZeroUsize,
    /// PostgreSQL database where several instances share used tokens.
    pub replay_url: Option<SecretString>,
    /// Whether used tokens survive a restart.
    pub replay_store: ReplayStore,
    /// Whether test clients may use a token again.
    pub token_reuse: TokenReuse,
    /// Whether test clients may be configured although other machines can reach the service.
    pub allow_test_clients: bool,
    /// Timeout for fetching a key set.
    #[serde(deserialize_with = "duration::deserialize")]
    pub key_set_timeout: Duration,
    /// Minimum time a key set counts as fresh, whatever its server says.
    #[serde(deserialize_with = "duration::deserialize")]
    pub key_set_min_age: Duration,
    /// Maximum time a key set counts as fresh.
    #[serde(deserialize_with = "duration::deserialize")]
    pub key_set_max_age: Duration,
    /// How long a stale key set may be used while its server is down.
    #[serde(deserialize_with = "duration::deserialize")]
    pub key_set_max_stale: Duration,
    /// Minimum interval between fetches caused by an unknown key or a failure.
    #[serde(deserialize_with = "duration::deserialize")]
    pub key_set_cooldown: Duration,
}

/// Whether callers must authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Every call needs a token of a configured client.
    Required,
    /// Callers are not authenticated; the service then listens only on a loopback address.
    Development,
}

/// Where used tokens are kept beside the process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplayStore {
    /// In the database of `auth.replay_url`, or else in the ledger's SQLite file: a restart forgets none.
    Durable,
    /// Nowhere else: a restart forgets all.
    Memory,
}

/// Whether a test client may use a token again. The tokens of every other client are taken once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenReuse {
    /// A token is taken once.
    Refuse,
    /// A token is taken until it expires.
    AllowWithinLifetime,
}

impl AuthConfig {
    /// The effective mode for these clients.
    #[must_use]
    pub fn mode(&self, clients: &[ClientConfig]) -> AuthMode {
        self.mode.unwrap_or(if clients.is_empty() { AuthMode::Development } else { AuthMode::Required })
    }

    /// Whether the client's tokens are taken until they expire, and not only once.
    #[must_use]
    pub fn may_reuse_tokens(&self, client: &ClientConfig) -> bool {
        client.test_client && self.token_reuse == TokenReuse::AllowWithinLifetime
    }

    pub(super) fn validate(&self, clients: &[ClientConfig], listen: SocketAddr) -> Vec<SectionError> {
        let mut faults = self.test_client_faults(clients, listen);
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
            // The URL may contain a password, so it is not quoted.
            faults.push(SectionError::new("replay_url", "is not a URL such as `postgres://user@host/database`"));
        }
        if self.replay_url.is_some() && self.replay_store == ReplayStore::Memory {
            faults.push(SectionError::new("replay_store", "`memory` contradicts `auth.replay_url`"));
        }
        faults
    }

    /// Invariant: no client that other machines can reach may use a token again, unless the operator says so twice.
    fn test_client_faults(&self, clients: &[ClientConfig], listen: SocketAddr) -> Vec<SectionError> {
        let test_client = clients.iter().find(|client| client.test_client);
        let without = self.token_reuse == TokenReuse::AllowWithinLifetime && test_client.is_none();
        let message = "`allow-within-lifetime` is for clients with `test_client = true`, and there is none";
        let needless = without.then(|| SectionError::new("token_reuse", message));
        let reachable = test_client.filter(|_| !listen.ip().is_loopback() && !self.allow_test_clients);
        let reachable = reachable.map(|client| {
            let message = format_args!("has to be `true`: `{}` is a test client, and `{listen}` is not a loopback address", client.name);
            SectionError::new("allow_test_clients", message)
        });
        needless.into_iter().chain(reachable).collect()
    }
}

fn is_postgres(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "postgres" | "postgresql"))
}
