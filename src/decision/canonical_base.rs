//! The base of the canonical URLs of the published form and value sets.
//! Not here: where the resources are served; see [`crate::dtr`].

use serde::{Deserialize, Serialize};
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::config::Config;
use crate::policy::PolicyFile;

/// The base that the policy files are written with. It stands for the configured one, and is used only without one, in development.
pub(crate) const WRITTEN_BASE: &str = "http://payer.example.org/fhir";

/// The base of the canonical URLs of all policies, without a final slash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanonicalBase(String);

impl Default for CanonicalBase {
    fn default() -> Self {
        Self(WRITTEN_BASE.to_owned())
    }
}

impl CanonicalBase {
    /// `policy.canonical_base`, else the public URL of this service's FHIR resources, else the base in the policy files.
    #[must_use]
    pub fn from_config(config: &Config) -> Self {
        let trimmed = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
        let configured = config.policy.canonical_base.as_ref().map(trimmed);
        let public = || config.server.public_url.as_ref().map(|url| format!("{}/fhir", trimmed(url)));
        configured.or_else(public).map_or_else(Self::default, Self)
    }

    /// `https://cds.plan.example/fhir`
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A JSON text with canonical URLs as the policy files write them, whichever of these policies they are of. They may be part of the
    /// query of another URL.
    #[must_use]
    pub fn written_in(&self, json: &str, policies: &[&str]) -> String {
        let encoded = |url: &str| byte_serialize(url.as_bytes()).collect::<String>();
        let bases = policies.iter().map(|id| self.of_policy(Some(id))).chain([self.0.clone()]);
        let pairs = bases.flat_map(|base| {
            let (base, written) = (format!("{base}/"), format!("{WRITTEN_BASE}/"));
            [(encoded(&base), encoded(&written)), (base, written)]
        });
        pairs.fold(json.to_owned(), |text, (base, written)| text.replace(&base, &written))
    }

    /// The base of one policy's canonical URLs. The resources of all policies have the same ids, so a policy other than the default one
    /// has its own segment, which is its id.
    pub(super) fn of_policy(&self, segment: Option<&str>) -> String {
        segment.map_or_else(|| self.0.clone(), |segment| format!("{}/{segment}", self.0))
    }
}

/// The files with this base in the place of the written one.
pub(super) fn rebased(files: &[PolicyFile], base: &str) -> Vec<PolicyFile> {
    let written = format!("\"{WRITTEN_BASE}/");
    let rebase = |file: &PolicyFile| PolicyFile { name: file.name.clone(), text: file.text.replace(&written, &format!("\"{base}/")) };
    files.iter().map(rebase).collect()
}

/// The URL as the policy files write it, where it differs.
pub(super) fn written(url: &str, base: &str) -> Option<String> {
    let rest = url.strip_prefix(base).filter(|rest| rest.starts_with('/') && base != WRITTEN_BASE)?;
    Some(format!("{WRITTEN_BASE}{rest}"))
}
