//! The steps of one decision: find the orders in scope, gather the evidence, apply the policy.
//! Not here: parsing the call; see [`super::read_request`].

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::value::RawValue;
use tracing::info_span;

use super::call_error::CallError;
use super::policies::Policies;
use crate::cds_hooks::{Context, Hook, HookRequest, Redactions, RequestError};
use crate::evidence::{
    DraftOrder, Insurance, Kind, NamedOrders, PatientRecord, PrefetchKeys, Reading, ReadingOptions, Source, Sources, UnreadDraft,
    Unreadable,
};
use crate::policy::{Evaluation, Facts, Inquiry, OrderEvaluation, OrderKind, PassedOver, Policy, Reference, evaluate, kind, passed_over};

/// The inputs of a decision, besides the call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecisionContext<'e> {
    pub policies: &'e Policies,
    pub prefetch_keys: &'e PrefetchKeys,
    /// The hooks that are answered.
    pub hooks: &'e [Hook],
    pub as_of: DateTime<Utc>,
    /// The client's configuration for reading charts.
    pub options: &'e ReadingOptions,
}

impl<'e> DecisionContext<'e> {
    /// Reads a patient's record under a policy version.
    pub(crate) fn reading<'r>(&self, policy: &'r Policy, patient_id: &'r str) -> Reading<'r>
    where
        'e: 'r,
    {
        Reading { policy, patient_id, options: self.options }
    }
}

/// The decision on a call.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    pub hook: Hook,
    pub patient_record: PatientRecord<'a>,
    pub evaluation: Evaluation<'a>,
    pub insurance: Insurance<'a>,
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
    pub(crate) fn reading<'r>(&'r self, policy: &'r Policy) -> Reading<'r> {
        Reading { policy, patient_id: &self.patient_id, options: &self.options }
    }

    /// The draft order that an evaluation belongs to.
    pub(crate) fn draft(&self, order: &OrderEvaluation<'a>) -> Option<&DraftOrder<'a>> {
        self.patient_record.drafts().iter().find(|draft| draft.position == order.position)
    }

    /// The decision in the form of the evaluation contract.
    pub(crate) fn report(&self) -> Report<'_, 'a> {
        Report { evaluation: &self.evaluation, sources: &self.sources, unreadable: self.patient_record.unreadable() }
    }
}

/// Exceeds any real set of orders for one joint. Each order is judged against the whole chart, so the number is limited.
const MAX_ORDERS: usize = 20;

/// How much of a call to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadScope {
    /// Only the orders, unless one is in scope.
    InScope,
    /// Everything, whether or not an order is in scope.
    Everything,
}

/// A parsed and validated call.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub asked: CallMetadata<'a>,
    /// `None` if no order is in scope and the scope is [`ReadScope::InScope`].
    pub scoped_request: Option<ScopedRequest<'a>>,
    /// The orders without a determination, if there is no scoped request.
    pub passed_over: Vec<PassedOver<'a>>,
}

/// Metadata to record with a call's text.
#[derive(Debug)]
pub(crate) struct CallMetadata<'a> {
    pub hook: Hook,
    pub hook_instance: Cow<'a, str>,
    /// `Practitioner/d1`
    pub user_id: Cow<'a, str>,
    /// Without the type prefix.
    pub patient_id: Cow<'a, str>,
    pub extension: Option<&'a RawValue>,
    /// The prefetch, which is left out of the record if no order turns out to be in scope.
    pub prefetch: Option<&'a RawValue>,
    pub unkept: Redactions<'a>,
}

/// A call and the contents of its prefetch.
#[derive(Debug)]
pub(crate) struct ScopedRequest<'a> {
    pub patient_record: PatientRecord<'a>,
    pub fhir_server: Option<Cow<'a, str>>,
    pub token: Option<SecretString>,
    pub(super) hook: Hook,
    pub(super) context: Context<'a>,
    /// The orders that the call names but does not include in its context.
    pub(super) named: NamedOrders<'a>,
    /// How much of the call to read.
    pub(super) scope: ReadScope,
}

impl<'a> ScopedRequest<'a> {
    /// The patient's id, without the type prefix.
    pub(crate) fn patient_id(&self) -> &str {
        self.context.patient_id.strip_prefix("Patient/").unwrap_or(&self.context.patient_id)
    }

