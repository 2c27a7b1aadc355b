//! The configured clients, looked up by a token's unverified claims.
//! Not here: verifying those claims; see [`super::authenticator`].

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rustls::pki_types::ServerName;
use thiserror::Error;

use super::key_set::{KeyRequest, KeySet};
use super::keys::{Keys, KeysError};
use super::memory::CallerMemory;
use super::refusal::Refusal;
use super::token::{SignedClaims, UnverifiedToken};
use super::verified::Profile;
use crate::config::{AuthConfig, ClientConfig, JwksUri, SigningAlgorithm, TenantRule};

/// Why callers cannot be authenticated as configured.
#[derive(Debug, Error)]
pub enum AuthError {
    /// Client entries that cannot be used.
    #[error("{}", listed(faults))]
    Clients {
        /// All faults found; never empty.
        faults: Vec<ClientError>,
    },
    /// The database of used tokens cannot be set up.
    #[error("`auth.replay_url`: is not a usable URL of a PostgreSQL database")]
    ReplayDatabase,
    /// The table of used tokens cannot be created.
    #[error("the table of used tokens cannot be created")]
    ReplayTable(#[source] sqlx::Error),
}

/// Why a client entry that parses cannot be used.
#[derive(Debug, Error)]
pub enum ClientError {
    /// A file with keys cannot be read.
    #[error("`clients.jwks_file` of `{client}`: cannot read `{}`: {source}", path.display())]
    UnreadableKeys {
        /// The client.
        client: String,
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: std::io::Error,
    },
    /// A file with keys cannot be used.
    #[error("`clients.jwks_file` of `{client}`: cannot use `{}`: it {source}", path.display())]
    UnusableKeys {
        /// The client.
        client: String,
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: KeysError,
    },
    /// A certificate name is not a DNS name.
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
        /// The underlying error.
        source: reqwest::Error,
    },
}

fn listed(faults: &[ClientError]) -> String {
    let lines: Vec<String> = faults.iter().map(ClientError::to_string).collect();
    lines.join("\n")
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
    pub(super) may_reuse_tokens: bool,
    pub(super) certificate_names: Vec<ServerName<'static>>,
    pub(super) issuer: String,
    jku: Option<String>,
    keys: KeySource,
}

/// How a client's tenants are distinguished.
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
    /// Builds the clients of a configuration. `endpoints` are this service's own URLs.
    pub(super) fn build(
        config: &AuthConfig,
        clients: &[ClientConfig],
        endpoints: &[String],
        memory: &CallerMemory,
    ) -> Result<Self, AuthError> {
        let mut by_issuer: HashMap<String, Vec<Client>> = HashMap::new();
        let mut faults = Vec::new();
        for entry in clients {
            match Client::build(config, entry, endpoints, memory) {
                Ok(client) => by_issuer.entry(entry.iss.clone()).or_default().push(client),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(Self(by_issuer)) } else { Err(AuthError::Clients { faults }) }
    }

    /// Finds the client a token claims to be from. A `jku` must equal the registered one, byte for byte. A token without `jku`
    /// needs an issuer with a single client, or a client that publishes no keys.
    pub(super) fn named_by(&self, token: &UnverifiedToken<'_>) -> Result<&Client, Refusal> {
        let issuer = token.claims.iss.as_deref().ok_or(Refusal::UnknownIssuer)?;
        let clients = self.0.get(issuer).ok_or(Refusal::UnknownIssuer)?;
        let client = match (&token.key_set, clients.as_slice()) {
            (None, [only]) => Some(only),
            (named, several) => several.iter().find(|client| client.jku == *named),
        };
        client.ok_or(Refusal::UnknownKeySet)
    }

    /// The configured profile of the named client.
    pub(super) fn profile_of(&self, name: &str) -> Option<&Arc<Profile>> {
        self.0.values().flatten().find(|client| client.name == name).map(|client| &client.profile)
    }
}

impl Client {
    fn build(config: &AuthConfig, entry: &ClientConfig, endpoints: &[String], memory: &CallerMemory) -> Result<Self, ClientError> {
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
            may_reuse_tokens: config.may_reuse_tokens(entry),
            longest_life: span(entry.max_token_lifetime.unwrap_or(config.max_token_lifetime)),
            certificate_names: entry.certificate_names.iter().map(|name| server_name(entry, name)).collect::<Result<_, _>>()?,
            issuer: entry.iss.clone(),
            jku: entry.jwks_uri.as_ref().map(|uri| uri.as_str().to_owned()),
            keys: KeySource::new(config, entry, memory)?,
        })
    }

    /// Returns the token's claims if the key it names verifies its signature.
    pub(super) async fn verify_signature(&self, token: UnverifiedToken<'_>, asking: &KeyRequest<'_>) -> Result<SignedClaims, Refusal> {
        match &self.keys {
            KeySource::File(keys) => keys.verify(token),
            KeySource::Published(set) => set.verify(token, asking).await,
        }
    }
}

impl KeySource {
    fn new(config: &AuthConfig, entry: &ClientConfig, memory: &CallerMemory) -> Result<Self, ClientError> {
        match (&entry.jwks_file, &entry.jwks_uri) {
            (Some(path), _) => Ok(Self::File(keys_of_file(entry, path)?)),
            (None, Some(uri)) => Ok(Self::Published(key_set(config, entry, uri, memory)?)),
            // Validation rejects a configuration without either.
            (None, None) => Ok(Self::File(Keys::default())),
        }
    }
}

fn keys_of_file(entry: &ClientConfig, path: &PathBuf) -> Result<Keys, ClientError> {
    let json =
        std::fs::read(path).map_err(|source| ClientError::UnreadableKeys { client: entry.name.clone(), path: path.clone(), source })?;
    let keys = Keys::read(&json).and_then(Keys::not_empty);
    keys.map_err(|source| ClientError::UnusableKeys { client: entry.name.clone(), path: path.clone(), source })
}

fn key_set(config: &AuthConfig, entry: &ClientConfig, uri: &JwksUri, memory: &CallerMemory) -> Result<Arc<KeySet>, ClientError> {
    let set = memory.key_set(uri.url(), entry.allow_private_addresses, config.key_set_timeout);
    set.map_err(|source| ClientError::Connections { client: entry.name.clone(), source })
}

fn server_name(entry: &ClientConfig, name: &str) -> Result<ServerName<'static>, ClientError> {
    ServerName::try_from(name.to_owned()).map_err(|_| ClientError::BadCertificateName { client: entry.name.clone(), name: name.to_owned() })
}

/// Converts a duration, saturating at the maximum.
pub(crate) fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
