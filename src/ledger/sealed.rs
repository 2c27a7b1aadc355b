//! Seals and opens entries: compressed with LZ4, then encrypted with AES-256-GCM, each part bound to its record.
//! Not here: the keys; see [`super::keys`].

use std::borrow::Cow;
use std::cell::RefCell;

use chrono::{DateTime, Utc};
use lz4::block::{CompressionMode, compress_bound, compress_to_buffer, decompress};
use uuid::Uuid;

use super::entry::{Entry, EntryKind};
use super::error::LedgerError;
use super::keys::{KeyRing, SealingKey};

/// Maximum bytes of a decompressed content: a body and the data fetched for it, each within its own limit.
const MAX_CONTENT_BYTES: usize = 1 << 30;

/// Maximum length of a clear text, in bytes.
const MAX_CLEAR_CHARS: usize = 1_000;

/// Bytes of a length field.
const LENGTH: usize = 4;

/// A buffer larger than this is freed after use.
const MAX_RETAINED_BUFFER: usize = 4 * 1024 * 1024;

/// Takes a quarter less time than level 1, for 5% more bytes.
const ACCELERATED: CompressionMode = CompressionMode::FAST(4);

thread_local! {
    /// Compression buffer, reused because allocating fresh memory is expensive.
    static COMPRESSED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A sealed entry: a record without its chain position.
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

/// Which part of a record is sealed. Neither part opens in place of the other, or in another record.
#[derive(Clone, Copy)]
enum SealedPart {
    Summary = 1,
    Content = 2,
}

impl SealedPart {
    fn associated_data(self, id: Uuid) -> [u8; 17] {
        let mut bound = [self as u8; 17];
        bound.iter_mut().zip(id.into_bytes()).for_each(|(to, from)| *to = from);
        bound
    }
}

impl SealedEntry {
    /// The size of the sealed parts, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        (self.summary.len() + self.content.as_ref().map_or(0, Vec::len)) as u64
    }

    /// Seals an entry with the first of the keys.
    pub(super) fn seal(entry: Entry<'_>, keys: &KeyRing) -> Result<Self, LedgerError> {
        let key = keys.sealing().ok_or(LedgerError::Sealing)?;
        let seal = |plain: &[u8], part: SealedPart| key.seal(plain, &part.associated_data(entry.id)).map_err(|_| LedgerError::Sealing);
        let summary = seal(&entry.summary, SealedPart::Summary)?;
        let content =
            if entry.content.is_empty() { None } else { Some(compressed(&entry.content, |packed| seal(packed, SealedPart::Content))??) };
        Ok(Self {
            id: entry.id,
            kind: entry.kind,
            received_at: entry.received_at.timestamp_micros(),
            client: entry.client.map(plain),
            tenant: entry.tenant.map(plain),
            hook: entry.hook.map(plain),
            status: entry.status,
            cause: entry.cause.map(plain),
            policies: entry.policies.map(plain),
            determination: entry.determination.map(plain),
            patient_index: entry.patient.map(|patient| key.index(&patient)),
            card: entry.card,
            about: entry.about,
            cards: entry.cards,
            key_id: key.id.clone(),
            summary,
            content,
        })
    }

    /// Approximate size in memory and on disk.
    pub(super) fn size(&self) -> usize {
        self.summary.len() + self.content.as_ref().map_or(0, Vec::len)
    }

    /// Its card ids, concatenated; `None` if there are none.
    pub(super) fn cards_bytes(&self) -> Option<Vec<u8>> {
        (!self.cards.is_empty()).then(|| self.cards.iter().flat_map(|card| card.into_bytes()).collect())
    }

    /// When the call arrived.
    pub(super) fn received_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.received_at).unwrap_or_default()
    }

    /// Opens the summary: JSON.
    pub(super) fn open_summary(&self, key: &SealingKey) -> Result<Vec<u8>, LedgerError> {
        key.open(&self.summary, &SealedPart::Summary.associated_data(self.id)).map_err(|_| LedgerError::Altered { id: self.id })
    }

    /// Opens the content: JSON, or nothing.
    pub(super) fn open_content(&self, key: &SealingKey) -> Result<Option<Vec<u8>>, LedgerError> {
        let Some(content) = self.open_compressed_content(key)? else { return Ok(None) };
        decompressed(&content).ok_or(LedgerError::Altered { id: self.id }).map(Some)
    }

    /// Opens the content without decompressing it, which proves that it was not altered.
    pub(super) fn open_compressed_content(&self, key: &SealingKey) -> Result<Option<Vec<u8>>, LedgerError> {
        let Some(sealed) = &self.content else { return Ok(None) };
        key.open(sealed, &SealedPart::Content.associated_data(self.id)).map(Some).map_err(|_| LedgerError::Altered { id: self.id })
    }
}

