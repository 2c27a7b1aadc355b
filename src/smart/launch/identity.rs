//! Identifies the user by the EHR's identity token (OpenID Connect Core, section 3.1.3.7; SMART App Launch 2.2, "Scopes for
//! requesting identity data").
//! Not here: what a user may do; the access token decides that.

use chrono::{DateTime, Utc};
use openidconnect::core::{
    CoreGenderClaim, CoreJsonWebKey, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm as Algorithm,
};
use openidconnect::{
    AdditionalClaims, ClaimsVerificationError, ClientId, IdToken, IdTokenVerifier, IssuerUrl, Nonce, SignatureVerificationError,
};
use serde::{Deserialize, Serialize};

use super::ehr::Ehr;
use super::error::{ExchangeError, IdentityError};
use super::smart_configuration::SmartConfiguration;

/// Invariant: only asymmetric algorithms, so that only the EHR can sign an identity token.
const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
];

/// The keys of an EHR's identity tokens, and the issuer they belong to.
#[derive(Debug)]
pub(super) struct IdentityKeys {
    issuer: IssuerUrl,
    keys: CoreJsonWebKeySet,
}

/// The expected values of a token's claims.
pub(super) struct Expected<'e> {
    pub(super) client_id: &'e str,
    pub(super) nonce: &'e str,
    /// The instant that `exp` must be later than.
    pub(super) not_over_at: DateTime<Utc>,
}

type Token = IdToken<SmartClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, Algorithm>;

/// The claim SMART adds. Its type is checked when it is used.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct SmartClaims {
    #[serde(rename = "fhirUser")]
    fhir_user: Option<serde_json::Value>,
}

impl AdditionalClaims for SmartClaims {}

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
        let keys = serde_json::from_slice(&ehr.requests.get(&url).await?).map_err(|_| ExchangeError::Unreadable)?;
        Ok(Self { issuer: IssuerUrl::new(issuer).map_err(|_| ExchangeError::Unreadable)?, keys })
    }

    /// Verifies a token and returns the user's reference, if it names one.
    pub(super) fn check(&self, token: &str, expected: &Expected<'_>) -> Result<Option<String>, IdentityError> {
        let token: Token = token.parse().map_err(|_| IdentityError::Unreadable)?;
        let client_id = ClientId::new(expected.client_id.to_owned());
        let not_over_at = expected.not_over_at;
        let verifier: IdTokenVerifier<'_, CoreJsonWebKey> =
            IdTokenVerifier::new_public_client(client_id, self.issuer.clone(), self.keys.clone())
                .set_allowed_algs(ALGORITHMS)
                .set_time_fn(move || not_over_at);
        let claims = token.claims(&verifier, &Nonce::new(expected.nonce.to_owned())).map_err(|error| fault(&error))?;
        Ok(claims.additional_claims().fhir_user.as_ref().and_then(|user| user.as_str()).map(str::to_owned))
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

fn fault(error: &ClaimsVerificationError) -> IdentityError {
    match error {
        ClaimsVerificationError::Expired(_) => IdentityError::Expired,
        ClaimsVerificationError::InvalidAudience(_) => IdentityError::WrongAudience,
        ClaimsVerificationError::InvalidIssuer(_) => IdentityError::WrongIssuer,
        ClaimsVerificationError::InvalidNonce(_) => IdentityError::WrongNonce,
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => IdentityError::UnknownKey,
        ClaimsVerificationError::SignatureVerification(_) => IdentityError::WrongSignature,
        _ => IdentityError::Other,
    }
}
