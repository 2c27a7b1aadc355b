//! Finds the orders that an open app covers: the one the EHR or the card's link names, else the patient's own, else those of the newest
//! call for the patient. A link can only select from what the patient's chart and the ledger contain.
//! Not here: judging them; see [`super::chart`].

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use secrecy::SecretString;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::error::AppError;
use crate::app::decision::version;
use crate::app::{App, record_of};
use crate::auth::smart::Grant;
use crate::evidence::PatientRecord;
use crate::fhir::{AccessToken, AnswerTo, Query, Reason, SearchAnswer, searches};
use crate::ledger::{EntryKind, OpenedRecord};
use crate::policy::kind;

const ORDER: &str = "ServiceRequest";

/// The patient's draft and active orders.
const OF_PATIENT: &str = "ServiceRequest?patient={{context.patientId}}&status=draft,active";

/// How many of the patient's calls to search for one that this EHR made.
const MAX_CALLS: u32 = 20;

/// The orders that an app covers.
#[derive(Clone, Debug)]
pub(super) struct FoundOrders {
    /// The entries of a call's Bundle of draft orders.
    pub(super) entries: Vec<Value>,
    /// Whether they are resources of the EHR; otherwise they are as sent in a call, and may exist only as drafts.
    pub(super) are_resources: bool,
    /// The order that the link names.
    pub(super) named: Option<String>,
    /// Whether there may be more orders that the EHR did not return.
    pub(super) are_some: bool,
}

impl FoundOrders {
    /// Keeps only the chosen order if the orders are separate EHR resources. Orders of a call stay together.
    pub(super) fn with(&mut self, chosen: &str) {
        if self.are_resources {
            self.entries.retain(|entry| is_of(entry, chosen));
        }
    }

    fn has(&self, order: &str) -> bool {
        self.entries.iter().any(|entry| is_of(entry, order))
    }
}

fn is_of(entry: &Value, order: &str) -> bool {
    entry.get("resource").and_then(reference).as_deref() == Some(order)
}

/// The inputs of a search for orders.
#[derive(Clone, Copy)]
struct OrderSearch<'s> {
    app: &'s App,
    grant: &'s Grant,
    now: DateTime<Utc>,
}

