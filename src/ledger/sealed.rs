//! Sealing an entry, and opening it again: compressed with zstd, then encrypted with AES-256-GCM, each part bound to its record.
//! Not here: the keys; see [`super::keys`].

use std::borrow::Cow;
use std::cell::RefCell;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::entry::{Entry, EntryKind};
use super::error::LedgerError;
use super::keys::{Key, KeyRing};

/// zstd's fastest regular level: it compresses FHIR JSON to a tenth at over a gigabyte a second.
const LEVEL: i32 = 1;

/// What a content may have when it is opened, in bytes: a body and what was fetched for it, each within its own limit, and no more.
const LARGEST_CONTENT: usize = 1 << 30;

/// What compressing needs again and again: a compressor's tables are large, and fresh memory is dear.
struct Press {
    compressor: zstd::bulk::Compressor<'static>,
    plain: Vec<u8>,
    packed: Vec<u8>,
}

/// A buffer that grew beyond this for one large call is given back.
const LARGEST_KEPT_BUFFER: usize = 4 * 1024 * 1024;

thread_local! {
    static PRESS: RefCell<Option<Press>> = const { RefCell::new(None) };
}

/// A sealed entry: a record without its place in a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SealedEntry {
    pub(super) id: Uuid,
    pub(super) kind: EntryKind,
    /// Microseconds since 1970.
    pub(super) received_at: i64,
    pub(super) client: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) hook: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) cause: Option<String>,
    pub(super) policies: Option<String>,
    pub(super) determination: Option<String>,
    pub(super) patient_index: Option<Vec<u8>>,
    pub(super) card: Option<Uuid>,
    pub(super) about: Option<Uuid>,
    pub(super) cards: Vec<Uuid>,
    pub(super) key_id: String,
    pub(super) summary: Vec<u8>,
    pub(super) content: Option<Vec<u8>>,
}

/// Which part of a record is sealed: neither can stand in the other's place, nor in another record's.
#[derive(Clone, Copy)]
enum Part {
    Summary = 1,
    Content = 2,
}

impl Part {
    fn of(self, id: Uuid) -> [u8; 17] {
        let mut bound = [self as u8; 17];
        bound.iter_mut().zip(id.into_bytes()).for_each(|(to, from)| *to = from);
        bound
    }
}

impl SealedEntry {
    /// Seals an entry with the first of the keys.
    pub(super) fn seal(entry: Entry<'_>, keys: &KeyRing) -> Result<Self, LedgerError> {
        let key = keys.sealing().ok_or(LedgerError::Sealing)?;
        let seal = |plain: &[u8], part: Part| key.seal(plain, &part.of(entry.id)).map_err(|_| LedgerError::Sealing);
        let summary = seal(&entry.summary, Part::Summary)?;
        let content =
            if entry.content.is_empty() { None } else { Some(compressed(&entry.content, |packed| seal(packed, Part::Content))??) };
        Ok(Self {
            id: entry.id,
            kind: entry.kind,
            received_at: entry.received_at.timestamp_micros(),
            client: entry.client,
            tenant: entry.tenant,
            hook: entry.hook,
            status: entry.status,
            cause: entry.cause,
            policies: entry.policies,
            determination: entry.determination,
            patient_index: entry.patient.map(|patient| key.index(&patient)),
            card: entry.card,
            about: entry.about,
            cards: entry.cards,
            key_id: key.id.clone(),
            summary,
            content,
        })
    }

    /// How much of memory and disk it takes, about.
    pub(super) fn size(&self) -> usize {
        self.summary.len() + self.content.as_ref().map_or(0, Vec::len)
    }

    /// Its cards, one behind the other; `None` where there are none.
    pub(super) fn cards_bytes(&self) -> Option<Vec<u8>> {
        (!self.cards.is_empty()).then(|| self.cards.iter().flat_map(|card| card.into_bytes()).collect())
    }

