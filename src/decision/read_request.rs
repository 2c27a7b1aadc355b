//! Reads a call in one pass: its context, and its prefetch only if an order is in scope. A body with a broken resource is read once more,
//! each resource on its own.
//! Not here: the decision ([`mod@super::decide`]), and fetching what the prefetch lacks ([`super::fetch_missing`]).

use std::borrow::Cow;
use std::cell::RefCell;

use secrecy::SecretString;
use serde_json::value::RawValue;

use super::context::{DecisionContext, ReadScope};
use super::request::{Call, CallMetadata, ScopedRequest, without_type};
use super::scope::Scope;
use crate::cds_hooks::{Context, Hook, HookRequest, Prefetch, RequestError, fault, read};
use crate::evidence::{NamedOrders, PatientRecord, Prefetched, RawPrefetch};
use crate::policy::PassedOver;

/// Maximum number of orders or appointments per call; each is looked up.
const MAX_NAMED: usize = 100;

/// Reads a call.
///
/// # Errors
/// The first violation of the specification.
pub fn read_request<'a>(context: &DecisionContext<'_>, body: &'a str, read_scope: ReadScope) -> Result<Call<'a>, RequestError> {
    let orders = RefCell::new(None);
    let is_wanted = |hook: &str, request_context: &Context<'a>| {
        let is_read = |hook: &Hook| !names_its_orders(*hook) && (concerns_orders(*hook) || read_scope == ReadScope::Everything);
        let Some(Ok(record)) = Hook::of_name(hook).filter(is_read).map(|hook| drafted(hook, request_context)) else { return false };
        let scope = Scope { context, patient_record: &record, patient_id: &request_context.patient_id, choice: None };
        let is_wanted = read_scope == ReadScope::Everything || scope.is_any();
        orders.replace(Some(record));
        is_wanted
    };
    let (request, is_broken) = match read::<Prefetched<'a>>(body, is_wanted) {
        Ok(request) => (request, false),
        Err(_) => (read(body, |_, _| false).map_err(|_| fault(body))?, true),
    };
    let hook = request.check(context.hooks)?;
    let reader = CallReader { context, body, hook, read_scope, is_broken };
    if names_its_orders(hook) { reader.read_named(request) } else { reader.read_drafted(request, orders.into_inner()) }
}

/// The draft orders of a context.
fn drafted<'a>(hook: Hook, context: &Context<'a>) -> Result<PatientRecord<'a>, RequestError> {
    let record = PatientRecord::of_orders(context.order_resources());
    Ok(if hook == Hook::OrderSelect { record.asking_only(&context.selections()?) } else { record })
}

/// Reads the rest of a call whose hook is known.
struct CallReader<'r, 'a> {
    context: &'r DecisionContext<'r>,
    body: &'a str,
    hook: Hook,
    read_scope: ReadScope,
    /// Whether some resource of the prefetch does not have the shape of its type.
    is_broken: bool,
}

impl<'a> CallReader<'_, 'a> {
    /// Reads a call whose context includes its orders. `orders` are those that were already read.
    fn read_drafted(&self, request: HookRequest<'a, Prefetched<'a>>, orders: Option<PatientRecord<'a>>) -> Result<Call<'a>, RequestError> {
        if !concerns_orders(self.hook) && self.read_scope == ReadScope::InScope {
            return Ok(out_of_scope(self.hook, request, Vec::new()));
        }
        let record = match orders {
            Some(record) => record,
            None => drafted(self.hook, &request.context)?,
        };
        let scope = self.scope(&record, &request.context);
        if !scope.check(self.hook)? && self.read_scope == ReadScope::InScope {
            let passed_over = scope.passed_over();
            return Ok(out_of_scope(self.hook, request, passed_over));
        }
        let (head, prefetch) = Head::from_request(self.hook, request);
        let record = match prefetch {
            Prefetch::Read(prefetch) => record.with(prefetch, self.context.prefetch_keys),
            Prefetch::Raw(raw) => self.with_prefetch(record, raw)?,
            Prefetch::Absent => record,
        };
        Ok(head.with_evidence(record, NamedOrders::default(), self.read_scope))
    }

    /// Reads a call that only names its orders. They are looked up in the prefetch, which keeps their original text.
    fn read_named(&self, request: HookRequest<'a, Prefetched<'a>>) -> Result<Call<'a>, RequestError> {
        let named = named_orders(self.hook, request.hook_version.as_deref(), &request.context)?;
        let (record, named) = PatientRecord::of_appointments(named, &request.context.patient_id);
        let (head, prefetch) = Head::from_request(self.hook, request);
        let prefetch = if let Prefetch::Raw(raw) = prefetch { Some(self.each(raw)?) } else { None };
        let record = record.with_named(&named, prefetch.iter().flat_map(RawPrefetch::values));
        let record = match &prefetch {
            Some(prefetch) => record.with_each(prefetch, self.context.prefetch_keys),
            None => record,
        };
        let mut call = head.with_evidence(record, named, self.read_scope);
        if let Some(request) = &call.scoped_request {
            request.check_orders(self.context)?;
            if self.read_scope == ReadScope::InScope && request.missing_orders().is_empty() && !request.has_scope(self.context) {
                call.passed_over = request.scope(self.context).passed_over();
                call.scoped_request = None;
            }
        }
        Ok(call)
    }

    fn scope<'s>(&'s self, patient_record: &'s PatientRecord<'a>, request_context: &'s Context<'a>) -> Scope<'s, 'a> {
        Scope { context: self.context, patient_record, patient_id: &request_context.patient_id, choice: None }
    }

    /// Adds a prefetch that is still text: as a whole, or if that fails each resource on its own.
    fn with_prefetch(&self, record: PatientRecord<'a>, raw: &'a RawValue) -> Result<PatientRecord<'a>, RequestError> {
        let whole = if self.is_broken { None } else { serde_json::from_str::<Prefetched<'a>>(raw.get()).ok() };
        Ok(match whole {
            Some(prefetch) => record.with(prefetch, self.context.prefetch_keys),
            None => record.with_each(&self.each(raw)?, self.context.prefetch_keys),
        })
    }

    fn each(&self, raw: &'a RawValue) -> Result<RawPrefetch<'a>, RequestError> {
        serde_json::from_str(raw.get()).map_err(|_| fault(self.body))
    }
}

