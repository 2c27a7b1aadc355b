//! `[plan]`: how the health plan presents itself.
//! Not here: coverage rules, which are the policy's; see `cds-hooks/policies`.

use serde::Deserialize;
use url::Url;

use super::error::SectionFault;

/// The health plan on whose behalf the service answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanConfig {
    /// The card's source label when no Coverage names the insurer.
    pub name: String,
    /// The published policy, to link from cards.
    pub policy_url: Option<Url>,
}

impl PlanConfig {
    pub(super) fn validate(&self) -> Vec<SectionFault> {
        let mut faults = Vec::new();
        if self.name.trim().is_empty() {
            faults.push(SectionFault::new("name", "must not be empty"));
        }
        if let Some(url) = self.policy_url.as_ref().filter(|url| !matches!(url.scheme(), "http" | "https")) {
            faults.push(SectionFault::new("policy_url", format_args!("`{url}` is not an http or https URL")));
        }
        faults
    }
}
