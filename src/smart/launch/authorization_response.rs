//! An EHR's authorization response (RFC 6749, section 4.1.2), and who sent it (RFC 9207).
//! Not here: which launch it belongs to; see [`super::launches`].

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use url::form_urlencoded;

use super::ehr::Ehr;
use super::error::LaunchError;
use super::smart_configuration::SmartConfiguration;

/// The parameters of an authorization response. They contain secrets, so it does not implement `Debug`.
#[derive(Clone, Default)]
pub struct AuthorizationResponse {
    /// The `state` parameter; empty if there is none.
    pub state: String,
    /// The `code` parameter.
    pub code: Option<String>,
    /// The `error` parameter.
    pub error: Option<String>,
    /// The `error_description` parameter.
    pub error_description: Option<String>,
    /// The `iss` parameter: the authorization server that says it sent the response.
    pub issuer: Option<String>,
}

impl AuthorizationResponse {
    /// Parses the query of a redirect URI.
    ///
    /// # Errors
    /// [`LaunchError::Malformed`] for a repeated parameter (RFC 6749, section 3.1).
    pub fn parse(query: &str) -> Result<Self, LaunchError> {
        let parameter = |name| only(query, name).map(|value| value.map(Cow::into_owned));
        Ok(Self {
            state: parameter("state")?.unwrap_or_default(),
            code: parameter("code")?,
            error: parameter("error")?,
            error_description: parameter("error_description")?,
            issuer: parameter("iss")?,
        })
    }
}

fn only<'q>(query: &'q str, name: &str) -> Result<Option<Cow<'q, str>>, LaunchError> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(known, _)| known == name).map(|(_, value)| value);
    let value = values.next();
    if values.next().is_some() { Err(LaunchError::Malformed) } else { Ok(value) }
}

/// The meaning of an error in an authorization response (RFC 6749, section 4.1.2.1).
pub(super) fn refused(error: &str) -> LaunchError {
    match error {
        "access_denied" => LaunchError::Denied,
        "invalid_client" | "unauthorized_client" | "invalid_scope" | "invalid_request" | "unsupported_response_type" => {
            LaunchError::ClientRefused
        }
        _ => LaunchError::AuthorizationFailed,
    }
}

impl Ehr {
    /// Checks the `iss` of an authorization response, also of one with an error (RFC 9207, section 2.4).
    pub(super) async fn check_issuer(
        &self,
        issuer: Option<&str>,
        description: &SmartConfiguration,
        now: DateTime<Utc>,
    ) -> Result<(), LaunchError> {
        let is_own = match issuer {
            Some(issuer) => self.is_issuer(issuer, description, now).await,
            None => !description.names_issuer_in_responses,
        };
        if is_own { Ok(()) } else { Err(LaunchError::WrongIssuer) }
    }

    /// Compares an issuer as text with the one of the EHR's SMART configuration. SMART asks for it only with OpenID Connect, so
    /// where it is missing, the base URL of the FHIR server and the issuer of the OpenID configuration count.
    async fn is_issuer(&self, issuer: &str, description: &SmartConfiguration, now: DateTime<Utc>) -> bool {
        match &description.issuer {
            Some(own) => issuer == own,
            None => self.is_named(issuer) || self.keys(now, description).await.is_ok_and(|keys| keys.issuer() == issuer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_of_a_response_may_stand_once() {
        let parsed = |query: &str| {
            let AuthorizationResponse { state, code, error, issuer, .. } = AuthorizationResponse::parse(query).ok()?;
            Some(format!("{state} {code:?} {error:?} {issuer:?}"))
        };
        for (query, expected) in [
            ("", Some(r" None None None")),
            ("state=s&code=c", Some(r#"s Some("c") None None"#)),
            ("code=c&iss=https%3A%2F%2Fehr.example%2F&state=s", Some(r#"s Some("c") None Some("https://ehr.example/")"#)),
            ("error=access_denied&state=s&iss=", Some(r#"s None Some("access_denied") Some("")"#)),
            ("state=s&x=1&x=2&ISS=a&ISS=b", Some("s None None None")),
            ("state=s&code=c&iss=a&iss=a", None),
            ("state=s&code=c&iss=a&%69ss=b", None),
            ("state=s&state=s&code=c", None),
            ("state=s&code=c&code=d", None),
            ("state=s&error=a&error=b", None),
        ] {
            assert_eq!(parsed(query).as_deref(), expected, "{query}");
        }
    }
}
