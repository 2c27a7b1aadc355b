//! Ledger entries for an open app: a chart was shown to a user, or answers were saved to it.
//! Not here: storage ([`crate::ledger`]).

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::chart::SessionChart;
use super::error::AppError;
use super::sessions::Work;
use super::showing::order_of;
use crate::app::App;
use crate::app::decision::Decision;
use crate::app::recording::{Fetched, JsonMembers, OrderSummary, fetched_json, in_force, order_summaries};
use crate::ledger::{Entry, EntryKind, PROGRAM};

/// An entry's summary in lists.
#[derive(Serialize)]
struct SessionSummary<'s> {
    patient: &'s str,
    user: &'s str,
    /// `QuestionnaireResponse/1`, if one was saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<String>,
    orders: Vec<OrderSummary>,
}

/// The event to record.
pub(super) struct SessionAuditEntry<'t> {
    pub(super) kind: EntryKind,
    pub(super) work: &'t Work,
    pub(super) chart: &'t SessionChart,
}

impl App {
    /// Records what a user was shown or saved, with the decision at that time; the entry is durable when this returns.
    pub(super) async fn keep_told(&self, told: SessionAuditEntry<'_>, now: DateTime<Utc>) -> Result<(), AppError> {
        if !self.ports().ledger.is_on() {
            return Ok(());
        }
        let call = told.chart.call(told.work.saved.as_ref().map(|saved| &saved.response));
        let entry = self.judge(&call, told.chart, now, |decision| self.entry(&told, decision, &call, now))?;
        self.keep(vec![entry]).await.map_err(|_| AppError::NOT_RECORDED)
    }

    fn entry(&self, told: &SessionAuditEntry<'_>, decision: &Decision<'_>, call: &str, now: DateTime<Utc>) -> Entry<'static> {
        let SessionAuditEntry { kind, work, chart } = told;
        let mut entry = Entry::new(self.ports().ids.new_id(), *kind, now);
        let patient = format!("Patient/{}", work.grant.patient);
        let saved = work.saved.as_ref().filter(|_| *kind == EntryKind::AppSaved);
        let summary = SessionSummary {
            patient: &patient,
            user: work.grant.fhir_user.as_deref().unwrap_or_default(),
            response: saved.and_then(|saved| saved.id.as_ref()).map(|id| format!("QuestionnaireResponse/{id}")),
            orders: order_summaries(&decision.evaluation, self.policies()),
        };
        entry.summary = serde_json::to_vec(&summary).unwrap_or_else(|_| b"{}".to_vec());
        entry.client = Some(work.grant.ehr.client().to_owned());
        let shown = chart.chosen.as_deref().and_then(|chosen| order_of(decision, chosen));
        let worst = decision.evaluation.orders.iter().map(|order| order.determination).max();
        let determination = shown.map(|order| order.determination).or(worst);
        entry.determination = determination.map(|determination| determination.as_str().to_owned());
        entry.policies = shown.map(|order| self.policies().name_on(order.service_date).to_owned());
        entry.patient = Some(patient);
        entry.content = vec![content(self, told, decision, call, saved.map(|saved| &saved.response)).into()];
        entry
    }
}

/// The full content. Fetched data is included only when it was read, and the response only when it was saved.
fn content(app: &App, told: &SessionAuditEntry<'_>, decision: &Decision<'_>, call: &str, saved: Option<&Value>) -> Vec<u8> {
    let members = JsonMembers::default()
        .json("program", &PROGRAM)
        .json("policyFiles", &in_force(app.policies()))
        .json("order", &told.chart.chosen)
        .json("evaluation", &decision.report());
    let members = if let Some(response) = saved {
        members.json("response", response)
    } else {
        let pages = &told.chart.pages;
        let fetched = Fetched { orders: &pages.orders, lists: [&pages.lists, &[]], referred: &pages.referred, form: None };
        members.raw("fetched", &fetched_json(fetched))
    };
    members.raw("request", call.as_bytes()).finish()
}
