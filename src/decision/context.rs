//! The inputs of a decision, besides the call.

use chrono::{DateTime, NaiveDate, Utc};

use super::policies::Policies;
use crate::cds_hooks::Hook;
use crate::evidence::{DraftOrder, PrefetchKeys, ReadingContext, ReadingOptions};
use crate::policy::Policy;

/// The inputs of a decision, besides the call.
#[derive(Clone, Copy, Debug)]
pub struct DecisionContext<'e> {
    /// The policies to decide by.
    pub policies: &'e Policies,
    /// What each prefetch key requests.
    pub prefetch_keys: &'e PrefetchKeys,
    /// The hooks that are answered.
    pub hooks: &'e [Hook],
    /// The instant of the decision.
    pub as_of: DateTime<Utc>,
    /// The client's configuration for reading charts.
    pub options: &'e ReadingOptions,
}

impl<'e> DecisionContext<'e> {
    /// Reads a patient's record under a policy version.
    #[must_use]
    pub fn reading<'r>(&self, policy: &'r Policy, patient_id: &'r str) -> ReadingContext<'r>
    where
        'e: 'r,
    {
        ReadingContext { policy, patient_id, options: self.options }
    }

    /// The versions that may judge a draft order: of each policy in use, the one for its service date. Which of them does is known only
    /// when the Coverage has been read, so until then an order counts as in scope if any of them decides on it.
    pub fn versions(&self, draft: &DraftOrder<'_>) -> impl Iterator<Item = &'e Policy> + use<'e> {
        let service_date = draft.service_date(self.today());
        self.policies.in_use().map(move |family| family.on(service_date))
    }

    /// The day of the decision.
    #[must_use]
    pub fn today(&self) -> NaiveDate {
        self.as_of.date_naive()
    }
}

/// How much of a call to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadScope {
    /// Only the orders, unless one is in scope.
    InScope,
    /// Everything, whether or not an order is in scope.
    Everything,
}
