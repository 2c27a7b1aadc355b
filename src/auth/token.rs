//! Parses a token (RFC 7515, section 3.1; RFC 7519). Nothing here is verified.
//! Not here: verification; see [`super::authenticator`].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::refusal::Refusal;
use crate::config::SigningAlgorithm;

/// Invariant: what is parsed before the caller is known is small. Clients' tokens are under 2 kB.
const MAX_BYTES: usize = 8 * 1024;

/// The latest accepted time in seconds: the end of the year 9999. No client means a later one.
const LATEST: f64 = 253_402_300_799.0;

/// Maximum size of an identity token: an EHR may put more than a client into one.
const MAX_IDENTITY_BYTES: usize = 64 * 1024;

/// A well-formed token, signed with an algorithm that could be accepted.
#[derive(Debug)]
pub(crate) struct UnverifiedToken<'t, C = Claims> {
    /// The signed part: header and claims as sent.
    pub(crate) message: &'t str,
    pub(crate) signature: &'t str,
    pub(crate) algorithm: SigningAlgorithm,
    pub(crate) key_id: Option<String>,
    pub(crate) key_set: Option<String>,
    pub(crate) claims: C,
}

/// Claims whose signature was verified: they do come from the client or the EHR. Their values are not checked yet.
/// Only [`super::keys`] makes one.
#[derive(Debug)]
pub(crate) struct SignedClaims<C = Claims>(pub(crate) C);

/// The claims as the token states them.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: Option<String>,
    pub(crate) sub: Option<String>,
    #[serde(default)]
    pub(crate) aud: Audience,
    pub(crate) exp: Option<NumericDate>,
    pub(crate) nbf: Option<NumericDate>,
    pub(crate) iat: Option<NumericDate>,
    pub(crate) jti: Option<String>,
    pub(crate) tenant: Option<String>,
}

/// The header members that are used. `alg` is a string here, so that an unknown one is distinguished from an unreadable header.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    jku: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    crit: Option<Present>,
    #[serde(default, deserialize_with = "is_there")]
    jwk: Option<Present>,
    #[serde(default, deserialize_with = "is_there")]
    x5c: Option<Present>,
    #[serde(default, deserialize_with = "is_there")]
    x5u: Option<Present>,
}

impl<'t, C: DeserializeOwned> UnverifiedToken<'t, C> {
    /// Parses a client's token, cheapest checks first.
    pub(crate) fn parse(token: &'t str) -> Result<Self, Refusal> {
        Self::within(MAX_BYTES, token, Header::check_of_client)
    }

    /// Parses an EHR's identity token. A key that it brings is ignored.
    pub(crate) fn parse_identity(token: &'t str) -> Result<Self, Refusal> {
        Self::within(MAX_IDENTITY_BYTES, token, Header::check)
    }

    fn within(max_bytes: usize, token: &'t str, check: fn(&Header) -> Result<SigningAlgorithm, Refusal>) -> Result<Self, Refusal> {
        if token.len() > max_bytes {
            return Err(Refusal::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(Refusal::Malformed)?;
        let header = decoded(header)?;
        let claims = decoded(claims)?;
        decoded(signature)?;
        let header: Header = object(&header).ok_or(Refusal::UnreadableHeader)?;
        let algorithm = check(&header)?;
        let claims = object(&claims).ok_or(Refusal::UnreadableClaims)?;
        Ok(Self { message, signature, algorithm, key_id: header.kid, key_set: header.jku, claims })
    }
}

impl Header {
    fn check_of_client(&self) -> Result<SigningAlgorithm, Refusal> {
        let algorithm = self.check()?;
        let brings_key = self.jwk.is_some() || self.x5c.is_some() || self.x5u.is_some();
        if brings_key { Err(Refusal::BroughtKey) } else { Ok(algorithm) }
    }

    fn check(&self) -> Result<SigningAlgorithm, Refusal> {
        let algorithm = algorithm(&self.alg).ok_or(Refusal::ForbiddenAlgorithm)?;
        if self.typ.as_ref().is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(Refusal::WrongType);
        }
        if self.crit.is_some() { Err(Refusal::CriticalExtension) } else { Ok(algorithm) }
    }
}

/// Marks a member as present, whatever its value, even null.
struct Present;

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Present>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| Some(Present))
}

/// Invariant: an algorithm is one of these names, matched exactly. `none` and algorithms with a shared secret are not among them.
fn algorithm(name: &str) -> Option<SigningAlgorithm> {
    match name {
        "ES256" => Some(SigningAlgorithm::ES256),
        "ES384" => Some(SigningAlgorithm::ES384),
        "RS256" => Some(SigningAlgorithm::RS256),
        "RS384" => Some(SigningAlgorithm::RS384),
        "RS512" => Some(SigningAlgorithm::RS512),
        "PS256" => Some(SigningAlgorithm::PS256),
        "PS384" => Some(SigningAlgorithm::PS384),
        "PS512" => Some(SigningAlgorithm::PS512),
        _ => None,
    }
}

/// Decodes unpadded base64url and rejects stray trailing bits, so that every part has exactly one encoding.
fn decoded(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)
}

/// Parses a JSON object. serde would also accept an array for a struct; only an object has names, and only its duplicates are detected.
fn object<T: for<'de> Deserialize<'de>>(json: &[u8]) -> Option<T> {
    let is_object = json.trim_ascii_start().first() == Some(&b'{');
    serde_json::from_slice(json).ok().filter(|_| is_object)
}

/// A time in seconds since 1970 (RFC 7519, `NumericDate`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NumericDate(pub(crate) i64);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        if !(0.0..=LATEST).contains(&seconds) {
            return Err(serde::de::Error::custom("not a moment"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "within bounds just checked; a fraction of a second is dropped")]
        Ok(Self(seconds as i64))
    }
}

/// The `aud` claim.
#[derive(Debug, Default)]
pub(crate) struct Audience(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMany)
    }
}

struct OneOrMany;

impl<'de> Visitor<'de> for OneOrMany {
    type Value = Audience;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text or a list of texts")
    }

    fn visit_str<E>(self, text: &str) -> Result<Audience, E> {
        Ok(Audience(vec![text.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Audience, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element()? {
            texts.push(text);
        }
        Ok(Audience(texts))
    }
}
