//! Why a launch fails, and why the app cannot be set up.
//! Not here: the text people read, which the page looks up by [`LaunchError::key`]; and status codes, which belong to HTTP.

use std::path::PathBuf;

use thiserror::Error;

use super::signing_key::OwnKeyError;

/// Why a launch did not lead to a grant. It contains no secret and no patient data, so it may be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LaunchError {
    /// The `iss` is not the FHIR server of a registered EHR.
    #[error("the launch is of no registered EHR")]
    UnknownEhr,
    /// A parameter is missing, too long, or not plain text.
    #[error("a parameter of the launch is missing, too long, or not plain text")]
    Malformed,
    /// The EHR's SMART configuration cannot be used.
    #[error("the EHR's SMART configuration {0}")]
    Description(ExchangeError),
    /// No pending launch has this state: it was used, evicted, or never issued.
    #[error("no launch under way has this state")]
    UnknownState,
    /// The EHR's response came too late.
    #[error("the launch took longer than `smart.launch_lifetime`")]
    Expired,
    /// The response came from another browser than the launch.
    #[error("the launch was begun in another browser")]
    OtherBrowser,
    /// The response came to the redirect URI of another EHR than the launch's.
    #[error("the authorization response came to the redirect URI of another EHR")]
    OtherEhr,
    /// The response names another issuer than the EHR, or none although the EHR says that it does (RFC 9207).
    #[error("the authorization response is of another issuer, or names none")]
    WrongIssuer,
    /// The user or the EHR denied access.
    #[error("the user or the EHR denied access")]
    Denied,
    /// The EHR answered the authorization request with another error.
    #[error("the EHR answered the authorization request with an error")]
    AuthorizationFailed,
    /// The token request failed.
    #[error("the EHR's token endpoint {0}")]
    Token(ExchangeError),
    /// The EHR rejects the code: it is used, expired, or from another launch.
    #[error("the EHR refused the authorization code")]
    CodeRefused,
    /// The EHR rejects this app's registration or the requested scopes.
    #[error("the EHR refused this app's client id, authentication or scopes")]
    ClientRefused,
    /// The keys of the EHR's identity tokens could not be fetched.
    #[error("the EHR's identity keys {0}")]
    Keys(ExchangeError),
    /// The identity token does not prove who the user is.
    #[error("the identity token {0}")]
    UntrustedIdentity(IdentityError),
    /// The token response names no patient.
    #[error("the token is for no patient")]
    NoPatient,
    /// A refreshed token is for another patient, or for none.
    #[error("the refreshed token is for another patient")]
    OtherPatient,
    /// There is no refresh token, or the EHR no longer accepts it.
    #[error("the EHR's grant is over")]
    Over,
    /// An internal failure: no random bytes, or no signature.
    #[error("the service cannot sign or make random values")]
    Ours,
}

/// The kind of failure, which determines the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchCategory {
    /// The request cannot be used; opening the app again may help.
    Caller,
    /// Access is refused.
    Forbidden,
    /// The EHR cannot be used at present.
    Unavailable,
    /// This service, or its registration, is at fault.
    Ours,
}

/// Why an exchange with an EHR failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ExchangeError {
    /// The connection failed or broke.
    #[error("cannot be reached")]
    Unreachable,
    /// `smart.timeout` elapsed.
    #[error("took too long")]
    TooSlow,
    /// An unexpected status code.
    #[error("answered {0}")]
    Status(u16),
    /// The response exceeds the size limit.
    #[error("answered too much")]
    TooLarge,
    /// The response does not conform to the specification.
    #[error("cannot be read")]
    Unreadable,
    /// An address whose host is not configured, or that is not https.
    #[error("names an address that is not at a registered host, or not https")]
    ForeignAddress,
    /// It supports code challenges, but not S256.
    #[error("does not offer code challenges by S256")]
    NoCodeChallenge,
    /// It responded with an error that the app's registration does not explain.
    #[error("refused the request")]
    Refused,
}

/// Why an identity token is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// The scope `openid` was granted, but there is no identity token.
    #[error("is missing")]
    Missing,
    /// It is not a signed JWT with the required claims.
    #[error("cannot be read")]
    Unreadable,
    /// Its `iss` is not the EHR's.
    #[error("is of another issuer")]
    WrongIssuer,
    /// Its `aud` is not exactly this app.
    #[error("is for another app")]
    WrongAudience,
    /// Its `nonce` is not the launch's.
    #[error("is of another launch")]
    WrongNonce,
    /// Its `exp` has passed.
    #[error("is over")]
    Expired,
    /// The EHR publishes no key with the `kid` it names.
    #[error("is signed by a key that the EHR does not publish")]
    UnknownKey,
    /// The key does not verify its signature, or its algorithm is not accepted.
    #[error("is not signed by the EHR")]
    WrongSignature,
    /// It violates another requirement of OpenID Connect.
    #[error("is not as OpenID Connect demands")]
    Other,
}

