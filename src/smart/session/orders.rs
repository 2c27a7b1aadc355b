//! Finds the orders that an open app covers: the one the EHR or the card's link names, else the patient's own, else those of the newest
//! call for the patient. A link can only select from what the patient's chart and the ledger contain.
//! Not here: judging them; see [`super::chart`].

use std::borrow::Cow;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::ehr_access::resources;
use crate::crd::record_of;
use crate::decision::ORDER;
use crate::evidence::PatientRecord;
use crate::fhir::{Query, Reason};
use crate::ledger::OpenedRecord;
use crate::policy::kind;
use crate::service::{RecordedOrder, RecordedRequest};
use crate::smart::context::SmartContext;
use crate::smart::error::AppError;
use crate::smart::launch::Grant;

/// The patient's draft and active orders.
const OF_PATIENT: &str = "ServiceRequest?patient={{context.patientId}}&status=draft,active";

/// How many of the patient's calls to search for one that this EHR made.
const MAX_CALLS: u32 = 20;

/// An order that an app covers.
#[derive(Clone, Debug)]
pub(super) struct ChartOrder {
    /// Its `fullUrl` in the call that brought it.
    pub(super) full_url: Option<String>,
    /// `ServiceRequest/1`
    pub(super) reference: Option<String>,
    pub(super) json: Box<RawValue>,
}

/// The orders that an app covers.
#[derive(Clone, Debug)]
pub(super) struct FoundOrders {
    pub(super) entries: Vec<ChartOrder>,
    /// Whether they are resources of the EHR; otherwise they are as sent in a call, and may exist only as drafts.
    pub(super) are_resources: bool,
    /// The order that the link names.
    pub(super) named: Option<String>,
    /// Whether there may be more orders that the EHR did not return.
    pub(super) are_some: bool,
}

impl ChartOrder {
    fn from_resource(order: &Value) -> Option<Self> {
        Some(Self { full_url: None, reference: reference(order), json: to_raw_value(order).ok()? })
    }

    fn from_record(order: RecordedOrder) -> Self {
        let value: Option<Value> = serde_json::from_str(order.json.get()).ok();
        Self { full_url: order.full_url, reference: value.as_ref().and_then(reference), json: order.json }
    }

    pub(super) fn is(&self, order: &str) -> bool {
        self.reference.as_deref() == Some(order)
    }
}

impl FoundOrders {
    /// Keeps only the chosen order if the orders are separate EHR resources. Orders of a call stay together.
    pub(super) fn keep_chosen(&mut self, chosen: &str) {
        if self.are_resources {
            self.entries.retain(|entry| entry.is(chosen));
        }
    }

    /// The draft orders of a request, each with its `fullUrl`.
    pub(super) fn drafts(&self) -> impl Iterator<Item = (Option<Cow<'_, str>>, Option<&RawValue>)> {
        self.entries.iter().map(|entry| (entry.full_url.as_deref().map(Cow::Borrowed), Some(entry.json.as_ref())))
    }
}

/// The inputs of a search for orders.
#[derive(Clone, Copy)]
struct OrderSearch<'s> {
    context: &'s SmartContext,
    grant: &'s Grant,
    now: DateTime<Utc>,
}

/// The orders in scope for the grant's patient.
pub(super) async fn find_orders(context: &SmartContext, grant: &Grant, now: DateTime<Utc>) -> Result<FoundOrders, AppError> {
    let search = OrderSearch { context, grant, now };
    if let Some(found) = search.named().await? {
        return Ok(found);
    }
    if let Some(found) = search.of_assertion().await? {
        return Ok(found);
    }
    let (own, is_whole) = search.of_patient().await;
    if let Some(found) = own {
        return Ok(FoundOrders { are_some: !is_whole, ..found });
    }
    match search.of_newest_call().await? {
        Some(found) => Ok(found),
        None if is_whole => Err(AppError::NO_ORDER),
        None => Err(AppError::UNREAD),
    }
}

