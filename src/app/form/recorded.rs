//! The assertions that packages are asked for by, read from the ledger: each to the client alone that it was made to.
//! Not here: whose package it is then for; see [`super::selection`].

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::assertion::{Assertion, AssertionLookup, ChartAnswers};
use crate::app::{App, CallError};
use crate::auth::VerifiedClient;
use crate::evidence::Text;
use crate::ledger::{EntryKind, Kept, Ledger};

/// What the ledger holds of answered calls.
pub(super) struct Recorded<'l>(&'l Ledger);

/// A call's record, as far as a package needs it.
#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    request: RequestView<'a>,
}

#[derive(Deserialize)]
struct RequestView<'a> {
    #[serde(borrow)]
    context: ContextView<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContextView<'a> {
    #[serde(borrow)]
    patient_id: Text<'a>,
    #[serde(borrow, default)]
    draft_orders: BundleView<'a>,
}

#[derive(Default, Deserialize)]
struct BundleView<'a> {
    #[serde(borrow, default)]
    entry: Vec<EntryView<'a>>,
}

#[derive(Deserialize)]
struct EntryView<'a> {
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
}

impl App {
    /// The assertions on record.
    pub(super) fn assertions(&self) -> Recorded<'_> {
        Recorded(&self.ports().ledger)
    }
}

impl AssertionLookup for Recorded<'_> {
    async fn find(&self, client: &VerifiedClient, id: Uuid) -> Result<Option<Assertion>, CallError> {
        let kept = self.0.find(id).await.map_err(|_| CallError::NotRecorded)?;
        let is_own = |kept: &Kept| {
            kept.kind == EntryKind::Call && kept.client.as_deref() == Some(client.name()) && kept.tenant.as_deref() == client.tenant()
        };
        Ok(kept.filter(is_own).and_then(|kept| assertion(&kept)))
    }
}

/// The patient and the orders of a call; `None` for a record that has none.
fn assertion(kept: &Kept) -> Option<Assertion> {
    let content: Content<'_> = serde_json::from_slice(kept.content.as_deref()?).ok()?;
    let ContextView { patient_id, draft_orders } = content.request.context;
    let patient_id = patient_id.as_str();
    let orders: Vec<Box<RawValue>> = draft_orders.entry.into_iter().filter_map(|entry| Some(entry.resource?.to_owned())).collect();
    let patient_id = patient_id.strip_prefix("Patient/").unwrap_or(patient_id).to_owned();
    (!orders.is_empty()).then(|| Assertion { patient_id, orders, chart: ChartAnswers::default() })
}
