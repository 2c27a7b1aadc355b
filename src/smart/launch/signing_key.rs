//! The app's own key: signs client assertions for EHRs (SMART App Launch 2.2, "Asymmetric authentication"; RFC 7523), and is
//! published as a JWK (RFC 7517, 7638).
//! Not here: where assertions are sent; see [`super::exchange`].

use std::fmt;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA384, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::error::LaunchError;
use super::launches::random_text;
use crate::config::read_secret_file;

/// Lifetime of an assertion. The maximum is five minutes; the EHR's clock may be behind ours.
const ASSERTION_LIFE: TimeDelta = TimeDelta::minutes(4);

/// RSA keys below 2048 bits are insecure (NIST SP 800-131A).
const MIN_RSA_BYTES: usize = 256;

/// Why a key cannot be used.
#[derive(Debug, Error)]
pub enum OwnKeyError {
    /// The file cannot be read, or others can read it, too.
    #[error("it cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// The file contains no PKCS #8 private key.
    #[error("it has no PEM private key in PKCS #8")]
    NoKey(#[source] rustls::pki_types::pem::Error),
    /// The key is of an unsupported type.
    #[error("its key is neither EC on P-384 nor RSA of 2048 to 8192 bits")]
    UnknownKind,
}

/// A key pair with its `kid`.
pub(super) struct OwnKey {
    pair: Pair,
    id: String,
    public: Value,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl fmt::Debug for OwnKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OwnKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl OwnKey {
    /// Reads the key from a file.
    pub(super) fn read(path: &Path) -> Result<Self, OwnKeyError> {
        let pem = read_secret_file(path).map_err(OwnKeyError::Unreadable)?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(OwnKeyError::NoKey)?;
        let pair = Pair::read(der.secret_pkcs8_der()).ok_or(OwnKeyError::UnknownKind)?;
        let (required, mut public) = pair.public();
        let id = encoded(digest(&SHA256, required.as_bytes()).as_ref());
        public.extend(members([("kid", &id), ("use", "sig"), ("alg", pair.algorithm())]));
        Ok(Self { pair, id, public: Value::Object(public) })
    }

    /// The public key as a JWK.
    pub(super) fn public(&self) -> &Value {
        &self.public
    }

    /// A JWT that authenticates the app at an EHR's token endpoint.
    pub(super) fn assertion(&self, client_id: &str, endpoint: &str, now: DateTime<Utc>) -> Result<String, LaunchError> {
        let header = json!({"alg": self.pair.algorithm(), "typ": "JWT", "kid": self.id});
        let claims = json!({
            "iss": client_id,
            "sub": client_id,
            "aud": endpoint,
            "jti": random_text()?,
            "iat": now.timestamp(),
            "exp": (now + ASSERTION_LIFE).timestamp(),
        });
        let message = format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(claims.to_string().as_bytes()));
        let signature = self.pair.sign(message.as_bytes()).ok_or(LaunchError::Ours)?;
        Ok(format!("{message}.{}", encoded(&signature)))
    }
}

impl Pair {
    fn read(der: &[u8]) -> Option<Self> {
        if let Ok(key) = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der) {
            return Some(Self::Ec(key));
        }
        RsaKeyPair::from_pkcs8(der).ok().filter(|key| key.public_modulus_len() >= MIN_RSA_BYTES).map(Self::Rsa)
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ec(_) => "ES384",
            Self::Rsa(_) => "RS384",
        }
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Ec(key) => Some(key.sign(&random, message).ok()?.as_ref().to_vec()),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA384, &random, message, &mut signature).ok()?;
                Some(signature)
            }
        }
    }

    /// The required members of the JWK: as the text whose thumbprint is its `kid` (RFC 7638), and as JSON.
    fn public(&self) -> (String, Map<String, Value>) {
        match self {
            Self::Ec(key) => {
                let point = key.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at_checked(point.len() / 2).unwrap_or_default();
                let (x, y) = (encoded(x), encoded(y));
                let required = format!(r#"{{"crv":"P-384","kty":"EC","x":"{x}","y":"{y}"}}"#);
                (required, members([("kty", "EC"), ("crv", "P-384"), ("x", &x), ("y", &y)]))
            }
            Self::Rsa(key) => {
                let RsaPublicKeyComponents::<Vec<u8>> { n, e } = key.public_key().into();
                let (n, e) = (encoded(&n), encoded(&e));
                (format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#), members([("kty", "RSA"), ("n", &n), ("e", &e)]))
            }
        }
    }
}

fn members<const N: usize>(members: [(&str, &str); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
