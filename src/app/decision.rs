//! The steps of one decision: the orders in scope, the evidence gathered, the policy applied.
//! Not here: reading the call; see [`super::opening`].

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::value::RawValue;
use tracing::info_span;

use super::call_error::CallError;
use super::policies::Policies;
use crate::cds_hooks::{Context, Hook, HookRequest, RequestError, Unkept};
use crate::evidence::{
    DraftOrder, Gathered, Insurance, Kind, NamedOrders, PrefetchKeys, Reading, ReadingOptions, Source, Sources, UnreadDraft, Unreadable,
};
use crate::policy::{Evaluation, Facts, Inquiry, OrderEvaluation, OrderKind, PassedOver, Policy, Reference, evaluate, kind, passed_over};

/// What a decision is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Means<'e> {
    pub policies: &'e Policies,
    pub prefetch_keys: &'e PrefetchKeys,
    /// Those that are answered.
    pub hooks: &'e [Hook],
    pub as_of: DateTime<Utc>,
    /// What the client's configuration says of reading its charts.
    pub options: &'e ReadingOptions,
}

impl<'e> Means<'e> {
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
    pub gathered: Gathered<'a>,
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
        self.gathered.drafts().iter().find(|draft| draft.position == order.position)
    }

    /// The decision as the contract has it.
    pub(crate) fn report(&self) -> Report<'_, 'a> {
        Report { evaluation: &self.evaluation, sources: &self.sources, unreadable: self.gathered.unreadable() }
    }
}

/// More orders for one joint than anybody signs at once; each is judged against the whole chart.
const MAX_ORDERS: usize = 20;

/// How much of a call is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nothing beyond the orders where none is in scope.
    InScope,
    /// Everything, whatever the orders.
    Everything,
}

/// A call, read and checked.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub asked: Asked<'a>,
    /// `None` where no order is in scope and no more was to be read.
    pub opened: Option<Opened<'a>>,
    /// The orders that get no determination, where nothing was opened.
    pub passed_over: Vec<PassedOver<'a>>,
}

/// What is kept of a call beside its text.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub hook: Hook,
    pub hook_instance: Cow<'a, str>,
    /// `Practitioner/d1`
    pub user_id: Cow<'a, str>,
    /// Without its type.
    pub patient_id: Cow<'a, str>,
    pub extension: Option<&'a RawValue>,
    /// The prefetch, where it is not to be kept if no order turns out to be in scope.
    pub prefetch: Option<&'a RawValue>,
    pub unkept: Unkept<'a>,
}

/// A call with what its prefetch holds.
#[derive(Debug)]
pub(crate) struct Opened<'a> {
    pub gathered: Gathered<'a>,
    pub fhir_server: Option<Cow<'a, str>>,
    pub token: Option<SecretString>,
    pub(super) hook: Hook,
    pub(super) context: Context<'a>,
    /// The orders it names and does not bring in its context.
    pub(super) named: NamedOrders<'a>,
    /// Whether all is read, whatever the orders.
    pub(super) reach: Reach,
}

impl<'a> Opened<'a> {
    /// The patient's id, without its type.
    pub(crate) fn patient_id(&self) -> &str {
        self.context.patient_id.strip_prefix("Patient/").unwrap_or(&self.context.patient_id)
    }

    /// The ids of the orders it names that are not there yet.
    pub(crate) fn missing_orders(&self) -> Vec<String> {
        self.named.missing(&self.gathered)
    }

    /// The same call with more evidence.
    pub(crate) fn with<'b>(self, more: impl FnOnce(Gathered<'b>) -> Gathered<'b>) -> Opened<'b>
    where
        'a: 'b,
    {
        let Opened { gathered, fhir_server, token, hook, context, named, reach } = self;
        Opened { gathered: more(gathered), fhir_server, token, hook, context, named, reach }
    }

    /// The same call with the orders it names, as far as they are among resources.
    pub(crate) fn with_orders<'b>(self, resources: impl IntoIterator<Item = &'b RawValue>) -> Opened<'b>
    where
        'a: 'b,
    {
        let Opened { gathered, fhir_server, token, hook, context, named, reach } = self;
        let gathered: Gathered<'b> = gathered;
        Opened { gathered: gathered.with_named(&named, resources), fhir_server, token, hook, context, named, reach }
    }
}

/// Checks the orders that are judged.
///
/// # Errors
/// That they are too many, or another patient's.
pub(crate) fn check_orders(means: &Means<'_>, opened: &Opened<'_>) -> Result<(), RequestError> {
    scoped(means, &opened.gathered, &opened.context, opened.hook).map(drop)
}

/// Whether an order of a call is in scope.
pub(crate) fn has_scope(means: &Means<'_>, opened: &Opened<'_>) -> bool {
    has_orders_in_scope(means, &opened.gathered, &opened.context)
}

