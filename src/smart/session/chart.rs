//! Holds what an open app has read of its patient, and decides on it, with or without answers, any number of times and without fetching again.
//! Not here: which orders it covers ([`super::orders`]), and how a decision is shown ([`super::view`]).

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use super::ehr_access::resources;
use super::orders::{FoundOrders, find_orders};
use crate::cds_hooks::Hook;
use crate::crd::one_line;
use crate::decision::{Decision, DecisionContext, FetchScope, FetchedPages, ReadScope, ScopedRequest, decide};
use crate::evidence::{NamedOrders, PatientRecord};
use crate::fhir::Query;
use crate::memory_budget::MemoryGrant;
use crate::smart::context::SmartContext;
use crate::smart::error::AppError;
use crate::smart::launch::Grant;

/// The prefetch key for a recorded call's answers; no requested prefetch uses it.
const ANSWERS: &str = "answers";

/// Longer names are truncated.
const MAX_NAME_CHARS: usize = 120;

/// The data read for a patient.
#[derive(Debug)]
pub(super) struct SessionChart {
    pub(super) orders: FoundOrders,
    /// The selected order; `None` if the user has to choose.
    pub(super) chosen: Option<String>,
    pub(super) pages: FetchedPages,
    /// A short description of the patient.
    pub(super) patient: String,
    /// Identifies new responses of this session.
    pub(super) identifier: Uuid,
    patient_id: String,
    user_id: String,
    encounter_id: Option<String>,
    server: String,
    /// The server's name in the configuration.
    server_name: String,
    /// The id of the plan of the EHR's users, if the configuration names one.
    plan: Option<String>,
}

impl SessionChart {
    /// Reads the chart of the grant's patient.
    pub(super) async fn read(context: &SmartContext, grant: &Grant, now: DateTime<Utc>) -> Result<Self, AppError> {
        let mut chart = Self {
            orders: find_orders(context, grant, now).await?,
            chosen: None,
            pages: FetchedPages::default(),
            patient: String::new(),
            identifier: context.audit.new_id(),
            patient_id: grant.patient.clone(),
            user_id: grant.fhir_user.clone().unwrap_or_default(),
            encounter_id: grant.encounter.clone(),
            server: grant.ehr.base_url().to_string(),
            server_name: grant.ehr.fhir_server().to_owned(),
            plan: grant.ehr.plan().map(str::to_owned),
        };
        let pages = FetchedPages::default();
        let (orders, patient) = futures_util::future::join(chart.fetch(context, grant, &pages, now), patient_name(context, grant)).await;
        let orders = orders?;
        (chart.pages, chart.patient) = (pages, patient);
        match (chart.orders.named.clone(), orders.as_slice()) {
            (Some(named), _) => chart.choose(&named),
            (None, []) => return Err(AppError::NO_ORDER),
            (None, [only]) if !chart.orders.are_some => chart.chosen = Some(only.clone()),
            (None, _) => {}
        }
        Ok(chart)
    }

