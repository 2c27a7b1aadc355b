//! `[smart]` and `[[smart.ehrs]]`: the EHRs whose users may open the SMART app, and the app's registration with each.
//! Not here: launching the app; see [`crate::smart::launch`].

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};
use url::{Host, Url};

use super::addresses::is_public;
use super::clients::no_such_plan;
use super::cors::is_origin;
use super::error::SectionError;
use super::{FhirServerConfig, PlanConfig, duration};

/// The default scopes: the launch's patient, the user's identity, and the data the policy reads (SMART App Launch 2.2, "Scopes
/// and Launch Context").
const DEFAULT_SCOPES: [&str; 13] = [
    "launch",
    "openid",
    "fhirUser",
    "patient/Patient.rs",
    "patient/Coverage.rs",
    "patient/Condition.rs",
    "patient/Procedure.rs",
    "patient/MedicationStatement.rs",
    "patient/MedicationRequest.rs",
    "patient/AllergyIntolerance.rs",
    "patient/Observation.rs",
    "patient/QuestionnaireResponse.crus",
    "patient/ServiceRequest.rs",
];

/// Maximum length of an EHR's id in characters.
const MAX_ID_LETTERS: usize = 64;

/// The SMART app. It is off if `ehrs` is empty.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmartConfig {
    /// How long an opened app may be used, unless its user extends it.
    #[serde(deserialize_with = "duration::deserialize")]
    pub session_lifetime: Duration,
    /// How long its user can extend that, from when it is opened.
    #[serde(deserialize_with = "duration::deserialize")]
    pub max_session_lifetime: Duration,
    /// Maximum time between a launch and the EHR's response.
    #[serde(deserialize_with = "duration::deserialize")]
    pub launch_lifetime: Duration,
    /// Maximum number of open apps, and of pending launches.
    pub max_sessions: NonZeroUsize,
    /// Timeout of each exchange with an EHR: its SMART configuration, its keys, a token.
    #[serde(deserialize_with = "duration::deserialize")]
    pub timeout: Duration,
    /// The private key that `private-key-jwt` signs with (PEM, PKCS #8): EC on P-384, or RSA.
    pub signing_key_file: Option<PathBuf>,
    /// The EHRs that the app is registered with.
    #[serde(default)]
    pub ehrs: Vec<EhrConfig>,
}

/// An EHR whose users may open the app.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EhrConfig {
    /// Its name in logs.
    pub name: String,
    /// The last segment of its redirect URI. Default: its name.
    pub id: Option<String>,
    /// The name of the `[[fhir_servers]]` entry whose base URL is the `iss` of its launches.
    pub fhir_server: String,
    /// The app's client id at the EHR.
    pub client_id: String,
    /// How the app authenticates to the EHR.
    pub authentication: SmartAuthentication,
    /// A file with the secret, for `client-secret`.
    pub client_secret_file: Option<PathBuf>,
    /// The scopes to request, in SMART's version 2 syntax.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// The origins of pages that may embed the app in a frame.
    #[serde(default)]
    pub frame_ancestors: Vec<String>,
    /// Hosts allowed for its authorization, token, key and issuer URLs, besides the FHIR server's own host and port.
    #[serde(default)]
    pub hosts: Vec<HostAndPort>,
    /// The id of the `[[plans]]` entry for its users. Default: `[plan]`.
    pub plan: Option<String>,
    /// The client name its users' work is recorded under in the ledger and metrics. Default: its name.
    pub client: Option<String>,
}

/// How the app authenticates (SMART App Launch 2.2, "Client Authentication").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmartAuthentication {
    /// It does not; only PKCE binds the code to the launch.
    Public,
    /// With a JWT signed with `smart.signing_key_file` (RFC 7523).
    PrivateKeyJwt,
    /// With a secret (RFC 6749, section 2.3.1).
    ClientSecret,
}

/// A host, and its port if not the scheme's default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAndPort {
    host: Host,
    port: Option<u16>,
}

