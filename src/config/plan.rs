//! `[plan]` and `[[plans]]`: how the health plan presents itself.
//! Not here: coverage rules, which are the policy's; see `cds-hooks/policies`.

use std::collections::BTreeSet;

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
        plan_faults(&self.name, self.policy_url.as_ref())
    }
}

/// Another plan, which clients refer to by its id.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlansEntry {
    /// What clients refer to it by.
    pub id: String,
    /// As [`PlanConfig::name`].
    pub name: String,
    /// As [`PlanConfig::policy_url`].
    pub policy_url: Option<Url>,
}

/// The faults of every entry of `[[plans]]`, by its place.
pub(super) fn validate_plans(plans: &[PlansEntry]) -> Vec<SectionFault> {
    let mut faults = Vec::new();
    let mut ids = BTreeSet::new();
    for (place, plan) in (1..).zip(plans) {
        if plan.id.trim().is_empty() || !ids.insert(&plan.id) {
            faults.push(SectionFault::new("id", format_args!("entry {place}: must be there, and only once")));
        }
        let found = plan_faults(&plan.name, plan.policy_url.as_ref()).into_iter();
        faults.extend(found.map(|SectionFault { key, message }| SectionFault::new(key, format_args!("entry {place}: {message}"))));
    }
    faults
}

fn plan_faults(name: &str, policy_url: Option<&Url>) -> Vec<SectionFault> {
    let mut faults = Vec::new();
    if name.trim().is_empty() {
        faults.push(SectionFault::new("name", "must not be empty"));
    }
    if let Some(url) = policy_url.filter(|url| !matches!(url.scheme(), "http" | "https")) {
        faults.push(SectionFault::new("policy_url", format_args!("`{url}` is not an http or https URL")));
    }
    faults
}
