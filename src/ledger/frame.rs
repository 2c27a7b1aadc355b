//! The encoding of a record in the journal: a header with lengths and a checksum, then the record without its content, then the content.
//! Not here: the files ([`super::journal`]), and whether a record is authentic, which its chain position proves ([`super::verify`]).

use std::io::{ErrorKind, Read, Result};

use crc32fast::Hasher;
use serde::{Deserialize, Serialize};
use serde_bytes::Bytes;
use uuid::Uuid;

use super::chain::{Hash, Record};
use super::entry::EntryKind;
use super::sealed::SealedEntry;

/// The first bytes of every record; another version of the format starts differently.
const MARK: [u8; 4] = *b"SIJ1";

/// The mark, the lengths of the two parts, and the checksum over those and the parts.
const HEADER: usize = 16;

/// A record read from the journal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Framed {
    pub(super) record: Record,
    length: u64,
}

/// A record without its content, in serialized form.
#[derive(Serialize, Deserialize)]
struct Row<'r> {
    chain: Uuid,
    sequence: i64,
    instance: &'r str,
    recorded_at: i64,
    hash: Hash,
    id: Uuid,
    kind: &'r str,
    received_at: i64,
    client: Option<&'r str>,
    tenant: Option<&'r str>,
    hook: Option<&'r str>,
    status: Option<u16>,
    cause: Option<&'r str>,
    policies: Option<&'r str>,
    determination: Option<&'r str>,
    #[serde(borrow)]
    patient_index: Option<&'r Bytes>,
    card: Option<Uuid>,
    about: Option<Uuid>,
    cards: Vec<Uuid>,
    key_id: &'r str,
    #[serde(borrow, with = "serde_bytes")]
    summary: &'r [u8],
}

impl Framed {
    /// Number of bytes it takes in the file.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// How many of those bytes, at the end, are its content.
    pub(super) fn content_length(&self) -> u64 {
        self.record.sealed.content.as_ref().map_or(0, |content| content.len() as u64)
    }
}

impl<'r> Row<'r> {
    fn from_record(record: &'r Record) -> Self {
        let Record { chain, sequence, instance, recorded_at, sealed, hash } = record;
        Self {
            chain: *chain,
            sequence: *sequence,
            instance,
            recorded_at: *recorded_at,
            hash: *hash,
            id: sealed.id,
            kind: sealed.kind.as_str(),
            received_at: sealed.received_at,
            client: sealed.client.as_deref(),
            tenant: sealed.tenant.as_deref(),
            hook: sealed.hook.as_deref(),
            status: sealed.status,
            cause: sealed.cause.as_deref(),
            policies: sealed.policies.as_deref(),
            determination: sealed.determination.as_deref(),
            patient_index: sealed.patient_index.as_deref().map(Bytes::new),
            card: sealed.card,
            about: sealed.about,
            cards: sealed.cards.clone(),
            key_id: &sealed.key_id,
            summary: &sealed.summary,
        }
    }

    /// Adds the content; `None` for a kind that this program does not know.
    fn with(self, content: Option<Vec<u8>>) -> Option<Record> {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let sealed = SealedEntry {
            id: self.id,
            kind: EntryKind::from_text(self.kind)?,
            received_at: self.received_at,
            client: text(self.client),
            tenant: text(self.tenant),
            hook: text(self.hook),
            status: self.status,
            cause: text(self.cause),
            policies: text(self.policies),
            determination: text(self.determination),
            patient_index: self.patient_index.map(|index| index.to_vec()),
            card: self.card,
            about: self.about,
            cards: self.cards,
            key_id: self.key_id.to_owned(),
            summary: self.summary.to_vec(),
            content,
        };
        let (chain, instance) = (self.chain, self.instance.to_owned());
        Some(Record { chain, sequence: self.sequence, instance, recorded_at: self.recorded_at, sealed, hash: self.hash })
    }
}

/// Appends an encoded record.
pub(super) fn write(record: &Record, to: &mut Vec<u8>) -> Result<()> {
    let row = postcard::to_stdvec(&Row::from_record(record)).map_err(std::io::Error::other)?;
    let content = record.sealed.content.as_deref().unwrap_or_default();
    let length = |part: &[u8]| u32::try_from(part.len()).map(u32::to_le_bytes).map_err(std::io::Error::other);
    let lengths = [length(&row)?, length(content)?].concat();
    let sum = sum(&lengths, &row, content);
    to.extend_from_slice(&MARK);
    for part in [&lengths, sum.as_slice(), &row, content] {
        to.extend_from_slice(part);
    }
    Ok(())
}

