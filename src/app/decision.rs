//! The steps of one decision: the orders in scope, the evidence gathered, the policy applied.
//! Not here: reading the call; see [`super::read_request`].

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

/// What a decision is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecisionContext<'e> {
    pub policies: &'e Policies,
    pub prefetch_keys: &'e PrefetchKeys,
    /// Those that are answered.
    pub hooks: &'e [Hook],
    pub as_of: DateTime<Utc>,
    /// What the client's configuration says of reading its charts.
    pub options: &'e ReadingOptions,
}

impl<'e> DecisionContext<'e> {
    /// A patient's record by a policy version.
    pub(crate) fn reading<'r>(&self, policy: &'r Policy, patient_id: &'r str) -> Reading<'r>
    where
        'e: 'r,
    {
        Reading { policy, patient_id, options: self.options }
    }
}

/// A call, decided.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    pub hook: Hook,
    pub patient_record: PatientRecord<'a>,
    pub evaluation: Evaluation<'a>,
    pub insurance: Insurance<'a>,
    pub sources: Sources,
    /// `Practitioner/d1`; empty where the call does not say.
    pub user_id: String,
    /// `Encounter/e1`, where the call names one.
    pub encounter: Option<String>,
    patient_id: String,
    options: ReadingOptions,
}

/// An evaluation with where its evidence came from, as the contract has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report<'d, 'a> {
    /// What the policy says.
    #[serde(flatten)]
    pub evaluation: &'d Evaluation<'a>,
    /// Where each type came from.
    pub sources: &'d Sources,
    /// What could not be read.
    #[serde(skip_serializing_if = "<[Unreadable]>::is_empty")]
    pub unreadable: &'d [Unreadable],
}

impl<'a> Decision<'a> {
    /// The patient's record by a policy version.
    pub(crate) fn reading<'r>(&'r self, policy: &'r Policy) -> Reading<'r> {
        Reading { policy, patient_id: &self.patient_id, options: &self.options }
    }

    /// The order that an evaluation is of.
    pub(crate) fn draft(&self, order: &OrderEvaluation<'a>) -> Option<&DraftOrder<'a>> {
        self.patient_record.drafts().iter().find(|draft| draft.position == order.position)
    }

    /// The decision as the contract has it.
    pub(crate) fn report(&self) -> Report<'_, 'a> {
        Report { evaluation: &self.evaluation, sources: &self.sources, unreadable: self.patient_record.unreadable() }
    }
}

/// More orders for one joint than anybody signs at once; each is judged against the whole chart.
const MAX_ORDERS: usize = 20;

/// How much of a call is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadScope {
    /// Nothing beyond the orders where none is in scope.
    InScope,
    /// Everything, whatever the orders.
    Everything,
}

/// A call, read and checked.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub asked: CallMetadata<'a>,
    /// `None` where no order is in scope and no more was to be read.
    pub scoped_request: Option<ScopedRequest<'a>>,
    /// The orders that get no determination, where nothing was opened.
    pub passed_over: Vec<PassedOver<'a>>,
}

/// What is kept of a call beside its text.
#[derive(Debug)]
pub(crate) struct CallMetadata<'a> {
    pub hook: Hook,
    pub hook_instance: Cow<'a, str>,
    /// `Practitioner/d1`
    pub user_id: Cow<'a, str>,
    /// Without its type.
    pub patient_id: Cow<'a, str>,
    pub extension: Option<&'a RawValue>,
    /// The prefetch, where it is not to be kept if no order turns out to be in scope.
    pub prefetch: Option<&'a RawValue>,
    pub unkept: Redactions<'a>,
}

/// A call with what its prefetch holds.
#[derive(Debug)]
pub(crate) struct ScopedRequest<'a> {
    pub patient_record: PatientRecord<'a>,
    pub fhir_server: Option<Cow<'a, str>>,
    pub token: Option<SecretString>,
    pub(super) hook: Hook,
    pub(super) context: Context<'a>,
    /// The orders it names and does not bring in its context.
    pub(super) named: NamedOrders<'a>,
    /// Whether all is read, whatever the orders.
    pub(super) scope: ReadScope,
}

impl<'a> ScopedRequest<'a> {
    /// The patient's id, without its type.
    pub(crate) fn patient_id(&self) -> &str {
        self.context.patient_id.strip_prefix("Patient/").unwrap_or(&self.context.patient_id)
    }

    /// The ids of the orders it names that are not there yet.
    pub(crate) fn missing_orders(&self) -> Vec<String> {
        self.named.missing(&self.patient_record)
    }

