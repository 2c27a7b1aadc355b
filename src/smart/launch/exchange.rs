//! The OAuth 2.0 requests: redirecting a user to the EHR, and obtaining tokens (RFC 6749, 7636, 7523; SMART App Launch 2.2).
//! Not here: interpreting a token response; see [`super::grant`].

use chrono::{DateTime, Utc};
use oauth2::basic::{
    BasicErrorResponse, BasicErrorResponseType, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, ExtraTokenFields,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope, StandardRevocableToken,
    StandardTokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::ehr::{Authentication, Ehr};
use super::error::{ExchangeError, LaunchError};
use super::smart_configuration::SmartConfiguration;

/// The `client_assertion_type` of a JWT (RFC 7523, section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token endpoint's response.
pub(super) type TokenResponse = StandardTokenResponse<SmartFields, BasicTokenType>;

type OAuthClient = Client<
    BasicErrorResponse,
    TokenResponse,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// The parameters SMART adds to a token response. Their types are checked when they are used.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct SmartFields {
    pub(super) id_token: Option<String>,
    pub(super) patient: Option<Value>,
    pub(super) encounter: Option<Value>,
    #[serde(rename = "fhirContext")]
    pub(super) fhir_context: Option<Value>,
    #[serde(rename = "appContext")]
    pub(super) app_context: Option<Value>,
}

impl ExtraTokenFields for SmartFields {}

/// An EHR with its current SMART configuration.
pub(super) struct Exchange<'e> {
    pub(super) ehr: &'e Ehr,
    pub(super) description: &'e SmartConfiguration,
    pub(super) redirect: &'e RedirectUrl,
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

impl Exchange<'_> {
    /// The URL to redirect the user to (SMART App Launch 2.2, "Obtain authorization code").
    pub(super) fn authorization_url(&self, asked: &Asked<'_>) -> Url {
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier(asked.code_verifier));
        let client = self.client();
        let mut request = client
            .authorize_url(|| CsrfToken::new(asked.state.to_owned()))
            .add_scopes(asked.scopes.iter().cloned().map(Scope::new))
            .add_extra_param("aud", asked.iss)
            .add_extra_param("nonce", asked.nonce)
            .set_pkce_challenge(challenge);
        if let Some(launch) = asked.launch {
            request = request.add_extra_param("launch", launch);
        }
        request.url().0
    }

    /// Exchanges an authorization code for a token.
    pub(super) async fn redeem(&self, code: &str, code_verifier: &SecretString) -> Result<TokenResponse, LaunchError> {
        let client = self.client();
        let mut request = client.exchange_code(AuthorizationCode::new(code.to_owned())).set_pkce_verifier(verifier(code_verifier));
        for (name, value) in self.proof()? {
            request = request.add_extra_param(name, value);
        }
        bearer(request.request_async(&self.ehr.requests).await.map_err(refused)?)
    }

    /// Exchanges a refresh token for a new token.
    pub(super) async fn refresh(&self, token: &SecretString) -> Result<TokenResponse, LaunchError> {
        let (client, token) = (self.client(), RefreshToken::new(token.expose_secret().to_owned()));
        let mut request = client.exchange_refresh_token(&token);
        for (name, value) in self.proof()? {
            request = request.add_extra_param(name, value);
        }
        bearer(request.request_async(&self.ehr.requests).await.map_err(refused)?)
    }

    fn client(&self) -> OAuthClient {
        let client = Client::new(ClientId::new(self.ehr.client_id().to_owned()))
            .set_auth_uri(AuthUrl::from_url(self.description.authorization.clone()))
            .set_token_uri(TokenUrl::from_url(self.description.token.clone()))
            .set_redirect_uri(self.redirect.clone());
        match &self.ehr.authentication {
            Authentication::Public | Authentication::Key(_) => client.set_auth_type(AuthType::RequestBody),
            Authentication::Secret(secret) => {
                client.set_auth_type(AuthType::BasicAuth).set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()))
            }
        }
    }

    /// The client authentication parameters of the request's body.
    fn proof(&self) -> Result<Vec<(&'static str, String)>, LaunchError> {
        match &self.ehr.authentication {
            Authentication::Public | Authentication::Secret(_) => Ok(Vec::new()),
            Authentication::Key(key) => {
                let assertion = key.assertion(self.ehr.client_id(), self.description.token.as_str(), self.now)?;
                Ok(vec![("client_assertion_type", ASSERTION_TYPE.to_owned()), ("client_assertion", assertion)])
            }
        }
    }
}

fn verifier(secret: &SecretString) -> PkceCodeVerifier {
    PkceCodeVerifier::new(secret.expose_secret().to_owned())
}

/// Rejects a token that is not a bearer token.
fn bearer(answer: TokenResponse) -> Result<TokenResponse, LaunchError> {
    use oauth2::TokenResponse as _;
    if *answer.token_type() == BasicTokenType::Bearer { Ok(answer) } else { Err(LaunchError::Token(ExchangeError::Unreadable)) }
}

/// Invariant: of the EHR's error response, only the standard error code is used; none of its text is kept.
fn refused(error: RequestTokenError<ExchangeError, BasicErrorResponse>) -> LaunchError {
    match error {
        RequestTokenError::Request(trouble) => LaunchError::Token(trouble),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => LaunchError::Token(ExchangeError::Unreadable),
        RequestTokenError::ServerResponse(answer) => match answer.error() {
            BasicErrorResponseType::InvalidGrant => LaunchError::CodeRefused,
            BasicErrorResponseType::InvalidClient
            | BasicErrorResponseType::UnauthorizedClient
            | BasicErrorResponseType::InvalidScope
            | BasicErrorResponseType::InvalidRequest
            | BasicErrorResponseType::UnsupportedGrantType => LaunchError::ClientRefused,
            BasicErrorResponseType::Extension(_) => LaunchError::Token(ExchangeError::Refused),
        },
    }
}
