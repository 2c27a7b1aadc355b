//! A decrypted record: the entry as it was recorded.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::chain::Record;
use super::chain_position::ChainPosition;
use super::entry::EntryKind;
use super::error::LedgerError;
use super::keys::KeyRing;

/// A decrypted record.
#[derive(Clone, Debug)]
pub struct OpenedRecord {
    /// For a call, the assertion id.
    pub id: Uuid,
    /// What the record describes.
    pub kind: EntryKind,
    /// Its chain and sequence number.
    pub position: ChainPosition,
    /// The instance that wrote it.
    pub instance: String,
    /// When the call arrived.
    pub received_at: DateTime<Utc>,
    /// When the record was written.
    pub recorded_at: DateTime<Utc>,
    /// The client, by its configured name.
    pub client: Option<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// The hook.
    pub hook: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub cause: Option<String>,
    /// The policy versions that decided.
    pub policies: Option<String>,
    /// The most severe determination.
    pub determination: Option<String>,
    /// For feedback, the card.
    pub card: Option<Uuid>,
    /// For feedback, the call.
    pub about: Option<Uuid>,
    /// For a call, its cards.
    pub cards: Vec<Uuid>,
    /// The key that sealed it.
    pub key_id: String,
    /// Whether that key is not configured. Then only what is stored in the clear is known, and that is unverified.
    pub is_locked: bool,
    /// JSON.
    pub summary: Vec<u8>,
    /// JSON; `None` if there is none or it was not requested.
    pub content: Option<Vec<u8>>,
}

/// How much of a record to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Summary,
    Content,
}

impl OpenedRecord {
    pub(super) fn open(record: Record, keys: &KeyRing, depth: Depth) -> Result<Self, LedgerError> {
        let sealed = &record.sealed;
        let key = keys.of_id(&sealed.key_id);
        let key = key.ok_or_else(|| LedgerError::UnknownKey { id: sealed.id, key_id: sealed.key_id.clone() })?;
        let content = if depth == Depth::Content { sealed.open_content(key)? } else { None };
        let summary = sealed.open_summary(key)?;
        Ok(Self { summary, content, is_locked: false, ..Self::locked(record) })
    }

    /// As [`OpenedRecord::open`], but a record whose key is not configured is returned without its sealed parts.
    pub(super) fn open_or_locked(record: Record, keys: &KeyRing, depth: Depth) -> Result<Self, LedgerError> {
        if keys.of_id(&record.sealed.key_id).is_some() { Self::open(record, keys, depth) } else { Ok(Self::locked(record)) }
    }

    /// What is stored in the clear.
    fn locked(record: Record) -> Self {
        let Record { chain, sequence, instance, recorded_at, sealed, .. } = record;
        Self {
            is_locked: true,
            summary: b"{}".to_vec(),
            content: None,
            id: sealed.id,
            kind: sealed.kind,
            position: ChainPosition { chain, sequence },
            instance,
            received_at: sealed.received_at(),
            recorded_at: DateTime::from_timestamp_micros(recorded_at).unwrap_or_default(),
            client: sealed.client,
            tenant: sealed.tenant,
            hook: sealed.hook,
            status: sealed.status,
            cause: sealed.cause,
            policies: sealed.policies,
            determination: sealed.determination,
            card: sealed.card,
            about: sealed.about,
            cards: sealed.cards,
            key_id: sealed.key_id,
        }
    }
}