impl HostAndPort {
    /// Whether a URL is at this host and port.
    #[must_use]
    pub fn is_of(&self, url: &Url) -> bool {
        let default = if url.scheme() == "https" { 443 } else { 80 };
        url.host().is_some_and(|host| host.to_owned() == self.host) && url.port_or_known_default() == Some(self.port.unwrap_or(default))
    }

    fn is_private(&self) -> bool {
        match self.host {
            Host::Ipv4(address) => !is_public(address.into()),
            Host::Ipv6(address) => !is_public(address.into()),
            Host::Domain(_) => false,
        }
    }
}

impl<'de> Deserialize<'de> for HostAndPort {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_host(&text)
            .ok_or_else(|| D::Error::custom(format_args!("`{text}` is not a host such as `login.ehr.example` or `login.ehr.example:8443`")))
    }
}

/// Parses `host` or `host:port` as the authority of an https URL. The port comes from the text: `Url` drops a default port.
fn parse_host(text: &str) -> Option<HostAndPort> {
    let url = Url::parse(&format!("https://{text}/")).ok()?;
    let is_bare = url.path() == "/" && url.username().is_empty() && url.password().is_none() && !text.contains(['/', '?', '#', '\\', '@']);
    let port = text.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).and_then(|(_, port)| port.parse().ok());
    Some(HostAndPort { host: url.host()?.to_owned(), port }).filter(|_| is_bare)
}

impl EhrConfig {
    /// The last segment of its redirect URI.
    #[must_use]
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.name)
    }

    /// The client name its users' work is recorded under.
    #[must_use]
    pub fn client(&self) -> &str {
        self.client.as_deref().unwrap_or(&self.name)
    }
}

fn default_scopes() -> Vec<String> {
    DEFAULT_SCOPES.map(str::to_owned).to_vec()
}

/// What the section refers to.
pub(super) struct SmartSurroundings<'c> {
    pub(super) public_url: Option<&'c Url>,
    pub(super) fhir_servers: &'c [FhirServerConfig],
    pub(super) plan: &'c PlanConfig,
    pub(super) plans: &'c [PlanConfig],
}

type Add<'a> = dyn FnMut(&'static str, &dyn fmt::Display) + 'a;

impl SmartConfig {
    pub(super) fn validate(&self, around: &SmartSurroundings<'_>) -> Vec<SectionError> {
        let mut faults = Vec::new();
        if self.max_session_lifetime < self.session_lifetime {
            faults.push(SectionError::new("max_session_lifetime", "must not be shorter than `smart.session_lifetime`"));
        }
        if !self.ehrs.is_empty() && around.public_url.is_none() {
            faults.push(SectionError::new("ehrs", "needs `server.public_url`, where EHRs send their users back to"));
        }
        let (mut names, mut ids, mut servers) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (place, ehr) in (1..).zip(&self.ehrs) {
            let mut add: Box<Add<'_>> =
                Box::new(|key, message| faults.push(SectionError::new(key, format_args!("entry {place}: {message}"))));
            if ehr.name.trim().is_empty() || !names.insert(&ehr.name) {
                add("ehrs.name", &"must be there, and only once");
            } else if !is_path_segment(ehr.id()) {
                add("ehrs.id", &"must be 1 to 64 letters, digits, hyphens and underscores; absent, it is the name");
            } else if !ids.insert(ehr.id().to_ascii_lowercase()) {
                add("ehrs.id", &"is that of another entry, so their redirect URIs could not be told apart");
            }
            if !servers.insert(&ehr.fhir_server) {
                add("ehrs.fhir_server", &"is that of another entry, so their launches could not be told apart");
            }
            self.authentication_faults(ehr, &mut *add);
            ehr.text_faults(&mut *add);
            ehr.reference_faults(around, &mut *add);
        }
        faults
    }

