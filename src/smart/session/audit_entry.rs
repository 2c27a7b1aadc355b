//! Ledger entries for an open app: a chart was shown to a user, or answers were saved to it.
//! Not here: storage ([`crate::ledger`]).

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::chart::SessionChart;
use super::view::order_of;
use super::work::Saved;
use crate::decision::Decision;
use crate::ledger::{Entry, EntryKind, PROGRAM};
use crate::service::{JsonMembers, OrderSummary, fetched_json, in_force, order_summaries};
use crate::smart::context::SmartContext;
use crate::smart::launch::Grant;

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

/// What a user was shown or saved.
pub(super) struct SessionEvent<'t> {
    pub(super) kind: EntryKind,
    pub(super) grant: &'t Grant,
    pub(super) chart: &'t SessionChart,
    pub(super) saved: Option<&'t Saved>,
}

impl SessionEvent<'_> {
    /// The ledger entry of the event, with the decision at that time.
    pub(super) fn entry(&self, context: &SmartContext, decision: &Decision<'_>, now: DateTime<Utc>) -> Entry<'static> {
        let Self { kind, grant, chart, .. } = self;
        let mut entry = Entry::new(context.audit.new_id(), *kind, now);
        let patient = format!("Patient/{}", grant.patient);
        let saved = self.saved.filter(|_| *kind == EntryKind::AppSaved);
        let summary = SessionSummary {
            patient: &patient,
            user: grant.fhir_user.as_deref().unwrap_or_default(),
            response: saved.and_then(|saved| saved.id.as_ref()).map(|id| format!("QuestionnaireResponse/{id}")),
            orders: order_summaries(decision),
        };
        entry.summary = serde_json::to_vec(&summary).unwrap_or_else(|_| b"{}".to_vec());
        entry.client = Some(grant.ehr.client().to_owned());
        let shown = chart.chosen.as_deref().and_then(|chosen| order_of(decision, chosen));
        let worst = decision.evaluation.orders.iter().map(|order| order.determination).max();
        let determination = shown.map(|order| order.determination).or(worst);
        entry.determination = determination.map(|determination| determination.as_str().to_owned());
        entry.policies = shown.map(|order| decision.policy_name(order).to_owned());
        entry.patient = Some(patient);
        entry.content = vec![self.content(context, decision, saved.map(|saved| &saved.response)).into()];
        entry
    }

    /// The full content. Fetched data is included only when it was read, and the response only when it was saved.
    fn content(&self, context: &SmartContext, decision: &Decision<'_>, saved: Option<&Value>) -> Vec<u8> {
        let members = JsonMembers::default()
            .json("program", &PROGRAM)
            .json("policyFiles", &in_force(context.engine.policies()))
            .json("order", &self.chart.chosen)
            .json("evaluation", &decision.report());
        let members = match saved {
            Some(response) => members.json("response", response),
            None => members.raw("fetched", &fetched_json(&self.chart.pages)),
        };
        let call = self.chart.call_json(self.saved.map(|saved| &saved.response));
        members.raw("request", call.as_bytes()).finish()
    }
}
