//! The ledger's keys: which one seals, which ones open, and which keys are derived from each.
//! A configured key never encrypts directly: sealing, chaining and the patient index each use a key derived by HKDF
//! (RFC 5869), so that a key for one purpose cannot serve another.
//! Not here: where the keys are configured; see [`crate::config`].

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

/// Length of a key in bytes.
pub(super) const KEY_BYTES: usize = 32;

/// Maximum length of a key's id.
const MAX_KEY_ID_CHARS: usize = 64;

/// Length of a stored patient digest: enough that no two patients of a ledger share one, and no more.
pub(super) const INDEX_BYTES: usize = 16;

const SALT: &[u8] = b"sij-cds ledger";

/// Why keys cannot be used. No message quotes a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerKeysError {
    /// A line is not `id:key`.
    #[error(
        "line {line}: must be `id:key`, the key {KEY_BYTES} bytes in base64, the id up to {MAX_KEY_ID_CHARS} letters, digits, `-`, `_` or `.`"
    )]
    Line {
        /// Starts at 1.
        line: usize,
    },
    /// Two lines have the same id.
    #[error("line {line}: the id stands on another line, too")]
    Twice {
        /// Starts at 1.
        line: usize,
    },
    /// There is no key.
    #[error("there is no key")]
    None,
    /// The cryptography library rejects a key.
    #[error("a key cannot be set up")]
    Refused,
}

/// A key, and the keys derived from it.
pub(super) struct SealingKey {
    /// Stored with everything the key seals.
    pub(super) id: String,
    sealing: RandomizedNonceKey,
    chaining: hmac::Key,
    index: hmac::Key,
    redaction: hmac::Key,
    checkpoint: hmac::Key,
}

/// The keys; the first one seals. Cheap to clone.
#[derive(Clone)]
pub struct KeyRing(Arc<[SealingKey]>);

impl fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SealingKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter()).finish()
    }
}

impl KeyRing {
    /// Reads keys in the form `id:base64`, separated by line breaks or commas. The first seals; all open. Empty lines and lines
    /// that begin with `#` are ignored.
    ///
    /// # Errors
    /// [`LedgerKeysError`], with the line.
    pub fn read(text: &str) -> Result<Self, LedgerKeysError> {
        let mut keys: Vec<SealingKey> = Vec::new();
        let lines = (1..).zip(text.split(['\n', ','])).map(|(line, text)| (line, text.trim()));
        for (line, text) in lines.filter(|(_, text)| !text.is_empty() && !text.starts_with('#')) {
            let (id, bytes) = parse(text).ok_or(LedgerKeysError::Line { line })?;
            if keys.iter().any(|key| key.id == id) {
                return Err(LedgerKeysError::Twice { line });
            }
            keys.push(SealingKey::derive(id, &bytes).map_err(|_| LedgerKeysError::Refused)?);
        }
        if keys.is_empty() { Err(LedgerKeysError::None) } else { Ok(Self(keys.into())) }
    }

    /// The key that seals.
    pub(super) fn sealing(&self) -> Option<&SealingKey> {
        self.0.first()
    }

    /// The key with an id.
    pub(super) fn of_id(&self, id: &str) -> Option<&SealingKey> {
        self.0.iter().find(|key| key.id == id)
    }

    /// The index values of a text under each of the keys.
    pub(super) fn all_indices(&self, text: &str) -> Vec<Vec<u8>> {
        self.0.iter().map(|key| key.index(text)).collect()
    }
}

/// Generates a key, as a line for a key file.
///
/// # Errors
/// If the system cannot provide random bytes.
pub fn new_key_line(id: &str) -> Result<String, LedgerKeysError> {
    let mut bytes = [0; KEY_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| LedgerKeysError::Refused)?;
    Ok(format!("{id}:{}", STANDARD.encode(bytes)))
}

fn parse(text: &str) -> Option<(&str, Vec<u8>)> {
    let (id, key) = text.split_once(':')?;
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let bytes = STANDARD.decode(key.trim()).ok()?;
    (!id.is_empty() && id.len() <= MAX_KEY_ID_CHARS && id.chars().all(is_letter) && bytes.len() == KEY_BYTES).then_some((id, bytes))
}

/// An output length for HKDF.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

impl SealingKey {
    fn derive(id: &str, bytes: &[u8]) -> Result<Self, Unspecified> {
        let secret = Salt::new(HKDF_SHA256, SALT).extract(bytes);
        let derived = |purpose: &str| -> Result<[u8; KEY_BYTES], Unspecified> {
            let mut bytes = [0; KEY_BYTES];
            secret.expand(&[purpose.as_bytes()], Bytes(KEY_BYTES))?.fill(&mut bytes)?;
            Ok(bytes)
        };
        Ok(Self {
            id: id.to_owned(),
            sealing: RandomizedNonceKey::new(&AES_256_GCM, &derived("seal")?)?,
            chaining: hmac::Key::new(HMAC_SHA256, &derived("chain")?),
            index: hmac::Key::new(HMAC_SHA256, &derived("patient index")?),
            redaction: hmac::Key::new(HMAC_SHA256, &derived("redaction")?),
            checkpoint: hmac::Key::new(HMAC_SHA256, &derived("signed checkpoint")?),
        })
    }

