//! Judges a call by the policies in use and by the proposed ones, as of the same instant and from the same data.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::call_line::CallLine;
use super::judged_order::JudgedOrder;
use super::unjudged::UnjudgedError;
use crate::cds_hooks::Hook;
use crate::config::Config;
use crate::crd::Plans;
use crate::decision::{DecisionContext, DecisionEngine, EngineError, FetchedPages, Policies, RecordedReading, ScopedRequest};
use crate::evidence::{PayorLookup, ReadingOptions};
use crate::ledger::OpenedRecord;
use crate::service::replay::{CallAgain, RecordedPages, decide_again};

/// Why the policies cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum ImpactError {
    /// The policies in use, or what else the configuration names, cannot be used.
    #[error(transparent)]
    InUse(EngineError),
    /// The proposed policies cannot be used.
    #[error("the proposed policies cannot be used")]
    Proposed(#[source] EngineError),
    /// The proposed policies lack the version that is to judge every order.
    #[error("the proposed policies have no version `{version}`, only {versions}")]
    NoVersion {
        /// The version.
        version: String,
        /// Those that they have, in backticks.
        versions: String,
    },
}

/// The orders of a call, as one set of policies judges them; none if none is in scope.
#[derive(Debug, Default)]
pub struct SideJudgement {
    /// The orders, in the call's order.
    pub orders: Vec<JudgedOrder>,
    /// `Patient/p1`, if an order is in scope.
    pub patient: Option<String>,
}

/// What both sets of policies say of a call.
#[derive(Debug)]
pub struct CallJudgement {
    /// By the policies in use.
    pub in_use: Result<SideJudgement, UnjudgedError>,
    /// By the proposed policies.
    pub proposed: Result<SideJudgement, UnjudgedError>,
}

/// Two sets of policies to judge calls by.
pub struct PolicyComparison {
    in_use: DecisionEngine,
    proposed: DecisionEngine,
    /// The one version that judges in place of all proposed ones.
    only: Option<Policies>,
    /// The plans, which tell the policy of a call on a line.
    plans: Plans,
    /// For calls without an instant of their own.
    as_of: DateTime<Utc>,
}

/// One of the two sets of policies, with the engine it came from.
struct JudgingSide<'e> {
    engine: &'e DecisionEngine,
    policies: &'e Policies,
    plans: &'e Plans,
}

/// The parts of a recorded call that a decision depends on.
#[derive(Deserialize)]
struct RecordedInputs<'a> {
    #[serde(default)]
    reading: Option<RecordedReading>,
    #[serde(default, borrow)]
    fetched: Option<RecordedPages<'a>>,
    /// Absent if no order was in scope.
    #[serde(default, borrow)]
    evaluation: Option<&'a RawValue>,
    #[serde(borrow)]
    request: &'a RawValue,
}

impl CallJudgement {
    /// A call that neither set of policies can judge.
    #[must_use]
    pub fn unjudged(error: &UnjudgedError) -> Self {
        Self { in_use: Err(error.clone()), proposed: Err(error.clone()) }
    }

    fn from_sides([in_use, proposed]: [Result<SideJudgement, UnjudgedError>; 2]) -> Self {
        Self { in_use, proposed }
    }
}

impl PolicyComparison {
    /// Loads the policies of both configurations, which differ in `policy.directory` only. With `only_version`, that version of the proposed
    /// policies judges every order. Must be called within a runtime.
    ///
    /// # Errors
    /// [`ImpactError`], with the file and line of an invalid policy.
    pub fn build(in_use: &Config, proposed: &Config, only_version: Option<&str>, as_of: DateTime<Utc>) -> Result<Self, ImpactError> {
        // Nothing is fetched, so it makes no difference which payors would be looked up.
        let plans = in_use.health_plans();
        let in_use = DecisionEngine::build(in_use, PayorLookup::Nameless).map_err(ImpactError::InUse)?;
        let proposed = DecisionEngine::build(proposed, PayorLookup::Nameless).map_err(ImpactError::Proposed)?;
        let only = only_version.map(|version| one_version(proposed.policies(), version)).transpose()?;
        Ok(Self { in_use, proposed, only, plans, as_of })
    }

    /// The policies in use.
    #[must_use]
    pub fn policies_in_use(&self) -> &Policies {
        self.in_use.policies()
    }

    /// The proposed policies.
    #[must_use]
    pub fn proposed_policies(&self) -> &Policies {
        self.only.as_ref().unwrap_or(self.proposed.policies())
    }

