//! Decides a call: applies to each order in scope the policy version for its service date.
//! Not here: reading the call and its evidence; see [`mod@super::read_request`] and [`super::fetch_missing`].

use serde::Serialize;
use tracing::info_span;

use super::context::DecisionContext;
use super::error::DecisionError;
use super::policies::Policies;
use super::request::{ScopedRequest, without_type};
use crate::cds_hooks::Hook;
use crate::evidence::{
    CoverageFound, DraftOrder, Insurance, Kind, ListSource, PatientRecord, ReadingContext, ReadingOptions, Sources, UnreadDraft, Unreadable,
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
        Report { evaluation: &self.evaluation, sources: &self.sources, unreadable: self.patient_record.unreadable() }
    }

    /// The Coverage that an order is judged by on its service date.
    #[must_use]
    pub fn coverage(&self, policies: &Policies, order: &OrderEvaluation<'a>) -> CoverageFound<'a> {
        let (on, record) = (order.service_date, &self.patient_record);
        let coverage = |draft: &DraftOrder<'a>| record.coverage(draft, self.reading(policies.on(on)), on);
        let mut unread = record.unread_drafts().iter().filter(|draft| draft.position == order.position);
        match record.draft_at(order.position) {
            Some(draft) => coverage(draft),
            None => unread.find_map(UnreadDraft::insured).as_ref().map_or(CoverageFound::None, coverage),
        }
    }

    /// Requires some of the data that an injection is decided on.
    ///
    /// # Errors
    /// [`DecisionError::NoData`].
    pub fn require_data(&self) -> Result<(), DecisionError> {
        let has_injection = self.evaluation.orders.iter().any(|order| order.kind == OrderKind::Injection);
        let is_missing = |kind: Kind| self.sources.get(kind.name()).is_none_or(ListSource::is_missing);
        let has_nothing = [Kind::Conditions, Kind::Procedures, Kind::MedicationStatements].into_iter().all(is_missing);
        if has_injection && has_nothing { Err(DecisionError::NoData) } else { Ok(()) }
    }
}

/// Decides a call: applies to each order in scope the policy version for its service date.
#[must_use]
pub fn decide<'a>(context: &DecisionContext<'_>, request: ScopedRequest<'a>) -> Decision<'a> {
    let _span = info_span!("evaluate").entered();
    let (positions, versions) = decided(context, &request);
    let first = versions.first().copied().unwrap_or_else(|| context.policies.on(context.today()));
    let mut evaluation = evaluate_with(context, first, &request);
    for policy in versions.into_iter().skip(1) {
        evaluation.orders.extend(evaluate_with(context, policy, &request).orders);
    }
    evaluation.orders.retain(|order| positions.contains(&order.position));
    evaluation.orders.sort_by_key(|order| order.position);
    let ScopedRequest { patient_record, hook, patient_id, user_id, encounter_id, .. } = request;
    let is_asked = |position| patient_record.drafts().iter().any(|draft| draft.position == position && draft.is_asked);
    evaluation.passed_over.retain(|passed| is_asked(passed.position) && !positions.contains(&passed.position));
    Decision {
        hook,
        insurance: patient_record.insurance(context.reading(first, &patient_id)),
        sources: patient_record.sources(),
        patient_record,
        evaluation,
        user_id: user_id.into_owned(),
        encounter: encounter_id.map(|id| format!("Encounter/{}", id.strip_prefix("Encounter/").unwrap_or(&id))),
        patient_id: patient_id.into_owned(),
        options: context.options.clone(),
    }
}

/// The positions of the orders that are decided, and the policy versions for them, each once.
fn decided<'e>(context: &DecisionContext<'e>, request: &ScopedRequest<'_>) -> (Vec<usize>, Vec<&'e Policy>) {
    let scope = request.scope(context);
    let (readable, unreadable) = (scope.orders(), scope.unreadable());
    let mut versions: Vec<&Policy> = Vec::new();
    let of_unreadable = unreadable.iter().map(|draft| version_of_unreadable(context, request, draft));
    for policy in readable.iter().map(|draft| context.version(draft)).chain(of_unreadable) {
        if !versions.iter().any(|known| std::ptr::eq(*known, policy)) {
            versions.push(policy);
        }
    }
    let positions = readable.iter().map(|draft| draft.position).chain(unreadable.iter().map(|draft| draft.position));
    (positions.collect(), versions)
}

/// The version nearest today within an unreadable order's service window, or today's version.
fn version_of_unreadable<'e>(context: &DecisionContext<'e>, request: &ScopedRequest<'_>, draft: &UnreadDraft<'_>) -> &'e Policy {
    let today = context.today();
    let reading = context.reading(context.policies.on(today), &request.patient_id);
    let window = request.patient_record.unreadable_order(draft, reading).and_then(|order| order.window);
    context.policies.on(window.map_or(today, |window| window.nearest_to(today)))
}

/// Evaluates only the orders whose service date selects this policy version.
fn evaluate_with<'a>(context: &DecisionContext<'_>, policy: &Policy, request: &ScopedRequest<'a>) -> Evaluation<'a> {
    let orders_missing = request.missing_orders().len();
    let facts = Facts { orders_missing, ..request.patient_record.facts(context.reading(policy, &request.patient_id)) };
    let patient = Reference::new("Patient", without_type(request.patient_id.clone()));
    let mut evaluation = evaluate(policy, &facts, Inquiry { patient, as_of: context.as_of });
    evaluation.orders.retain(|order| std::ptr::eq(context.policies.on(order.service_date), policy));
    evaluation
}