    /// Fetches everything that a decision needs into `pages`. Returns the orders that are decided.
    async fn fetch(
        &self,
        context: &SmartContext,
        grant: &Grant,
        pages: &FetchedPages,
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, AppError> {
        let decision_context = context.engine.context_for_server(&self.server_name, now);
        let request = ScopedRequest { token: Some(grant.access_token.clone()), ..self.request(None) };
        request.check_orders(&decision_context)?;
        let memory = MemoryGrant::default();
        let scope = FetchScope { allowed: &|name| name == self.server_name, end: None, form: None, memory: &memory };
        let (request, _) = context.engine.fetch_missing(&decision_context, request, &scope, pages).await?;
        let decision = self.decide_request(context, &decision_context, request);
        decision.require_data()?;
        Ok(decision.evaluation.orders.iter().map(|order| order.order.to_string()).collect())
    }

    /// The request for a decision on the orders, without the fetched pages. `response` is a response to the form.
    fn request<'c>(&'c self, response: Option<&'c RawValue>) -> ScopedRequest<'c> {
        let record = PatientRecord::of_orders(self.orders.drafts());
        ScopedRequest {
            patient_record: response.into_iter().fold(record, PatientRecord::with_resource),
            hook: Hook::OrderSign,
            patient_id: Cow::Borrowed(&self.patient_id),
            user_id: Cow::Borrowed(&self.user_id),
            encounter_id: self.encounter_id.as_deref().map(Cow::Borrowed),
            fhir_server: Some(Cow::Borrowed(&self.server)),
            token: None,
            named: NamedOrders::default(),
            read_scope: ReadScope::Everything,
        }
    }

    /// Decides on the data already read, with a response to the form.
    pub(super) fn decide<'c>(&'c self, context: &SmartContext, response: Option<&'c RawValue>, now: DateTime<Utc>) -> Decision<'c> {
        let decision_context = context.engine.context_for_server(&self.server_name, now);
        self.decide_request(context, &decision_context, self.pages.add_evidence(self.request(response)))
    }

    /// Decides a request with the policy of each order's plan.
    fn decide_request<'c>(&self, context: &SmartContext, made_with: &DecisionContext<'_>, request: ScopedRequest<'c>) -> Decision<'c> {
        let choice = request.choose_policies(made_with, &|coverage| context.plans.policy_of(self.plan.as_deref(), coverage));
        decide(made_with, request, choice)
    }

    /// The request as a hook call, for the record.
    pub(super) fn call_json(&self, response: Option<&Value>) -> String {
        let entry = self.orders.entries.iter().map(|order| match &order.full_url {
            Some(url) => json!({"fullUrl": url, "resource": order.json}),
            None => json!({"resource": order.json}),
        });
        let orders = json!({"resourceType": "Bundle", "type": "collection", "entry": entry.collect::<Vec<_>>()});
        let mut context = json!({"userId": self.user_id, "patientId": self.patient_id});
        if let (Some(encounter), Some(members)) = (&self.encounter_id, context.as_object_mut()) {
            members.insert("encounterId".to_owned(), json!(encounter));
        }
        if let Some(members) = context.as_object_mut() {
            members.insert("draftOrders".to_owned(), orders);
        }
        let prefetch = response.map_or_else(|| json!({}), |response| json!({ ANSWERS: response }));
        let hook = Hook::OrderSign.as_str();
        json!({"hook": hook, "hookInstance": "app", "fhirServer": self.server, "context": context, "prefetch": prefetch}).to_string()
    }

    /// Selects one of the orders.
    pub(super) fn choose(&mut self, order: &str) {
        self.orders.keep_chosen(order);
        self.chosen = Some(order.to_owned());
    }
}

/// The patient's description, if the EHR provides one.
async fn patient_name(context: &SmartContext, grant: &Grant) -> String {
    let answers = context.search(grant, vec![Query::of_ids("Patient", std::slice::from_ref(&grant.patient))]).await;
    let patients = resources(&answers, "Patient");
    let own = patients.iter().find(|patient| patient.get("id").and_then(Value::as_str) == Some(&grant.patient));
    own.map(in_words).unwrap_or_default()
}

/// `Ada Lovelace, 1815-12-10`
fn in_words(patient: &Value) -> String {
    let name = patient.pointer("/name/0").map(name).unwrap_or_default();
    let born = patient.get("birthDate").and_then(Value::as_str).unwrap_or_default();
    let parts = [name.as_str(), born].into_iter().filter(|part| !part.is_empty());
    one_line(&parts.collect::<Vec<_>>().join(", ")).chars().take(MAX_NAME_CHARS).collect()
}

fn name(name: &Value) -> String {
    if let Some(text) = name.get("text").and_then(Value::as_str) {
        return text.to_owned();
    }
    let given = name.get("given").and_then(Value::as_array).into_iter().flatten();
    let parts = given.chain(name.get("family")).filter_map(Value::as_str);
    parts.collect::<Vec<_>>().join(" ")
}
