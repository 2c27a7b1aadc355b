//! What the configuration says of the policies: the default one, those that plans name, and the base of their canonical URLs.
//! Not here: reading the policies ([`super::policies`]), and which one judges an order ([`super::policy_choice`]).

use super::canonical_base::CanonicalBase;
use crate::config::{Config, PlanConfig};

/// What the configuration says of the policies.
#[derive(Clone, Debug, Default)]
pub struct PolicySettings {
    /// `policy.default`
    pub(super) default: Option<String>,
    /// The policies that plans name.
    pub(super) of_plans: Vec<PlanPolicy>,
    /// The base of the canonical URLs.
    pub(super) canonical_base: CanonicalBase,
}

/// The policy that a plan names.
#[derive(Clone, Debug)]
pub(super) struct PlanPolicy {
    /// The key in the configuration, and its plan.
    pub(super) key: String,
    /// The policy's id.
    pub(super) id: String,
}

/// Why the policies and the configuration do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum PolicySettingsError {
    /// There are several policies, and none is the default one.
    #[error(
        "`policy.default` is missing: there are several policies, {}; write `default = \"{first}\"`, or another of them, under `[policy]`",
        listed(ids)
    )]
    NoDefault {
        /// The ids of the policies.
        ids: Vec<String>,
        /// The first of them.
        first: String,
    },
    /// A key names a policy that no folder has.
    #[error("{key}: no folder has a policy `{id}`; there is {}", listed(ids))]
    NoSuchPolicy {
        /// The key, and its plan.
        key: String,
        /// The id that it names.
        id: String,
        /// The ids of the policies.
        ids: Vec<String>,
    },
}

impl PolicySettings {
    /// Reads the settings from the configuration.
    #[must_use]
    pub fn from_config(config: &Config) -> Self {
        let own = config.plan.policy.iter().map(|id| PlanPolicy { key: "`plan.policy`".to_owned(), id: id.clone() });
        let others = config.plans.iter().filter_map(|plan| Some(PlanPolicy { key: key_of(plan), id: plan.policy.clone()? }));
        Self {
            default: config.policy.default.clone(),
            of_plans: own.chain(others).collect(),
            canonical_base: CanonicalBase::from_config(config),
        }
    }

    /// The id of the default policy among the ids of the folders, which are sorted and differ.
    pub(super) fn default_of(&self, ids: &[String]) -> Result<String, PolicySettingsError> {
        match (&self.default, ids) {
            (Some(id), _) => existing("`policy.default`", id, ids).map(|()| id.clone()),
            (None, [only]) => Ok(only.clone()),
            (None, _) => Err(PolicySettingsError::NoDefault { ids: ids.to_vec(), first: ids.first().cloned().unwrap_or_default() }),
        }
    }

    /// Checks that each plan's policy is among the ids of the folders.
    pub(super) fn check_plans(&self, ids: &[String]) -> Result<(), PolicySettingsError> {
        self.of_plans.iter().try_for_each(|PlanPolicy { key, id }| existing(key, id, ids))
    }
}

/// Checks that a key names one of the ids of the folders.
fn existing(key: &str, id: &str, ids: &[String]) -> Result<(), PolicySettingsError> {
    if ids.iter().any(|known| known == id) {
        return Ok(());
    }
    Err(PolicySettingsError::NoSuchPolicy { key: key.to_owned(), id: id.to_owned(), ids: ids.to_vec() })
}

fn key_of(plan: &PlanConfig) -> String {
    format!("`plans.policy` of `{}`", plan.id.as_deref().unwrap_or_default())
}

fn listed(ids: &[String]) -> String {
    let quoted: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
    quoted.join(", ")
}
