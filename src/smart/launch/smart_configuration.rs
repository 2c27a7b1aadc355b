//! An EHR's SMART configuration: its endpoints and capabilities (SMART App Launch 2.2, "Conformance",
//! `.well-known/smart-configuration`).
//! Not here: the keys of its identity tokens; see [`super::identity`].

use serde::Deserialize;
use url::Url;

use super::error::ExchangeError;
use super::requests::Requests;
use super::scopes::Syntax;

/// The parts of an EHR's SMART configuration that are used; every address is at a registered host.
#[derive(Debug)]
pub(super) struct SmartConfiguration {
    pub(super) authorization: Url,
    pub(super) token: Url,
    /// The `iss` of its identity tokens and authorization responses, exactly as published.
    pub(super) issuer: Option<String>,
    /// Whether every authorization response has an `iss` (RFC 9207, section 3).
    pub(super) names_issuer_in_responses: bool,
    pub(super) keys: Option<Url>,
    pub(super) syntax: Syntax,
}

#[derive(Deserialize)]
struct SmartConfigurationJson {
    authorization_endpoint: String,
    token_endpoint: String,
    issuer: Option<String>,
    authorization_response_iss_parameter_supported: Option<bool>,
    jwks_uri: Option<String>,
    capabilities: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
}

impl SmartConfiguration {
    /// Fetches it from the EHR. `base` has no trailing slash.
    pub(super) async fn fetch(requests: &Requests, base: &str) -> Result<Self, ExchangeError> {
        let url = requests.address(&format!("{base}/.well-known/smart-configuration"))?;
        let document: SmartConfigurationJson = serde_json::from_slice(&requests.get(&url).await?).map_err(|_| ExchangeError::Unreadable)?;
        document.check(requests)
    }
}

impl SmartConfigurationJson {
    fn check(self, requests: &Requests) -> Result<SmartConfiguration, ExchangeError> {
        let methods = self.code_challenge_methods_supported;
        if methods.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
            return Err(ExchangeError::NoCodeChallenge);
        }
        let issuer = self.issuer.map(|issuer| requests.address(&issuer).map(|_| issuer)).transpose()?;
        let capabilities = self.capabilities.unwrap_or_default();
        let is_second = capabilities.iter().any(|capability| capability == "permission-v2");
        Ok(SmartConfiguration {
            authorization: requests.address(&self.authorization_endpoint)?,
            token: requests.address(&self.token_endpoint)?,
            keys: self.jwks_uri.map(|uri| requests.address(&uri)).transpose()?,
            issuer,
            names_issuer_in_responses: self.authorization_response_iss_parameter_supported.unwrap_or_default(),
            syntax: if is_second { Syntax::Second } else { Syntax::First },
        })
    }
}
