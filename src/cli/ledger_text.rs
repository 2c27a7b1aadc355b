//! Formats a record for people: one line in a list, or the full request, decision and reasons.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;

use super::ledger_json::{Summary, harmless_json, instant, summary};
use super::terminal_text::printable;
use crate::ledger::{EntryKind, OpenedRecord};

/// A record whose clear texts can be printed. Nothing proves that they are as they were written.
pub(super) fn printable_record(mut record: OpenedRecord) -> OpenedRecord {
    let OpenedRecord { client, tenant, hook, cause, policies, determination, instance, key_id, .. } = &mut record;
    for text in [client, tenant, hook, cause, policies, determination].into_iter().flatten().chain([instance, key_id]) {
        *text = printable(text).into_owned();
    }
    record
}

/// A record as one line of a list.
pub(super) fn line(record: &OpenedRecord) -> String {
    let Summary { patient, orders, response, outcome, count, program, .. } = summary(record);
    let said = match record.kind {
        _ if record.is_locked => format!("key `{}` is missing", record.key_id),
        EntryKind::Start => program,
        EntryKind::Call | EntryKind::AppOpened | EntryKind::AppSaved => {
            record.determination.clone().unwrap_or_else(|| "nothing to say".to_owned())
        }
        EntryKind::Fault | EntryKind::Refusal => record.cause.clone().unwrap_or_default(),
        EntryKind::Feedback => outcome,
    };
    let orders: Vec<String> = orders.into_iter().map(|order| order.reference).collect();
    let card = record.card.map(|card| format!("card {card}"));
    let more = [Some(patient), Some(orders.join(" ")), Some(response), card, count.map(|count| format!("{count} callers"))];
    let more: Vec<String> = more.into_iter().flatten().filter(|text| !text.is_empty()).collect();
    let client = record.client.as_deref().unwrap_or("-");
    format!("{}  {:<8}  {said:<24}  {client:<16}  {}  {}\n", instant(&record.received_at), record.kind.as_str(), record.id, more.join("  "))
}

/// The parts of a call's content that are shown.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordContent {
    #[serde(default)]
    program: String,
    #[serde(default)]
    evaluation: Option<RecordedEvaluation>,
    /// For a call without a decided order.
    #[serde(default)]
    passed_over: Vec<PassedOverView>,
    #[serde(default)]
    fetched: Option<Fetched>,
    answer: AnswerView,
    request: Value,
}

