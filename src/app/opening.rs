//! A call, read: its context, and its prefetch only where an order is in scope.
//! Not here: what is made of it ([`super::decision`]), and fetching what it lacks ([`super::fetching`]).

use std::cell::RefCell;

use secrecy::SecretString;
use serde_json::value::RawValue;

use super::decision::{
    Asked, Call, Drafts, Means, Opened, Reach, all_passed_over, check_orders, gather, has_orders_in_scope, has_scope, without_type,
};
use crate::cds_hooks::{Context, Hook, HookRequest, Prefetch, RequestError, fault, read};
use crate::evidence::{Gathered, NamedOrders, Prefetched, RawPrefetch};
use crate::policy::PassedOver;

/// More orders or appointments than one call is about; each is looked for.
const MOST_NAMED: usize = 100;

/// Reads a call.
pub(crate) fn open<'a>(means: &Means<'_>, body: &'a str, reach: Reach) -> Result<Call<'a>, RequestError> {
    let seen = RefCell::new(None);
    let wanted = |context: &Context<'a>| {
        let gathered = Gathered::of_orders(context.order_resources());
        let wanted = reach == Reach::Everything || has_orders_in_scope(means, &gathered, context);
        seen.replace(Some(gathered));
        wanted
    };
    let Ok(request) = read::<Prefetched<'a>>(body, wanted) else { return open_piecewise(means, body, reach) };
    let hook = request.check(means.hooks)?;
    if names_its_orders(hook) {
        return open_named(means, body, reach);
    }
    let gathered = match gather(means, &request, reach, seen.into_inner())? {
        Drafts::Read(gathered) => *gathered,
        Drafts::PassedOver(passed_over) => return closed(body, hook, passed_over),
    };
    let (request, prefetch) = request.without_prefetch();
    let gathered = match prefetch {
        Prefetch::Read(prefetch) => gathered.with(prefetch, means.prefetch_keys),
        Prefetch::Raw(raw) => match serde_json::from_str::<Prefetched<'a>>(raw.get()) {
            Ok(prefetch) => gathered.with(prefetch, means.prefetch_keys),
            Err(_) => return open_piecewise(means, body, reach),
        },
        Prefetch::Absent | Prefetch::Unwanted(_) => gathered,
    };
    Ok(opened(request, hook, gathered, NamedOrders::default(), reach))
}

/// The same for a call in which something cannot be read in one pass: each resource is read on its own.
fn open_piecewise<'a>(means: &Means<'_>, body: &'a str, reach: Reach) -> Result<Call<'a>, RequestError> {
    let is_in_scope = |context: &Context<'a>| has_orders_in_scope(means, &Gathered::of_orders(context.order_resources()), context);
    let wanted = |context: &Context<'a>| reach == Reach::Everything || is_in_scope(context);
    let request = read::<RawPrefetch<'a>>(body, wanted).map_err(|_| fault(body))?;
    let hook = request.check(means.hooks)?;
    if names_its_orders(hook) {
        return open_named(means, body, reach);
    }
    let gathered = match gather(means, &request, reach, None)? {
        Drafts::Read(gathered) => *gathered,
        Drafts::PassedOver(passed_over) => return closed(body, hook, passed_over),
    };
    let (request, prefetch) = request.without_prefetch();
    let gathered = match prefetch {
        Prefetch::Read(prefetch) => gathered.with_each(&prefetch, means.prefetch_keys),
        Prefetch::Raw(raw) => gathered.with_each(&prefetch_of(raw, body)?, means.prefetch_keys),
        Prefetch::Absent | Prefetch::Unwanted(_) => gathered,
    };
    Ok(opened(request, hook, gathered, NamedOrders::default(), reach))
}

