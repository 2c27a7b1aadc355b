//! The registry of FHIR servers that this service may contact: those in the configuration, compared as parsed URLs. With an
//! empty registry, nothing is fetched.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use url::Url;

use super::server::Server;
use crate::config::{FhirConfig, FhirServerConfig};

/// Connections to a server cannot be set up.
#[derive(Debug, Error)]
#[error("connections to FHIR server `{name}` cannot be set up")]
pub struct RegistryError {
    name: String,
    source: reqwest::Error,
}

/// The registered servers.
#[derive(Debug)]
pub struct Registry {
    servers: Vec<Arc<Server>>,
    /// The time budget for all queries of a call together.
    pub budget: Duration,
    /// Maximum number of entries read of all pages of a call together.
    pub max_entries: NonZeroUsize,
}

impl Registry {
    /// Builds the registry from the configuration.
    ///
    /// # Errors
    /// The first server whose connections cannot be set up.
    pub fn build(shared: &FhirConfig, servers: &[FhirServerConfig], max_entries: NonZeroUsize) -> Result<Self, RegistryError> {
        let build = |config: &FhirServerConfig| {
            let server = Server::new(config.clone(), shared);
            server.map(Arc::new).map_err(|source| RegistryError { name: config.name.clone(), source })
        };
        Ok(Self { servers: servers.iter().map(build).collect::<Result<_, _>>()?, budget: shared.budget, max_entries })
    }

    /// The registered server for a URL that a call names.
    #[must_use]
    pub fn server(&self, named: &str) -> Option<Arc<Server>> {
        let named = Url::parse(named).ok()?;
        self.servers.iter().find(|server| same_base(&server.base, &named)).map(Arc::clone)
    }
}

/// Invariant: a call can choose among the registered servers, and cannot reach any other.
fn same_base(registered: &Url, named: &Url) -> bool {
    registered.origin() == named.origin()
        && registered.path().trim_end_matches('/') == named.path().trim_end_matches('/')
        && named.username().is_empty()
        && named.password().is_none()
        && named.query().is_none()
        && named.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_compared_as_parsed_urls() {
        let registered: Url = "https://ehr.example/fhir".parse().expect("a URL");
        for (named, same) in [
            ("https://ehr.example/fhir", true),
            ("https://EHR.example:443/fhir/", true),
            ("https://ehr.example/fhir/../fhir", true),
            ("http://ehr.example/fhir", false),
            ("https://ehr.example/FHIR", false),
            ("https://ehr.example/fhir/x", false),
            ("https://ehr.example:8443/fhir", false),
            ("https://ehr.example@evil.example/fhir", false),
            ("https://user@ehr.example/fhir", false),
            ("https://ehr.example.evil.example/fhir", false),
            ("https://ehr.example/fhir?x=y", false),
            ("https://ehr.example/fhir#x", false),
        ] {
            let named: Url = named.parse().expect("a URL");
            assert_eq!(same_base(&registered, &named), same, "{named}");
        }
    }
}
