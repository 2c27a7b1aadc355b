//! Identifies the user by the EHR's identity token (OpenID Connect Core, section 3.1.3.7; SMART App Launch 2.2, "Scopes for
//! requesting identity data").
//! Not here: what a user may do; the access token decides that.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::ehr::Ehr;
use super::error::{ExchangeError, IdentityError};
use super::smart_configuration::SmartConfiguration;
use crate::auth::{Audience, Keys, NumericDate, Refusal, SignedClaims, UnverifiedToken};

/// The keys of an EHR's identity tokens, and the issuer they belong to.
#[derive(Debug)]
pub(super) struct IdentityKeys {
    issuer: String,
    keys: Keys,
}

/// The expected values of a token's claims.
pub(super) struct Expected<'e> {
    pub(super) client_id: &'e str,
    pub(super) nonce: &'e str,
    /// The instant that `exp` must be later than.
    pub(super) not_over_at: DateTime<Utc>,
}

/// The claims of an identity token (OpenID Connect Core, section 2). `iat` and `sub` must be there, but are not used.
#[derive(Debug, Deserialize)]
struct IdentityClaims {
    iss: String,
    #[serde(rename = "sub")]
    _sub: String,
    aud: Audience,
    exp: NumericDate,
    #[serde(rename = "iat")]
    _iat: NumericDate,
    nonce: Option<String>,
    /// Its type is checked when it is used.
    #[serde(rename = "fhirUser")]
    fhir_user: Option<Value>,
}

/// The members of an OpenID provider's configuration that are used.
#[derive(Deserialize)]
struct Issuer {
    issuer: String,
    jwks_uri: String,
}

impl IdentityKeys {
    /// Fetches the keys from the `jwks_uri` of the EHR's SMART configuration, or else of its OpenID configuration.
    pub(super) async fn fetch(ehr: &Ehr, description: &SmartConfiguration) -> Result<Self, ExchangeError> {
        let (issuer, url) = if let (Some(issuer), Some(keys)) = (&description.issuer, &description.keys) {
            (issuer.clone(), keys.clone())
        } else {
            let found = Issuer::fetch(ehr, description.issuer.as_deref()).await?;
            let keys = ehr.requests.address(&found.jwks_uri)?;
            (found.issuer, keys)
        };
        let keys = Keys::read_with_unnamed(&ehr.requests.get(&url).await?).map_err(|_| ExchangeError::Unreadable)?;
        Ok(Self { issuer, keys })
    }

    /// The issuer of the tokens.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Verifies a token and returns the user's reference, if it names one.
    pub(super) fn check(&self, token: &str, expected: &Expected<'_>) -> Result<Option<String>, IdentityError> {
        let token: UnverifiedToken<'_, IdentityClaims> = UnverifiedToken::parse_identity(token).map_err(fault)?;
        let SignedClaims(claims) = self.keys.verify_by_only_key(token).map_err(fault)?;
        claims.check(&self.issuer, expected)?;
        Ok(claims.fhir_user.as_ref().and_then(Value::as_str).map(str::to_owned))
    }
}

impl IdentityClaims {
    fn check(&self, issuer: &str, expected: &Expected<'_>) -> Result<(), IdentityError> {
        if self.iss != issuer {
            return Err(IdentityError::WrongIssuer);
        }
        // Other audiences could use the token to impersonate the user here.
        if self.aud.0.is_empty() || self.aud.0.iter().any(|audience| audience != expected.client_id) {
            return Err(IdentityError::WrongAudience);
        }
        if expected.not_over_at.timestamp() >= self.exp.0 {
            return Err(IdentityError::Expired);
        }
        let nonce = self.nonce.as_deref().unwrap_or_default();
        verify_slices_are_equal(nonce.as_bytes(), expected.nonce.as_bytes()).map_err(|_| IdentityError::WrongNonce)
    }
}

impl Issuer {
    /// Invariant: an issuer's configuration is trusted only for that issuer (OpenID Connect Discovery, section 4.3).
    async fn fetch(ehr: &Ehr, issuer: Option<&str>) -> Result<Self, ExchangeError> {
        let base = issuer.map_or(ehr.base(), |issuer| issuer.strip_suffix('/').unwrap_or(issuer));
        let url = ehr.requests.address(&format!("{base}/.well-known/openid-configuration"))?;
        let found: Self = serde_json::from_slice(&ehr.requests.get(&url).await?).map_err(|_| ExchangeError::Unreadable)?;
        ehr.requests.address(&found.issuer)?;
        if issuer.is_some_and(|issuer| issuer != found.issuer) { Err(ExchangeError::Unreadable) } else { Ok(found) }
    }
}

/// The fault of a token that cannot be read, or whose signature cannot be verified.
fn fault(refusal: Refusal) -> IdentityError {
    if matches!(refusal, Refusal::Malformed | Refusal::TooLong | Refusal::UnreadableHeader | Refusal::UnreadableClaims) {
        IdentityError::Unreadable
    } else if matches!(refusal, Refusal::ForbiddenAlgorithm | Refusal::WrongKey | Refusal::WrongSignature) {
        IdentityError::WrongSignature
    } else if refusal == Refusal::UnknownKey {
        IdentityError::UnknownKey
    } else {
        IdentityError::Other
    }
}
