//! One registered FHIR server: its base URL, limits, connection pool and circuit breaker.

use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::breaker::{Breaker, BreakerLimits};
use crate::config::{FhirConfig, FhirServerConfig};
use crate::outgoing::connections;

/// The access token that a call sends for its FHIR server. It is never displayed; this copy is wiped on drop.
#[derive(Clone, Debug)]
pub struct AccessToken(SecretString);

impl AccessToken {
    /// Wraps a token.
    #[must_use]
    pub fn new(token: SecretString) -> Self {
        Self(token)
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A FHIR server from the configuration.
#[derive(Debug)]
pub struct Server {
    pub(super) config: FhirServerConfig,
    pub(super) base: Url,
    pub(super) client: Client,
    pub(super) breaker: Breaker,
    pub(super) attempts: u32,
}

impl Server {
    /// Sets up the server's connection pool.
    pub(super) fn new(config: FhirServerConfig, shared: &FhirConfig) -> Result<Self, reqwest::Error> {
        let builder = connections(&config.base_url, config.allow_private_addresses, shared.connect_timeout);
        let limits = BreakerLimits { failures: shared.breaker_failures.get(), cooldown: shared.breaker_cooldown };
        Ok(Self {
            base: config.base_url.clone(),
            client: builder.build()?,
            breaker: Breaker::new(limits),
            attempts: shared.attempts.get(),
            config,
        })
    }

    /// The server's name in logs and metrics.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }
}