    /// Judges the call on a line.
    #[must_use]
    pub fn judge_line(&self, line: &[u8]) -> CallJudgement {
        let call = match CallLine::parse(line) {
            Ok(call) => call,
            Err(error) => return CallJudgement::unjudged(&error),
        };
        let (as_of, pages) = (call.as_of.unwrap_or(self.as_of), FetchedPages::default());
        let judged = |side: JudgingSide<'_>| {
            let (context, plan) = side.engine.context_for_request(call.body, as_of);
            side.judge(context, plan, CallAgain { body: call.body, pages: &pages, is_fetched: false })
        };
        CallJudgement::from_sides(self.sides().map(judged))
    }

    /// Judges a recorded call as of the instant at which it was received, from what was fetched then.
    #[must_use]
    pub fn judge_record(&self, record: &OpenedRecord) -> CallJudgement {
        if record.is_locked {
            return CallJudgement::unjudged(&UnjudgedError::KeyMissing(record.key_id.clone()));
        }
        let inputs = record.content.as_deref().and_then(|content| serde_json::from_slice::<RecordedInputs<'_>>(content).ok());
        let Some(inputs) = inputs else { return CallJudgement::unjudged(&UnjudgedError::Unreadable) };
        let pages = match inputs.fetched.as_ref().map(RecordedPages::pages).transpose() {
            Ok(pages) => pages,
            Err(error) => return CallJudgement::unjudged(&error.into()),
        };
        CallJudgement::from_sides(self.sides().map(|side| side.judge_record(record, &inputs, pages.as_ref())))
    }

    fn sides(&self) -> [JudgingSide<'_>; 2] {
        [
            JudgingSide { engine: &self.in_use, policies: self.policies_in_use(), plans: &self.plans },
            JudgingSide { engine: &self.proposed, policies: self.proposed_policies(), plans: &self.plans },
        ]
    }
}

impl JudgingSide<'_> {
    /// Judges a recorded call, by the plans of today's configuration.
    fn judge_record(
        &self,
        record: &OpenedRecord,
        inputs: &RecordedInputs<'_>,
        pages: Option<&FetchedPages>,
    ) -> Result<SideJudgement, UnjudgedError> {
        let options = match &inputs.reading {
            Some(recorded) => self.engine.readings().restored(recorded).ok_or(UnjudgedError::NoCodeMap)?,
            None => ReadingOptions::default(),
        };
        let context = DecisionContext { options: &options, ..self.engine.context(record.received_at) };
        let none = FetchedPages::default();
        let again = CallAgain { body: inputs.request.get(), pages: pages.unwrap_or(&none), is_fetched: pages.is_some() };
        let plan = record.client.as_deref().and_then(|client| self.engine.readings().of_client(client).plan());
        let judged = self.judge(context, plan, again)?;
        let lacks_chart = inputs.evaluation.is_none() && !judged.orders.is_empty();
        if lacks_chart { Err(UnjudgedError::NoChart) } else { Ok(judged) }
    }

    /// Decides a call by this side's policies: each order by that of the member's plan. `plan` is the client's own plan, if it has one.
    fn judge(&self, context: DecisionContext<'_>, plan: Option<&str>, call: CallAgain<'_>) -> Result<SideJudgement, UnjudgedError> {
        let context = DecisionContext { policies: self.policies, hooks: &Hook::ALL, ..context };
        let choose = |request: &ScopedRequest<'_>| request.choose_policies(&context, &|coverage| self.plans.policy_of(plan, coverage));
        let decided = decide_again(&context, call, choose)?;
        Ok(decided.decision.map_or_else(SideJudgement::default, |decision| SideJudgement {
            orders: JudgedOrder::all_of(&decision),
            patient: Some(decision.evaluation.patient.to_string()),
        }))
    }
}

/// The policies with that version, whatever their id.
fn one_version(policies: &Policies, version: &str) -> Result<Policies, ImpactError> {
    let names: Vec<&str> = policies.names_and_digests().map(|(name, _)| name).collect();
    let versions = || names.iter().map(|name| format!("`{}`", version_of(name))).collect::<Vec<_>>().join(", ");
    let wanted: Vec<&str> = names.iter().copied().filter(|name| version_of(name) == version).collect();
    policies.only(&wanted, None).ok_or_else(|| ImpactError::NoVersion { version: version.to_owned(), versions: versions() })
}

/// The version in `id|version`.
fn version_of(name: &str) -> &str {
    name.rsplit_once('|').map_or(name, |(_, version)| version)
}