    /// The ids of the named orders that have not been read yet.
    pub(crate) fn missing_orders(&self) -> Vec<String> {
        self.named.missing(&self.patient_record)
    }

    /// Extends the patient's record with more evidence.
    pub(crate) fn with<'b>(self, more: impl FnOnce(PatientRecord<'b>) -> PatientRecord<'b>) -> ScopedRequest<'b>
    where
        'a: 'b,
    {
        let ScopedRequest { patient_record, fhir_server, token, hook, context, named, scope } = self;
        ScopedRequest { patient_record: more(patient_record), fhir_server, token, hook, context, named, scope }
    }

    /// Adds the named orders that are among these resources.
    pub(crate) fn with_orders<'b>(self, resources: impl IntoIterator<Item = &'b RawValue>) -> ScopedRequest<'b>
    where
        'a: 'b,
    {
        let ScopedRequest { patient_record, fhir_server, token, hook, context, named, scope } = self;
        let patient_record: PatientRecord<'b> = patient_record;
        ScopedRequest { patient_record: patient_record.with_named(&named, resources), fhir_server, token, hook, context, named, scope }
    }
}

/// Validates the orders to judge.
///
/// # Errors
/// Too many orders, or an order of another patient.
pub(crate) fn check_orders(decision_context: &DecisionContext<'_>, scoped_request: &ScopedRequest<'_>) -> Result<(), RequestError> {
    scoped(decision_context, &scoped_request.patient_record, &scoped_request.context, scoped_request.hook).map(drop)
}

/// Whether any order of the call is in scope.
pub(crate) fn has_scope(decision_context: &DecisionContext<'_>, scoped_request: &ScopedRequest<'_>) -> bool {
    has_orders_in_scope(decision_context, &scoped_request.patient_record, &scoped_request.context)
}

/// Whether any order under review is in scope, including orders that cannot be parsed.
pub(super) fn has_orders_in_scope(
    decision_context: &DecisionContext<'_>,
    patient_record: &PatientRecord<'_>,
    context: &Context<'_>,
) -> bool {
    !in_scope(decision_context, patient_record, context).is_empty()
        || !unreadable_in_scope(decision_context, patient_record, context).is_empty()
}

/// The draft orders of a call.
pub(super) enum Drafts<'a> {
    /// The rest of the call must be read.
    Read(Box<PatientRecord<'a>>),
    /// No order is in scope, so nothing more needs to be read.
    PassedOver(Vec<PassedOver<'a>>),
}

/// Validates and returns the draft orders. `seen` holds the orders if they were already read.
pub(super) fn gather<'a, P>(
    decision_context: &DecisionContext<'_>,
    request: &HookRequest<'a, P>,
    scope: ReadScope,
    seen: Option<PatientRecord<'a>>,
) -> Result<Drafts<'a>, RequestError> {
    let hook = request.check(decision_context.hooks)?;
    if !asks_about_orders(hook) && scope == ReadScope::InScope {
        return Ok(Drafts::PassedOver(Vec::new()));
    }
    let patient_record = seen.unwrap_or_else(|| PatientRecord::of_orders(request.context.order_resources()));
    let patient_record =
        if hook == Hook::OrderSelect { patient_record.asking_only(&request.context.selections()?) } else { patient_record };
    let is_read = scoped(decision_context, &patient_record, &request.context, hook)? || scope == ReadScope::Everything;
    Ok(if is_read {
        Drafts::Read(Box::new(patient_record))
    } else {
        Drafts::PassedOver(all_passed_over(decision_context, &patient_record, &request.context))
    })
}

/// The orders under review that get no determination, for a call without an order in scope.
pub(super) fn all_passed_over<'a>(
    decision_context: &DecisionContext<'_>,
    patient_record: &PatientRecord<'a>,
    context: &Context<'a>,
) -> Vec<PassedOver<'a>> {
    let own = patient_record.drafts().iter().filter(|draft| draft.is_asked && draft.is_for(&context.patient_id));
    own.filter_map(|draft| {
        passed_over(&patient_record.order(draft, decision_context.reading(version(decision_context, draft), &context.patient_id)))
    })
    .collect()
}

/// Whether a hook concerns orders at all; calls of the others get no cards.
fn asks_about_orders(hook: Hook) -> bool {
    match hook {
        Hook::OrderSign | Hook::OrderSelect | Hook::OrderDispatch | Hook::AppointmentBook => true,
        Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => false,
    }
}

