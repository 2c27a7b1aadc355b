//! An EHR that the app is registered with.
//! Not here: launches; see [`super::app`].

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use url::Url;

use super::cached::Cached;
use super::error::{ExchangeError, SmartErrorKind};
use super::identity::IdentityKeys;
use super::requests::{Requests, TimeLimits};
use super::signing_key::OwnKey;
use super::smart_configuration::SmartConfiguration;
use crate::config::{Config, EhrConfig, FhirServerConfig, SmartAuthentication, read_secret_text};

/// A registered EHR.
#[derive(Debug)]
pub struct Ehr {
    config: EhrConfig,
    base: Url,
    redirect: Url,
    pub(super) authentication: Authentication,
    pub(super) requests: Requests,
    description: Cached<SmartConfiguration>,
    keys: Cached<IdentityKeys>,
}

/// How the app authenticates to the EHR.
#[derive(Debug)]
pub(super) enum Authentication {
    Public,
    Key(Arc<OwnKey>),
    Secret(SecretString),
}

impl Ehr {
    pub(super) fn build(config: &Config, ehr: &EhrConfig, own_key: Option<&Arc<OwnKey>>) -> Result<Self, SmartErrorKind> {
        let incomplete = || SmartErrorKind::Incomplete { ehr: ehr.name.clone() };
        let server = config.fhir_servers.iter().find(|server| server.name == ehr.fhir_server).ok_or_else(incomplete)?;
        let authentication = match ehr.authentication {
            SmartAuthentication::Public => Authentication::Public,
            SmartAuthentication::PrivateKeyJwt => Authentication::Key(Arc::clone(own_key.ok_or_else(incomplete)?)),
            SmartAuthentication::ClientSecret => {
                Authentication::Secret(secret(&ehr.name, ehr.client_secret_file.as_deref().ok_or_else(incomplete)?)?)
            }
        };
        Ok(Self {
            base: server.base_url.clone(),
            redirect: config.server.public_url.as_ref().and_then(|url| redirect_uri(url, ehr.id())).ok_or_else(incomplete)?,
            authentication,
            requests: requests(config, ehr, server)?,
            description: Cached::default(),
            keys: Cached::default(),
            config: ehr.clone(),
        })
    }

    /// Its name in logs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// The client name its users' work is recorded under in the ledger and metrics.
    #[must_use]
    pub fn client(&self) -> &str {
        self.config.client()
    }

    /// The id of its users' plan, if not the default one.
    #[must_use]
    pub fn plan(&self) -> Option<&str> {
        self.config.plan.as_deref()
    }

    /// The name of its FHIR server.
    #[must_use]
    pub fn fhir_server(&self) -> &str {
        &self.config.fhir_server
    }

    /// The base URL of its FHIR server, which is the `iss` of its launches.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.base
    }

    /// The origins of pages that may embed the app in a frame.
    #[must_use]
    pub fn frame_ancestors(&self) -> &[String] {
        &self.config.frame_ancestors
    }

    /// The last segment of its redirect URI.
    pub(super) fn id(&self) -> &str {
        self.config.id()
    }

    /// Where it sends its users back to.
    /// Invariant: no two EHRs share a redirect URI, so none can have its users' browsers deliver the code of another (RFC 9700,
    /// section 4.4).
    pub(super) fn redirect(&self) -> &Url {
        &self.redirect
    }

    pub(super) fn client_id(&self) -> &str {
        &self.config.client_id
    }

    pub(super) fn scopes(&self) -> &[String] {
        &self.config.scopes
    }

    /// The base URL without a trailing slash.
    pub(super) fn base(&self) -> &str {
        without_slash(self.base.as_str())
    }

    /// Whether a launch's `iss` is this EHR.
    /// Invariant: requests and redirects go only to configured addresses, never to one a launch names. So the `iss` is compared
    /// as text, and never parsed.
    pub(super) fn is_named(&self, iss: &str) -> bool {
        without_slash(iss) == self.base()
    }

    /// Its SMART configuration, at most a few minutes old.
    pub(super) async fn description(&self, now: DateTime<Utc>) -> Result<Arc<SmartConfiguration>, ExchangeError> {
        self.description.get(now, SmartConfiguration::fetch(&self.requests, self.base())).await
    }

    /// The keys that verify its identity tokens.
    pub(super) async fn keys(&self, now: DateTime<Utc>, description: &SmartConfiguration) -> Result<Arc<IdentityKeys>, ExchangeError> {
        self.keys.get(now, IdentityKeys::fetch(self, description)).await
    }

    /// The same, but newer than `seen`.
    pub(super) async fn newer_keys(
        &self,
        now: DateTime<Utc>,
        description: &SmartConfiguration,
        seen: &Arc<IdentityKeys>,
    ) -> Result<Arc<IdentityKeys>, ExchangeError> {
        self.keys.forget(seen).await;
        self.keys(now, description).await
    }
}

fn redirect_uri(public_url: &Url, id: &str) -> Option<Url> {
    Url::parse(&format!("{}/smart/callback/{id}", public_url.as_str().trim_end_matches('/'))).ok()
}

fn requests(config: &Config, ehr: &EhrConfig, server: &FhirServerConfig) -> Result<Requests, SmartErrorKind> {
    let limits = TimeLimits { connecting: config.fhir.connect_timeout, whole: config.smart.timeout };
    Requests::new(server, &ehr.hosts, limits).map_err(|source| SmartErrorKind::Connections { ehr: ehr.name.clone(), source })
}

fn secret(ehr: &str, path: &Path) -> Result<SecretString, SmartErrorKind> {
    let (ehr, path) = (ehr.to_owned(), path.to_path_buf());
    match read_secret_text(&path) {
        Ok(text) if text.trim().is_empty() => Err(SmartErrorKind::EmptySecret { ehr, path }),
        Ok(text) => Ok(SecretString::from(text.trim())),
        Err(source) => Err(SmartErrorKind::Secret { ehr, path, source }),
    }
}

fn without_slash(text: &str) -> &str {
    text.strip_suffix('/').unwrap_or(text)
}
