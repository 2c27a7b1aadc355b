//! Parses a call: its context, and its prefetch only if an order is in scope.
//! Not here: the decision ([`super::decision`]), and fetching missing data ([`super::fetching`]).

use std::cell::RefCell;

use secrecy::SecretString;
use serde_json::value::RawValue;

use super::decision::{
    Call, CallMetadata, DecisionContext, Drafts, ReadScope, ScopedRequest, all_passed_over, check_orders, gather, has_orders_in_scope,
    has_scope, without_type,
};
use crate::cds_hooks::{Context, Hook, HookRequest, Prefetch, RequestError, fault, read};
use crate::evidence::{NamedOrders, PatientRecord, Prefetched, RawPrefetch};
use crate::policy::PassedOver;

/// Maximum number of orders or appointments per call; each is looked up.
const MAX_NAMED: usize = 100;

/// Parses a call.
pub(crate) fn read_request<'a>(decision_context: &DecisionContext<'_>, body: &'a str, scope: ReadScope) -> Result<Call<'a>, RequestError> {
    let seen = RefCell::new(None);
    let wanted = |context: &Context<'a>| {
        let patient_record = PatientRecord::of_orders(context.order_resources());
        let wanted = scope == ReadScope::Everything || has_orders_in_scope(decision_context, &patient_record, context);
        seen.replace(Some(patient_record));
        wanted
    };
    let Ok(request) = read::<Prefetched<'a>>(body, wanted) else { return open_piecewise(decision_context, body, scope) };
    let hook = request.check(decision_context.hooks)?;
    if names_its_orders(hook) {
        return open_named(decision_context, body, scope);
    }
    let patient_record = match gather(decision_context, &request, scope, seen.into_inner())? {
        Drafts::Read(patient_record) => *patient_record,
        Drafts::PassedOver(passed_over) => return closed(body, hook, passed_over),
    };
    let (request, prefetch) = request.without_prefetch();
    let patient_record = match prefetch {
        Prefetch::Read(prefetch) => patient_record.with(prefetch, decision_context.prefetch_keys),
        Prefetch::Raw(raw) => match serde_json::from_str::<Prefetched<'a>>(raw.get()) {
            Ok(prefetch) => patient_record.with(prefetch, decision_context.prefetch_keys),
            Err(_) => return open_piecewise(decision_context, body, scope),
        },
        Prefetch::Absent | Prefetch::Unwanted(_) => patient_record,
    };
    Ok(scoped_request(request, hook, patient_record, NamedOrders::default(), scope))
}

/// Like [`read_request`], for a call that cannot be parsed in one pass: each resource is parsed on its own.
fn open_piecewise<'a>(decision_context: &DecisionContext<'_>, body: &'a str, scope: ReadScope) -> Result<Call<'a>, RequestError> {
    let is_in_scope =
        |context: &Context<'a>| has_orders_in_scope(decision_context, &PatientRecord::of_orders(context.order_resources()), context);
    let wanted = |context: &Context<'a>| scope == ReadScope::Everything || is_in_scope(context);
    let request = read::<RawPrefetch<'a>>(body, wanted).map_err(|_| fault(body))?;
    let hook = request.check(decision_context.hooks)?;
    if names_its_orders(hook) {
        return open_named(decision_context, body, scope);
    }
    let patient_record = match gather(decision_context, &request, scope, None)? {
        Drafts::Read(patient_record) => *patient_record,
        Drafts::PassedOver(passed_over) => return closed(body, hook, passed_over),
    };
    let (request, prefetch) = request.without_prefetch();
    let patient_record = match prefetch {
        Prefetch::Read(prefetch) => patient_record.with_each(&prefetch, decision_context.prefetch_keys),
        Prefetch::Raw(raw) => patient_record.with_each(&prefetch_of(raw, body)?, decision_context.prefetch_keys),
        Prefetch::Absent | Prefetch::Unwanted(_) => patient_record,
    };
    Ok(scoped_request(request, hook, patient_record, NamedOrders::default(), scope))
}

