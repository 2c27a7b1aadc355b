//! The content of a record for one call, fault, refusal or feedback, before sealing.
//! Not here: what a call means; the caller decides what to record.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// The process started to write records.
    Start,
    /// An answered call.
    Call,
    /// An unanswered call from a known caller, without its body.
    Fault,
    /// A rejected caller, or several alike, without the body.
    Refusal,
    /// A client's feedback on a card.
    Feedback,
    /// A user opened the app, which displayed a chart.
    AppOpened,
    /// A user saved answers to the patient's chart in the app.
    AppSaved,
}

impl EntryKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [Self::Start, Self::Call, Self::Fault, Self::Refusal, Self::Feedback, Self::AppOpened, Self::AppSaved];

    /// The kind's name in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Call => "call",
            Self::Fault => "fault",
            Self::Refusal => "refusal",
            Self::Feedback => "feedback",
            Self::AppOpened => "app-opened",
            Self::AppSaved => "app-saved",
        }
    }

    /// Parses the kind's name in the ledger.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An entry to record. `summary` and `content` are sealed, and the patient is stored as a keyed digest; everything else is
/// stored in the clear and must not reveal anything about a patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Identifies the entry; for a call, the assertion id.
    pub id: Uuid,
    /// What the entry records.
    pub kind: EntryKind,
    /// When the call arrived.
    pub received_at: DateTime<Utc>,
    /// The client, by its configured name.
    pub client: Option<String>,
    /// The tenant, if the client has tenants.
    pub tenant: Option<String>,
    /// The hook.
    pub hook: Option<String>,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
    /// Why there was no answer, as a fixed name.
    pub cause: Option<String>,
    /// The policy versions that decided, as `id|version`, separated by spaces.
    pub policies: Option<String>,
    /// The most severe determination of the call's orders.
    pub determination: Option<String>,
    /// The patient's reference; outside of `summary`, only its digest is stored.
    pub patient: Option<String>,
    /// For feedback, the card.
    pub card: Option<Uuid>,
    /// For feedback, the call that showed the card.
    pub about: Option<Uuid>,
    /// For a call, the cards in its answer.
    pub cards: Vec<Uuid>,
    /// The fields shown in lists: a JSON object.
    pub summary: Vec<u8>,
    /// The full content: a JSON object in parts, or empty.
    pub content: Vec<Cow<'a, [u8]>>,
}

impl Entry<'_> {
    /// An entry of a kind with no other field set.
    #[must_use]
    pub fn new(id: Uuid, kind: EntryKind, received_at: DateTime<Utc>) -> Self {
        Self {
            id,
            kind,
            received_at,
            client: None,
            tenant: None,
            hook: None,
            status: None,
            cause: None,
            policies: None,
            determination: None,
            patient: None,
            card: None,
            about: None,
            cards: Vec::new(),
            summary: b"{}".to_vec(),
            content: Vec::new(),
        }
    }
}