    /// When the call arrived.
    pub(super) fn received_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.received_at).unwrap_or_default()
    }

    /// The summary, as it was kept: JSON.
    pub(super) fn open_summary(&self, key: &Key) -> Result<Vec<u8>, LedgerError> {
        key.open(&self.summary, &Part::Summary.of(self.id)).map_err(|_| LedgerError::Altered { id: self.id })
    }

    /// The content, as it was kept: JSON, or nothing.
    pub(super) fn open_content(&self, key: &Key) -> Result<Option<Vec<u8>>, LedgerError> {
        let altered = || LedgerError::Altered { id: self.id };
        let Some(content) = self.open_content_packed(key)? else { return Ok(None) };
        let size = zstd::zstd_safe::get_frame_content_size(&content).ok().flatten().and_then(|size| usize::try_from(size).ok());
        let size = size.filter(|size| *size <= LARGEST_CONTENT).ok_or_else(altered)?;
        zstd::bulk::decompress(&content, size).map(Some).map_err(|_| altered())
    }

    /// The content, still compressed: that it opens shows that it was not altered.
    pub(super) fn open_content_packed(&self, key: &Key) -> Result<Option<Vec<u8>>, LedgerError> {
        let Some(sealed) = &self.content else { return Ok(None) };
        key.open(sealed, &Part::Content.of(self.id)).map(Some).map_err(|_| LedgerError::Altered { id: self.id })
    }
}

/// Puts the parts of a content together, compresses them, and hands that to `use_it`.
fn compressed<T>(parts: &[Cow<'_, [u8]>], use_it: impl FnOnce(&[u8]) -> T) -> Result<T, LedgerError> {
    PRESS.with(|own| {
        let mut own = own.try_borrow_mut().map_err(|_| LedgerError::Sealing)?;
        let press = match &mut *own {
            Some(press) => press,
            none => none.insert(Press::new()?),
        };
        let outcome = press.compress(parts).map(use_it);
        press.give_back();
        outcome
    })
}

impl Press {
    fn new() -> Result<Self, LedgerError> {
        let compressor = zstd::bulk::Compressor::new(LEVEL).map_err(|_| LedgerError::Sealing)?;
        Ok(Self { compressor, plain: Vec::new(), packed: Vec::new() })
    }

    fn compress(&mut self, parts: &[Cow<'_, [u8]>]) -> Result<&[u8], LedgerError> {
        self.plain.clear();
        self.plain.reserve(parts.iter().map(|part| part.len()).sum());
        for part in parts {
            self.plain.extend_from_slice(part);
        }
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(self.plain.len()));
        self.compressor.compress_to_buffer(&self.plain, &mut self.packed).map_err(|_| LedgerError::Sealing)?;
        Ok(&self.packed)
    }

    fn give_back(&mut self) {
        for buffer in [&mut self.plain, &mut self.packed] {
            if buffer.capacity() > LARGEST_KEPT_BUFFER {
                *buffer = Vec::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::new_key_line;
    use super::*;

    fn keys() -> KeyRing {
        KeyRing::read(&new_key_line("a").expect("random")).expect("a key")
    }

    fn entry() -> Entry<'static> {
        let mut entry = Entry::new(Uuid::from_u128(7), EntryKind::Call, DateTime::UNIX_EPOCH);
        entry.patient = Some("Patient/somebody".to_owned());
        entry.summary = br#"{"patient":"Patient/somebody"}"#.to_vec();
        entry.content = vec![
            br#"{"request":{"patientId":"somebody"}}"#.repeat(20).into(),
            br#"{"request":{"patientId":"somebody"}}"#.repeat(20).into(),
        ];
        entry
    }

    #[test]
    fn a_sealed_entry_opens_as_it_was_and_shows_nothing_of_the_patient() {
        let (keys, entry) = (keys(), entry());
        let sealed = SealedEntry::seal(entry.clone(), &keys).expect("sealed");
        let key = keys.of_id(&sealed.key_id).expect("the key");
        assert_eq!(sealed.open_summary(key).expect("opened"), entry.summary);
        assert_eq!(sealed.open_content(key).expect("opened").as_deref(), Some(entry.content.concat().as_slice()));
        assert!(sealed.size() < entry.content.concat().len());
        assert!(!format!("{sealed:?}").contains("somebody"));
    }

    #[test]
    fn a_part_of_another_record_or_in_the_other_parts_place_does_not_open() {
        let keys = keys();
        let sealed = SealedEntry::seal(entry(), &keys).expect("sealed");
        let key = keys.of_id("a").expect("the key");
        let moved = SealedEntry { id: Uuid::from_u128(8), ..sealed.clone() };
        assert!(moved.open_summary(key).is_err() && moved.open_content(key).is_err());
        let swapped = SealedEntry { summary: sealed.content.clone().expect("there"), ..sealed };
        assert!(swapped.open_summary(key).is_err());
    }
}