impl OrderSearch<'_> {
    /// The orders that the EHR or the link names, as stored in the EHR.
    async fn named(&self) -> Result<Option<FoundOrders>, AppError> {
        let named: Vec<&String> = self.grant.app_context.order.iter().chain(&self.grant.fhir_context).collect();
        let ids: Vec<String> = named.into_iter().filter_map(|named| named.strip_prefix("ServiceRequest/")).map(str::to_owned).collect();
        if ids.is_empty() {
            return Ok(None);
        }
        let ids: Vec<String> = ids.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let answers = self.context.search(self.grant, vec![Query::of_ids(ORDER, &ids)]).await;
        let mut orders = resources(&answers, ORDER);
        orders.retain(|order| order.get("id").and_then(Value::as_str).is_some_and(|id| ids.iter().any(|known| known == id)));
        // An order that the EHR does not let this user read counts as absent.
        let is_absent = |reason: Reason| matches!(reason, Reason::TokenRefused | Reason::NotGranted | Reason::NotOffered);
        let is_answered = answers.first().is_some_and(|answer| answer.missing.is_none_or(is_absent));
        if !is_answered && orders.len() < ids.len() {
            return Err(AppError::UNREAD);
        }
        orders.retain(|order| self.names_the_patient(order));
        let mut found = self.decided(&orders);
        if let Some(found) = &mut found {
            found.named = self.grant.app_context.order.clone().filter(|order| found.entries.iter().any(|entry| entry.is(order)));
        }
        Ok(found)
    }

    /// Whether the order itself names this patient; the search was by id only.
    fn names_the_patient(&self, order: &Value) -> bool {
        let subject = order.pointer("/subject/reference").and_then(Value::as_str).unwrap_or_default();
        let base = self.grant.ehr.base_url().as_str();
        let relative = subject.strip_prefix(base).map_or(subject, |path| path.trim_start_matches('/'));
        relative.strip_prefix("Patient/") == Some(self.grant.patient.as_str())
    }

    /// The patient's own orders, and whether the EHR returned all of them.
    async fn of_patient(&self) -> (Option<FoundOrders>, bool) {
        let Some(query) = Query::of_template(OF_PATIENT, &self.grant.patient) else { return (None, false) };
        let answers = self.context.search(self.grant, vec![query]).await;
        let mut orders = resources(&answers, ORDER);
        orders.retain(|order| matches!(order.get("status").and_then(Value::as_str), Some("draft" | "active")));
        (self.decided(&orders), answers.first().is_some_and(|answer| answer.missing.is_none()))
    }

    /// The orders of the call that the link's assertion was issued for.
    async fn of_assertion(&self) -> Result<Option<FoundOrders>, AppError> {
        let Some(id) = self.grant.app_context.assertion.as_deref().and_then(record_of) else { return Ok(None) };
        let record = self.context.audit.ledger.find(id).await.map_err(|_| AppError::NOT_RECORDED)?;
        Ok(record.and_then(|record| self.of_call(&record)))
    }

    /// The orders of the newest call for the patient.
    async fn of_newest_call(&self) -> Result<Option<FoundOrders>, AppError> {
        let ledger = &self.context.audit.ledger;
        let calls = ledger.newest_calls(&format!("Patient/{}", self.grant.patient), MAX_CALLS).await;
        for call in calls.map_err(|_| AppError::NOT_RECORDED)? {
            let record = ledger.find(call.id).await.map_err(|_| AppError::NOT_RECORDED)?;
            if let Some(found) = record.and_then(|record| self.of_call(&record)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The orders of a call, if this EHR made it for this patient.
    /// Invariant: a record is used only for its own patient and its own EHR.
    fn of_call(&self, record: &OpenedRecord) -> Option<FoundOrders> {
        let request = RecordedRequest::from_record(record).filter(|request| request.patient_id == self.grant.patient)?;
        if !self.is_own_call(record, request.fhir_server.as_deref()) {
            return None;
        }
        let entries: Vec<ChartOrder> = request.orders.into_iter().map(ChartOrder::from_record).collect();
        let in_scope = self.in_scope(&entries);
        let named = self.grant.app_context.order.clone().filter(|order| in_scope.contains(order));
        (!in_scope.is_empty()).then_some(FoundOrders { entries, are_resources: false, named, are_some: false })
    }

    /// Whether this EHR made the call.
    fn is_own_call(&self, record: &OpenedRecord, fhir_server: Option<&str>) -> bool {
        let (client, own_server) = (record.client.as_deref(), self.grant.ehr.fhir_server());
        match fhir_server {
            Some(base) => {
                let is_named = self.context.engine.registry().server(base).is_some_and(|server| server.name() == own_server);
                is_named && client.is_some_and(|client| self.context.authenticator.may_name(client, own_server))
            }
            // Ids of one tenant mean nothing in another.
            None => client == Some(self.grant.ehr.client()) && record.tenant.is_none(),
        }
    }

    /// The EHR's orders that a policy in use decides, if any.
    fn decided(&self, orders: &[Value]) -> Option<FoundOrders> {
        let mut entries: Vec<ChartOrder> = orders.iter().filter_map(ChartOrder::from_resource).collect();
        let in_scope = self.in_scope(&entries);
        entries.retain(|entry| entry.reference.as_ref().is_some_and(|reference| in_scope.contains(reference)));
        (!entries.is_empty()).then_some(FoundOrders { entries, are_resources: true, named: None, are_some: false })
    }

    /// References of this patient's orders that a policy in use decides. The chart, and with it the Coverage, is read only for those.
    fn in_scope(&self, orders: &[ChartOrder]) -> Vec<String> {
        let record = PatientRecord::of_orders(orders.iter().map(|order| (None, Some(order.json.as_ref()))));
        let (context, patient) =
            (self.context.engine.context_for_server(self.grant.ehr.fhir_server(), self.now), self.grant.patient.as_str());
        let drafts = record.drafts().iter().filter(|draft| draft.is_for(patient) && !draft.id().is_empty());
        let is_named_by = |draft, policy| kind(&record.order(draft, context.reading(policy, patient))).is_some();
        let decided = drafts.filter(|draft| context.versions(draft).any(|policy| is_named_by(*draft, policy)));
        decided.map(|draft| format!("{ORDER}/{}", draft.id())).collect()
    }
}

/// The order's reference, for example `ServiceRequest/1`.
fn reference(order: &Value) -> Option<String> {
    let part = |name| order.get(name).and_then(Value::as_str);
    Some(format!("{}/{}", part("resourceType")?, part("id")?))
}
