//! What an EHR says of itself: its addresses and what it understands (SMART App Launch 2.2, "Conformance",
//! `.well-known/smart-configuration`).
//! Not here: the keys of its identity tokens; see [`super::identity`].

use serde::Deserialize;
use url::Url;

use super::error::Trouble;
use super::requests::Requests;
use super::scopes::Syntax;

/// An EHR's addresses, each at a registered host.
#[derive(Debug)]
pub(super) struct Description {
    pub(super) authorization: Url,
    pub(super) token: Url,
    /// The `iss` of its identity tokens, letter for letter.
    pub(super) issuer: Option<String>,
    pub(super) keys: Option<Url>,
    pub(super) syntax: Syntax,
}

#[derive(Deserialize)]
struct Document {
    authorization_endpoint: String,
    token_endpoint: String,
    issuer: Option<String>,
    jwks_uri: Option<String>,
    capabilities: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
}

impl Description {
    /// Asks the EHR. `base` has no slash at its end.
    pub(super) async fn fetch(requests: &Requests, base: &str) -> Result<Self, Trouble> {
        let url = requests.address(&format!("{base}/.well-known/smart-configuration"))?;
        let document: Document = serde_json::from_slice(&requests.get(&url).await?).map_err(|_| Trouble::Unreadable)?;
        document.check(requests)
    }
}

impl Document {
    fn check(self, requests: &Requests) -> Result<Description, Trouble> {
        let methods = self.code_challenge_methods_supported;
        if methods.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
            return Err(Trouble::NoCodeChallenge);
        }
        let issuer = self.issuer.map(|issuer| requests.address(&issuer).map(|_| issuer)).transpose()?;
        let capabilities = self.capabilities.unwrap_or_default();
        let is_second = capabilities.iter().any(|capability| capability == "permission-v2");
        Ok(Description {
            authorization: requests.address(&self.authorization_endpoint)?,
            token: requests.address(&self.token_endpoint)?,
            keys: self.jwks_uri.map(|uri| requests.address(&uri)).transpose()?,
            issuer,
            syntax: if is_second { Syntax::Second } else { Syntax::First },
        })
    }
}