/// Like [`read_request`], for a call that names its orders. They are looked up in the prefetch, which keeps their original text.
fn open_named<'a>(decision_context: &DecisionContext<'_>, body: &'a str, scope: ReadScope) -> Result<Call<'a>, RequestError> {
    let request = read::<&'a RawValue>(body, |_| true).map_err(|_| fault(body))?;
    let hook = request.check(decision_context.hooks)?;
    let (patient_record, named) = PatientRecord::of_appointments(named_orders(hook, &request.context)?, &request.context.patient_id);
    let (request, prefetch) = request.without_prefetch();
    let raw = match prefetch {
        Prefetch::Read(raw) | Prefetch::Raw(raw) | Prefetch::Unwanted(raw) => Some(raw),
        Prefetch::Absent => None,
    };
    let prefetch = raw.map(|raw| prefetch_of(raw, body)).transpose()?;
    let patient_record = patient_record.with_named(&named, prefetch.iter().flat_map(RawPrefetch::values));
    let patient_record = match &prefetch {
        Some(prefetch) => patient_record.with_each(prefetch, decision_context.prefetch_keys),
        None => patient_record,
    };
    let mut call = scoped_request(request, hook, patient_record, named, scope);
    call.asked.prefetch = raw;
    let is_done = call
        .scoped_request
        .as_ref()
        .is_some_and(|scoped_request| scoped_request.missing_orders().is_empty() && !has_scope(decision_context, scoped_request));
    if let Some(scoped_request) = &call.scoped_request {
        check_orders(decision_context, scoped_request)?;
    }
    if is_done && scope == ReadScope::InScope {
        call.passed_over = call
            .scoped_request
            .take()
            .map(|scoped_request| all_passed_over(decision_context, &scoped_request.patient_record, &scoped_request.context))
            .unwrap_or_default();
        call.asked.unkept.prefetch.extend(raw);
    }
    Ok(call)
}

/// Whether calls of the hook only name their orders instead of including them in the context.
fn names_its_orders(hook: Hook) -> bool {
    match hook {
        Hook::OrderDispatch | Hook::AppointmentBook => true,
        Hook::OrderSign | Hook::OrderSelect | Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => false,
    }
}

fn named_orders<'a>(hook: Hook, context: &Context<'a>) -> Result<NamedOrders<'a>, RequestError> {
    let few = |count: usize, path| if count > MAX_NAMED { Err(RequestError::TooManyEntries { limit: MAX_NAMED, path }) } else { Ok(path) };
    let (named, path) = match hook {
        Hook::OrderDispatch => {
            let orders = context.dispatched_orders()?;
            let path = few(orders.len(), "context.dispatchedOrders")?;
            (NamedOrders::dispatched(&orders, &context.fulfillment_tasks()), path)
        }
        Hook::AppointmentBook => {
            let appointments = context.appointment_resources()?;
            let path = few(appointments.len(), "context.appointments")?;
            (NamedOrders::booked(appointments.into_iter().map(|(_, raw)| raw), MAX_NAMED), path)
        }
        Hook::OrderSign | Hook::OrderSelect | Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => {
            return Ok(NamedOrders::default());
        }
    };
    few(named.len(), path)?;
    match named.of_another(&context.patient_id) {
        Some(position) => Err(RequestError::OtherPatient { path: format!("{path}.entry[{position}].resource.participant") }),
        None => Ok(named),
    }
}

fn prefetch_of<'a>(raw: &'a RawValue, body: &str) -> Result<RawPrefetch<'a>, RequestError> {
    serde_json::from_str(raw.get()).map_err(|_| fault(body))
}

/// A call without an order in scope. Its prefetch is neither read nor recorded, wherever it occurs in the body.
fn closed<'a>(body: &'a str, hook: Hook, passed_over: Vec<PassedOver<'a>>) -> Result<Call<'a>, RequestError> {
    let request = read::<&'a RawValue>(body, |_| false).map_err(|_| fault(body))?;
    let (mut request, prefetch) = request.without_prefetch();
    if let Prefetch::Raw(raw) = prefetch {
        request.unkept.prefetch.push(raw);
    }
    let (asked, ..) = asked(request, hook);
    Ok(Call { asked, scoped_request: None, passed_over })
}

/// A call with its evidence.
fn scoped_request<'a>(
    request: HookRequest<'a, ()>,
    hook: Hook,
    patient_record: PatientRecord<'a>,
    named: NamedOrders<'a>,
    scope: ReadScope,
) -> Call<'a> {
    let fhir_server = request.fhir_server.clone();
    let (asked, context, token) = asked(request, hook);
    let scoped_request = ScopedRequest { patient_record, fhir_server, token, hook, context, named, scope };
    Call { asked, scoped_request: Some(scoped_request), passed_over: Vec::new() }
}

fn asked(request: HookRequest<'_, ()>, hook: Hook) -> (CallMetadata<'_>, Context<'_>, Option<SecretString>) {
    let HookRequest { hook_instance, authorization, context, extension, unkept, .. } = request;
    let (user_id, patient_id) = (context.user_id(), without_type(context.patient_id.clone()));
    let token = authorization.and_then(|granted| granted.access_token);
    (CallMetadata { hook, hook_instance, user_id, patient_id, extension, prefetch: None, unkept }, context, token)
}
