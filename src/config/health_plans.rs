//! The configured health plans as responses need them.
//! Not here: their validation ([`super::plan`]), and which one applies ([`crate::crd`]).

use super::load::Config;
use super::plan::PlanConfig;
use crate::crd::{HealthPlan, Plans, comparable_name};

impl Config {
    /// The health plans, for responses.
    #[must_use]
    pub fn health_plans(&self) -> Plans {
        Plans::new(HealthPlan::from(&self.plan), self.plans.iter().map(HealthPlan::from).collect())
    }
}

impl From<&PlanConfig> for HealthPlan {
    fn from(config: &PlanConfig) -> Self {
        Self {
            id: config.id.clone(),
            name: config.name.clone(),
            policy: config.policy.clone(),
            policy_url: config.policy_url.as_ref().map(|url| url.as_str().to_owned()),
            policy_card: config.policy_card,
            payer_identifiers: config.payer_identifiers.iter().map(|identifier| identifier.as_str().to_owned()).collect(),
            payer_names: config.payer_names.iter().map(|name| comparable_name(name)).collect(),
            lines_of_business: config.lines_of_business.clone(),
            prior_authorization: config.prior_authorization.clone(),
            authorization_prefix: config.authorization_prefix.clone(),
            contact: config.contact.clone(),
        }
    }
}
