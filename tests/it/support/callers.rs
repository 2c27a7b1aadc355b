//! Callers with keys generated in each run: the tokens they sign, the keys they publish, and services that know them.

use std::fmt;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sij_cds::clock::Clock;
use sij_cds::config::{ClientConfig, Config};
use tempfile::NamedTempFile;

use super::day_of_the_fixtures;

/// A key pair.
pub(crate) enum Signer {
    Ec { key: EcdsaKeyPair, curve: &'static str },
    Rsa(RsaKeyPair),
}

/// On P-384.
pub(crate) static EC_KEY: LazyLock<Signer> = LazyLock::new(Signer::p384);
/// On P-384, of another client.
pub(crate) static OTHER_EC_KEY: LazyLock<Signer> = LazyLock::new(Signer::p384);
/// On P-256.
pub(crate) static SMALL_EC_KEY: LazyLock<Signer> =
    LazyLock::new(|| Signer::Ec { key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(), curve: "P-256" });
/// RSA, 2048 bits.
pub(crate) static RSA_KEY: LazyLock<Signer> = LazyLock::new(|| Signer::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()));

impl Signer {
    pub(crate) fn p384() -> Self {
        Self::Ec { key: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(), curve: "P-384" }
    }

    /// The public key as published.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Ec { key, curve } => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(if *curve == "P-384" { 48 } else { 32 });
                json!({"kty": "EC", "crv": curve, "kid": kid, "use": "sig", "x": base64url(x), "y": base64url(y)})
            }
            Self::Rsa(key) => {
                let RsaPublicKeyComponents::<Vec<u8>> { n, e } = key.public_key().into();
                json!({"kty": "RSA", "kid": kid, "use": "sig", "n": base64url(&n), "e": base64url(&e)})
            }
        }
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let key = match self {
            Self::Ec { key, .. } => return key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Rsa(key) => key,
        };
        let padding = match algorithm {
            "RS256" => &RSA_PKCS1_SHA256,
            "RS512" => &RSA_PKCS1_SHA512,
            "PS256" => &RSA_PSS_SHA256,
            "PS384" => &RSA_PSS_SHA384,
            "PS512" => &RSA_PSS_SHA512,
            _ => &RSA_PKCS1_SHA384,
        };
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(padding, &random, message, &mut signature).unwrap();
        signature
    }
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token before it is signed.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl Token {
    /// A valid, unused token of the client `ehr`.
    pub(crate) fn good() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let now = day_of_the_fixtures().timestamp();
        Self {
            header: json!({"alg": "ES384", "typ": "JWT", "kid": "ehr-1", "jku": EHR_JKU}),
            claims: json!({"iss": EHR, "aud": AUDIENCE, "iat": now, "exp": now + 300, "jti": format!("jti-{}", MADE.fetch_add(1, Ordering::Relaxed))}),
        }
    }

    /// The same with a header member changed; null removes it.
    pub(crate) fn header(mut self, name: &str, value: Value) -> Self {
        set(&mut self.header, name, value);
        self
    }

    /// The same with a claim changed; null removes it.
    pub(crate) fn claim(mut self, name: &str, value: Value) -> Self {
        set(&mut self.claims, name, value);
        self
    }

    pub(crate) fn signed_by(&self, signer: &Signer) -> String {
        signed(&self.header.to_string(), &self.claims.to_string(), signer)
    }
}

/// A valid token of the client `ehr`, signed.
pub(crate) fn good_token() -> String {
    Token::good().signed_by(&EC_KEY)
}

/// Exactly these texts, signed.
pub(crate) fn signed(header: &str, claims: &str, signer: &Signer) -> String {
    let message = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
    let algorithm = serde_json::from_str::<Value>(header).ok().and_then(|header| header["alg"].as_str().map(str::to_owned));
    let signature = signer.sign(algorithm.as_deref().unwrap_or_default(), message.as_bytes());
    format!("{message}.{}", base64url(&signature))
}

fn set(object: &mut Value, name: &str, value: Value) {
    let members = object.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name)
    } else {
        members.insert(name.to_owned(), value)
    };
}

pub(crate) const EHR: &str = "https://ehr.example";
pub(crate) const EHR_JKU: &str = "https://ehr.example/jwks.json";
pub(crate) const PUBLIC_URL: &str = "https://cds.plan.example";
/// This service's own URL.
pub(crate) const AUDIENCE: &str = "https://cds.plan.example/cds-services/sacroiliac-joint-interventions";

/// A file with a key set.
pub(crate) fn key_file(keys: impl IntoIterator<Item = Value>) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), key_set(keys).to_string()).unwrap();
    file
}

pub(crate) fn key_set(keys: impl IntoIterator<Item = Value>) -> Value {
    json!({"keys": keys.into_iter().collect::<Vec<_>>()})
}

/// A client's configuration entry, as parsed from the file.
pub(crate) fn client(entry: Value) -> ClientConfig {
    serde_json::from_value(entry).unwrap()
}

/// The client `ehr`, with its keys in a file.
pub(crate) fn ehr() -> ClientConfig {
    client(json!({"name": "ehr", "iss": EHR, "jwks_uri": EHR_JKU, "jwks_file": ehr_keys()}))
}

/// The keys of the client `ehr`: one of each kind.
fn ehr_keys() -> PathBuf {
    static FILE: LazyLock<PathBuf> =
        LazyLock::new(|| lasting_key_file("ehr", [EC_KEY.jwk("ehr-1"), SMALL_EC_KEY.jwk("ehr-small"), RSA_KEY.jwk("ehr-rsa")]));
    FILE.clone()
}

/// A client of another issuer, whose key has the same `kid`, and which publishes no keys.
pub(crate) fn other_client() -> ClientConfig {
    static FILE: LazyLock<PathBuf> = LazyLock::new(|| lasting_key_file("other", [OTHER_EC_KEY.jwk("ehr-1")]));
    client(json!({"name": "other", "iss": "https://other.example", "jwks_file": *FILE}))
}

/// A file in the build's output directory that lasts for the run.
fn lasting_key_file(name: &str, keys: impl IntoIterator<Item = Value>) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.jwks.json", std::process::id()));
    std::fs::write(&path, key_set(keys).to_string()).unwrap();
    path
}

/// Admits only the client `ehr`.
pub(crate) fn let_in_the_ehr(config: &mut Config) {
    config.server.public_url = Some(PUBLIC_URL.parse().unwrap());
    config.clients = vec![ehr()];
}

/// A clock that the test controls.
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn at(moment: DateTime<Utc>) -> Self {
        Self(AtomicI64::new(moment.timestamp()))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0.load(Ordering::SeqCst), 0).unwrap()
    }
}

impl fmt::Debug for HandClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HandClock")
    }
}