/// The parts of an app session's content that are shown.
#[derive(Deserialize)]
struct AppContent {
    #[serde(default)]
    evaluation: Option<RecordedEvaluation>,
    #[serde(default)]
    response: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordedEvaluation {
    orders: Vec<OrderView>,
    #[serde(default)]
    passed_over: Vec<PassedOverView>,
    #[serde(default)]
    sources: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderView {
    #[serde(rename = "order")]
    reference: String,
    service_date: String,
    determination: String,
    earliest_date: Option<String>,
    sites: Vec<RecordedSite>,
}

/// An order without a determination.
#[derive(Deserialize)]
struct PassedOverView {
    order: String,
    why: String,
    #[serde(default)]
    codes: Vec<String>,
}

#[derive(Deserialize)]
struct RecordedSite {
    #[serde(rename = "site")]
    name: String,
    pathway: String,
    determination: String,
    criteria: Vec<RecordedCriterion>,
}

#[derive(Deserialize)]
struct RecordedCriterion {
    id: String,
    verdict: String,
    statement: String,
    #[serde(default)]
    evidence: Vec<RecordedEvidence>,
}

#[derive(Deserialize)]
struct RecordedEvidence {
    resource: String,
    date: Option<String>,
    what: String,
}

#[derive(Deserialize)]
struct Fetched {
    lists: Vec<PagesView>,
    referred: Vec<PagesView>,
}

#[derive(Deserialize)]
struct PagesView {
    #[serde(rename = "type")]
    of_type: String,
    pages: Vec<Value>,
    missing: Option<String>,
}

#[derive(Deserialize)]
struct AnswerView {
    cards: Vec<CardView>,
}

#[derive(Deserialize)]
struct CardView {
    uuid: String,
    summary: String,
    indicator: String,
    #[serde(default)]
    suggestions: Vec<SuggestionView>,
}

#[derive(Deserialize)]
struct SuggestionView {
    label: String,
    uuid: String,
}

/// All recorded data of a record, and the feedback on it.
pub(super) fn whole(record: &OpenedRecord, feedback: &[OpenedRecord]) -> anyhow::Result<String> {
    let mut text = head(record)?;
    if record.kind == EntryKind::Call
        && let Some(content) = &record.content
    {
        let content: RecordContent = harmless_json(content)?;
        asked(&mut text, &content)?;
        decided(&mut text, content.evaluation.as_ref(), &content.passed_over)?;
        answered(&mut text, &content.answer)?;
    }
    if matches!(record.kind, EntryKind::AppOpened | EntryKind::AppSaved)
        && let Some(content) = &record.content
    {
        let content: AppContent = harmless_json(content)?;
        decided(&mut text, content.evaluation.as_ref(), &[])?;
        if let Some(response) = content.response {
            writeln!(text, "\nSaved\n  {response}")?;
        }
    }
    let own = (record.kind == EntryKind::Feedback).then_some(record);
    let feedback: Vec<&OpenedRecord> = own.into_iter().chain(feedback).collect();
    if !feedback.is_empty() {
        writeln!(text, "\nFeedback")?;
    }
    for told in feedback {
        let told_json: Value = told.content.as_deref().map(harmless_json).transpose()?.unwrap_or_default();
        writeln!(text, "  {}  {}  {told_json}", instant(&told.received_at), summary(told).outcome)?;
    }
    Ok(text)
}

fn head(record: &OpenedRecord) -> Result<String, std::fmt::Error> {
    let Summary { hook_instance, patient, user, response, count, program, card_is_known, .. } = summary(record);
    let mut text = String::new();
    writeln!(text, "{} {}", record.kind.as_str(), record.id)?;
    let position = format!("{} ({})", record.position, record.instance);
    let lines = [
        ("received", instant(&record.received_at)),
        ("recorded", instant(&record.recorded_at)),
        ("place", position),
        (
            "key",
            if record.is_locked {
                format!("{}, which is missing: what it sealed cannot be read", record.key_id)
            } else {
                record.key_id.clone()
            },
        ),
        ("client", record.client.clone().unwrap_or_default()),
        ("tenant", record.tenant.clone().unwrap_or_default()),
        ("hook", record.hook.clone().unwrap_or_default()),
        ("hookInstance", hook_instance),
        ("patient", patient),
        ("user", user),
        ("response", response),
        ("status", record.status.map(|status| status.to_string()).unwrap_or_default()),
        ("cause", record.cause.clone().unwrap_or_default()),
        ("callers", count.map(|count| count.to_string()).unwrap_or_default()),
        ("program", program),
        ("policies", record.policies.clone().unwrap_or_default()),
        ("determination", record.determination.clone().unwrap_or_default()),
        ("card", record.card.map(|card| card.to_string()).unwrap_or_default()),
        ("about", about(record, card_is_known)),
    ];
    for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(text, "  {name:<14}{value}")?;
    }
    Ok(text)
}

/// The call that showed the card of this feedback, or a note that none did.
fn about(record: &OpenedRecord, card_is_known: Option<bool>) -> String {
    match (record.about, card_is_known) {
        (Some(call), _) => call.to_string(),
        (None, Some(false)) => "no call here showed that card".to_owned(),
        (None, _) => String::new(),
    }
}

fn asked(text: &mut String, content: &RecordContent) -> std::fmt::Result {
    writeln!(text, "\nAsked")?;
    let drafts = content.request.pointer("/context/draftOrders/entry").and_then(Value::as_array);
    for resource in drafts.into_iter().flatten().filter_map(|entry| entry.get("resource")) {
        let part = |name| resource.get(name).and_then(Value::as_str).unwrap_or("?");
        writeln!(text, "  order         {}/{}", part("resourceType"), part("id"))?;
    }
    let prefetch = content.request.get("prefetch").and_then(Value::as_object);
    let names: Vec<&str> = prefetch.into_iter().flat_map(|prefetch| prefetch.keys().map(String::as_str)).collect();
    writeln!(text, "  prefetch      {}", if names.is_empty() { "none that was read".to_owned() } else { names.join(", ") })?;
    for PagesView { of_type, pages, missing } in content.fetched.iter().flat_map(|fetched| fetched.lists.iter().chain(&fetched.referred)) {
        let missing = missing.as_ref().map(|reason| format!("; not all: {reason}")).unwrap_or_default();
        writeln!(text, "  fetched       {of_type}: {} pages{missing}", pages.len())?;
    }
    writeln!(text, "  program       {}", content.program)
}

fn decided(text: &mut String, evaluation: Option<&RecordedEvaluation>, all_passed_over: &[PassedOverView]) -> std::fmt::Result {
    writeln!(text, "\nDecided")?;
    let Some(evaluation) = evaluation else {
        writeln!(text, "  nothing: no order is one that the policy decides")?;
        return passed_over(text, all_passed_over);
    };
    for order in &evaluation.orders {
        let earliest = order.earliest_date.as_ref().map(|date| format!(", earliest {date}")).unwrap_or_default();
        writeln!(text, "  {} for {}: {}{earliest}", order.reference, order.service_date, order.determination)?;
        for site in &order.sites {
            writeln!(text, "    {}, pathway {}: {}", site.name, site.pathway, site.determination)?;
            for RecordedCriterion { id, verdict, statement, evidence } in &site.criteria {
                writeln!(text, "      {id:<9}{verdict:<15}{statement}")?;
                for RecordedEvidence { resource, date, what } in evidence {
                    let date = date.as_ref().map(|date| format!(" ({date})")).unwrap_or_default();
                    writeln!(text, "               {resource}{date}: {what}")?;
                }
            }
        }
    }
    passed_over(text, &evaluation.passed_over)?;
    let sources = evaluation.sources.as_object().into_iter().flatten();
    let sources: Vec<String> = sources.map(|(name, source)| format!("{name} {}", source.as_str().unwrap_or("?"))).collect();
    writeln!(text, "  from: {}", sources.join("; "))
}

fn passed_over(text: &mut String, orders: &[PassedOverView]) -> std::fmt::Result {
    for PassedOverView { order, why, codes } in orders {
        let codes = if codes.is_empty() { "no code".to_owned() } else { codes.join(", ") };
        writeln!(text, "  {order} passed over, {why}: {codes}")?;
    }
    Ok(())
}

fn answered(text: &mut String, answer: &AnswerView) -> std::fmt::Result {
    writeln!(text, "\nAnswered")?;
    if answer.cards.is_empty() {
        writeln!(text, "  no card")?;
    }
    for CardView { uuid, summary, indicator, suggestions } in &answer.cards {
        writeln!(text, "  {indicator}: {summary}\n    card {uuid}")?;
        for SuggestionView { label, uuid } in suggestions {
            writeln!(text, "    offers {label} ({uuid})")?;
        }
    }
    Ok(())
}
