//! `[[clients]]`: which clients may call, their keys, and their settings.
//! Not here: authentication; see [`crate::auth`].

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};
use url::{Host, Url};

use super::addresses::outgoing_faults;
use super::error::SectionError;
use super::{FhirServerConfig, PlanConfig, duration};
use crate::cds_hooks::Dialect;

/// A CDS Client that may call (CDS Hooks, "Trusting CDS Clients").
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub struct ClientConfig {
    /// Its name in logs and metrics.
    pub name: String,
    /// The `iss` of its tokens, byte for byte.
    pub iss: String,
    /// The `sub` of its tokens, if it is to be checked.
    pub sub: Option<String>,
    /// The URL of its key set, and the only `jku` accepted.
    pub jwks_uri: Option<JwksUri>,
    /// A file with its keys, for a client whose key set is not published or not reachable. `jwks_uri` is then never fetched.
    pub jwks_file: Option<PathBuf>,
    /// Whether the host of `jwks_uri` may have a private, loopback or link-local address.
    #[serde(default)]
    pub allow_private_addresses: bool,
    /// The algorithms it may sign with.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<SigningAlgorithm>,
    /// The `aud` values accepted; empty: this service's own URLs.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// What distinguishes its tenants.
    #[serde(default)]
    pub tenant: TenantRule,
    /// The accepted values of the tenant claim; empty: any.
    #[serde(default)]
    pub tenants: Vec<String>,
    /// The names of the `[[fhir_servers]]` that its calls may use.
    #[serde(default)]
    pub fhir_servers: Vec<String>,
    /// The dialect of its responses.
    #[serde(default)]
    pub dialect: Dialect,
    /// Whether its users have an app for documentation forms (Da Vinci DTR).
    #[serde(default = "yes")]
    pub dtr: bool,
    /// Whether its calls are evaluated and recorded, but answered without cards.
    #[serde(default)]
    pub shadow: bool,
    /// Whether it executes system actions.
    #[serde(default = "yes")]
    pub system_actions: bool,
    /// Overrides `crd.strict`.
    pub strict: Option<bool>,
    /// Its code for the conservative therapy order, if not the policy's.
    pub therapy_order_code: Option<String>,
    /// A CSV file that maps its local codes to standard ones.
    pub code_map: Option<PathBuf>,
    /// Canonical URLs of the documentation form in its EHR, in addition to the policy's own.
    #[serde(default)]
    pub form_canonicals: Vec<String>,
    /// The id of the plan it is answered for. Default: the plan of the member's Coverage.
    pub plan: Option<String>,
    /// Overrides `auth.max_token_lifetime`.
    #[serde(default, deserialize_with = "duration::deserialize_optional")]
    pub max_token_lifetime: Option<Duration>,
    /// Overrides `limits.client_calls_per_second`.
    pub calls_per_second: Option<NonZeroU32>,
    /// Whether it is a test kit or a sandbox; `auth.token_reuse` is for such clients only.
    #[serde(default)]
    pub test_client: bool,
    /// DNS names, one of which its TLS client certificate must be valid for; empty: no certificate is required.
    #[serde(default)]
    pub certificate_names: Vec<String>,
}

/// The accepted signature algorithms; none uses a shared secret (RFC 7518, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum SigningAlgorithm {
    /// ECDSA, P-256 and SHA-256.
    ES256,
    /// ECDSA, P-384 and SHA-384.
    ES384,
    /// RSASSA-PKCS1-v1.5, SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1.5, SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1.5, SHA-512.
    RS512,
    /// RSASSA-PSS, SHA-256.
    PS256,
    /// RSASSA-PSS, SHA-384.
    PS384,
    /// RSASSA-PSS, SHA-512.
    PS512,
}

/// What distinguishes a client's tenants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TenantRule {
    /// The FHIR server of a call.
    #[default]
    FhirServer,
    /// The token's `tenant` claim, which is required.
    Claim,
}

/// The URL of a key set, with its original text: a `jku` is compared with that byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwksUri {
    text: String,
    url: Url,
}

impl JwksUri {
    /// The original text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The parsed URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }
}

impl<'de> Deserialize<'de> for JwksUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let url = Url::parse(&text).map_err(|_| D::Error::custom(format_args!("`{text}` is not a URL")))?;
        Ok(Self { text, url })
    }
}

fn default_algorithms() -> Vec<SigningAlgorithm> {
    vec![SigningAlgorithm::ES384, SigningAlgorithm::RS384]
}