impl App {
    /// The orders in scope for the grant's patient.
    pub(super) async fn orders_of(&self, grant: &Grant, now: DateTime<Utc>) -> Result<FoundOrders, AppError> {
        let search = OrderSearch { app: self, grant, now };
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

    /// Runs searches on the grant's FHIR server concurrently, within the standard time budget.
    pub(super) async fn ask(&self, grant: &Grant, queries: Vec<Query>) -> Vec<SearchAnswer> {
        let Some(server) = self.registry.server(grant.ehr.base_url().as_str()) else { return Vec::new() };
        let (token, deadline) = (AccessToken::new(token_of(grant)), Instant::now() + self.registry.budget);
        let mut answers: Vec<_> = searches(&server, Some(&token), queries.into_iter().enumerate(), deadline).collect().await;
        answers.sort_by_key(|AnswerTo { key, .. }| *key);
        answers.into_iter().map(|AnswerTo { answer, .. }| answer).collect()
    }
}

pub(super) fn token_of(grant: &Grant) -> SecretString {
    grant.access_token.clone()
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
        let answers = self.app.ask(self.grant, vec![Query::of_ids(ORDER, &ids)]).await;
        let mut orders = resources(&answers, ORDER);
        orders.retain(|order| order.get("id").and_then(Value::as_str).is_some_and(|id| ids.iter().any(|known| known == id)));
        // An order that the EHR does not let this user read counts as absent.
        let is_answered =
            answers.first().is_some_and(|answer| matches!(answer.missing, None | Some(Reason::NotGranted | Reason::NotOffered)));
        if !is_answered && orders.len() < ids.len() {
            return Err(AppError::UNREAD);
        }
        orders.retain(|order| self.names_the_patient(order));
        let mut found = self.decided(orders);
        if let Some(found) = &mut found {
            found.named = self.grant.app_context.order.clone().filter(|order| found.has(order));
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
        let answers = self.app.ask(self.grant, vec![query]).await;
        let mut orders = resources(&answers, ORDER);
        orders.retain(|order| matches!(order.get("status").and_then(Value::as_str), Some("draft" | "active")));
        (self.decided(orders), answers.first().is_some_and(|answer| answer.missing.is_none()))
    }

    /// The orders of the call that the link's assertion was issued for.
    async fn of_assertion(&self) -> Result<Option<FoundOrders>, AppError> {
        let Some(id) = self.grant.app_context.assertion.as_deref().and_then(record_of) else { return Ok(None) };
        let kept = self.app.ports().ledger.find(id).await.map_err(|_| AppError::NOT_RECORDED)?;
        Ok(kept.and_then(|kept| self.of_call(&kept)))
    }

    /// The orders of the newest call for the patient.
    async fn of_newest_call(&self) -> Result<Option<FoundOrders>, AppError> {
        let ledger = &self.app.ports().ledger;
        let calls = ledger.newest_calls(&format!("Patient/{}", self.grant.patient), MAX_CALLS).await;
        for call in calls.map_err(|_| AppError::NOT_RECORDED)? {
            let kept = ledger.find(call.id).await.map_err(|_| AppError::NOT_RECORDED)?;
            if let Some(found) = kept.and_then(|kept| self.of_call(&kept)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The orders of a call, if this EHR made it for this patient.
    /// Invariant: a record is used only for its own patient and its own EHR.
    fn of_call(&self, kept: &OpenedRecord) -> Option<FoundOrders> {
        let content: Value = serde_json::from_slice(kept.content.as_deref().filter(|_| kept.kind == EntryKind::Call)?).ok()?;
        let request = content.get("request")?;
        let patient = request.pointer("/context/patientId")?.as_str()?;
        let is_patients = patient.strip_prefix("Patient/").unwrap_or(patient) == self.grant.patient;
        let is_ehrs = match request.get("fhirServer").and_then(Value::as_str) {
            Some(base) => {
                let is_named = self.app.registry.server(base).is_some_and(|server| server.name() == self.grant.ehr.fhir_server());
                is_named && kept.client.as_deref().is_some_and(|client| self.app.may_have_asked(client, self.grant.ehr.fhir_server()))
            }
            // Ids of one tenant mean nothing in another.
            None => kept.client.as_deref() == Some(self.grant.ehr.client()) && kept.tenant.is_none(),
        };
        let entries = request.pointer("/context/draftOrders/entry")?.as_array().filter(|_| is_patients && is_ehrs)?;
        let orders: Vec<Value> = entries.iter().filter_map(|entry| entry.get("resource").cloned()).collect();
        let in_scope = self.in_scope(&orders);
        let named = self.grant.app_context.order.clone().filter(|order| in_scope.contains(order));
        (!in_scope.is_empty()).then(|| FoundOrders { entries: entries.clone(), are_resources: false, named, are_some: false })
    }

    /// The EHR's orders that the policy decides, if any.
    fn decided(&self, orders: Vec<Value>) -> Option<FoundOrders> {
        let in_scope = self.in_scope(&orders);
        let is_decided = |order: &Value| reference(order).is_some_and(|reference| in_scope.contains(&reference));
        let entries: Vec<Value> = orders.into_iter().filter(is_decided).map(|order| json!({ "resource": order })).collect();
        (!entries.is_empty()).then_some(FoundOrders { entries, are_resources: true, named: None, are_some: false })
    }

    /// References of this patient's orders that the policy decides.
    fn in_scope(&self, orders: &[Value]) -> Vec<String> {
        let raws: Vec<Box<RawValue>> = orders.iter().filter_map(|order| to_raw_value(order).ok()).collect();
        let patient_record = PatientRecord::of_orders(raws.iter().map(|raw| (None, Some(raw.as_ref()))));
        let (decision_context, patient) = (self.app.means_of_ehr(self.grant.ehr.fhir_server(), self.now), self.grant.patient.as_str());
        let drafts = patient_record.drafts().iter().filter(|draft| draft.is_for(patient) && !draft.id().is_empty());
        let decided = drafts.filter(|draft| {
            kind(&patient_record.order(draft, decision_context.reading(version(&decision_context, draft), patient))).is_some()
        });
        decided.map(|draft| format!("{ORDER}/{}", draft.id())).collect()
    }
}

/// The resources of a type in search results.
pub(super) fn resources(answers: &[SearchAnswer], of_type: &str) -> Vec<Value> {
    let pages = answers.iter().flat_map(|answer| &answer.pages).filter_map(|page| serde_json::from_slice::<Value>(page).ok());
    let entries = pages.flat_map(|mut page| page.get_mut("entry").map(Value::take).and_then(into_array).unwrap_or_default());
    let resources = entries.filter_map(|mut entry| entry.get_mut("resource").map(Value::take));
    resources.filter(|resource| resource.get("resourceType").and_then(Value::as_str) == Some(of_type)).collect()
}

fn into_array(value: Value) -> Option<Vec<Value>> {
    if let Value::Array(items) = value { Some(items) } else { None }
}

/// The order's reference, for example `ServiceRequest/1`.
pub(super) fn reference(order: &Value) -> Option<String> {
    let part = |name| order.get(name).and_then(Value::as_str);
    Some(format!("{}/{}", part("resourceType")?, part("id")?))
}
