//! The state of an open app. Not here: storing it ([`super::sessions`]), and changing it ([`super::actions`]).

use chrono::{DateTime, Utc};
use serde_json::Value;
use serde_json::value::RawValue;

use super::chart::SessionChart;
use super::view::OnRecord;
use crate::smart::launch::Grant;

/// The state of an open app.
#[derive(Debug)]
pub(crate) struct Work {
    pub(super) grant: Grant,
    /// The chart read for the patient.
    pub(super) chart: Option<SessionChart>,
    /// The last saved answers.
    pub(super) saved: Option<Saved>,
    /// What the chart and the saved answers come to, once it was decided.
    pub(super) on_record: Option<OnRecord>,
}

/// Answers saved in the EHR.
#[derive(Clone, Debug)]
pub(super) struct Saved {
    /// The response's id, if the EHR returned it.
    pub(super) id: Option<String>,
    /// The response's version, if the EHR returned it.
    pub(super) version: Option<String>,
    /// The response.
    pub(super) response: Value,
    /// The response as text.
    pub(super) json: Box<RawValue>,
    pub(super) at: DateTime<Utc>,
    /// Whether the save is recorded in the ledger.
    pub(super) is_recorded: bool,
}

impl Work {
    pub(super) fn new(grant: Grant) -> Self {
        Self { grant, chart: None, saved: None, on_record: None }
    }
}
