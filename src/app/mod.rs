//! The composition root: builds the services once from configuration and ports. `serve` and the tests build the same way.
//! Not here: what the services do ([`crate::service`], [`crate::dtr`], [`crate::smart`]).

mod ports;
mod used_tokens;

use std::sync::Arc;

use bytes::Bytes;

pub use ports::Ports;

use crate::auth::{AdmittedCaller, AuthError, Authenticator, Credentials, Refused, VerifiedClient};
use crate::cds_hooks::Hook;
use crate::config::Config;
use crate::crd::{Dialects, DialectsError};
use crate::decision::{DecisionEngine, EngineError, Policies};
use crate::dtr::{self, DtrParts, DtrService};
use crate::service::{AuditLog, CallError, HookService};
use crate::smart::{SmartParts, SmartService, SmartServiceError};

/// Why the application cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The policy, a code map or a FHIR server cannot be used.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The client dialects are invalid.
    #[error(transparent)]
    Dialects(#[from] DialectsError),
    /// The client configuration is invalid.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The SMART app cannot be set up.
    #[error(transparent)]
    Smart(#[from] SmartServiceError),
}

/// The application.
pub struct App {
    /// Answers hook calls and feedback.
    pub hooks: HookService,
    /// The documentation form for DTR clients.
    pub dtr: DtrService,
    /// The SMART app.
    pub smart: Arc<SmartService>,
    /// Records faults and refused callers.
    pub audit: AuditLog,
    engine: Arc<DecisionEngine>,
    authenticator: Arc<Authenticator>,
    discovery: Bytes,
}

impl App {
    /// Builds the application.
    ///
    /// # Errors
    /// An invalid policy or service file, with the line of the error.
    pub fn build(config: &Config, ports: Ports) -> Result<Self, BuildError> {
        let Ports { clock, ids, callers, ledger, refusals, launches, sessions, usage } = ports;
        let plans = Arc::new(config.health_plans());
        let engine = Arc::new(DecisionEngine::build(config, plans.payors_to_look_up())?);
        let authenticator = Arc::new(Authenticator::build(config, &endpoints(config, &engine), callers, Arc::clone(&clock))?);
        let refusals_per_minute = config.ledger.refusals_per_minute;
        let audit = AuditLog {
            ledger: Arc::clone(&ledger),
            ids: Arc::clone(&ids),
            clock: Arc::clone(&clock),
            refusals,
            refusals_per_minute,
            usage,
            client_bytes_per_day: config.ledger.client_bytes_per_day,
        };
        let smart_parts = SmartParts {
            engine: Arc::clone(&engine),
            plans: Arc::clone(&plans),
            audit: audit.clone(),
            authenticator: Arc::clone(&authenticator),
            launches,
            sessions,
        };
        let smart = SmartService::build(config, smart_parts)?;
        let (dialects, link) = (Dialects::load()?, smart.launch_link());
        Ok(Self {
            hooks: HookService::new(Arc::clone(&engine), audit.clone(), Arc::clone(&plans), dialects, config.crd.clone(), link),
            dtr: DtrService::new(config, DtrParts { engine: Arc::clone(&engine), plans, ledger, clock, ids }),
            smart: Arc::new(smart),
            audit,
            discovery: Bytes::from(engine.services().discovery(config.auth_mode())),
            engine,
            authenticator,
        })
    }

    /// The discovery document (CDS Hooks, "Discovery").
    #[must_use]
    pub fn discovery(&self) -> &Bytes {
        &self.discovery
    }

    /// Whether the service offers this service id.
    #[must_use]
    pub fn knows_service(&self, service_id: &str) -> bool {
        self.service_ids().iter().any(|id| id == service_id)
    }

    /// The offered hooks.
    #[must_use]
    pub fn hook_names(&self) -> &[Hook] {
        self.engine.services().hooks()
    }

    /// The ids of the offered services.
    #[must_use]
    pub fn service_ids(&self) -> &[String] {
        &self.engine.services().ids
    }

    /// The policies.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        self.engine.policies()
    }

    /// Accepts feedback on cards.
    ///
    /// # Errors
    /// [`CallError`] if the feedback violates the specification, is too much, or cannot be recorded.
    pub async fn feedback(&self, client: &VerifiedClient, body: &[u8]) -> Result<(), CallError> {
        self.hooks.feedback(client, body, |entries| self.authenticator.take_feedback(client, entries)).await
    }

    /// Authenticates the caller. In development mode every caller is accepted.
    ///
    /// # Errors
    /// Why the caller is refused; for the log only.
    pub async fn authenticate(&self, credentials: Credentials<'_>) -> Result<AdmittedCaller, Refused> {
        self.authenticator.verify(credentials).await
    }
}

/// The URLs that a client's token can be issued for.
fn endpoints(config: &Config, engine: &DecisionEngine) -> Vec<String> {
    let Some(url) = &config.server.public_url else { return Vec::new() };
    let base = url.as_str().trim_end_matches('/');
    let dtr = dtr::ENDPOINTS.iter().map(|path| format!("{base}{path}"));
    engine.services().endpoints(url).into_iter().chain(dtr).collect()
}
