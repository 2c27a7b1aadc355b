//! The inputs of a decision, besides the call.

use chrono::{DateTime, NaiveDate, Utc};

use super::policies::Policies;
use crate::cds_hooks::Hook;
use crate::evidence::{DraftOrder, PrefetchKeys, ReadingContext, ReadingOptions};
use crate::policy::Policy;

/// The inputs of a decision, besides the call.
#[derive(Clone, Copy, Debug)]
pub struct DecisionContext<'e> {
    /// The policy versions to decide by.
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

    /// The policy version for a draft order's service date.
    #[must_use]
    pub fn version(&self, draft: &DraftOrder<'_>) -> &'e Policy {
        self.policies.on(draft.service_date(self.today()))
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