fn yes() -> bool {
    true
}

/// What the entries refer to.
pub(super) struct ClientSurroundings<'c> {
    pub(super) public_url: Option<&'c Url>,
    pub(super) fhir_servers: &'c [FhirServerConfig],
    pub(super) plan: &'c PlanConfig,
    pub(super) plans: &'c [PlanConfig],
    pub(super) client_certificates: bool,
}

/// The errors of every entry, by its index.
pub(super) fn validate_clients(clients: &[ClientConfig], around: &ClientSurroundings<'_>) -> Vec<SectionError> {
    let mut faults = Vec::new();
    let (mut names, mut issuers) = (BTreeSet::new(), BTreeSet::new());
    for (place, client) in (1..).zip(clients) {
        let mut add = |key, message: &dyn fmt::Display| faults.push(SectionError::new(key, format_args!("entry {place}: {message}")));
        if client.name.trim().is_empty() || !names.insert(&client.name) {
            add("name", &"must be there, and only once");
        }
        if client.iss.is_empty() {
            add("iss", &"must not be empty");
        }
        if !issuers.insert((&client.iss, client.jwks_uri.as_ref().map(JwksUri::as_str))) {
            add("iss", &"another entry has the same `iss` and `jwks_uri`, so their tokens could not be told apart");
        }
        client.key_faults(&mut add);
        client.reference_faults(around, &mut add);
    }
    faults
}

impl ClientConfig {
    fn key_faults(&self, add: &mut dyn FnMut(&'static str, &dyn fmt::Display)) {
        if self.algorithms.is_empty() {
            add("algorithms", &"must name at least one");
        }
        let Some(uri) = &self.jwks_uri else {
            if self.jwks_file.is_none() {
                add("jwks_uri", &"must be there, or `jwks_file`: without keys no token can be checked");
            }
            return;
        };
        // With a file, the URL is only compared and never fetched.
        if self.jwks_file.is_some() {
            return;
        }
        let url = uri.url();
        if url.scheme() == "http" && !is_loopback(url) {
            add("jwks_uri", &"must be https; http is for loopback addresses alone");
        }
        for fault in outgoing_faults(url, self.allow_private_addresses) {
            add("jwks_uri", &fault);
        }
    }

    fn reference_faults(&self, around: &ClientSurroundings<'_>, add: &mut dyn FnMut(&'static str, &dyn fmt::Display)) {
        if self.audiences.is_empty() && around.public_url.is_none() {
            add("audiences", &"must name at least one, or `server.public_url` be set for this service's own URLs");
        }
        if self.audiences.iter().any(String::is_empty) {
            add("audiences", &"must not be empty");
        }
        for name in self.fhir_servers.iter().filter(|name| around.fhir_servers.iter().all(|server| server.name != **name)) {
            add("fhir_servers", &format_args!("no `[[fhir_servers]]` is named `{name}`"));
        }
        if let Some(id) = self.plan.as_ref().filter(|id| no_such_plan(around.plan, around.plans, id)) {
            add("plan", &format_args!("no plan has the id `{id}`"));
        }
        if self.therapy_order_code.as_ref().is_some_and(|code| code.trim().is_empty()) {
            add("therapy_order_code", &"must not be empty");
        }
        for fault in canonical_faults(&self.form_canonicals) {
            add("form_canonicals", &fault);
        }
        if !self.tenants.is_empty() && self.tenant != TenantRule::Claim {
            add("tenants", &"needs `tenant = \"claim\"`");
        }
        if !self.certificate_names.is_empty() && !around.client_certificates {
            add("certificate_names", &"needs `tls.client_ca_file`, by which client certificates are checked");
        }
        for name in self.certificate_names.iter().filter(|name| !matches!(Host::parse(name), Ok(Host::Domain(_)))) {
            add("certificate_names", &format_args!("`{name}` is not a DNS name"));
        }
    }
}

/// The errors of the form's canonical URLs. They are compared as text, so an invalid URL would never match.
pub(super) fn canonical_faults(canonicals: &[String]) -> impl Iterator<Item = String> {
    let bad = canonicals.iter().filter(|canonical| Url::parse(canonical).is_err() || canonical.trim() != canonical.as_str());
    bad.map(|canonical| format!("`{canonical}` is not an absolute URL"))
}

pub(super) fn no_such_plan(plan: &PlanConfig, plans: &[PlanConfig], id: &str) -> bool {
    std::iter::once(plan).chain(plans).all(|plan| plan.id.as_deref() != Some(id))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