/// Whether an order asked about is in scope, be it one that cannot be read.
pub(super) fn has_orders_in_scope(means: &Means<'_>, gathered: &Gathered<'_>, context: &Context<'_>) -> bool {
    !in_scope(means, gathered, context).is_empty() || !unreadable_in_scope(means, gathered, context).is_empty()
}

/// The draft orders of a call.
pub(super) enum Drafts<'a> {
    /// More is to be read.
    Read(Box<Gathered<'a>>),
    /// None is in scope, and no more is to be read.
    PassedOver(Vec<PassedOver<'a>>),
}

/// The draft orders, checked. `seen` are the orders, if they were
/// read on the way.
pub(super) fn gather<'a, P>(
    means: &Means<'_>,
    request: &HookRequest<'a, P>,
    reach: Reach,
    seen: Option<Gathered<'a>>,
) -> Result<Drafts<'a>, RequestError> {
    let hook = request.check(means.hooks)?;
    if !asks_about_orders(hook) && reach == Reach::InScope {
        return Ok(Drafts::PassedOver(Vec::new()));
    }
    let gathered = seen.unwrap_or_else(|| Gathered::of_orders(request.context.order_resources()));
    let gathered = if hook == Hook::OrderSelect { gathered.asking_only(&request.context.selections()?) } else { gathered };
    let is_read = scoped(means, &gathered, &request.context, hook)? || reach == Reach::Everything;
    Ok(if is_read { Drafts::Read(Box::new(gathered)) } else { Drafts::PassedOver(all_passed_over(means, &gathered, &request.context)) })
}

/// The orders asked about that get no determination, where no order of the call does.
pub(super) fn all_passed_over<'a>(means: &Means<'_>, gathered: &Gathered<'a>, context: &Context<'a>) -> Vec<PassedOver<'a>> {
    let own = gathered.drafts().iter().filter(|draft| draft.is_asked && draft.is_for(&context.patient_id));
    own.filter_map(|draft| passed_over(&gathered.order(draft, means.reading(version(means, draft), &context.patient_id)))).collect()
}

/// Whether calls of a hook are about orders at all; to any other there is nothing to say.
fn asks_about_orders(hook: Hook) -> bool {
    match hook {
        Hook::OrderSign | Hook::OrderSelect | Hook::OrderDispatch | Hook::AppointmentBook => true,
        Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => false,
    }
}

