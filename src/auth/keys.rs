//! Key sets (RFC 7517): the keys that can verify signatures; everything else in a set is ignored.
//! Not here: where they come from; see [`super::key_set`].

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::refusal::Refusal;
use super::token::{SignedClaims, UnverifiedToken};
use crate::config::SigningAlgorithm;

/// Maximum number of keys read from one set.
const MAX_KEYS: usize = 100;

/// RSA keys below 2048 bits are insecure (NIST SP 800-131A); above 8192 bits, verifying is costly for us and free for the caller.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// The keys of one client or EHR.
#[derive(Debug, Default)]
pub(crate) struct Keys(Vec<Key>);

/// A key that can verify signatures.
#[derive(Debug)]
struct Key {
    id: Option<String>,
    family: Family,
    /// The only algorithm the key may be used with, if its set restricts it.
    algorithm: Option<String>,
    public: DecodingKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    P256,
    P384,
    Rsa,
}

/// Why a key set cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It is not a JSON object with a `keys` list.
    #[error("is not a JWK Set, an object with a list `keys`")]
    NotASet,
    /// None of its keys can verify a signature.
    #[error("has no usable key: RSA of 2048 to 8192 bits, or EC on P-256 or P-384, public, with a `kid`")]
    NoKey,
}

#[derive(Deserialize)]
struct Set<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<IgnoredAny>,
}

impl Keys {
    /// Reads a key set. Skips unusable keys: a set may hold keys for other uses or of newer types. An empty set is valid: with
    /// it a client revokes all its keys.
    pub(crate) fn read(json: &[u8]) -> Result<Self, KeysError> {
        let Self(keys) = Self::read_with_unnamed(json)?;
        Ok(Self(keys.into_iter().filter(|key| key.id.is_some()).collect()))
    }

    /// The same, with the keys that have no `kid`.
    pub(crate) fn read_with_unnamed(json: &[u8]) -> Result<Self, KeysError> {
        let set: Set<'_> = serde_json::from_slice(json).map_err(|_| KeysError::NotASet)?;
        let keys: Vec<Key> = set.keys.iter().take(MAX_KEYS).filter_map(|raw| serde_json::from_str::<Jwk>(raw.get()).ok()?.key()).collect();
        Ok(Self(keys))
    }

    /// Refuses an empty set.
    pub(crate) fn not_empty(self) -> Result<Self, KeysError> {
        if self.0.is_empty() { Err(KeysError::NoKey) } else { Ok(self) }
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn holds(&self, key_id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref() == Some(key_id))
    }

    /// Returns the token's claims if the key it names verifies its signature. A `kid` is compared byte for byte.
    pub(crate) fn verify(&self, token: UnverifiedToken<'_>) -> Result<SignedClaims, Refusal> {
        let key_id = token.key_id.as_deref().ok_or(Refusal::NoKeyId)?;
        let mut named = self.0.iter().filter(|key| key.id.as_deref() == Some(key_id)).peekable();
        named.peek().ok_or(Refusal::UnknownKey)?;
        let key = named.find(|key| key.fits(token.algorithm)).ok_or(Refusal::WrongKey)?;
        key.verify(token)
    }

    /// Returns the claims of a token that need not name its key, if one key alone fits (OpenID Connect Core, section 10.1).
    pub(crate) fn verify_by_only_key<C>(&self, token: UnverifiedToken<'_, C>) -> Result<SignedClaims<C>, Refusal> {
        let is_named = |key: &Key| token.key_id.is_none() || token.key_id == key.id;
        let mut fitting = self.0.iter().filter(|key| is_named(key) && key.fits(token.algorithm));
        let key = fitting.next().ok_or(Refusal::UnknownKey)?;
        if fitting.next().is_some() { Err(Refusal::WrongKey) } else { key.verify(token) }
    }
}

impl Key {
    fn verify<C>(&self, token: UnverifiedToken<'_, C>) -> Result<SignedClaims<C>, Refusal> {
        let verified = crypto::verify(token.signature, token.message.as_bytes(), &self.public, library_name(token.algorithm));
        if verified.unwrap_or(false) { Ok(SignedClaims(token.claims)) } else { Err(Refusal::WrongSignature) }
    }

    fn fits(&self, algorithm: SigningAlgorithm) -> bool {
        self.family == family(algorithm) && self.algorithm.as_ref().is_none_or(|only| *only == format!("{algorithm:?}"))
    }
}

impl Jwk {
    /// Rejects a key published with its private part: anyone could sign with it.
    fn key(self) -> Option<Key> {
        let is_for_signatures = self.usage.as_ref().is_none_or(|usage| usage == "sig");
        let verifies = self.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
        if !is_for_signatures || !verifies || self.d.is_some() {
            return None;
        }
        let (family, public) = match (self.kty.as_str(), self.crv.as_deref()) {
            ("EC", Some("P-256")) => (Family::P256, point(&self.x?, &self.y?, (32, &ECDSA_P256_SHA256_FIXED))?),
            ("EC", Some("P-384")) => (Family::P384, point(&self.x?, &self.y?, (48, &ECDSA_P384_SHA384_FIXED))?),
            ("RSA", None) => (Family::Rsa, rsa(&self.n?, &self.e?)?),
            _ => return None,
        };
        Some(Key { id: self.kid, family, algorithm: self.alg, public })
    }
}

/// An uncompressed point, with coordinates of the curve's exact length (RFC 7518, section 6.2.1.2).
fn point(x: &str, y: &str, curve: (usize, &'static dyn VerificationAlgorithm)) -> Option<DecodingKey> {
    let (length, algorithm) = curve;
    let [whole_x, whole_y] = [x, y].map(|part| URL_SAFE_NO_PAD.decode(part).ok().filter(|bytes| bytes.len() == length));
    let uncompressed = [vec![4], whole_x?, whole_y?].concat();
    ParsedPublicKey::new(algorithm, uncompressed).ok()?;
    DecodingKey::from_ec_components(x, y).ok()
}

fn rsa(modulus: &str, exponent: &str) -> Option<DecodingKey> {
    let bytes = URL_SAFE_NO_PAD.decode(modulus).ok()?;
    let length = bytes.iter().skip_while(|byte| **byte == 0).count();
    if RSA_BYTES.contains(&length) { DecodingKey::from_rsa_components(modulus, exponent).ok() } else { None }
}

fn family(algorithm: SigningAlgorithm) -> Family {
    match algorithm {
        SigningAlgorithm::ES256 => Family::P256,
        SigningAlgorithm::ES384 => Family::P384,
        SigningAlgorithm::RS256
        | SigningAlgorithm::RS384
        | SigningAlgorithm::RS512
        | SigningAlgorithm::PS256
        | SigningAlgorithm::PS384
        | SigningAlgorithm::PS512 => Family::Rsa,
    }
}

fn library_name(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::ES256 => Algorithm::ES256,
        SigningAlgorithm::ES384 => Algorithm::ES384,
        SigningAlgorithm::RS256 => Algorithm::RS256,
        SigningAlgorithm::RS384 => Algorithm::RS384,
        SigningAlgorithm::RS512 => Algorithm::RS512,
        SigningAlgorithm::PS256 => Algorithm::PS256,
        SigningAlgorithm::PS384 => Algorithm::PS384,
        SigningAlgorithm::PS512 => Algorithm::PS512,
    }
}
