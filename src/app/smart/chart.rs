//! Holds what an open app has read of its patient, and judges it, with or without answers, any number of times and without fetching again.
//! Not here: which orders it covers ([`super::orders`]), and how a judgement is shown ([`super::showing`]).

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::error::AppError;
use super::orders::{FoundOrders, resources, token_of};
use crate::app::decision::{Decision, DecisionContext, ReadScope, conclude};
use crate::app::fetching::{FetchScope, FetchedPages, with_lists, with_referred};
use crate::app::read_request::read_request;
use crate::app::{App, CallError};
use crate::auth::smart::Grant;
use crate::cds_hooks::Hook;
use crate::crd::one_line;
use crate::fhir::Query;

/// The prefetch key for a call's answers; no requested prefetch uses it.
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
    /// The members of the call's context besides its orders.
    context: Map<String, Value>,
    server: String,
    /// The server's name in the configuration.
    server_name: String,
}

impl SessionChart {
    /// Builds the call for the orders, with a response to the form.
    pub(super) fn call(&self, response: Option<&Value>) -> String {
        let mut context = self.context.clone();
        context.insert("draftOrders".to_owned(), json!({"resourceType": "Bundle", "type": "collection", "entry": self.orders.entries}));
        let prefetch = response.map_or_else(|| json!({}), |response| json!({ ANSWERS: response }));
        let hook = Hook::OrderSign.as_str();
        json!({"hook": hook, "hookInstance": "app", "fhirServer": self.server, "context": context, "prefetch": prefetch}).to_string()
    }

    /// Selects one of the orders.
    pub(super) fn choose(&mut self, order: &str) {
        self.orders.with(order);
        self.chosen = Some(order.to_owned());
    }
}

impl App {
    /// Reads the chart of the grant's patient.
    pub(super) async fn read_chart(&self, grant: &Grant, now: DateTime<Utc>) -> Result<SessionChart, AppError> {
        let mut chart = SessionChart {
            orders: self.orders_of(grant, now).await?,
            chosen: None,
            pages: FetchedPages::default(),
            patient: String::new(),
            identifier: self.ports().ids.new_id(),
            context: context(grant),
            server: grant.ehr.base_url().to_string(),
            server_name: grant.ehr.fhir_server().to_owned(),
        };
        let call = chart.call(None);
        let (read, patient) = futures_util::future::join(self.fetch(grant, &call, now), self.patient_of(grant)).await;
        let (pages, orders) = read?;
        (chart.pages, chart.patient) = (pages, patient);
        match (chart.orders.named.clone(), orders.as_slice()) {
            (Some(named), _) => chart.choose(&named),
            (None, []) => return Err(AppError::NO_ORDER),
            (None, [only]) if !chart.orders.are_some => chart.chosen = Some(only.clone()),
            (None, _) => {}
        }
        Ok(chart)
    }

    /// Fetches everything that a decision needs. Also returns the orders that are decided.
    async fn fetch(&self, grant: &Grant, call: &str, now: DateTime<Utc>) -> Result<(FetchedPages, Vec<String>), AppError> {
        let decision_context = self.means_of_ehr(grant.ehr.fhir_server(), now);
        let mut scoped_request =
            read_request(&decision_context, call, ReadScope::Everything).map_err(CallError::from)?.scoped_request.ok_or(AppError::OURS)?;
        scoped_request.token = Some(token_of(grant));
        let server = grant.ehr.fhir_server();
        let scope = FetchScope { allowed: &|name| name == server, end: None, form: None };
        let read = self.decide(&decision_context, scoped_request, &scope, |decision, fetched| {
            crate::app::decision::require_data(decision)?;
            let pages = fetched.map(FetchedPages::from_fetched).unwrap_or_default();
            let orders = decision.evaluation.orders.iter().map(|order| order.order.to_string());
            Ok::<_, CallError>((pages, orders.collect()))
        });
        Ok(read.await??)
    }

    /// The context for judging calls of an open app. The EHR's charts are read as for the first client that may name its server.
    pub(super) fn means_of_ehr(&self, fhir_server: &str, now: DateTime<Utc>) -> DecisionContext<'_> {
        let decision_context = DecisionContext { hooks: &Hook::ALL, ..self.decision_context(now) };
        self.readings
            .of_server(fhir_server)
            .map_or(decision_context, |reading| DecisionContext { options: reading.options(), ..decision_context })
    }

    /// Judges a call with the data already read.
    pub(super) fn judge<T>(
        &self,
        call: &str,
        chart: &SessionChart,
        now: DateTime<Utc>,
        read: impl FnOnce(&Decision<'_>) -> T,
    ) -> Result<T, AppError> {
        let decision_context = self.means_of_ehr(&chart.server_name, now);
        let scoped_request =
            read_request(&decision_context, call, ReadScope::Everything).map_err(CallError::from)?.scoped_request.ok_or(AppError::OURS)?;
        let scoped_request =
            scoped_request.with(|patient_record| with_referred(with_lists(patient_record, &chart.pages.lists), &chart.pages.referred));
        Ok(read(&conclude(&decision_context, scoped_request)))
    }

    /// The patient's description, if the EHR provides one.
    async fn patient_of(&self, grant: &Grant) -> String {
        let answers = self.ask(grant, vec![Query::of_ids("Patient", std::slice::from_ref(&grant.patient))]).await;
        let patients = resources(&answers, "Patient");
        let own = patients.iter().find(|patient| patient.get("id").and_then(Value::as_str) == Some(&grant.patient));
        own.map(in_words).unwrap_or_default()
    }
}

/// The context of the app's call besides its orders.
fn context(grant: &Grant) -> Map<String, Value> {
    let mut context = Map::new();
    context.insert("userId".to_owned(), json!(grant.fhir_user.as_deref().unwrap_or_default()));
    context.insert("patientId".to_owned(), json!(grant.patient));
    if let Some(encounter) = &grant.encounter {
        context.insert("encounterId".to_owned(), json!(encounter));
    }
    context
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