    /// Seals `plain` (AES-256-GCM, a random 96-bit nonce first, the tag last); it opens only with the same `bound`.
    pub(super) fn seal(&self, plain: &[u8], bound: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&[0; NONCE_LEN]);
        sealed.extend_from_slice(plain);
        let (nonce_place, text) = sealed.split_at_mut_checked(NONCE_LEN).ok_or(Unspecified)?;
        let (nonce, tag) = self.sealing.seal_in_place_separate_tag(Aad::from(bound), text)?;
        nonce_place.copy_from_slice(nonce.as_ref());
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what [`SealingKey::seal`] sealed.
    pub(super) fn open(&self, sealed: &[u8], bound: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unspecified)?;
        let mut text = text.to_vec();
        let length = self.sealing.open_in_place(Nonce::from(nonce), Aad::from(bound), &mut text)?.len();
        text.truncate(length);
        Ok(text)
    }

    /// Computes the authentication code of a record in the chain.
    pub(super) fn chain(&self, parts: &[&[u8]]) -> [u8; KEY_BYTES] {
        code(&self.chaining, parts)
    }

    /// Computes the authentication code of a checkpoint that is kept elsewhere. The parts have fixed lengths.
    pub(super) fn sign_checkpoint(&self, parts: &[&[u8]]) -> [u8; KEY_BYTES] {
        code(&self.checkpoint, parts)
    }

    /// Computes a keyed digest of a secret of a record, in hexadecimal. It is the same throughout that record, and in no other one.
    pub(super) fn redaction(&self, record: Uuid, secret: &str) -> String {
        let mut context = hmac::Context::with_key(&self.redaction);
        context.update(record.as_bytes());
        context.update(secret.as_bytes());
        context.sign().as_ref().iter().take(INDEX_BYTES).fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
    }

    /// Computes a keyed digest of a text, by which it can be found but not read.
    pub(super) fn index(&self, text: &str) -> Vec<u8> {
        hmac::sign(&self.index, text.as_bytes()).as_ref().iter().take(INDEX_BYTES).copied().collect()
    }
}

fn code(key: &hmac::Key, parts: &[&[u8]]) -> [u8; KEY_BYTES] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    let mut code = [0; KEY_BYTES];
    code.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(id: &str) -> KeyRing {
        KeyRing::read(&new_key_line(id).expect("random bytes")).expect("a key")
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_and_what_it_is_bound_to_alone() {
        let (keys, others) = (ring("a"), ring("a"));
        let key = keys.sealing().expect("one");
        let sealed = key.seal(b"something of somebody", b"record 1").expect("sealed");
        assert_eq!(key.open(&sealed, b"record 1").expect("opened"), b"something of somebody");
        assert!(key.open(&sealed, b"record 2").is_err());
        assert!(others.sealing().expect("one").open(&sealed, b"record 1").is_err());
        for place in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[place] ^= 1;
            assert!(key.open(&altered, b"record 1").is_err(), "byte {place}");
        }
        assert!(key.open(&sealed[..11], b"record 1").is_err());
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time() {
        let keys = ring("a");
        let key = keys.sealing().expect("one");
        assert_ne!(key.seal(b"text", b"").expect("sealed"), key.seal(b"text", b"").expect("sealed"));
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let (new, old) = (new_key_line("new").expect("random"), new_key_line("old").expect("random"));
        let keys = KeyRing::read(&format!("# since autumn\n{new}\n\n{old}\n")).expect("keys");
        assert_eq!(keys.sealing().expect("one").id, "new");
        assert!(keys.of_id("old").is_some() && keys.of_id("other").is_none());
        assert_eq!(KeyRing::read(&format!("{new},{old}")).expect("keys").sealing().expect("one").id, "new");
    }

    #[test]
    fn a_line_that_is_no_key_is_refused_by_its_number() {
        let good = new_key_line("a").expect("random");
        for (text, expected) in [
            ("", LedgerKeysError::None),
            ("# nothing", LedgerKeysError::None),
            ("a:c2hvcnQ=", LedgerKeysError::Line { line: 1 }),
            ("no colon", LedgerKeysError::Line { line: 1 }),
            (&format!("{good}\nb b:{}", good.trim_start_matches("a:")), LedgerKeysError::Line { line: 2 }),
            (&format!("{good}\n:{}", good.trim_start_matches("a:")), LedgerKeysError::Line { line: 2 }),
            (&format!("{good}\n\n{good}"), LedgerKeysError::Twice { line: 3 }),
        ] {
            assert_eq!(KeyRing::read(text).expect_err("refused"), expected, "{text}");
        }
    }

    #[test]
    fn the_digest_of_a_secret_is_of_its_key_and_its_record() {
        let (keys, others, record) = (ring("a"), ring("a"), Uuid::from_u128(7));
        let digest = keys.sealing().expect("one").redaction(record, "secret");
        assert_eq!((digest.len(), &digest), (2 * INDEX_BYTES, &keys.sealing().expect("one").redaction(record, "secret")));
        assert_ne!(digest, others.sealing().expect("one").redaction(record, "secret"));
        assert_ne!(digest, keys.sealing().expect("one").redaction(Uuid::from_u128(8), "secret"));
    }

    #[test]
    fn no_key_is_shown() {
        let line = new_key_line("a").expect("random");
        assert_eq!(format!("{:?}", KeyRing::read(&line).expect("a key")), r#"[SealingKey { id: "a", .. }]"#);
    }
}
