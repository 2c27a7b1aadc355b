//! Why a launch is refused, and why the app cannot be set up.
//! Not here: the words a person reads, which the page has by [`LaunchError::key`]; and statuses, which are HTTP's.

use std::path::PathBuf;

use thiserror::Error;

use super::signing_key::OwnKeyError;

/// Why a launch did not lead to a grant. Nothing in it is secret, nor of a patient: it may be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LaunchError {
    /// The `iss` is not the base of a FHIR server whose EHR the app is registered with.
    #[error("the launch is of no registered EHR")]
    UnknownEhr,
    /// A parameter is missing, too long, or no text.
    #[error("a parameter of the launch is missing, too long, or not plain text")]
    Malformed,
    /// The EHR does not say in a usable way where its addresses are.
    #[error("the EHR's SMART configuration {0}")]
    Description(ExchangeError),
    /// No launch under way has this state: it was used, forgotten, or never given.
    #[error("no launch under way has this state")]
    UnknownState,
    /// The EHR's answer came too late.
    #[error("the launch took longer than `smart.launch_lifetime`")]
    Expired,
    /// The answer came by another browser than the launch.
    #[error("the launch was begun in another browser")]
    OtherBrowser,
    /// The user or the EHR refused.
    #[error("the user or the EHR denied access")]
    Denied,
    /// The EHR answered the authorization request with another error.
    #[error("the EHR answered the authorization request with an error")]
    AuthorizationFailed,
    /// No token could be had.
    #[error("the EHR's token endpoint {0}")]
    Token(ExchangeError),
    /// The EHR does not accept the code: it is used, over, or of another launch.
    #[error("the EHR refused the authorization code")]
    CodeRefused,
    /// The EHR does not accept this app's registration or what it asks for.
    #[error("the EHR refused this app's client id, authentication or scopes")]
    ClientRefused,
    /// The keys of the EHR's identity tokens could not be had.
    #[error("the EHR's identity keys {0}")]
    Keys(ExchangeError),
    /// The identity token is no proof of who the user is.
    #[error("the identity token {0}")]
    UntrustedIdentity(IdentityError),
    /// No patient came with the token.
    #[error("the token is for no patient")]
    NoPatient,
    /// A refreshed token is for another patient, or for none.
    #[error("the refreshed token is for another patient")]
    OtherPatient,
    /// There is no refresh token, or the EHR accepts it no longer.
    #[error("the EHR's grant is over")]
    Over,
    /// A defect of ours: no randomness, or no signature.
    #[error("the service cannot sign or make random values")]
    Ours,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchCategory {
    /// What the caller sent cannot be used; opening the app anew may help.
    Caller,
    /// It is refused.
    Forbidden,
    /// The EHR cannot be used at present.
    Unavailable,
    /// This service, or its registration, is at fault.
    Ours,
}

/// What an EHR's answer lacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ExchangeError {
    /// No connection, or one that broke.
    #[error("cannot be reached")]
    Unreachable,
    /// `smart.timeout` passed.
    #[error("took too long")]
    TooSlow,
    /// Another status than the one that was to come.
    #[error("answered {0}")]
    Status(u16),
    /// More bytes than are taken.
    #[error("answered too much")]
    TooLarge,
    /// It is not what the specification says.
    #[error("cannot be read")]
    Unreadable,
    /// An address at a host that configuration does not name, or unencrypted.
    #[error("names an address that is not at a registered host, or not https")]
    ForeignAddress,
    /// It supports code challenges, but not S256.
    #[error("does not offer code challenges by S256")]
    NoCodeChallenge,
    /// It answered with an error that is none of a client's.
    #[error("refused the request")]
    Refused,
}

/// Why an identity token proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// The scope `openid` was granted, and no token came.
    #[error("is missing")]
    Missing,
    /// It is no signed JWT with the claims it must have.
    #[error("cannot be read")]
    Unreadable,
    /// Its `iss` is not the EHR's.
    #[error("is of another issuer")]
    WrongIssuer,
    /// Its `aud` is not this app alone.
    #[error("is for another app")]
    WrongAudience,
    /// Its `nonce` is not the launch's.
    #[error("is of another launch")]
    WrongNonce,
    /// Its `exp` has passed.
    #[error("is over")]
    Expired,
    /// The EHR publishes no key such as it names.
    #[error("is signed by a key that the EHR does not publish")]
    UnknownKey,
    /// Its signature is not that key's, or by an algorithm that is not accepted.
    #[error("is not signed by the EHR")]
    WrongSignature,
    /// Something else the standard forbids.
    #[error("is not as OpenID Connect demands")]
    Other,
}

impl LaunchError {
    /// A short stable name: the key of its words in the page's catalogue, and its label in the log and figures.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::UnknownEhr => "unknown_ehr",
            Self::Malformed => "malformed_launch",
            Self::Description(trouble) | Self::Token(trouble) | Self::Keys(trouble) => trouble.key(),
            Self::UnknownState => "unknown_launch",
            Self::Expired => "launch_expired",
            Self::OtherBrowser => "other_browser",
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

    /// What kind of failure it is.
    #[must_use]
    pub fn category(self) -> LaunchCategory {
        match self {
            Self::Malformed | Self::UnknownState | Self::Expired | Self::NoPatient | Self::Over => LaunchCategory::Caller,
            Self::UnknownEhr
            | Self::OtherBrowser
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
    /// Every fault found, at least one.
    pub faults: Vec<SmartErrorKind>,
}

/// Why an entry cannot be used, though it reads well.
#[derive(Debug, Error)]
pub enum SmartErrorKind {
    /// The file with this app's key cannot be used.
    #[error("`smart.signing_key_file`: cannot use `{}`: {source}", path.display())]
    SigningKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: OwnKeyError,
    },
    /// A file with a secret cannot be read.
    #[error("`smart.ehrs.client_secret_file` of `{ehr}`: cannot read `{}`: {source}", path.display())]
    Secret {
        /// The EHR.
        ehr: String,
        /// The file.
        path: PathBuf,
        /// Why.
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
        /// Why.
        source: reqwest::Error,
    },
    /// What an entry refers to is not there. A configuration that was validated has none of these.
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
