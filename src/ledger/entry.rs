//! What is to be kept of one call, fault, refusal or feedback, before it is sealed.
//! Not here: what a call means; whoever keeps it says so in these words.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What an entry tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// The process began to keep records.
    Start,
    /// A call that was answered.
    Call,
    /// A known caller's call that was not answered: without its body.
    Fault,
    /// A caller that was not let in, or several alike: without the body.
    Refusal,
    /// What a client told of a card.
    Feedback,
    /// A user opened the app, and a chart was shown there.
    AppOpened,
    /// A user saved answers to the patient's chart in the app.
    AppSaved,
}

impl EntryKind {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Start, Self::Call, Self::Fault, Self::Refusal, Self::Feedback, Self::AppOpened, Self::AppSaved];

    /// As it stands in the ledger.
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

    /// From how it stands in the ledger.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What is to be kept. `summary` and `content` are sealed, the patient leaves a keyed digest; all else stands in the clear and
/// must tell nothing of a patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Names it: of a call, the assertion id.
    pub id: Uuid,
    /// What it tells of.
    pub kind: EntryKind,
    /// When the call arrived.
    pub received_at: DateTime<Utc>,
    /// The client, by its configured name.
    pub client: Option<String>,
    /// The tenant, where tenants are told apart.
    pub tenant: Option<String>,
    /// The hook.
    pub hook: Option<String>,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
    /// Why there was none, by a fixed name.
    pub cause: Option<String>,
    /// The policy versions that decided, as `id|version`, parted by spaces.
    pub policies: Option<String>,
    /// The most severe determination of the call's orders.
    pub determination: Option<String>,
    /// The patient's reference; only a digest of it is stored outside of `summary`.
    pub patient: Option<String>,
    /// Of feedback, the card.
    pub card: Option<Uuid>,
    /// Of feedback, the call that showed the card.
    pub about: Option<Uuid>,
    /// Of a call, the cards it was answered with.
    pub cards: Vec<Uuid>,
    /// What a list shows: a JSON object.
    pub summary: Vec<u8>,
    /// Everything: a JSON object in parts, or nothing.
    pub content: Vec<Cow<'a, [u8]>>,
}

impl Entry<'_> {
    /// An entry of a kind that tells nothing yet.
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