/// Whether any order is in scope, where those that are do not contradict the call.
fn scoped(means: &Means<'_>, gathered: &Gathered<'_>, context: &Context<'_>, hook: Hook) -> Result<bool, RequestError> {
    // Those not asked about are judged against the others, so they count as well.
    let unreadable = unreadable_in_scope(means, gathered, context);
    if decided(means, gathered, context).nth(MAX_ORDERS).is_some() || unreadable.len() > MAX_ORDERS {
        return Err(RequestError::TooManyOrders { limit: MAX_ORDERS, path: orders_path(hook) });
    }
    let orders = in_scope(means, gathered, context);
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
pub(super) fn in_scope<'g, 'a>(means: &Means<'_>, gathered: &'g Gathered<'a>, context: &Context<'_>) -> Vec<&'g DraftOrder<'a>> {
    decided(means, gathered, context).filter(|draft| draft.is_asked).collect()
}

/// The unreadable orders under review that contain an in-scope code. They still get a card.
fn unreadable_in_scope<'g, 'a>(means: &Means<'_>, gathered: &'g Gathered<'a>, context: &Context<'_>) -> Vec<&'g UnreadDraft<'a>> {
    let policy = means.policies.on(means.as_of.date_naive());
    let reading = means.reading(policy, &context.patient_id);
    let is_decided = |draft: &&UnreadDraft<'a>| gathered.unreadable_order(draft, reading).is_some_and(|order| order.kind.is_some());
    gathered.unread_drafts().iter().filter(|draft| draft.is_asked).filter(is_decided).collect()
}

/// The orders that the version of the policy for their service date decides.
fn decided<'g, 'a>(means: &Means<'_>, gathered: &'g Gathered<'a>, context: &Context<'_>) -> impl Iterator<Item = &'g DraftOrder<'a>> {
    let is_decided =
        |draft: &&DraftOrder<'a>| kind(&gathered.order(draft, means.reading(version(means, draft), &context.patient_id))).is_some();
    gathered.drafts().iter().filter(is_decided)
}

/// The version of the policy for a draft order's service date.
pub(super) fn version<'e>(means: &Means<'e>, draft: &DraftOrder<'_>) -> &'e Policy {
    means.policies.on(draft.service_date(means.as_of.date_naive()))
}

/// Applies to each order the version of the policy its service date asks for.
pub(crate) fn conclude<'a>(means: &Means<'_>, opened: Opened<'a>) -> Decision<'a> {
    let _span = info_span!("evaluate").entered();
    let unread = opened.missing_orders().len();
    let Opened { gathered, context, hook, .. } = opened;
    let context = &context;
    let deciding = in_scope(means, &gathered, context);
    let unreadable = unreadable_in_scope(means, &gathered, context).into_iter().map(|draft| draft.position);
    let places: Vec<_> = deciding.iter().map(|draft| draft.position).chain(unreadable).collect();
    let mut versions: Vec<&Policy> = Vec::new();
    for draft in &deciding {
        let policy = version(means, draft);
        if !versions.iter().any(|known| std::ptr::eq(*known, policy)) {
            versions.push(policy);
        }
    }
    // What cannot be read is answered by the version in force where the call has no other.
    for order in gathered.unread_drafts().iter().filter(|draft| places.contains(&draft.position)) {
        let today = means.as_of.date_naive();
        let current = means.policies.on(today);
        let window = gathered.unreadable_order(order, means.reading(current, &context.patient_id)).and_then(|order| order.window);
        let policy = means.policies.on(window.map_or(today, |window| window.nearest_to(today)));
        if !versions.iter().any(|known| std::ptr::eq(*known, policy)) {
            versions.push(policy);
        }
    }
    let first = versions.first().copied().unwrap_or_else(|| means.policies.on(means.as_of.date_naive()));
    let mut evaluation = evaluate_with(means, first, context, &gathered, unread);
    for policy in versions.into_iter().skip(1) {
        evaluation.orders.extend(evaluate_with(means, policy, context, &gathered, unread).orders);
    }
    evaluation.orders.retain(|order| places.contains(&order.position));
    evaluation.orders.sort_by_key(|order| order.position);
    let is_asked = |position| gathered.drafts().iter().any(|draft| draft.position == position && draft.is_asked);
    evaluation.passed_over.retain(|passed| is_asked(passed.position) && !places.contains(&passed.position));
    let insurance = gathered.insurance(means.reading(first, &context.patient_id));
    let sources = gathered.sources();
    Decision {
        hook,
        gathered,
        evaluation,
        insurance,
        sources,
        user_id: context.user_id().to_string(),
        encounter: context.encounter_id().map(|id| format!("Encounter/{}", id.strip_prefix("Encounter/").unwrap_or(&id))),
        patient_id: context.patient_id.to_string(),
        options: means.options.clone(),
    }
}

/// The orders that one version of the policy is for.
fn evaluate_with<'a>(means: &Means<'_>, policy: &Policy, context: &Context<'a>, gathered: &Gathered<'a>, unread: usize) -> Evaluation<'a> {
    let facts = Facts { orders_missing: unread, ..gathered.facts(means.reading(policy, &context.patient_id)) };
    let mut evaluation = evaluate(policy, &facts, inquiry(means, context));
    evaluation.orders.retain(|order| std::ptr::eq(means.policies.on(order.service_date), policy));
    evaluation
}

fn inquiry<'a>(means: &Means<'_>, context: &Context<'a>) -> Inquiry<'a> {
    Inquiry { patient: Reference::new("Patient", without_type(context.patient_id.clone())), as_of: means.as_of }
}

/// CRD found-32: a call that brings none of the data an injection is decided on cannot be answered.
pub(super) fn require_data(decision: &Decision<'_>) -> Result<(), CallError> {
    let injection = decision.evaluation.orders.iter().any(|order| order.kind == OrderKind::Injection);
    let missing = |kind: Kind| decision.sources.get(kind.name()).is_none_or(Source::is_missing);
    let nothing = [Kind::Conditions, Kind::Procedures, Kind::MedicationStatements].into_iter().all(missing);
    if injection && nothing { Err(CallError::NoData) } else { Ok(()) }
}

/// A call whose orders could not be had cannot be answered: it may be about what the policy decides.
pub(super) fn require_orders(opened: &Opened<'_>) -> Result<(), CallError> {
    let is_empty = opened.gathered.drafts().is_empty() && opened.gathered.unread_drafts().is_empty();
    let nothing = is_empty && !opened.missing_orders().is_empty();
    if nothing && opened.reach == Reach::InScope { Err(CallError::OrdersNotFound) } else { Ok(()) }
}

/// A patient's id without its type, which some clients write before it.
pub(super) fn without_type(patient_id: Cow<'_, str>) -> Cow<'_, str> {
    match patient_id {
        Cow::Borrowed(id) => Cow::Borrowed(id.strip_prefix("Patient/").unwrap_or(id)),
        Cow::Owned(id) => Cow::Owned(id.strip_prefix("Patient/").map(str::to_owned).unwrap_or(id)),
    }
}
