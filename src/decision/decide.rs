//! Decides a call: applies to each order in scope the version of its policy for its service date.
//! Not here: reading the call and its evidence; see [`mod@super::read_request`] and [`super::fetch_missing`].

use serde::Serialize;
use tracing::info_span;

use super::context::DecisionContext;
use super::error::DecisionError;
use super::policy_choice::PolicyChoice;
use super::request::{ScopedRequest, without_type};
use crate::cds_hooks::Hook;
use crate::evidence::{
    CoverageFound, Insurance, Kind, ListSource, PatientRecord, ReadingContext, ReadingOptions, Sources, Unreadable, by_reason,
};
use crate::policy::{Evaluation, Facts, Inquiry, OrderEvaluation, OrderKind, Policy, Reference, evaluate};

/// The decision on a call.
#[derive(Debug)]
pub struct Decision<'a> {
    /// The call's hook.
    pub hook: Hook,
    /// The evidence.
    pub patient_record: PatientRecord<'a>,
    /// The policy's evaluation of the orders.
    pub evaluation: Evaluation<'a>,
    /// The member's insurer.
    pub insurance: Insurance<'a>,
    /// The source of each resource type.
    pub sources: Sources,
    /// `Practitioner/d1`; empty if the call names no user.
    pub user_id: String,
    /// `Encounter/e1`, if the call names one.
    pub encounter: Option<String>,
    /// Which policy judged each order.
    pub choice: PolicyChoice,
    patient_id: String,
    options: ReadingOptions,
}

/// An evaluation and the sources of its evidence, in the form of the evaluation contract.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report<'d, 'a> {
    /// The policy's evaluation.
    #[serde(flatten)]
    pub evaluation: &'d Evaluation<'a>,
    /// The source of each resource type.
    pub sources: &'d Sources,
    /// The resources that could not be read.
    #[serde(skip_serializing_if = "<[Unreadable]>::is_empty")]
    pub unreadable: &'d [Unreadable],
    #[serde(skip)]
    choice: &'d PolicyChoice,
}

impl<'d> Report<'d, '_> {
    /// The policy version that judged an order.
    #[must_use]
    pub fn policy(&self, order: &OrderEvaluation<'_>) -> &'d Policy {
        self.choice.version(order.position, order.service_date)
    }

    /// The policy version for the call as a whole: that of the first order, else the one for orders without a Coverage.
    #[must_use]
    pub fn call_policy(&self) -> &'d Policy {
        let first = self.evaluation.orders.first().map(|order| self.policy(order));
        first.unwrap_or_else(|| self.choice.fallback().newest())
    }
}

impl<'a> Decision<'a> {
    /// Reads the patient's record under a policy version.
    #[must_use]
    pub fn reading<'r>(&'r self, policy: &'r Policy) -> ReadingContext<'r> {
        ReadingContext { policy, patient_id: &self.patient_id, options: &self.options }
    }

    /// The decision in the form of the evaluation contract.
    #[must_use]
    pub fn report(&self) -> Report<'_, 'a> {
        let (evaluation, sources, choice) = (&self.evaluation, &self.sources, &self.choice);
        Report { evaluation, sources, unreadable: self.patient_record.unreadable(), choice }
    }

    /// The policy version that judged an order.
    #[must_use]
    pub fn policy(&self, order: &OrderEvaluation<'_>) -> &Policy {
        self.choice.version(order.position, order.service_date)
    }

    /// The name of that version, as `id|version`.
    #[must_use]
    pub fn policy_name(&self, order: &OrderEvaluation<'_>) -> &str {
        self.choice.family(order.position).name_on(order.service_date)
    }

