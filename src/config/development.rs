//! `[development]`: the client settings used when callers are not authenticated, with the keys of `[[clients]]`.
//! Not here: what each key means; see [`super::clients`].

use std::path::PathBuf;

use serde::Deserialize;

use super::clients::{canonical_faults, no_such_plan};
use super::error::SectionError;
use super::{AuthMode, PlanConfig};
use crate::cds_hooks::Dialect;

/// Replaces a client's entry in development mode. An absent key has the same default as in `[[clients]]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevelopmentConfig {
    /// As [`super::ClientConfig::dialect`].
    pub dialect: Option<Dialect>,
    /// As [`super::ClientConfig::dtr`].
    pub dtr: Option<bool>,
    /// As [`super::ClientConfig::shadow`].
    pub shadow: Option<bool>,
    /// As [`super::ClientConfig::system_actions`].
    pub system_actions: Option<bool>,
    /// As [`super::ClientConfig::therapy_order_code`].
    pub therapy_order_code: Option<String>,
    /// As [`super::ClientConfig::code_map`].
    pub code_map: Option<PathBuf>,
    /// As [`super::ClientConfig::form_canonicals`].
    pub form_canonicals: Option<Vec<String>>,
    /// As [`super::ClientConfig::plan`].
    pub plan: Option<String>,
}

impl DevelopmentConfig {
    pub(super) fn validate(&self, mode: AuthMode, plan: &PlanConfig, plans: &[PlanConfig]) -> Vec<SectionError> {
        let mut faults = Vec::new();
        if mode == AuthMode::Required {
            let needless = "is for development mode, where nobody is asked; each of `[[clients]]` has a key of its own";
            faults.extend(self.keys().map(|key| SectionError::new(key, needless)));
        }
        if self.therapy_order_code.as_ref().is_some_and(|code| code.trim().is_empty()) {
            faults.push(SectionError::new("therapy_order_code", "must not be empty"));
        }
        let canonicals = canonical_faults(self.form_canonicals.as_deref().unwrap_or_default());
        faults.extend(canonicals.map(|fault| SectionError::new("form_canonicals", fault)));
        if let Some(id) = self.plan.as_ref().filter(|id| no_such_plan(plan, plans, id)) {
            faults.push(SectionError::new("plan", format_args!("no plan has the id `{id}`")));
        }
        faults
    }

    /// The keys that are set.
    fn keys(&self) -> impl Iterator<Item = &'static str> {
        let keys = [
            ("dialect", self.dialect.is_some()),
            ("dtr", self.dtr.is_some()),
            ("shadow", self.shadow.is_some()),
            ("system_actions", self.system_actions.is_some()),
            ("therapy_order_code", self.therapy_order_code.is_some()),
            ("code_map", self.code_map.is_some()),
            ("form_canonicals", self.form_canonicals.is_some()),
            ("plan", self.plan.is_some()),
        ];
        keys.into_iter().filter_map(|(key, is_set)| is_set.then_some(key))
    }
}
