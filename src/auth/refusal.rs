//! Why a caller is refused. It goes to the log, and never to the caller.

use std::time::Duration;

/// Why a caller is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// There is no `Authorization` header.
    #[error("there is no token")]
    NoToken,
    /// The header is given twice, is not text, or is not of the scheme `Bearer`.
    #[error("the `Authorization` header is not one bearer token")]
    NotBearer,
    /// It is longer than any client's token.
    #[error("the token is too long")]
    TooLong,
    /// It is not three parts of unpadded base64url (RFC 7515, section 3.1).
    #[error("the token is not three parts of unpadded base64url")]
    Malformed,
    /// Its header is not a JSON object, or a member has the wrong type or stands twice.
    #[error("the token's header cannot be read")]
    UnreadableHeader,
    /// Its `typ` is not `JWT`.
    #[error("the token is of another type than `JWT`")]
    WrongType,
    /// It demands an extension (RFC 7515, section 4.1.11).
    #[error("the token's header has `crit`")]
    CriticalExtension,
    /// It brings its own key, or says where to get one: `jwk`, `x5c`, `x5u`.
    #[error("the token brings its own key")]
    BroughtKey,
    /// It is not signed by a key pair: `none`, a shared secret, or nothing known.
    #[error("the token's algorithm is not one that is ever accepted")]
    ForbiddenAlgorithm,
    /// Its claims are not a JSON object, or one has the wrong type or stands twice.
    #[error("the token's claims cannot be read")]
    UnreadableClaims,
    /// No configured client has its `iss`.
    #[error("no client has the token's `iss`")]
    UnknownIssuer,
    /// Its `jku` is not the one registered.
    #[error("the token's `jku` is not the one registered")]
    UnknownKeySet,
    /// The client does not sign with this algorithm.
    #[error("the token's algorithm is not one of the client's")]
    UnacceptedAlgorithm,
    /// It does not say which key.
    #[error("the token has no `kid`")]
    NoKeyId,
    /// The key set cannot be had, and none is remembered.
    #[error("the client's key set cannot be had")]
    NoKeySet,
    /// The key set does not have this key.
    #[error("the client's key set has no such `kid`")]
    UnknownKey,
    /// The key is of another kind than the algorithm takes.
    #[error("the key does not fit the token's algorithm")]
    WrongKey,
    /// The signature is not by this key.
    #[error("the signature is not by the client's key")]
    WrongSignature,
    /// It is for another service.
    #[error("the token's `aud` is not this service")]
    WrongAudience,
    /// It is about another subject than the client's own.
    #[error("the token's `sub` is not the client's")]
    WrongSubject,
    /// It does not end.
    #[error("the token has no `exp`")]
    NoExpiry,
    /// It is over.
    #[error("the token is expired")]
    Expired,
    /// It has not begun.
    #[error("the token's `nbf` is in the future")]
    NotYetValid,
    /// It does not say when it was made.
    #[error("the token has no `iat`")]
    NoIssueTime,
    /// It was made in the future.
    #[error("the token's `iat` is in the future")]
    IssuedInFuture,
    /// It lives longer than tokens may.
    #[error("the token's lifetime is longer than the limit, or not positive")]
    TooLongLived,
    /// The client's tenants are told apart by a claim that is absent.
    #[error("the token has no `tenant`")]
    NoTenant,
    /// The tenant is none of the client's.
    #[error("the token's `tenant` is not one of the client's")]
    UnknownTenant,
    /// The connection bears no certificate of the client's.
    #[error("the connection has no certificate of the client's")]
    WrongCertificate,
    /// It cannot be told from any other.
    #[error("the token has no `jti`")]
    NoTokenId,
    /// Its client, or all clients together, called too often.
    #[error("more calls a second than the limit")]
    TooManyCalls {
        /// How long there is no call to be had.
        wait: Duration,
    },
    /// It was used before.
    #[error("the token was used before")]
    Replayed,
    /// Used tokens cannot be remembered now. The caller is not at fault.
    #[error("used tokens cannot be remembered at present")]
    NoReplayMemory,
}

impl Refusal {
    /// A short stable name, for logs and metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::NotBearer => "not_bearer",
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::UnreadableHeader => "unreadable_header",
            Self::WrongType => "wrong_type",
            Self::CriticalExtension => "critical_extension",
            Self::BroughtKey => "brought_key",
            Self::ForbiddenAlgorithm => "forbidden_algorithm",
            Self::UnreadableClaims => "unreadable_claims",
            Self::UnknownIssuer => "unknown_issuer",
            Self::UnknownKeySet => "unknown_key_set",
            Self::UnacceptedAlgorithm => "unaccepted_algorithm",
            Self::NoKeyId => "no_key_id",
            Self::NoKeySet => "no_key_set",
            Self::UnknownKey => "unknown_key",
            Self::WrongKey => "wrong_key",
            Self::WrongSignature => "wrong_signature",
            Self::WrongAudience => "wrong_audience",
            Self::WrongSubject => "wrong_subject",
            Self::NoExpiry => "no_expiry",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::NoIssueTime => "no_issue_time",
            Self::IssuedInFuture => "issued_in_future",
            Self::TooLongLived => "too_long_lived",
            Self::NoTenant => "no_tenant",
            Self::UnknownTenant => "unknown_tenant",
            Self::WrongCertificate => "wrong_certificate",
            Self::NoTokenId => "no_token_id",
            Self::TooManyCalls { .. } => "too_many_calls",
            Self::Replayed => "replayed",
            Self::NoReplayMemory => "no_replay_memory",
        }
    }
}

/// A caller that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub cause: Refusal,
    /// The configured client it says it is, whether or not that is true.
    pub says_it_is: Option<String>,
}

impl From<Refusal> for Refused {
    fn from(cause: Refusal) -> Self {
        Self { cause, says_it_is: None }
    }
}