    /// The same call with more evidence.
    pub(crate) fn with<'b>(self, more: impl FnOnce(PatientRecord<'b>) -> PatientRecord<'b>) -> ScopedRequest<'b>
    where
        'a: 'b,
    {
        let ScopedRequest { patient_record, fhir_server, token, hook, context, named, scope } = self;
        ScopedRequest { patient_record: more(patient_record), fhir_server, token, hook, context, named, scope }
    }

    /// The same call with the orders it names, as far as they are among resources.
    pub(crate) fn with_orders<'b>(self, resources: impl IntoIterator<Item = &'b RawValue>) -> ScopedRequest<'b>
    where
        'a: 'b,
    {
        let ScopedRequest { patient_record, fhir_server, token, hook, context, named, scope } = self;
        let patient_record: PatientRecord<'b> = patient_record;
        ScopedRequest { patient_record: patient_record.with_named(&named, resources), fhir_server, token, hook, context, named, scope }
    }
}

/// Checks the orders that are judged.
///
/// # Errors
/// That they are too many, or another patient's.
pub(crate) fn check_orders(decision_context: &DecisionContext<'_>, scoped_request: &ScopedRequest<'_>) -> Result<(), RequestError> {
    scoped(decision_context, &scoped_request.patient_record, &scoped_request.context, scoped_request.hook).map(drop)
}

/// Whether an order of a call is in scope.
pub(crate) fn has_scope(decision_context: &DecisionContext<'_>, scoped_request: &ScopedRequest<'_>) -> bool {
    has_orders_in_scope(decision_context, &scoped_request.patient_record, &scoped_request.context)
}

/// Whether an order asked about is in scope, be it one that cannot be read.
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
    /// More is to be read.
    Read(Box<PatientRecord<'a>>),
    /// None is in scope, and no more is to be read.
    PassedOver(Vec<PassedOver<'a>>),
}

/// The draft orders, checked. `seen` are the orders, if they were
/// read on the way.
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

/// The orders asked about that get no determination, where no order of the call does.
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

/// Whether calls of a hook are about orders at all; to any other there is nothing to say.
fn asks_about_orders(hook: Hook) -> bool {
    match hook {
        Hook::OrderSign | Hook::OrderSelect | Hook::OrderDispatch | Hook::AppointmentBook => true,
        Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => false,
    }
}

/// Whether any order is in scope, where those that are do not contradict the call.
fn scoped(
    decision_context: &DecisionContext<'_>,
    patient_record: &PatientRecord<'_>,
    context: &Context<'_>,
    hook: Hook,
) -> Result<bool, RequestError> {
    // Those not asked about are judged against the others, so they count as well.
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

/// The orders asked about that the version of the policy for their service date decides.
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

/// The orders that the version of the policy for their service date decides.
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

/// The version of the policy for a draft order's service date.
pub(super) fn version<'e>(decision_context: &DecisionContext<'e>, draft: &DraftOrder<'_>) -> &'e Policy {
    decision_context.policies.on(draft.service_date(decision_context.as_of.date_naive()))
}

/// Applies to each order the version of the policy its service date asks for.
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
    // What cannot be read is answered by the version in force where the call has no other.
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

/// The orders that one version of the policy is for.
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

/// CRD found-32: a call that brings none of the data an injection is decided on cannot be answered.
pub(super) fn require_data(decision: &Decision<'_>) -> Result<(), CallError> {
    let injection = decision.evaluation.orders.iter().any(|order| order.kind == OrderKind::Injection);
    let missing = |kind: Kind| decision.sources.get(kind.name()).is_none_or(Source::is_missing);
    let nothing = [Kind::Conditions, Kind::Procedures, Kind::MedicationStatements].into_iter().all(missing);
    if injection && nothing { Err(CallError::NoData) } else { Ok(()) }
}

/// A call whose orders could not be had cannot be answered: it may be about what the policy decides.
pub(super) fn require_orders(scoped_request: &ScopedRequest<'_>) -> Result<(), CallError> {
    let is_empty = scoped_request.patient_record.drafts().is_empty() && scoped_request.patient_record.unread_drafts().is_empty();
    let nothing = is_empty && !scoped_request.missing_orders().is_empty();
    if nothing && scoped_request.scope == ReadScope::InScope { Err(CallError::OrdersNotFound) } else { Ok(()) }
}

/// A patient's id without its type, which some clients write before it.
pub(super) fn without_type(patient_id: Cow<'_, str>) -> Cow<'_, str> {
    match patient_id {
        Cow::Borrowed(id) => Cow::Borrowed(id.strip_prefix("Patient/").unwrap_or(id)),
        Cow::Owned(id) => Cow::Owned(id.strip_prefix("Patient/").map(str::to_owned).unwrap_or(id)),
    }
}