impl LaunchError {
    /// A short stable name: the key of its message on the page, and its label in the log and metrics.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::UnknownEhr => "unknown_ehr",
            Self::Malformed => "malformed_launch",
            Self::Description(trouble) | Self::Token(trouble) | Self::Keys(trouble) => trouble.key(),
            Self::UnknownState => "unknown_launch",
            Self::Expired => "launch_expired",
            Self::OtherBrowser => "other_browser",
            Self::OtherEhr => "other_ehr",
            Self::WrongIssuer => "wrong_issuer",
            Self::Denied => "access_denied",
            Self::AuthorizationFailed => "authorization_failed",
            Self::CodeRefused => "code_refused",
            Self::ClientRefused => "client_refused",
            Self::UntrustedIdentity(_) => "untrusted_identity",
            Self::NoPatient => "no_patient",
            Self::OtherPatient => "other_patient",
            Self::Over => "grant_over",
            Self::Ours => "service_failed",
        }
    }

    /// The kind of failure.
    #[must_use]
    pub fn category(self) -> LaunchCategory {
        match self {
            Self::Malformed | Self::UnknownState | Self::Expired | Self::NoPatient | Self::Over => LaunchCategory::Caller,
            Self::UnknownEhr
            | Self::OtherBrowser
            | Self::OtherEhr
            | Self::WrongIssuer
            | Self::Denied
            | Self::CodeRefused
            | Self::UntrustedIdentity(_)
            | Self::OtherPatient
            | Self::Description(ExchangeError::ForeignAddress)
            | Self::Token(ExchangeError::ForeignAddress)
            | Self::Keys(ExchangeError::ForeignAddress) => LaunchCategory::Forbidden,
            Self::Description(_) | Self::Token(_) | Self::Keys(_) | Self::AuthorizationFailed => LaunchCategory::Unavailable,
            Self::ClientRefused | Self::Ours => LaunchCategory::Ours,
        }
    }
}

impl ExchangeError {
    fn key(self) -> &'static str {
        match self {
            Self::Unreachable | Self::TooSlow | Self::Status(_) => "ehr_unreachable",
            Self::ForeignAddress => "ehr_untrusted",
            Self::TooLarge | Self::Unreadable | Self::NoCodeChallenge | Self::Refused => "ehr_unusable",
        }
    }
}

/// Why the app cannot be set up as configured.
#[derive(Debug, Error)]
#[error("{}", listed(faults))]
pub struct SmartError {
    /// All faults found; never empty.
    pub faults: Vec<SmartErrorKind>,
}

/// Why an entry that parses cannot be used.
#[derive(Debug, Error)]
pub enum SmartErrorKind {
    /// The file with this app's key cannot be used.
    #[error("`smart.signing_key_file`: cannot use `{}`: {source}", path.display())]
    SigningKey {
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: OwnKeyError,
    },
    /// A file with a secret cannot be read.
    #[error("`smart.ehrs.client_secret_file` of `{ehr}`: cannot read `{}`: {source}", path.display())]
    Secret {
        /// The EHR.
        ehr: String,
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: std::io::Error,
    },
    /// A file with a secret is empty.
    #[error("`smart.ehrs.client_secret_file` of `{ehr}`: `{}` is empty", path.display())]
    EmptySecret {
        /// The EHR.
        ehr: String,
        /// The file.
        path: PathBuf,
    },
    /// Connections to an EHR cannot be set up.
    #[error("`smart.ehrs` `{ehr}`: connections cannot be set up")]
    Connections {
        /// The EHR.
        ehr: String,
        /// The underlying error.
        source: reqwest::Error,
    },
    /// Something an entry refers to is missing. Validation rules this out.
    #[error("`smart.ehrs` `{ehr}`: lacks its FHIR server, its key, its secret or `server.public_url`")]
    Incomplete {
        /// The EHR.
        ehr: String,
    },
}

fn listed(faults: &[SmartErrorKind]) -> String {
    let lines: Vec<String> = faults.iter().map(SmartErrorKind::to_string).collect();
    lines.join("\n")
}
