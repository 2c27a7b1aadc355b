//! `[fhir]` and `[[fhir_servers]]`: the only FHIR servers the service contacts, and the limits on fetching.
//! Not here: fetching; see [`crate::fhir`].

use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::addresses::outgoing_faults;
use super::duration;
use super::error::SectionError;

/// The part of a call's time that fetching leaves for computing the answer.
pub const KEPT_FOR_ANSWERING: Duration = Duration::from_millis(500);

/// The limits on fetching from any server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FhirConfig {
    /// Time limit for all queries of a call together.
    #[serde(deserialize_with = "duration::deserialize")]
    pub budget: Duration,
    /// Timeout for connecting.
    #[serde(deserialize_with = "duration::deserialize")]
    pub connect_timeout: Duration,
    /// Maximum number of attempts per query, if the server is busy or fails.
    pub attempts: NonZeroU32,
    /// Consecutive calls without a response after which the circuit breaker opens.
    pub breaker_failures: NonZeroU32,
    /// How long the circuit breaker stays open.
    #[serde(deserialize_with = "duration::deserialize")]
    pub breaker_cooldown: Duration,
}

/// A FHIR server that may be contacted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FhirServerConfig {
    /// Its name in logs and metrics.
    pub name: String,
    /// Its base URL.
    pub base_url: Url,
    /// Whether its host may have a private, loopback or link-local address, and be contacted over plain http.
    #[serde(default)]
    pub allow_private_addresses: bool,
    /// Entries requested per page. Default: the server's own page size.
    pub page_size: Option<NonZeroU32>,
    /// Maximum number of pages read per query.
    #[serde(default = "default_pages")]
    pub max_pages: NonZeroUsize,
    /// Maximum number of entries read per query.
    #[serde(default = "default_entries")]
    pub max_entries: NonZeroUsize,
    /// Maximum number of bytes read per query, after decompression.
    #[serde(default = "default_bytes")]
    pub max_bytes: NonZeroUsize,
    /// Whether it supports no search parameter except the patient; results are then filtered by this service.
    #[serde(default)]
    pub plain_queries: bool,
}

const DEFAULT_PAGES: usize = 20;
const DEFAULT_ENTRIES: usize = 5_000;
const DEFAULT_BYTES: usize = 16 * 1024 * 1024;

fn default_pages() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(DEFAULT_PAGES - 1)
}

fn default_entries() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(DEFAULT_ENTRIES - 1)
}

fn default_bytes() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(DEFAULT_BYTES - 1)
}

impl FhirConfig {
    /// Checks the budget only if there are servers, so that it does not limit the deadline of a service that fetches nothing.
    pub(super) fn validate(&self, deadline: Duration, servers: &[FhirServerConfig]) -> Vec<SectionError> {
        let mut faults = Vec::new();
        if self.budget.saturating_add(KEPT_FOR_ANSWERING) > deadline && !servers.is_empty() {
            faults.push(SectionError::new("budget", "must be shorter than `server.deadline`, by half a second at least"));
        }
        faults
    }
}

/// The errors of every server entry, by its index.
pub(super) fn validate_servers(servers: &[FhirServerConfig]) -> Vec<SectionError> {
    let mut faults = Vec::new();
    let (mut names, mut bases) = (BTreeSet::new(), BTreeSet::new());
    for (place, server) in (1..).zip(servers) {
        let fault = |message| SectionError::new("base_url", format_args!("entry {place}: {message}"));
        if server.name.trim().is_empty() || !names.insert(&server.name) {
            faults.push(SectionError::new("name", format_args!("entry {place}: must be there, and only once")));
        }
        if !bases.insert(server.base_url.as_str().trim_end_matches('/')) {
            faults.push(fault("is that of another entry, too"));
        }
        faults.extend(outgoing_faults(&server.base_url, server.allow_private_addresses).into_iter().map(fault));
    }
    faults
}
