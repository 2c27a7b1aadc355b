//! Which policy judges each order of a call: that of the plan that the order's Coverage belongs to, else the default one.
//! Not here: which plan that is ([`crate::crd`]), and which version of the policy judges ([`super::policy_family`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::context::DecisionContext;
use super::policies::Policies;
use super::policy_family::PolicyFamily;
use super::request::ScopedRequest;
use crate::evidence::{CoverageFound, UnreadDraft};
use crate::policy::Policy;

/// Which policy judges each order of a call.
#[derive(Clone, Debug)]
pub struct PolicyChoice {
    /// For every order without an entry of its own.
    fallback: Arc<PolicyFamily>,
    /// By the order's position in the call.
    by_position: BTreeMap<usize, Arc<PolicyFamily>>,
}

/// The ids of the chosen policies, as recorded with a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedPolicyChoice {
    default: String,
    /// By the order's position in the call.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    orders: BTreeMap<usize, String>,
}

impl PolicyChoice {
    /// The default policy for every order.
    #[must_use]
    pub fn of_default(policies: &Policies) -> Self {
        Self::of_all(policies.default_family())
    }

    fn of_all(family: &Arc<PolicyFamily>) -> Self {
        Self { fallback: Arc::clone(family), by_position: BTreeMap::new() }
    }

    /// The policy for the order at a position of the call.
    #[must_use]
    pub fn family(&self, position: usize) -> &PolicyFamily {
        self.by_position.get(&position).unwrap_or(&self.fallback)
    }

    /// The policy for orders without a Coverage.
    #[must_use]
    pub fn fallback(&self) -> &PolicyFamily {
        &self.fallback
    }

    /// The version for the order at a position of the call and its service date.
    pub(super) fn version(&self, position: usize, service_date: NaiveDate) -> &Policy {
        self.family(position).on(service_date)
    }

    /// The ids of the chosen policies.
    #[must_use]
    pub fn recorded(&self) -> RecordedPolicyChoice {
        let orders = self.by_position.iter().map(|(position, family)| (*position, family.id().to_owned()));
        RecordedPolicyChoice { default: self.fallback.id().to_owned(), orders: orders.collect() }
    }
}

impl RecordedPolicyChoice {
    /// The id of the policy for orders without a Coverage.
    #[must_use]
    pub fn default_id(&self) -> &str {
        &self.default
    }

    /// The id of the policy for the order at a position of the call.
    #[must_use]
    pub fn id_at(&self, position: usize) -> &str {
        self.orders.get(&position).unwrap_or(&self.default)
    }

    /// The choice among these policies.
    ///
    /// # Errors
    /// The id of a policy that is not among them.
    pub fn restored(&self, policies: &Policies) -> Result<PolicyChoice, String> {
        let family = |id: &String| policies.family(id).cloned().ok_or_else(|| id.clone());
        let by_position = self.orders.iter().map(|(position, id)| Ok((*position, family(id)?))).collect::<Result<_, String>>()?;
        Ok(PolicyChoice { fallback: family(&self.default)?, by_position })
    }
}

impl ScopedRequest<'_> {
    /// Chooses the policy for each order. `policy_of` gives the id of the policy for an order with this Coverage; `None` is the default one.
    #[must_use]
    pub fn choose_policies<'i>(
        &self,
        context: &DecisionContext<'_>,
        policy_of: &dyn Fn(CoverageFound<'_>) -> Option<&'i str>,
    ) -> PolicyChoice {
        let policies = context.policies;
        let family = |coverage| policies.family_or_default(policy_of(coverage));
        let mut choice = PolicyChoice::of_all(family(CoverageFound::None));
        if policies.in_use().nth(1).is_none() {
            return choice;
        }
        for (position, on) in self.service_dates(context) {
            // The payer, which tells the plan, is read alike by every policy.
            let reading = context.reading(policies.default_family().on(on), &self.patient_id);
            let chosen = family(self.patient_record.coverage_at(position, reading, on));
            if chosen.id() != choice.fallback.id() {
                choice.by_position.insert(position, Arc::clone(chosen));
            }
        }
        choice
    }

    /// The position and service date of each order.
    fn service_dates(&self, context: &DecisionContext<'_>) -> Vec<(usize, NaiveDate)> {
        let today = context.today();
        let readable = self.patient_record.drafts().iter().map(|draft| (draft.position, draft.service_date(today)));
        let unread = self.patient_record.unread_drafts().iter();
        let date = |draft: &UnreadDraft<'_>| self.unreadable_service_date(context, draft, context.policies.newest());
        readable.chain(unread.map(|draft| (draft.position, date(draft)))).collect()
    }

    /// The day nearest today within an unreadable order's service window, or today.
    pub(super) fn unreadable_service_date(&self, context: &DecisionContext<'_>, draft: &UnreadDraft<'_>, policy: &Policy) -> NaiveDate {
        let today = context.today();
        let order = self.patient_record.unreadable_order(draft, context.reading(policy, &self.patient_id));
        order.and_then(|order| order.window).map_or(today, |window| window.nearest_to(today))
    }
}