/// Reads the next record of a file with `left` bytes remaining; `None` if there is none or it is incomplete. A complete record that
/// this program cannot decode is an error: it must not be skipped.
pub(super) fn read(from: &mut impl Read, left: u64) -> Result<Option<Framed>> {
    let mut header = [0; HEADER];
    if !is_filled(from.read_exact(&mut header))? {
        return Ok(None);
    }
    let Some((rows, contents)) = lengths(&header) else { return Ok(None) };
    let length = HEADER as u64 + u64::from(rows) + u64::from(contents);
    if length > left {
        return Ok(None);
    }
    let part = |length: u32| vec![0; usize::try_from(length).unwrap_or_default()];
    let (mut row, mut content) = (part(rows), part(contents));
    if !is_filled(from.read_exact(&mut row))? || !is_filled(from.read_exact(&mut content))? {
        return Ok(None);
    }
    let (lengths, summed) = (header.get(4..12).unwrap_or_default(), header.get(12..).unwrap_or_default());
    if sum(lengths, &row, &content).as_slice() != summed {
        return Ok(None);
    }
    let content = (!content.is_empty()).then_some(content);
    let row = postcard::from_bytes(&row).map_err(std::io::Error::other)?;
    let record = Row::with(row, content).ok_or(ErrorKind::InvalidData)?;
    Ok(Some(Framed { record, length }))
}

/// The lengths of the two parts, if this is the header of a record.
fn lengths(header: &[u8; HEADER]) -> Option<(u32, u32)> {
    let number = |at: usize| header.get(at..)?.first_chunk::<4>().copied().map(u32::from_le_bytes);
    if header.first_chunk() == Some(&MARK) { number(4).zip(number(8)) } else { None }
}

fn sum(lengths: &[u8], row: &[u8], content: &[u8]) -> [u8; 4] {
    let mut sum = Hasher::new();
    for part in [lengths, row, content] {
        sum.update(part);
    }
    sum.finalize().to_le_bytes()
}

/// Treats the end of the file as no error.
fn is_filled(outcome: Result<()>) -> Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::chain::ChainHead;
    use super::super::entry::Entry;
    use super::super::keys::{KeyRing, new_key_line};
    use super::*;

    /// A record with every field set, and one with only the required fields.
    fn records() -> [Record; 2] {
        let keys = KeyRing::read(&new_key_line("a").expect("random")).expect("a key");
        let mut full = Entry::new(Uuid::from_u128(7), EntryKind::Call, DateTime::UNIX_EPOCH);
        (full.client, full.tenant, full.hook) = (Some("client".to_owned()), Some("tenant".to_owned()), Some("order-sign".to_owned()));
        (full.status, full.cause, full.policies) = (Some(200), Some("cause".to_owned()), Some("policy|1".to_owned()));
        (full.determination, full.patient) = (Some("supported".to_owned()), Some("Patient/somebody".to_owned()));
        (full.card, full.about) = (Some(Uuid::from_u128(8)), Some(Uuid::from_u128(9)));
        full.cards = vec![Uuid::from_u128(10), Uuid::from_u128(11)];
        full.content = vec![b"{}".as_slice().into()];
        let bare = Entry::new(Uuid::from_u128(12), EntryKind::Fault, DateTime::UNIX_EPOCH);
        let (mut head, key) = (ChainHead::of_new(Uuid::from_u128(1)), keys.sealing().expect("a key"));
        [full, bare].map(|entry| head.append(SealedEntry::seal(entry, &keys).expect("sealed"), "here", 5, key))
    }

    fn written(records: &[Record]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for record in records {
            write(record, &mut bytes).expect("written");
        }
        bytes
    }

    fn read_all(bytes: &[u8]) -> Vec<Record> {
        let (mut rest, mut records) = (bytes, Vec::new());
        loop {
            let left = rest.len() as u64;
            let Some(framed) = read(&mut rest, left).expect("no fault") else { return records };
            assert_eq!(framed.length(), left - rest.len() as u64);
            records.push(framed.record);
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let records = records();
        assert_eq!(read_all(&written(&records)), records);
    }

    #[test]
    fn a_content_is_the_last_of_its_record() {
        for record in records() {
            let bytes = written(std::slice::from_ref(&record));
            let framed = read(&mut bytes.as_slice(), bytes.len() as u64).expect("no fault").expect("a record");
            let content = record.sealed.content.unwrap_or_default();
            assert_eq!(framed.content_length(), content.len() as u64);
            assert!(bytes.ends_with(&content));
        }
    }

    #[test]
    fn what_ends_too_early_or_was_changed_is_none() {
        let records = records();
        let (bytes, first) = (written(&records), written(&records[..1]).len());
        for length in 0..bytes.len() {
            assert_eq!(read_all(&bytes[..length]).len(), usize::from(length >= first), "{length} bytes");
        }
        for place in 0..first {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert_eq!(read_all(&changed).len(), 0, "byte {place}");
        }
        assert_eq!(read_all(&[0; 4096]).len(), 0);
    }

    #[test]
    fn a_length_that_goes_beyond_the_file_takes_no_memory() {
        let mut bytes = written(&records());
        bytes[4..12].copy_from_slice(&[0xff; 8]);
        assert_eq!(read(&mut bytes.as_slice(), 4_000).expect("no fault"), None);
    }

    #[test]
    fn a_whole_record_of_another_version_is_a_fault() {
        let row = b"what only a later version can read";
        let lengths = [u32::try_from(row.len()).expect("short").to_le_bytes(), [0; 4]].concat();
        let bytes = [&MARK, lengths.as_slice(), &sum(&lengths, row, b""), row].concat();
        assert!(read(&mut bytes.as_slice(), bytes.len() as u64).is_err());
    }
}