/// Whether any order is in scope. Fails if an in-scope order contradicts the call.
fn scoped(
    decision_context: &DecisionContext<'_>,
    patient_record: &PatientRecord<'_>,
    context: &Context<'_>,
    hook: Hook,
) -> Result<bool, RequestError> {
    // Orders not under review count as well, because the others are judged against them.
    let unreadable = unreadable_in_scope(decision_context, patient_record, context);
    if decided(decision_context, patient_record, context).nth(MAX_ORDERS).is_some() || unreadable.len() > MAX_ORDERS {
        return Err(RequestError::TooManyOrders { limit: MAX_ORDERS, path: orders_path(hook) });
    }
    let orders = in_scope(decision_context, patient_record, context);
    match orders.iter().find(|draft| !draft.is_for(&context.patient_id)) {
        Some(draft) => Err(RequestError::OtherPatient { path: subject_path(hook, draft) }),
        None => Ok(!orders.is_empty() || !unreadable.is_empty()),
    }
}

fn orders_path(hook: Hook) -> &'static str {
    match hook {
        Hook::OrderDispatch => "context.dispatchedOrders",
        Hook::AppointmentBook => "context.appointments",
        Hook::OrderSign | Hook::OrderSelect | Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => "context.draftOrders",
    }
}

fn subject_path(hook: Hook, draft: &DraftOrder<'_>) -> String {
    let orders = orders_path(hook);
    match hook {
        Hook::OrderDispatch | Hook::AppointmentBook => orders.to_owned(),
        Hook::OrderSign | Hook::OrderSelect | Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => {
            format!("{orders}.entry[{}].resource.subject", draft.position)
        }
    }
}

/// The orders under review that are decided by the policy version for their service date.
pub(super) fn in_scope<'g, 'a>(
    decision_context: &DecisionContext<'_>,
    patient_record: &'g PatientRecord<'a>,
    context: &Context<'_>,
) -> Vec<&'g DraftOrder<'a>> {
    decided(decision_context, patient_record, context).filter(|draft| draft.is_asked).collect()
}

/// The unreadable orders under review that contain an in-scope code. They still get a card.
fn unreadable_in_scope<'g, 'a>(
    decision_context: &DecisionContext<'_>,
    patient_record: &'g PatientRecord<'a>,
    context: &Context<'_>,
) -> Vec<&'g UnreadDraft<'a>> {
    let policy = decision_context.policies.on(decision_context.as_of.date_naive());
    let reading = decision_context.reading(policy, &context.patient_id);
    let is_decided = |draft: &&UnreadDraft<'a>| patient_record.unreadable_order(draft, reading).is_some_and(|order| order.kind.is_some());
    patient_record.unread_drafts().iter().filter(|draft| draft.is_asked).filter(is_decided).collect()
}

/// The orders that are decided by the policy version for their service date.
fn decided<'g, 'a>(
    decision_context: &DecisionContext<'_>,
    patient_record: &'g PatientRecord<'a>,
    context: &Context<'_>,
) -> impl Iterator<Item = &'g DraftOrder<'a>> {
    let is_decided = |draft: &&DraftOrder<'a>| {
        kind(&patient_record.order(draft, decision_context.reading(version(decision_context, draft), &context.patient_id))).is_some()
    };
    patient_record.drafts().iter().filter(is_decided)
}

/// The policy version for a draft order's service date.
pub(super) fn version<'e>(decision_context: &DecisionContext<'e>, draft: &DraftOrder<'_>) -> &'e Policy {
    decision_context.policies.on(draft.service_date(decision_context.as_of.date_naive()))
}

