//! `[fhir]` and `[[fhir_servers]]`: the only FHIR servers ever contacted, and what each may cost.
//! Not here: fetching; see [`crate::fhir`].

use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::addresses::outgoing_faults;
use super::duration;
use super::error::SectionError;

/// Of a call's time, what fetching leaves for answering with what came.
pub const KEPT_FOR_ANSWERING: Duration = Duration::from_millis(500);

/// What fetching may cost, whatever the server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FhirConfig {
    /// Time for all queries of a call together.
    #[serde(deserialize_with = "duration::deserialize")]
    pub budget: Duration,
    /// Time to connect.
    #[serde(deserialize_with = "duration::deserialize")]
    pub connect_timeout: Duration,
    /// How often a query is asked in all, when the server is busy or fails.
    pub attempts: NonZeroU32,
    /// Calls in a row without any answer after which a server is left alone.
    pub breaker_failures: NonZeroU32,
    /// How long it is left alone.
    #[serde(deserialize_with = "duration::deserialize")]
    pub breaker_cooldown: Duration,
}

/// A FHIR server that may be contacted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FhirServerConfig {
    /// What it is called in logs and metrics.
    pub name: String,
    /// Its base URL.
    pub base_url: Url,
    /// Whether its host may have a private, loopback or link-local address, and be asked over plain http.
    #[serde(default)]
    pub allow_private_addresses: bool,
    /// Entries asked for a page; absent: the server's own number.
    pub page_size: Option<NonZeroU32>,
    /// Most pages followed for one query.
    #[serde(default = "default_pages")]
    pub max_pages: NonZeroUsize,
    /// Most entries taken for one query.
    #[serde(default = "default_entries")]
    pub max_entries: NonZeroUsize,
    /// Most bytes taken for one query, after decompression.
    #[serde(default = "default_bytes")]
    pub max_bytes: NonZeroUsize,
    /// Whether it refuses every search parameter but the patient (and is then filtered here).
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
    /// Where nothing is ever fetched, the budget is not in the way of a shorter deadline.
    pub(super) fn validate(&self, deadline: Duration, servers: &[FhirServerConfig]) -> Vec<SectionError> {
        let mut faults = Vec::new();
        if self.budget.saturating_add(KEPT_FOR_ANSWERING) > deadline && !servers.is_empty() {
            faults.push(SectionError::new("budget", "must be shorter than `server.deadline`, by half a second at least"));
        }
        faults
    }
}

/// The faults of every server entry, by its place.
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
