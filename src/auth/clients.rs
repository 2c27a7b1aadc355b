//! The clients that configuration names, found by what a token says of itself.
//! Not here: whether what it says is true; see [`super::authenticator`].

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rustls::pki_types::ServerName;
use thiserror::Error;

use super::key_set::{Asking, KeySet};
use super::keys::{Keys, KeysError};
use super::memory::CallerMemory;
use super::refusal::Refusal;
use super::token::UnverifiedToken;
use super::verified::Profile;
use crate::config::{AuthConfig, ClientConfig, JwksUri, SigningAlgorithm, TenantRule};

/// Why the clients of a configuration cannot be used.
#[derive(Debug, Error)]
pub enum AuthError {
    /// A file with keys cannot be read.
    #[error("`clients.jwks_file` of `{client}`: cannot read `{}`", path.display())]
    UnreadableKeys {
        /// The client.
        client: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file with keys cannot be used.
    #[error("`clients.jwks_file` of `{client}`: cannot use `{}`", path.display())]
    UnusableKeys {
        /// The client.
        client: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeysError,
    },
    /// A name in a client's certificates is none.
    #[error("`clients.certificate_names` of `{client}`: `{name}` is not a DNS name")]
    BadCertificateName {
        /// The client.
        client: String,
        /// The name.
        name: String,
    },
    /// Connections to a key server cannot be set up.
    #[error("`clients.jwks_uri` of `{client}`: connections cannot be set up")]
    Connections {
        /// The client.
        client: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The database of used tokens cannot be set up.
    #[error("`auth.replay_url`: is not a usable URL of a PostgreSQL database")]
    ReplayDatabase,
}

/// A configured client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) name: String,
    pub(super) profile: Arc<Profile>,
    pub(super) subject: Option<String>,
    pub(super) algorithms: Vec<SigningAlgorithm>,
    pub(super) audiences: BTreeSet<String>,
    pub(super) tenants: Tenants,
    pub(super) longest_life: TimeDelta,
    pub(super) certificate_names: Vec<ServerName<'static>>,
    /// Stands for it where its tokens are remembered. It stays when the entry is renamed.
    pub(super) identity: String,
    jku: Option<String>,
    keys: KeySource,
}

/// How a client's tenants are told apart.
#[derive(Debug)]
pub(super) enum Tenants {
    ByFhirServer,
    ByClaim { accepted: Vec<String> },
}

#[derive(Debug)]
enum KeySource {
    File(Keys),
    Published(Arc<KeySet>),
}

/// All configured clients.
#[derive(Debug)]
pub(super) struct Clients(HashMap<String, Vec<Client>>);

impl Clients {
    /// The clients of a configuration. `endpoints` are this service's own URLs.
    pub(super) fn build(
        config: &AuthConfig,
        clients: &[ClientConfig],
        endpoints: &[String],
        memory: &CallerMemory,
    ) -> Result<Self, AuthError> {
        let mut by_issuer: HashMap<String, Vec<Client>> = HashMap::new();
        for entry in clients {
            by_issuer.entry(entry.iss.clone()).or_default().push(Client::build(config, entry, endpoints, memory)?);
        }
        Ok(Self(by_issuer))
    }

    /// The client a token says it is of. A `jku` must be the one registered, byte for byte; without one, the issuer
    /// must have one client only, or one that publishes no keys.
    pub(super) fn named_by(&self, token: &UnverifiedToken<'_>) -> Result<&Client, Refusal> {
        let issuer = token.claims.iss.as_deref().ok_or(Refusal::UnknownIssuer)?;
        let clients = self.0.get(issuer).ok_or(Refusal::UnknownIssuer)?;
        let client = match (&token.key_set, clients.as_slice()) {
            (None, [only]) => Some(only),
            (named, several) => several.iter().find(|client| client.jku == *named),
        };
        client.ok_or(Refusal::UnknownKeySet)
    }
}

impl Client {
    fn build(config: &AuthConfig, entry: &ClientConfig, endpoints: &[String], memory: &CallerMemory) -> Result<Self, AuthError> {
        let audiences = if entry.audiences.is_empty() { endpoints } else { entry.audiences.as_slice() };
        let tenants = match entry.tenant {
            TenantRule::FhirServer => Tenants::ByFhirServer,
            TenantRule::Claim => Tenants::ByClaim { accepted: entry.tenants.clone() },
        };
        Ok(Self {
            name: entry.name.clone(),
            profile: Arc::new(Profile::from(entry)),
            subject: entry.sub.clone(),
            algorithms: entry.algorithms.clone(),
            audiences: audiences.iter().cloned().collect(),
            tenants,
            longest_life: span(entry.max_token_lifetime.unwrap_or(config.max_token_lifetime)),
            certificate_names: entry.certificate_names.iter().map(|name| server_name(entry, name)).collect::<Result<_, _>>()?,
            identity: format!("{}\n{}", entry.iss, entry.jwks_uri.as_ref().map_or("", JwksUri::as_str)),
            jku: entry.jwks_uri.as_ref().map(|uri| uri.as_str().to_owned()),
            keys: KeySource::of(config, entry, memory)?,
        })
    }

    /// Whether the token is signed by the key it names.
    pub(super) async fn verify_signature(&self, key_id: &str, token: &UnverifiedToken<'_>, asking: &Asking<'_>) -> Result<(), Refusal> {
        match &self.keys {
            KeySource::File(keys) => keys.verify(key_id, token),
            KeySource::Published(set) => set.verify(key_id, token, asking).await,
        }
    }
}

impl KeySource {
    fn of(config: &AuthConfig, entry: &ClientConfig, memory: &CallerMemory) -> Result<Self, AuthError> {
        match (&entry.jwks_file, &entry.jwks_uri) {
            (Some(path), _) => Ok(Self::File(keys_of_file(entry, path)?)),
            (None, Some(uri)) => Ok(Self::Published(key_set(config, entry, uri, memory)?)),
            // Configuration without either is refused before.
            (None, None) => Ok(Self::File(Keys::default())),
        }
    }
}

fn keys_of_file(entry: &ClientConfig, path: &PathBuf) -> Result<Keys, AuthError> {
    let json =
        std::fs::read(path).map_err(|source| AuthError::UnreadableKeys { client: entry.name.clone(), path: path.clone(), source })?;
    Keys::read(&json).map_err(|source| AuthError::UnusableKeys { client: entry.name.clone(), path: path.clone(), source })
}

fn key_set(config: &AuthConfig, entry: &ClientConfig, uri: &JwksUri, memory: &CallerMemory) -> Result<Arc<KeySet>, AuthError> {
    let set = memory.key_set(uri.url(), entry.allow_private_addresses, config.key_set_timeout);
    set.map_err(|source| AuthError::Connections { client: entry.name.clone(), source })
}

fn server_name(entry: &ClientConfig, name: &str) -> Result<ServerName<'static>, AuthError> {
    ServerName::try_from(name.to_owned()).map_err(|_| AuthError::BadCertificateName { client: entry.name.clone(), name: name.to_owned() })
}

/// Longer than any token lives is as long as a token may live.
pub(super) fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