/// The same for a call that names its orders: they are looked for in the prefetch, where each stays as it was written.
fn open_named<'a>(means: &Means<'_>, body: &'a str, reach: Reach) -> Result<Call<'a>, RequestError> {
    let request = read::<&'a RawValue>(body, |_| true).map_err(|_| fault(body))?;
    let hook = request.check(means.hooks)?;
    let (gathered, named) = Gathered::of_appointments(named_orders(hook, &request.context)?, &request.context.patient_id);
    let (request, prefetch) = request.without_prefetch();
    let raw = match prefetch {
        Prefetch::Read(raw) | Prefetch::Raw(raw) | Prefetch::Unwanted(raw) => Some(raw),
        Prefetch::Absent => None,
    };
    let prefetch = raw.map(|raw| prefetch_of(raw, body)).transpose()?;
    let gathered = gathered.with_named(&named, prefetch.iter().flat_map(RawPrefetch::values));
    let gathered = match &prefetch {
        Some(prefetch) => gathered.with_each(prefetch, means.prefetch_keys),
        None => gathered,
    };
    let mut call = opened(request, hook, gathered, named, reach);
    call.asked.prefetch = raw;
    let is_done = call.opened.as_ref().is_some_and(|opened| opened.missing_orders().is_empty() && !has_scope(means, opened));
    if let Some(opened) = &call.opened {
        check_orders(means, opened)?;
    }
    if is_done && reach == Reach::InScope {
        call.passed_over = call.opened.take().map(|opened| all_passed_over(means, &opened.gathered, &opened.context)).unwrap_or_default();
        call.asked.unkept.prefetch.extend(raw);
    }
    Ok(call)
}

/// Whether the orders are not in the context of such a call, but named by it.
fn names_its_orders(hook: Hook) -> bool {
    match hook {
        Hook::OrderDispatch | Hook::AppointmentBook => true,
        Hook::OrderSign | Hook::OrderSelect | Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => false,
    }
}

fn named_orders<'a>(hook: Hook, context: &Context<'a>) -> Result<NamedOrders<'a>, RequestError> {
    let few =
        |count: usize, path| if count > MOST_NAMED { Err(RequestError::TooManyEntries { limit: MOST_NAMED, path }) } else { Ok(path) };
    let (named, path) = match hook {
        Hook::OrderDispatch => {
            let orders = context.dispatched_orders()?;
            let path = few(orders.len(), "context.dispatchedOrders")?;
            (NamedOrders::dispatched(&orders, &context.fulfillment_tasks()), path)
        }
        Hook::AppointmentBook => {
            let appointments = context.appointment_resources()?;
            let path = few(appointments.len(), "context.appointments")?;
            (NamedOrders::booked(appointments.into_iter().map(|(_, raw)| raw), MOST_NAMED), path)
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

/// A call of which no more is read, nor kept of its prefetch: nothing asks for it, wherever it stands.
fn closed<'a>(body: &'a str, hook: Hook, passed_over: Vec<PassedOver<'a>>) -> Result<Call<'a>, RequestError> {
    let request = read::<&'a RawValue>(body, |_| false).map_err(|_| fault(body))?;
    let (mut request, prefetch) = request.without_prefetch();
    if let Prefetch::Raw(raw) = prefetch {
        request.unkept.prefetch.push(raw);
    }
    let (asked, ..) = asked(request, hook);
    Ok(Call { asked, opened: None, passed_over })
}

/// A call with its evidence.
fn opened<'a>(request: HookRequest<'a, ()>, hook: Hook, gathered: Gathered<'a>, named: NamedOrders<'a>, reach: Reach) -> Call<'a> {
    let fhir_server = request.fhir_server.clone();
    let (asked, context, token) = asked(request, hook);
    let opened = Opened { gathered, fhir_server, token, hook, context, named, reach };
    Call { asked, opened: Some(opened), passed_over: Vec::new() }
}

fn asked(request: HookRequest<'_, ()>, hook: Hook) -> (Asked<'_>, Context<'_>, Option<SecretString>) {
    let HookRequest { hook_instance, authorization, context, extension, unkept, .. } = request;
    let (user_id, patient_id) = (context.user_id(), without_type(context.patient_id.clone()));
    let token = authorization.and_then(|granted| granted.access_token);
    (Asked { hook, hook_instance, user_id, patient_id, extension, prefetch: None, unkept }, context, token)
}
