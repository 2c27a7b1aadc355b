//! What decisions are made with: the policies, the prefetch templates, the FHIR servers, and each client's way to read charts.
//! Not here: the steps of a decision; see [`mod@super::read_request`], [`super::fetch_missing`] and [`mod@super::decide`].

use chrono::{DateTime, Utc};

use super::chart_readings::ChartReadings;
use super::code_maps::CodeMapsError;
use super::context::DecisionContext;
use super::policies::{Policies, PoliciesError};
use super::policy_settings::PolicySettings;
use super::services::{Services, ServicesError};
use crate::cds_hooks::{Hook, named_server};
use crate::config::Config;
use crate::evidence::{PayorLookup, ReadingOptions};
use crate::fhir::{Registry, RegistryError};

/// Why the engine cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The policy is invalid.
    #[error(transparent)]
    Policies(#[from] PoliciesError),
    /// The local code maps are invalid.
    #[error(transparent)]
    CodeMaps(#[from] CodeMapsError),
    /// The published services are invalid.
    #[error(transparent)]
    Services(#[from] ServicesError),
    /// Connections to a FHIR server cannot be set up.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// What decisions are made with.
#[derive(Debug)]
pub struct DecisionEngine {
    policies: Policies,
    services: Services,
    readings: ChartReadings,
    registry: Registry,
    payor_lookup: PayorLookup,
}

impl DecisionEngine {
    /// Builds the engine from the configuration. `payor_lookup` says which payors' Organizations to look up.
    ///
    /// # Errors
    /// An invalid policy, service or code map, with the line of the error.
    pub fn build(config: &Config, payor_lookup: PayorLookup) -> Result<Self, EngineError> {
        let policies = Policies::load_with(config.policy.directory.as_deref(), &PolicySettings::from_config(config))?;
        Ok(Self {
            services: Services::load(&config.crd.hooks, config.crd.service_ids)?,
            readings: ChartReadings::load(config, &policies)?,
            registry: Registry::build(&config.fhir, &config.fhir_servers, config.server.max_entries)?,
            policies,
            payor_lookup,
        })
    }

    /// The policies.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The published services.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// How each client's charts are read.
    #[must_use]
    pub fn readings(&self) -> &ChartReadings {
        &self.readings
    }

    /// The registered FHIR servers.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Which payors' Organizations to look up.
    #[must_use]
    pub fn payor_lookup(&self) -> PayorLookup {
        self.payor_lookup
    }

    /// The default context, without any client's settings.
    #[must_use]
    pub fn context(&self, as_of: DateTime<Utc>) -> DecisionContext<'_> {
        DecisionContext {
            policies: &self.policies,
            prefetch_keys: &self.services.prefetch_keys,
            hooks: self.services.hooks(),
            as_of,
            options: ReadingOptions::none(),
        }
    }

    /// The context for judging calls of an EHR's app. The EHR's charts are read as for the first client that may name its server.
    #[must_use]
    pub fn context_for_server(&self, fhir_server: &str, as_of: DateTime<Utc>) -> DecisionContext<'_> {
        let context = DecisionContext { hooks: &Hook::ALL, ..self.context(as_of) };
        let reading = self.readings.of_server(fhir_server);
        reading.map_or(context, |reading| DecisionContext { options: reading.options(), ..context })
    }

    /// The context and the plan for a request without an authenticated caller: those of the client that the FHIR server is registered for.
    #[must_use]
    pub fn context_for_request(&self, body: &str, as_of: DateTime<Utc>) -> (DecisionContext<'_>, Option<&str>) {
        let server = || self.registry.server(&named_server(body)?);
        let server = if self.readings.differ() { server() } else { None };
        let reading = self.readings.of_request(server.as_ref().map(|server| server.name()));
        (DecisionContext { options: reading.options(), ..self.context(as_of) }, reading.plan())
    }
}