    fn authentication_faults(&self, ehr: &EhrConfig, add: &mut Add<'_>) {
        let has_secret = ehr.client_secret_file.is_some();
        match ehr.authentication {
            SmartAuthentication::ClientSecret if !has_secret => add("ehrs.client_secret_file", &"must be there with `client-secret`"),
            SmartAuthentication::Public | SmartAuthentication::PrivateKeyJwt if has_secret => {
                add("ehrs.client_secret_file", &"needs `authentication = \"client-secret\"`");
            }
            SmartAuthentication::PrivateKeyJwt if self.signing_key_file.is_none() => {
                add("ehrs.authentication", &"`private-key-jwt` needs `smart.signing_key_file`");
            }
            SmartAuthentication::Public | SmartAuthentication::PrivateKeyJwt | SmartAuthentication::ClientSecret => {}
        }
    }
}

impl EhrConfig {
    fn text_faults(&self, add: &mut Add<'_>) {
        if self.client_id.is_empty() || !self.client_id.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            add("ehrs.client_id", &"must be plain text, and not empty");
        }
        if self.client().trim().is_empty() {
            add("ehrs.client", &"must not be empty");
        }
        if self.scopes.is_empty() {
            add("ehrs.scopes", &"must name at least one");
        }
        for scope in self.scopes.iter().filter(|scope| !is_scope(scope)) {
            add("ehrs.scopes", &format_args!("`{scope}` is not a scope such as `patient/Condition.rs`"));
        }
        for origin in self.frame_ancestors.iter().filter(|origin| *origin == "*" || !is_origin(origin)) {
            add("ehrs.frame_ancestors", &format_args!("`{origin}` is not an origin such as `https://ehr.example`"));
        }
    }

    fn reference_faults(&self, around: &SmartSurroundings<'_>, add: &mut Add<'_>) {
        let server = around.fhir_servers.iter().find(|server| server.name == self.fhir_server);
        if server.is_none() {
            add("ehrs.fhir_server", &format_args!("no `[[fhir_servers]]` is named `{}`", self.fhir_server));
        }
        if server.is_some_and(|server| !server.allow_private_addresses) && self.hosts.iter().any(HostAndPort::is_private) {
            add("ehrs.hosts", &"is a private address; it needs `allow_private_addresses` of the FHIR server");
        }
        if let Some(id) = self.plan.as_ref().filter(|id| no_such_plan(around.plan, around.plans, id)) {
            add("ehrs.plan", &format_args!("no plan has the id `{id}`"));
        }
    }
}

/// Whether it can stand in a path as it is, and two of them differ for every EHR that compares redirect URIs.
fn is_path_segment(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (1..=MAX_ID_LETTERS).contains(&text.len()) && is_plain
}

/// A scope is visible ASCII except quote and backslash (RFC 6749, section 3.3).
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_that_of_an_address_with_the_same_port() {
        for (host, url, same) in [
            ("login.ehr.example", "https://login.ehr.example/token", true),
            ("login.ehr.example", "https://LOGIN.ehr.example:443/token", true),
            ("login.ehr.example", "https://login.ehr.example:8443/token", false),
            ("login.ehr.example:8443", "https://login.ehr.example:8443/token", true),
            ("login.ehr.example:8443", "https://login.ehr.example/token", false),
            ("login.ehr.example", "https://login.ehr.example.evil.example/token", false),
            ("login.ehr.example", "https://evil.example/login.ehr.example", false),
            ("login.ehr.example:443", "https://login.ehr.example/token", true),
            ("127.0.0.1:80", "http://127.0.0.1/token", true),
            ("[::1]:3000", "http://[::1]:3000/token", true),
            ("[::1]", "https://[::1]/token", true),
        ] {
            let (parsed, url) = (parse_host(host).expect("a host"), url.parse().expect("a URL"));
            assert_eq!(parsed.is_of(&url), same, "{host} {url}");
        }
    }

    #[test]
    fn what_is_more_than_a_host_is_none() {
        for text in
            ["", "https://ehr.example", "ehr.example/fhir", "user@ehr.example", "ehr.example:port", "ehr.example?x", "*.ehr.example/"]
        {
            assert_eq!(parse_host(text), None, "{text}");
        }
    }
}
