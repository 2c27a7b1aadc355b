//! A caller that proved who it is.
//! Not here: the proof; a value of this type is made by [`super::authenticator`] alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::{ClientConfig, Dialect};

/// A caller that proved who it is, or anybody where the service runs in development mode.
#[derive(Clone, Debug)]
pub struct VerifiedClient {
    profile: Arc<Profile>,
    tenant: Option<String>,
}

/// What configuration says of a client.
#[derive(Debug)]
pub(super) struct Profile {
    name: String,
    servers: Servers,
    dialect: Dialect,
    plan: Option<String>,
}

/// The FHIR servers a client's calls may name.
#[derive(Debug)]
enum Servers {
    All,
    Named(BTreeSet<String>),
}

impl VerifiedClient {
    pub(super) fn new(profile: Arc<Profile>, tenant: Option<String>) -> Self {
        Self { profile, tenant }
    }

    /// What it is called in logs and metrics.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.profile.name
    }

    /// The tenant its token names, where tenants are told apart by that.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// Whether its calls may have this FHIR server asked, by the server's name.
    #[must_use]
    pub fn may_name(&self, server: &str) -> bool {
        match &self.profile.servers {
            Servers::All => true,
            Servers::Named(names) => names.contains(server),
        }
    }

    /// How answers are written for it.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.profile.dialect
    }

    /// The id of the plan it is answered for, if that is another than the default one.
    #[must_use]
    pub fn plan(&self) -> Option<&str> {
        self.profile.plan.as_deref()
    }
}

impl Profile {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Anybody on this machine.
    pub(super) fn development() -> Self {
        Self { name: "development".to_owned(), servers: Servers::All, dialect: Dialect::Standard, plan: None }
    }
}

impl From<&ClientConfig> for Profile {
    fn from(config: &ClientConfig) -> Self {
        Self {
            name: config.name.clone(),
            servers: Servers::Named(config.fhir_servers.iter().cloned().collect()),
            dialect: config.dialect,
            plan: config.plan.clone(),
        }
    }
}
