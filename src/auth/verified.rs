//! An authenticated caller.
//! Not here: authentication; only [`super::authenticator`] creates a value of this type.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::cds_hooks::Dialect;
use crate::config::{ClientConfig, DevelopmentConfig};

/// An authenticated caller, or in development mode any caller.
#[derive(Clone, Debug)]
pub struct VerifiedClient {
    profile: Arc<Profile>,
    tenant: Option<String>,
}

/// The configured properties of a client.
#[derive(Debug)]
pub(super) struct Profile {
    name: String,
    servers: Servers,
    dialect: Dialect,
    dtr: bool,
    shadow: bool,
    system_actions: bool,
    strict: Option<bool>,
    therapy_order_code: Option<String>,
    plan: Option<String>,
}

/// The FHIR servers a client's calls may use.
#[derive(Debug)]
enum Servers {
    All,
    Named(BTreeSet<String>),
}

impl VerifiedClient {
    pub(super) fn new(profile: Arc<Profile>, tenant: Option<String>) -> Self {
        Self { profile, tenant }
    }

    /// Its name in logs and metrics.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.profile.name
    }

    /// The tenant its token names, if tenants are distinguished by a claim.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// Whether its calls may use the named FHIR server.
    #[must_use]
    pub fn may_name(&self, server: &str) -> bool {
        self.profile.may_name(server)
    }

    /// The dialect of its responses.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.profile.dialect
    }

    /// Whether its users have an app for documentation forms (Da Vinci DTR).
    #[must_use]
    pub fn has_dtr(&self) -> bool {
        self.profile.dtr
    }

    /// Whether its calls are evaluated and recorded, but answered without cards.
    #[must_use]
    pub fn is_shadowed(&self) -> bool {
        self.profile.shadow
    }

    /// Whether it executes system actions.
    #[must_use]
    pub fn takes_system_actions(&self) -> bool {
        self.profile.system_actions
    }

    /// Whether its calls are handled strictly, if configured for this client; otherwise `crd.strict` applies.
    #[must_use]
    pub fn strict(&self) -> Option<bool> {
        self.profile.strict
    }

    /// Its code for the conservative therapy order, if not the policy's.
    #[must_use]
    pub fn therapy_order_code(&self) -> Option<&str> {
        self.profile.therapy_order_code.as_deref()
    }

    /// The id of the plan it is answered for, whatever the member's Coverage says.
    #[must_use]
    pub fn plan(&self) -> Option<&str> {
        self.profile.plan.as_deref()
    }
}

impl Profile {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn may_name(&self, server: &str) -> bool {
        match &self.servers {
            Servers::All => true,
            Servers::Named(names) => names.contains(server),
        }
    }

    /// Any caller on this machine.
    pub(super) fn development(config: &DevelopmentConfig) -> Self {
        Self {
            name: "development".to_owned(),
            servers: Servers::All,
            dialect: config.dialect.unwrap_or_default(),
            dtr: config.dtr.unwrap_or(true),
            shadow: config.shadow.unwrap_or(false),
            system_actions: config.system_actions.unwrap_or(true),
            strict: None,
            therapy_order_code: config.therapy_order_code.clone(),
            plan: config.plan.clone(),
        }
    }
}

impl From<&ClientConfig> for Profile {
    fn from(config: &ClientConfig) -> Self {
        Self {
            name: config.name.clone(),
            servers: Servers::Named(config.fhir_servers.iter().cloned().collect()),
            dialect: config.dialect,
            dtr: config.dtr,
            shadow: config.shadow,
            system_actions: config.system_actions,
            strict: config.strict,
            therapy_order_code: config.therapy_order_code.clone(),
            plan: config.plan.clone(),
        }
    }
}