/// Applies to each order the policy version for its service date.
pub(crate) fn conclude<'a>(decision_context: &DecisionContext<'_>, scoped_request: ScopedRequest<'a>) -> Decision<'a> {
    let _span = info_span!("evaluate").entered();
    let unread = scoped_request.missing_orders().len();
    let ScopedRequest { patient_record, context, hook, .. } = scoped_request;
    let context = &context;
    let deciding = in_scope(decision_context, &patient_record, context);
    let unreadable = unreadable_in_scope(decision_context, &patient_record, context).into_iter().map(|draft| draft.position);
    let places: Vec<_> = deciding.iter().map(|draft| draft.position).chain(unreadable).collect();
    let mut versions: Vec<&Policy> = Vec::new();
    for draft in &deciding {
        let policy = version(decision_context, draft);
        if !versions.iter().any(|known| std::ptr::eq(*known, policy)) {
            versions.push(policy);
        }
    }
    // An unreadable order uses the version nearest today within its service window, or today's version.
    for order in patient_record.unread_drafts().iter().filter(|draft| places.contains(&draft.position)) {
        let today = decision_context.as_of.date_naive();
        let current = decision_context.policies.on(today);
        let window =
            patient_record.unreadable_order(order, decision_context.reading(current, &context.patient_id)).and_then(|order| order.window);
        let policy = decision_context.policies.on(window.map_or(today, |window| window.nearest_to(today)));
        if !versions.iter().any(|known| std::ptr::eq(*known, policy)) {
            versions.push(policy);
        }
    }
    let first = versions.first().copied().unwrap_or_else(|| decision_context.policies.on(decision_context.as_of.date_naive()));
    let mut evaluation = evaluate_with(decision_context, first, context, &patient_record, unread);
    for policy in versions.into_iter().skip(1) {
        evaluation.orders.extend(evaluate_with(decision_context, policy, context, &patient_record, unread).orders);
    }
    evaluation.orders.retain(|order| places.contains(&order.position));
    evaluation.orders.sort_by_key(|order| order.position);
    let is_asked = |position| patient_record.drafts().iter().any(|draft| draft.position == position && draft.is_asked);
    evaluation.passed_over.retain(|passed| is_asked(passed.position) && !places.contains(&passed.position));
    let insurance = patient_record.insurance(decision_context.reading(first, &context.patient_id));
    let sources = patient_record.sources();
    Decision {
        hook,
        patient_record,
        evaluation,
        insurance,
        sources,
        user_id: context.user_id().to_string(),
        encounter: context.encounter_id().map(|id| format!("Encounter/{}", id.strip_prefix("Encounter/").unwrap_or(&id))),
        patient_id: context.patient_id.to_string(),
        options: decision_context.options.clone(),
    }
}

/// Evaluates only the orders whose service date selects this policy version.
fn evaluate_with<'a>(
    decision_context: &DecisionContext<'_>,
    policy: &Policy,
    context: &Context<'a>,
    patient_record: &PatientRecord<'a>,
    unread: usize,
) -> Evaluation<'a> {
    let facts = Facts { orders_missing: unread, ..patient_record.facts(decision_context.reading(policy, &context.patient_id)) };
    let mut evaluation = evaluate(policy, &facts, inquiry(decision_context, context));
    evaluation.orders.retain(|order| std::ptr::eq(decision_context.policies.on(order.service_date), policy));
    evaluation
}

fn inquiry<'a>(decision_context: &DecisionContext<'_>, context: &Context<'a>) -> Inquiry<'a> {
    Inquiry { patient: Reference::new("Patient", without_type(context.patient_id.clone())), as_of: decision_context.as_of }
}

/// CRD found-32: a call cannot be answered without any of the data that an injection is decided on.
pub(super) fn require_data(decision: &Decision<'_>) -> Result<(), CallError> {
    let injection = decision.evaluation.orders.iter().any(|order| order.kind == OrderKind::Injection);
    let missing = |kind: Kind| decision.sources.get(kind.name()).is_none_or(Source::is_missing);
    let nothing = [Kind::Conditions, Kind::Procedures, Kind::MedicationStatements].into_iter().all(missing);
    if injection && nothing { Err(CallError::NoData) } else { Ok(()) }
}

/// A call whose orders could not be read cannot be answered, because the policy might decide one of them.
pub(super) fn require_orders(scoped_request: &ScopedRequest<'_>) -> Result<(), CallError> {
    let is_empty = scoped_request.patient_record.drafts().is_empty() && scoped_request.patient_record.unread_drafts().is_empty();
    let nothing = is_empty && !scoped_request.missing_orders().is_empty();
    if nothing && scoped_request.scope == ReadScope::InScope { Err(CallError::OrdersNotFound) } else { Ok(()) }
}

/// A patient id without the type prefix that some clients send.
pub(super) fn without_type(patient_id: Cow<'_, str>) -> Cow<'_, str> {
    match patient_id {
        Cow::Borrowed(id) => Cow::Borrowed(id.strip_prefix("Patient/").unwrap_or(id)),
        Cow::Owned(id) => Cow::Owned(id.strip_prefix("Patient/").map(str::to_owned).unwrap_or(id)),
    }
}