/// Limits the length of a clear text, and removes what a database or a terminal may reject. Invariant: no clear text has a NUL, which
/// PostgreSQL refuses, and with it all other records of the batch.
fn plain(text: String) -> String {
    let is_fine = text.len() <= MAX_CLEAR_CHARS && !text.contains(char::is_control);
    if is_fine { text } else { text.chars().filter(|letter| !letter.is_control()).take(MAX_CLEAR_CHARS / 4).collect() }
}

/// Compresses the parts of a content in order and passes the result to `use_it`. Each part is an LZ4 block after two little-endian
/// 4-byte numbers: its decompressed and its compressed length.
fn compressed<T>(parts: &[Cow<'_, [u8]>], use_it: impl FnOnce(&[u8]) -> T) -> Result<T, LedgerError> {
    COMPRESSED.with(|packed| {
        let mut packed = packed.try_borrow_mut().map_err(|_| LedgerError::Sealing)?;
        let bound = |part: &Cow<'_, [u8]>| compress_bound(part.len()).map(|bound| 2 * LENGTH + bound).map_err(|_| LedgerError::Sealing);
        let most = parts.iter().map(bound).sum::<Result<usize, _>>()?;
        if packed.len() < most {
            // Existing bytes are kept and overwritten.
            packed.resize(most, 0);
        }
        let mut used = 0;
        for part in parts {
            let (lengths, block) =
                packed.get_mut(used..).and_then(|rest| rest.split_at_mut_checked(2 * LENGTH)).ok_or(LedgerError::Sealing)?;
            let length = compress_to_buffer(part, Some(ACCELERATED), false, block).map_err(|_| LedgerError::Sealing)?;
            for (place, number) in lengths.chunks_mut(LENGTH).zip([part.len(), length]) {
                place.copy_from_slice(&u32::try_from(number).map_err(|_| LedgerError::Sealing)?.to_le_bytes());
            }
            used += 2 * LENGTH + length;
        }
        let outcome = use_it(packed.get(..used).ok_or(LedgerError::Sealing)?);
        if packed.capacity() > MAX_RETAINED_BUFFER {
            *packed = Vec::new();
        }
        Ok(outcome)
    })
}

/// Decompresses the output of [`compressed`]; `None` for anything else.
fn decompressed(mut packed: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    while !packed.is_empty() {
        let (lengths, rest) = packed.split_at_checked(2 * LENGTH)?;
        let mut numbers = lengths.chunks(LENGTH).filter_map(|bytes| Some(u32::from_le_bytes(bytes.try_into().ok()?)));
        let (size, length) = (usize::try_from(numbers.next()?).ok()?, usize::try_from(numbers.next()?).ok()?);
        if plain.len().saturating_add(size) > MAX_CONTENT_BYTES {
            return None;
        }
        let (block, rest) = rest.split_at_checked(length)?;
        let part = decompress(block, Some(i32::try_from(size).ok()?)).ok()?;
        if part.len() != size {
            return None;
        }
        plain.extend_from_slice(&part);
        packed = rest;
    }
    Some(plain)
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
            b"".as_slice().into(),
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
    fn no_clear_text_has_a_control_character() {
        let text = || Some("a\u{0}b\n\u{7f}c".to_owned());
        let (client, tenant, hook) = (text(), text(), text());
        let (cause, policies, determination) = (text(), text(), text());
        let entry = Entry { client, tenant, hook, cause, policies, determination, ..entry() };
        let sealed = SealedEntry::seal(entry, &keys()).expect("sealed");
        for text in [sealed.client, sealed.tenant, sealed.hook, sealed.cause, sealed.policies, sealed.determination] {
            assert_eq!(text.as_deref(), Some("abc"));
        }
    }

    #[test]
    fn a_block_is_what_the_description_of_lz4_says_whoever_packed_it() {
        // Three literals; one literal and a match of 12 at offset 1; an empty block.
        let blocks: [(&[u8], u8); 3] = [(b"\x30abc", 3), (b"\x18x\x01\x00\x50xxxxx", 18), (b"\x00", 0)];
        let mut packed = Vec::new();
        for (block, size) in blocks {
            let length = u8::try_from(block.len()).expect("short");
            packed.extend([size, 0, 0, 0, length, 0, 0, 0]);
            packed.extend(block);
        }
        assert_eq!(decompressed(&packed).as_deref(), Some(b"abcxxxxxxxxxxxxxxxxxx".as_slice()));
        packed[0] = 4;
        assert_eq!(decompressed(&packed), None, "a block of another length");
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
