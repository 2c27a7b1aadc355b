//! The OAuth 2.0 requests: redirecting a user to the EHR, and obtaining tokens (RFC 6749, 7636, 7523; SMART App Launch 2.2).
//! Not here: interpreting a token response; see [`super::grant`].

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::ehr::{Authentication, Ehr};
use super::ehr_words::EhrRefusal;
use super::error::{ExchangeError, LaunchError};
use super::requests::{BasicCredentials, FormAnswer};
use super::smart_configuration::SmartConfiguration;

/// The `client_assertion_type` of a JWT (RFC 7523, section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The parameters of a token request that are secret.
const SECRETS: [&str; 4] = ["code", "code_verifier", "refresh_token", "client_assertion"];

/// A token endpoint's response (RFC 6749, section 5.1), with the parameters SMART adds, whose types are checked when they are used.
#[derive(Debug, Deserialize)]
pub(super) struct TokenResponse {
    pub(super) access_token: SecretString,
    token_type: String,
    /// Seconds.
    pub(super) expires_in: Option<u64>,
    pub(super) refresh_token: Option<SecretString>,
    scope: Option<String>,
    pub(super) id_token: Option<String>,
    pub(super) patient: Option<Value>,
    pub(super) encounter: Option<Value>,
    #[serde(rename = "fhirContext")]
    pub(super) fhir_context: Option<Value>,
    #[serde(rename = "appContext")]
    pub(super) app_context: Option<Value>,
}

/// A token endpoint's error response (RFC 6749, section 5.2). Some EHRs write `null` or an object as the description.
#[derive(Deserialize)]
struct ErrorResponse {
    error: String,
    #[serde(default)]
    error_description: Value,
}

/// An EHR with its current SMART configuration.
pub(super) struct Exchange<'e> {
    pub(super) ehr: &'e Ehr,
    pub(super) description: &'e SmartConfiguration,
    pub(super) now: DateTime<Utc>,
}

/// The parameters of an authorization request that depend on the launch.
pub(super) struct Asked<'a> {
    pub(super) iss: &'a str,
    pub(super) launch: Option<&'a str>,
    pub(super) scopes: &'a [String],
    pub(super) state: &'a str,
    pub(super) nonce: &'a str,
    pub(super) code_verifier: &'a SecretString,
}

/// The parameters of a token request.
type Parameters<'p> = Vec<(&'static str, Cow<'p, str>)>;

impl TokenResponse {
    /// The granted scopes, if the EHR names them.
    pub(super) fn scopes(&self) -> Option<Vec<String>> {
        Some(self.scope.as_ref()?.split_whitespace().map(str::to_owned).collect())
    }
}

impl Exchange<'_> {
    /// The URL to redirect the user to (SMART App Launch 2.2, "Obtain authorization code").
    pub(super) fn authorization_url(&self, asked: &Asked<'_>) -> Url {
        let mut url = self.description.authorization.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", self.ehr.client_id())
            .append_pair("state", asked.state)
            .append_pair("code_challenge", &code_challenge(asked.code_verifier))
            .append_pair("code_challenge_method", "S256")
            .append_pair("redirect_uri", self.ehr.redirect().as_str())
            .append_pair("scope", &asked.scopes.join(" "))
            .append_pair("aud", asked.iss)
            .append_pair("nonce", asked.nonce)
            .extend_pairs(asked.launch.map(|launch| ("launch", launch)));
        url
    }

    /// Exchanges an authorization code for a token.
    pub(super) async fn redeem(&self, code: &str, code_verifier: &SecretString) -> Result<TokenResponse, LaunchError> {
        let parameters = vec![
            ("grant_type", "authorization_code".into()),
            ("code", code.into()),
            ("code_verifier", code_verifier.expose_secret().into()),
            ("redirect_uri", self.ehr.redirect().as_str().into()),
        ];
        self.token(parameters).await
    }

    /// Exchanges a refresh token for a new token.
    pub(super) async fn refresh(&self, token: &SecretString) -> Result<TokenResponse, LaunchError> {
        self.token(vec![("grant_type", "refresh_token".into()), ("refresh_token", token.expose_secret().into())]).await
    }

    async fn token(&self, mut parameters: Parameters<'_>) -> Result<TokenResponse, LaunchError> {
        let (client_id, endpoint) = (self.ehr.client_id(), &self.description.token);
        let mut credentials = None;
        match &self.ehr.authentication {
            Authentication::Public => parameters.push(("client_id", client_id.into())),
            Authentication::Secret(secret) => credentials = Some(BasicCredentials { client_id, secret }),
            Authentication::Key(key) => {
                let assertion = key.assertion(client_id, endpoint.as_str(), self.now)?;
                parameters.push(("client_id", client_id.into()));
                parameters.push(("client_assertion_type", ASSERTION_TYPE.into()));
                parameters.push(("client_assertion", assertion.into()));
            }
        }
        let answer = self.ehr.requests.post_form(endpoint, &parameters, credentials).await.map_err(LaunchError::Token)?;
        let secrets = parameters.iter().filter(|(name, _)| SECRETS.contains(name)).map(|(_, value)| value.as_ref());
        let secrets: Vec<&str> = secrets.chain(credentials.map(|known| known.secret.expose_secret())).collect();
        self.read(&answer, &secrets)
    }

    /// Reads a token response, and rejects a token that is not a bearer token.
    fn read(&self, answer: &FormAnswer, secrets: &[&str]) -> Result<TokenResponse, LaunchError> {
        let unreadable = LaunchError::Token(ExchangeError::Unreadable);
        if answer.status != StatusCode::OK {
            return Err(self.refused(answer, secrets));
        }
        if !answer.is_json {
            return Err(unreadable);
        }
        let token: TokenResponse = serde_json::from_slice(&answer.body).map_err(|_| unreadable)?;
        if token.token_type.eq_ignore_ascii_case("bearer") { Ok(token) } else { Err(unreadable) }
    }

    /// What a refusal means. Where an EHR gives no reason, 401 means that it does not accept how the app authenticates.
    fn refused(&self, answer: &FormAnswer, secrets: &[&str]) -> LaunchError {
        let response = serde_json::from_slice::<ErrorResponse>(&answer.body).ok();
        let meaning = match &response {
            Some(response) => meaning(&response.error),
            None if answer.status == StatusCode::UNAUTHORIZED => LaunchError::ClientRefused,
            None => LaunchError::Token(ExchangeError::Unreadable),
        };
        let error = response.as_ref().map_or("HTTP 401 without a reason", |response| &response.error);
        let description = response.as_ref().and_then(|response| response.error_description.as_str());
        EhrRefusal { error, description, secrets }.report(self.ehr, "token endpoint", meaning);
        meaning
    }
}

/// The meaning of an error code of a token endpoint (RFC 6749, section 5.2).
fn meaning(error: &str) -> LaunchError {
    match error {
        "invalid_grant" => LaunchError::CodeRefused,
        "invalid_client" | "unauthorized_client" | "invalid_scope" | "invalid_request" | "unsupported_grant_type" => {
            LaunchError::ClientRefused
        }
        _ => LaunchError::Token(ExchangeError::Refused),
    }
}

/// The S256 challenge of a code verifier (RFC 7636, section 4.2).
fn code_challenge(verifier: &SecretString) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.expose_secret().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_challenge_is_that_of_the_specification() {
        let verifier = SecretString::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(code_challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