/// A call without its evidence.
struct Head<'a> {
    metadata: CallMetadata<'a>,
    patient_id: Cow<'a, str>,
    encounter_id: Option<Cow<'a, str>>,
    fhir_server: Option<Cow<'a, str>>,
    token: Option<SecretString>,
}

impl<'a> Head<'a> {
    fn from_request<P>(hook: Hook, request: HookRequest<'a, P>) -> (Self, Prefetch<'a, P>) {
        let HookRequest { hook_instance, fhir_server, authorization, context, prefetch, prefetch_texts, extension, redactions, .. } =
            request;
        let (user_id, patient_id) = (context.user_id(), without_type(context.patient_id.clone()));
        let metadata = CallMetadata { hook, hook_instance, user_id, patient_id, extension, prefetch_texts, redactions };
        let token = authorization.and_then(|granted| granted.access_token);
        let encounter_id = context.encounter_id();
        (Self { metadata, patient_id: context.patient_id, encounter_id, fhir_server, token }, prefetch)
    }

    /// The call with its evidence.
    fn with_evidence(self, patient_record: PatientRecord<'a>, named: NamedOrders<'a>, read_scope: ReadScope) -> Call<'a> {
        let Self { metadata, patient_id, encounter_id, fhir_server, token } = self;
        let (hook, user_id) = (metadata.hook, metadata.user_id.clone());
        let request = ScopedRequest { patient_record, hook, patient_id, user_id, encounter_id, fhir_server, token, named, read_scope };
        Call { metadata, scoped_request: Some(request), passed_over: Vec::new() }
    }
}

/// A call without an order in scope.
fn out_of_scope<'a, P>(hook: Hook, request: HookRequest<'a, P>, passed_over: Vec<PassedOver<'a>>) -> Call<'a> {
    Call { metadata: Head::from_request(hook, request).0.metadata, scoped_request: None, passed_over }
}

/// Whether a hook concerns orders at all; calls of the others get no cards.
fn concerns_orders(hook: Hook) -> bool {
    match hook {
        Hook::OrderSign | Hook::OrderSelect | Hook::OrderDispatch | Hook::AppointmentBook => true,
        Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => false,
    }
}

/// Whether calls of the hook only name their orders instead of including them in the context.
fn names_its_orders(hook: Hook) -> bool {
    match hook {
        Hook::OrderDispatch | Hook::AppointmentBook => true,
        Hook::OrderSign | Hook::OrderSelect | Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => false,
    }
}

fn named_orders<'a>(hook: Hook, hook_version: Option<&str>, context: &Context<'a>) -> Result<NamedOrders<'a>, RequestError> {
    let few = |count: usize, path| if count > MAX_NAMED { Err(RequestError::TooManyEntries { limit: MAX_NAMED, path }) } else { Ok(path) };
    let (named, path) = match hook {
        Hook::OrderDispatch => {
            let orders = context.dispatched_orders(hook_version)?;
            let path = few(orders.len(), "context.dispatchedOrders")?;
            (NamedOrders::dispatched(&orders, &context.fulfillment_tasks(hook_version)), path)
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
        Some(position) => Err(RequestError::OtherPatient { path: format!("{}.participant", context.appointment_path(position)) }),
        None => Ok(named),
    }
}
