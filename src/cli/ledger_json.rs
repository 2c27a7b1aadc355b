//! Formats a record for programs: one line of JSON, or a row of a table.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::terminal_text::{is_unprintable, printable, printable_json};
use crate::ledger::{EntryKind, OpenedRecord};

/// The columns of a table.
pub(super) const HEADINGS: [&str; 24] = [
    "id",
    "kind",
    "receivedAt",
    "recordedAt",
    "chain",
    "sequence",
    "instance",
    "client",
    "tenant",
    "hook",
    "hookInstance",
    "patient",
    "user",
    "orders",
    "status",
    "cause",
    "policies",
    "determination",
    "card",
    "about",
    "outcome",
    "cardIsKnown",
    "count",
    "keyIsMissing",
];

/// The unencrypted fields, in the ledger's order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Clear<'k> {
    id: String,
    kind: EntryKind,
    received_at: String,
    recorded_at: String,
    chain: String,
    sequence: i64,
    instance: &'k str,
    key_id: &'k str,
    /// Only present if it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    key_is_missing: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'k str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'k str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hook: Option<&'k str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'k str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policies: Option<Vec<&'k str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    determination: Option<&'k str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<String>,
}

impl<'k> Clear<'k> {
    fn from_record(record: &'k OpenedRecord) -> Self {
        Self {
            id: record.id.to_string(),
            kind: record.kind,
            received_at: instant(&record.received_at),
            recorded_at: instant(&record.recorded_at),
            chain: record.position.chain.to_string(),
            sequence: record.position.sequence,
            instance: &record.instance,
            key_id: &record.key_id,
            key_is_missing: record.is_locked,
            client: record.client.as_deref(),
            tenant: record.tenant.as_deref(),
            hook: record.hook.as_deref(),
            status: record.status,
            cause: record.cause.as_deref(),
            policies: record.policies.as_deref().map(|policies| policies.split(' ').collect()),
            determination: record.determination.as_deref(),
            card: record.card.map(|card| card.to_string()),
            about: record.about.map(|call| call.to_string()),
        }
    }
}

/// An instant with the ledger's microsecond precision.
pub(super) fn instant(instant: &chrono::DateTime<chrono::Utc>) -> String {
    instant.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

/// A record as one line of JSON: the unencrypted fields, then the decrypted content as it was written.
pub(super) fn line(record: &OpenedRecord) -> Vec<u8> {
    let mut line = serde_json::to_vec(&Clear::from_record(record)).unwrap_or_else(|_| b"{}".to_vec());
    for part in [Some(&record.summary), record.content.as_ref()].into_iter().flatten() {
        let members = part.strip_prefix(b"{").and_then(|part| part.strip_suffix(b"}")).unwrap_or_default();
        if !members.is_empty() {
            // Remove the closing brace.
            line.pop();
            line.push(b',');
            line.extend_from_slice(members);
            line.push(b'}');
        }
    }
    // JSON strings escape line breaks, so these are only white space between tokens.
    line.iter_mut().filter(|byte| matches!(**byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    line.push(b'\n');
    let line = String::from_utf8_lossy(&line);
    printable_json(&line).into_owned().into_bytes()
}

/// A record and its feedback as indented JSON.
pub(super) fn pretty(record: &OpenedRecord, feedback: &[OpenedRecord]) -> anyhow::Result<String> {
    let mut whole: Value = serde_json::from_slice(&line(record))?;
    let feedback: Vec<Value> = feedback.iter().map(|feedback| serde_json::from_slice(&line(feedback))).collect::<Result<_, _>>()?;
    if let Some(members) = whole.as_object_mut().filter(|_| record.kind == EntryKind::Call) {
        members.insert("feedback".to_owned(), feedback.into());
    }
    Ok(printable_json(&serde_json::to_string_pretty(&whole)?).into_owned() + "\n")
}

/// The parts of a record's summary that a table or a list shows.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Summary {
    pub(super) hook_instance: String,
    pub(super) patient: String,
    pub(super) user: String,
    pub(super) orders: Vec<SummaryOrder>,
    pub(super) response: String,
    pub(super) outcome: String,
    pub(super) card_is_known: Option<bool>,
    pub(super) count: Option<u32>,
    pub(super) program: String,
}

#[derive(Deserialize)]
pub(super) struct SummaryOrder {
    #[serde(rename = "order")]
    pub(super) reference: String,
}

/// Parses a record's summary.
pub(super) fn summary(record: &OpenedRecord) -> Summary {
    harmless_json(&record.summary).unwrap_or_default()
}

/// Parses JSON with untrusted strings and names, without characters that could forge lines, control a terminal or hide text.
pub(super) fn harmless_json<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    let mut value: Value = serde_json::from_slice(json)?;
    clean(&mut value);
    serde_json::from_value(value)
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(is_unprintable) => *text = printable(text).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(members) => {
            members.values_mut().for_each(clean);
            if members.keys().any(|name| name.contains(is_unprintable)) {
                *members = std::mem::take(members).into_iter().map(|(name, value)| (printable(&name).into_owned(), value)).collect();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A record as a row with the columns of [`HEADINGS`].
pub(super) fn row(record: &OpenedRecord) -> Vec<String> {
    let (clear, summary) = (Clear::from_record(record), summary(record));
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let orders: Vec<String> = summary.orders.into_iter().map(|order| order.reference).collect();
    let row = vec![
        clear.id,
        record.kind.as_str().to_owned(),
        clear.received_at,
        clear.recorded_at,
        clear.chain,
        clear.sequence.to_string(),
        clear.instance.to_owned(),
        text(clear.client),
        text(clear.tenant),
        text(clear.hook),
        summary.hook_instance,
        summary.patient,
        summary.user,
        orders.join(" "),
        clear.status.map(|status| status.to_string()).unwrap_or_default(),
        text(clear.cause),
        text(record.policies.as_deref()),
        text(clear.determination),
        clear.card.unwrap_or_default(),
        clear.about.unwrap_or_default(),
        summary.outcome,
        summary.card_is_known.map(|known| known.to_string()).unwrap_or_default(),
        summary.count.map(|count| count.to_string()).unwrap_or_default(),
        if record.is_locked { "true".to_owned() } else { String::new() },
    ];
    row.into_iter().map(|cell| harmless(printable(&cell).into_owned())).collect()
}

/// Quotes a cell that a spreadsheet would treat as a formula (OWASP, "CSV Injection").
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula() {
        assert_eq!(harmless("=1+1".to_owned()), "'=1+1");
        assert_eq!(harmless("Patient/1".to_owned()), "Patient/1");
    }
}
