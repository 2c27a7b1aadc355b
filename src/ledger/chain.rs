//! The record chain: an authentication code binds every record to the one before it, so that altering, removing or inserting
//! a record without the keys is detected.
//! Not here: walking a chain; see [`super::chain_walk`].

use uuid::Uuid;

use super::chain_position::{BEGINNING, ChainHead, Hash};
use super::keys::SealingKey;
use super::sealed::SealedEntry;

/// Nonce and tag: the bytes of a sealed part that represent all of it in the code.
const NONCE: usize = 12;
const TAG: usize = 16;

/// A sealed entry with its position in a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) chain: Uuid,
    /// Starts at 1.
    pub(super) sequence: i64,
    /// The instance that wrote the record.
    pub(super) instance: String,
    /// Microseconds since 1970; never earlier than the previous record.
    pub(super) recorded_at: i64,
    pub(super) sealed: SealedEntry,
    /// The code of the record before it. With it in the row, each record can be verified without its neighbours.
    pub(super) previous: Hash,
    pub(super) hash: Hash,
}

impl ChainHead {
    /// The head of an empty chain.
    pub(super) fn new(chain: Uuid) -> Self {
        Self { chain, sequence: 0, recorded_at: i64::MIN, hash: BEGINNING }
    }

    /// Appends an entry after the last record.
    pub(super) fn append(&mut self, sealed: SealedEntry, instance: &str, now: i64, key: &SealingKey) -> Record {
        let (sequence, recorded_at) = (self.sequence + 1, now.max(self.recorded_at));
        let (instance, previous) = (instance.to_owned(), self.hash);
        let mut record = Record { chain: self.chain, sequence, instance, recorded_at, sealed, previous, hash: BEGINNING };
        record.hash = record.code(key);
        *self = record.head();
        record
    }
}

impl Record {
    /// The chain head if this is the last record.
    pub(super) fn head(&self) -> ChainHead {
        ChainHead { chain: self.chain, sequence: self.sequence, recorded_at: self.recorded_at, hash: self.hash }
    }

    /// Computes this record's code from the previous one and from its own columns. The nonce and tag represent each sealed part: they
    /// fix what it opens to, if it opens at all.
    pub(super) fn code(&self, key: &SealingKey) -> Hash {
        let sealed = &self.sealed;
        let mut clear = Plaintext::default();
        clear.bytes(self.chain.as_bytes());
        clear.number(self.sequence);
        clear.bytes(sealed.id.as_bytes());
        clear.text(sealed.kind.as_str());
        clear.text(&self.instance);
        clear.number(sealed.received_at);
        clear.number(self.recorded_at);
        for text in [&sealed.client, &sealed.tenant, &sealed.hook, &sealed.cause, &sealed.policies, &sealed.determination] {
            clear.optional(text.as_ref().map(String::as_bytes));
        }
        clear.number(sealed.status.map_or(-1, i64::from));
        clear.optional(sealed.patient_index.as_deref());
        for id in [&sealed.card, &sealed.about] {
            clear.optional(id.as_ref().map(|id| id.as_bytes().as_slice()));
        }
        clear.optional(sealed.cards_bytes().as_deref());
        clear.text(&sealed.key_id);
        clear.sealed(Some(&sealed.summary));
        clear.sealed(sealed.content.as_deref());
        key.chain(&[&self.previous, &clear.0])
    }
}

/// The input of a code: every part is prefixed with its length, so that no two records produce the same bytes.
#[derive(Default)]
struct Plaintext(Vec<u8>);

impl Plaintext {
    fn number(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&bytes.len().to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn optional(&mut self, bytes: Option<&[u8]>) {
        self.0.push(u8::from(bytes.is_some()));
        self.bytes(bytes.unwrap_or_default());
    }

    fn sealed(&mut self, part: Option<&[u8]>) {
        let nonce = part.and_then(|part| part.get(..NONCE));
        let tag = part.and_then(|part| part.last_chunk::<TAG>()).map(<[u8; TAG]>::as_slice);
        self.number(part.map_or(-1, |part| i64::try_from(part.len()).unwrap_or(i64::MAX)));
        self.optional(nonce);
        self.optional(tag);
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::entry::{Entry, EntryKind};
    use super::super::keys::{KeyRing, new_key_line};
    use super::*;

    fn keys() -> KeyRing {
        KeyRing::read(&new_key_line("a").expect("random")).expect("a key")
    }

    fn record(keys: &KeyRing) -> Record {
        let mut entry = Entry::new(Uuid::from_u128(7), EntryKind::Call, DateTime::UNIX_EPOCH);
        entry.content = vec![b"{}".as_slice().into()];
        let sealed = SealedEntry::seal(entry, keys).expect("sealed");
        ChainHead::new(Uuid::from_u128(1)).append(sealed, "here", 5, keys.sealing().expect("a key"))
    }

    type Change = fn(&mut Record);

    #[test]
    fn a_change_of_any_part_changes_the_code() {
        let keys = keys();
        let key = keys.sealing().expect("a key");
        let record = record(&keys);
        assert_eq!(record.code(key), record.hash);
        let changes: [Change; 21] = [
            |record| record.previous = [1; 32],
            |record| record.chain = Uuid::from_u128(2),
            |record| record.sequence = 2,
            |record| record.instance = "there".to_owned(),
            |record| record.recorded_at = 6,
            |record| record.sealed.id = Uuid::from_u128(8),
            |record| record.sealed.kind = EntryKind::Fault,
            |record| record.sealed.received_at = 1,
            |record| record.sealed.client = Some(String::new()),
            |record| record.sealed.tenant = Some("t".to_owned()),
            |record| record.sealed.hook = Some("h".to_owned()),
            |record| record.sealed.status = Some(200),
            |record| record.sealed.cause = Some("c".to_owned()),
            |record| record.sealed.policies = Some("p".to_owned()),
            |record| record.sealed.determination = Some("supported".to_owned()),
            |record| record.sealed.patient_index = Some(vec![1]),
            |record| record.sealed.card = Some(Uuid::from_u128(3)),
            |record| record.sealed.about = Some(Uuid::from_u128(3)),
            |record| record.sealed.cards = vec![Uuid::from_u128(3)],
            |record| record.sealed.content = None,
            |record| record.sealed.key_id = "b".to_owned(),
        ];
        for (place, change) in changes.iter().enumerate() {
            let mut other = record.clone();
            change(&mut other);
            assert_ne!(other.code(key), record.hash, "change {place}");
        }
    }

    #[test]
    fn a_clock_that_goes_back_does_not_put_a_record_before_the_one_ahead_of_it() {
        let keys = keys();
        let mut head = record(&keys).head();
        let sealed = record(&keys).sealed;
        let next = head.append(sealed, "here", 3, keys.sealing().expect("a key"));
        assert_eq!((next.sequence, next.recorded_at, head), (2, 5, next.head()));
    }
}
