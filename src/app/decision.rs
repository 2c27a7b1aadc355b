//! The steps of one decision: the call read, the orders in scope, the evidence gathered, the policy applied.

use std::borrow::Cow;
use std::cell::RefCell;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Serialize;
use tracing::info_span;

use super::policies::Policies;
use crate::cds_hooks::{Context, HookRequest, Prefetch, RequestError, Unkept, fault, read};
use crate::evidence::{DraftOrder, Gathered, Insurance, PrefetchKeys, Prefetched, RawPrefetch, Sources, Unreadable};
use crate::policy::{DateInterval, Evaluation, Inquiry, Policy, Reference, evaluate, kind};

/// What a decision is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Means<'e> {
    pub policies: &'e Policies,
    pub prefetch_keys: &'e PrefetchKeys,
    pub as_of: DateTime<Utc>,
}

/// A call, decided.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    pub gathered: Gathered<'a>,
    pub evaluation: Evaluation<'a>,
    pub insurance: Insurance<'a>,
    pub sources: Sources,
    /// `Practitioner/d1`
    pub user_id: String,
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
    /// The decision as the contract has it.
    pub(crate) fn report(&self) -> Report<'_, 'a> {
        Report { evaluation: &self.evaluation, sources: &self.sources, unreadable: self.gathered.unreadable() }
    }
}

/// More orders for one joint than anybody signs at once; each is judged against the whole chart.
const MOST_ORDERS: usize = 20;

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
}

/// What is kept of a call beside its text.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub hook: Cow<'a, str>,
    pub hook_instance: Cow<'a, str>,
    /// `Practitioner/d1`
    pub user_id: Cow<'a, str>,
    /// Without its type.
    pub patient_id: Cow<'a, str>,
    pub unkept: Unkept<'a>,
}

/// A call with what its prefetch holds.
#[derive(Debug)]
pub(crate) struct Opened<'a> {
    pub gathered: Gathered<'a>,
    pub fhir_server: Option<Cow<'a, str>>,
    pub token: Option<SecretString>,
    context: Context<'a>,
}

impl<'a> Opened<'a> {
    /// The patient's id, without its type.
    pub(crate) fn patient_id(&self) -> &str {
        self.context.patient_id.strip_prefix("Patient/").unwrap_or(&self.context.patient_id)
    }

    /// The same call with more evidence.
    pub(crate) fn with<'b>(self, more: impl FnOnce(Gathered<'b>) -> Gathered<'b>) -> Opened<'b>
    where
        'a: 'b,
    {
        let Opened { gathered, fhir_server, token, context } = self;
        Opened { gathered: more(gathered), fhir_server, token, context }
    }
}

/// Reads a call.
pub(crate) fn open<'a>(means: &Means<'_>, body: &'a str, reach: Reach) -> Result<Call<'a>, RequestError> {
    let seen = RefCell::new(None);
    let wanted = |context: &Context<'a>| {
        let gathered = Gathered::of_orders(context.order_resources());
        let wanted = reach == Reach::Everything || !in_scope(means, &gathered, context).is_empty();
        seen.replace(Some(gathered));
        wanted
    };
    let Ok(request) = read::<Prefetched<'a>>(body, wanted) else { return open_piecewise(means, body, reach) };
    let Some(gathered) = gather(means, &request, reach, seen.into_inner())? else { return Ok(call(request, None)) };
    let (request, prefetch) = request.without_prefetch();
    let gathered = match prefetch {
        Prefetch::Read(prefetch) => gathered.with(prefetch, means.prefetch_keys),
        Prefetch::Raw(raw) => match serde_json::from_str::<Prefetched<'a>>(raw.get()) {
            Ok(prefetch) => gathered.with(prefetch, means.prefetch_keys),
            Err(_) => return open_piecewise(means, body, reach),
        },
        Prefetch::Absent | Prefetch::Unwanted(_) => gathered,
    };
    Ok(call(request, Some(gathered)))
}

/// The same for a call in which something cannot be read in one pass: each resource is read on its own.
fn open_piecewise<'a>(means: &Means<'_>, body: &'a str, reach: Reach) -> Result<Call<'a>, RequestError> {
    let wanted = |context: &Context<'a>| reach == Reach::Everything || is_in_scope(means, context);
    let request = read::<RawPrefetch<'a>>(body, wanted).map_err(|_| fault(body))?;
    let Some(gathered) = gather(means, &request, reach, None)? else { return Ok(call(request, None)) };
    let (request, prefetch) = request.without_prefetch();
    let gathered = match prefetch {
        Prefetch::Read(prefetch) => gathered.with_each(&prefetch, means.prefetch_keys),
        Prefetch::Raw(raw) => {
            let prefetch = serde_json::from_str::<RawPrefetch<'a>>(raw.get()).map_err(|_| fault(body))?;
            gathered.with_each(&prefetch, means.prefetch_keys)
        }
        Prefetch::Absent | Prefetch::Unwanted(_) => gathered,
    };
    Ok(call(request, Some(gathered)))
}

