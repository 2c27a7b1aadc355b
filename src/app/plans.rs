//! The plans that clients are answered for, as configuration names them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::auth::VerifiedClient;
use crate::config::Config;

/// What a card says of the plan it comes from.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Plan {
    /// The source's label, when no Coverage names the insurer.
    pub(super) name: String,
    /// The published policy.
    pub(super) policy_url: Option<String>,
}

/// The default plan, and the others by their ids.
#[derive(Debug)]
pub(super) struct Plans {
    default: Plan,
    others: BTreeMap<String, Plan>,
}

impl Plans {
    pub(super) fn of(config: &Config) -> Self {
        let plan = |name: &String, url: Option<&crate::config::PolicyUrl>| Plan { name: name.clone(), policy_url: url.map(|url| url.as_str().to_owned()) };
        let others = config.plans.iter().map(|entry| (entry.id.clone().unwrap_or_default(), plan(&entry.name, entry.policy_url.as_ref())));
        Self { default: plan(&config.plan.name, config.plan.policy_url.as_ref()), others: others.collect() }
    }

    /// The plan a client is answered for.
    pub(super) fn of_client(&self, client: &VerifiedClient) -> &Plan {
        client.plan().and_then(|id| self.others.get(id)).unwrap_or(&self.default)
    }
}
