//! Reads a recorded call's request again: who asked about whom, and for which orders.
//! Not here: replaying it; see [`super::replay`].

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::evidence::Text;
use crate::ledger::{EntryKind, OpenedRecord};

/// The request of a recorded call.
#[derive(Debug)]
pub struct RecordedRequest {
    /// The patient's id, without the type prefix.
    pub patient_id: String,
    /// The FHIR server that the call named.
    pub fhir_server: Option<String>,
    /// The draft orders, as the client sent them.
    pub orders: Vec<RecordedOrder>,
}

/// A draft order of a recorded call.
#[derive(Debug)]
pub struct RecordedOrder {
    /// Its position among the call's orders.
    pub position: usize,
    /// Its `fullUrl`.
    pub full_url: Option<String>,
    /// The resource.
    pub json: Box<RawValue>,
}

#[derive(Deserialize)]
struct ContentView<'a> {
    #[serde(borrow)]
    request: RequestView<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestView<'a> {
    #[serde(borrow)]
    context: ContextView<'a>,
    #[serde(borrow, default)]
    fhir_server: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContextView<'a> {
    #[serde(borrow)]
    patient_id: Text<'a>,
    #[serde(borrow, default)]
    draft_orders: RecordedBundle<'a>,
}

#[derive(Default, Deserialize)]
struct RecordedBundle<'a> {
    #[serde(borrow, default)]
    entry: Vec<RecordedEntry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordedEntry<'a> {
    #[serde(borrow, default)]
    full_url: Option<Text<'a>>,
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
}

impl RecordedRequest {
    /// The request of a call's record; `None` for a record of something else, or without draft orders.
    #[must_use]
    pub fn from_record(record: &OpenedRecord) -> Option<Self> {
        let content = record.content.as_deref().filter(|_| record.kind == EntryKind::Call)?;
        let ContentView { request: RequestView { context, fhir_server } } = serde_json::from_slice(content).ok()?;
        let patient_id = context.patient_id.as_str();
        let order = |(position, entry): (usize, RecordedEntry<'_>)| {
            let full_url = entry.full_url.map(|url| url.as_str().to_owned());
            Some(RecordedOrder { position, full_url, json: entry.resource?.to_owned() })
        };
        let orders: Vec<RecordedOrder> = context.draft_orders.entry.into_iter().enumerate().filter_map(order).collect();
        (!orders.is_empty()).then(|| Self {
            patient_id: patient_id.strip_prefix("Patient/").unwrap_or(patient_id).to_owned(),
            fhir_server: fhir_server.map(|server| server.as_str().to_owned()),
            orders,
        })
    }
}