/// The call with its evidence, if that was gathered.
fn call<'a, P>(request: HookRequest<'a, P>, gathered: Option<Gathered<'a>>) -> Call<'a> {
    let HookRequest { hook, hook_instance, fhir_server, authorization, context, prefetch, mut unkept } = request;
    if let (None, Prefetch::Raw(raw)) = (&gathered, prefetch) {
        // It stood before the context, and nothing asks for it.
        unkept.prefetch.push(raw);
    }
    let (user_id, patient_id) = (context.user_id.clone(), without_type(context.patient_id.clone()));
    let token = authorization.and_then(|granted| granted.access_token);
    Call {
        asked: Asked { hook, hook_instance, user_id, patient_id, unkept },
        opened: gathered.map(|gathered| Opened { gathered, fhir_server, token, context }),
    }
}

fn without_type(patient_id: Cow<'_, str>) -> Cow<'_, str> {
    match patient_id {
        Cow::Borrowed(id) => Cow::Borrowed(id.strip_prefix("Patient/").unwrap_or(id)),
        Cow::Owned(id) => Cow::Owned(id.strip_prefix("Patient/").map(str::to_owned).unwrap_or(id)),
    }
}

/// The draft orders, checked; `None` where none is in scope and no more is to be read. `seen` are the orders, if they were
/// read on the way.
fn gather<'a, P>(
    means: &Means<'_>,
    request: &HookRequest<'a, P>,
    reach: Reach,
    seen: Option<Gathered<'a>>,
) -> Result<Option<Gathered<'a>>, RequestError> {
    request.check()?;
    let gathered = seen.unwrap_or_else(|| Gathered::of_orders(request.context.order_resources()));
    let orders = in_scope(means, &gathered, &request.context);
    if orders.is_empty() && reach == Reach::InScope {
        return Ok(None);
    }
    if orders.len() > MOST_ORDERS {
        return Err(RequestError::TooManyOrders { limit: MOST_ORDERS });
    }
    match orders.iter().find(|draft| !draft.is_for(&request.context.patient_id)) {
        Some(draft) => Err(RequestError::OtherPatient { position: draft.position }),
        None => Ok(Some(gathered)),
    }
}

fn is_in_scope(means: &Means<'_>, context: &Context<'_>) -> bool {
    !in_scope(means, &Gathered::of_orders(context.order_resources()), context).is_empty()
}

/// The draft orders that the version of the policy for their service date decides.
fn in_scope<'g, 'a>(means: &Means<'_>, gathered: &'g Gathered<'a>, context: &Context<'_>) -> Vec<&'g DraftOrder<'a>> {
    let decided = |draft: &&DraftOrder<'a>| kind(&gathered.order(draft, version(means, draft), &context.patient_id)).is_some();
    gathered.drafts().iter().filter(decided).collect()
}

/// The version of the policy for a draft order's service date.
fn version<'e>(means: &Means<'e>, draft: &DraftOrder<'_>) -> &'e Policy {
    means.policies.on(draft.due().map_or(means.as_of.date_naive(), DateInterval::lo))
}

/// Applies to each order the version of the policy its service date asks for.
pub(crate) fn conclude<'a>(means: &Means<'_>, opened: Opened<'a>) -> Decision<'a> {
    let _span = info_span!("evaluate").entered();
    let Opened { gathered, context, .. } = opened;
    let context = &context;
    let deciding = in_scope(means, &gathered, context);
    let mut versions: Vec<&Policy> = Vec::new();
    for draft in &deciding {
        let policy = version(means, draft);
        if !versions.iter().any(|known| std::ptr::eq(*known, policy)) {
            versions.push(policy);
        }
    }
    let first = versions.first().copied().unwrap_or_else(|| means.policies.on(means.as_of.date_naive()));
    let mut evaluation = evaluate_with(means, first, context, &gathered);
    for policy in versions.into_iter().skip(1) {
        evaluation.orders.extend(evaluate_with(means, policy, context, &gathered).orders);
    }
    evaluation.orders.sort_by_key(|order| order.position);
    let insurance = gathered.insurance(first, &context.patient_id);
    let sources = gathered.sources();
    Decision { gathered, evaluation, insurance, sources, user_id: context.user_id.to_string() }
}

/// The orders that one version of the policy is for.
fn evaluate_with<'a>(means: &Means<'_>, policy: &Policy, context: &Context<'a>, gathered: &Gathered<'a>) -> Evaluation<'a> {
    let facts = gathered.facts(policy, &context.patient_id);
    let mut evaluation = evaluate(policy, &facts, inquiry(means, context));
    evaluation.orders.retain(|order| std::ptr::eq(means.policies.on(order.service_date), policy));
    evaluation
}

fn inquiry<'a>(means: &Means<'_>, context: &Context<'a>) -> Inquiry<'a> {
    Inquiry { patient: Reference::new("Patient", without_type(context.patient_id.clone())), as_of: means.as_of }
}