    /// The Coverage that an order is judged by on its service date.
    #[must_use]
    pub fn coverage(&self, order: &OrderEvaluation<'a>) -> CoverageFound<'a> {
        self.patient_record.coverage_at(order.position, self.reading(self.policy(order)), order.service_date)
    }

    /// Requires some of the data that an injection is decided on.
    ///
    /// # Errors
    /// [`DecisionError::NoData`].
    pub fn require_data(&self) -> Result<(), DecisionError> {
        let has_injection = self.evaluation.orders.iter().any(|order| order.kind == OrderKind::Injection);
        let is_missing = |kind: Kind| self.sources.get(kind.name()).is_none_or(ListSource::is_missing);
        let needed = [Kind::Conditions, Kind::Procedures, Kind::MedicationStatements];
        let has_nothing = needed.into_iter().all(is_missing);
        if has_injection && has_nothing { Err(DecisionError::NoData(by_reason(&self.sources, needed))) } else { Ok(()) }
    }
}

/// Decides a call: applies to each order in scope the version of its policy for its service date.
#[must_use]
pub fn decide<'a>(context: &DecisionContext<'_>, request: ScopedRequest<'a>, choice: PolicyChoice) -> Decision<'a> {
    let _span = info_span!("evaluate").entered();
    let (positions, versions) = decided(context, &request, &choice);
    let first = versions.first().copied().unwrap_or_else(|| choice.fallback().on(context.today()));
    let evaluate = |policy| evaluate_with(context, policy, &request, &choice);
    let mut evaluation = evaluate(first);
    for policy in versions.into_iter().skip(1) {
        evaluation.orders.extend(evaluate(policy).orders);
    }
    evaluation.orders.retain(|order| positions.contains(&order.position));
    evaluation.orders.sort_by_key(|order| order.position);
    evaluation.passed_over = request.scope_of(context, &choice).passed_over();
    evaluation.passed_over.retain(|passed| !positions.contains(&passed.position));
    let insurance = request.patient_record.insurance(context.reading(first, &request.patient_id));
    let ScopedRequest { patient_record, hook, patient_id, user_id, encounter_id, .. } = request;
    Decision {
        hook,
        insurance,
        sources: patient_record.sources(),
        patient_record,
        evaluation,
        user_id: user_id.into_owned(),
        encounter: encounter_id.map(|id| format!("Encounter/{}", id.strip_prefix("Encounter/").unwrap_or(&id))),
        choice,
        patient_id: patient_id.into_owned(),
        options: context.options.clone(),
    }
}

/// The positions of the orders that are decided, and the policy versions for them, each once.
fn decided<'c>(context: &DecisionContext<'_>, request: &ScopedRequest<'_>, choice: &'c PolicyChoice) -> (Vec<usize>, Vec<&'c Policy>) {
    let scope = request.scope_of(context, choice);
    let (readable, unreadable) = (scope.orders(), scope.unreadable());
    let today = context.today();
    let of_readable = readable.iter().map(|draft| (draft.position, draft.service_date(today)));
    let of_unreadable = unreadable.iter().map(|draft| {
        let policy = choice.version(draft.position, today);
        (draft.position, request.unreadable_service_date(context, draft, policy))
    });
    let (mut positions, mut versions): (Vec<usize>, Vec<&Policy>) = (Vec::new(), Vec::new());
    for (position, service_date) in of_readable.chain(of_unreadable) {
        positions.push(position);
        let policy = choice.version(position, service_date);
        if !versions.iter().any(|known| std::ptr::eq(*known, policy)) {
            versions.push(policy);
        }
    }
    (positions, versions)
}

/// Evaluates only the orders that this policy version judges.
fn evaluate_with<'a>(context: &DecisionContext<'_>, policy: &Policy, request: &ScopedRequest<'a>, choice: &PolicyChoice) -> Evaluation<'a> {
    let orders_missing = request.missing_orders().len();
    let facts = Facts { orders_missing, ..request.patient_record.facts(context.reading(policy, &request.patient_id)) };
    let patient = Reference::new("Patient", without_type(request.patient_id.clone()));
    let mut evaluation = evaluate(policy, &facts, Inquiry { patient, as_of: context.as_of });
    evaluation.orders.retain(|order| std::ptr::eq(choice.version(order.position, order.service_date), policy));
    evaluation
}
