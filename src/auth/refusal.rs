//! Why a caller is refused. The cause is logged, and never sent to the caller.

use std::time::Duration;

/// Why a caller is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// There is no `Authorization` header.
    #[error("there is no token")]
    NoToken,
    /// There is more than one header, or it is not text, or its scheme is not `Bearer`.
    #[error("the `Authorization` header is not one bearer token")]
    NotBearer,
    /// The token is longer than any client's.
    #[error("the token is too long")]
    TooLong,
    /// The token is not three parts of unpadded base64url (RFC 7515, section 3.1).
    #[error("the token is not three parts of unpadded base64url")]
    Malformed,
    /// Its header is not a JSON object, or a member has the wrong type or occurs twice.
    #[error("the token's header cannot be read")]
    UnreadableHeader,
    /// Its `typ` is not `JWT`.
    #[error("the token is of another type than `JWT`")]
    WrongType,
    /// It requires an extension (RFC 7515, section 4.1.11).
    #[error("the token's header has `crit`")]
    CriticalExtension,
    /// It contains its own key or a reference to one: `jwk`, `x5c`, `x5u`.
    #[error("the token brings its own key")]
    BroughtKey,
    /// Its algorithm is not an asymmetric signature: `none`, a shared secret, or unknown.
    #[error("the token's algorithm is not one that is ever accepted")]
    ForbiddenAlgorithm,
    /// Its claims are not a JSON object, or a claim has the wrong type or occurs twice.
    #[error("the token's claims cannot be read")]
    UnreadableClaims,
    /// No configured client has its `iss`.
    #[error("no client has the token's `iss`")]
    UnknownIssuer,
    /// Its `jku` is not the registered one.
    #[error("the token's `jku` is not the one registered")]
    UnknownKeySet,
    /// The client may not sign with this algorithm.
    #[error("the token's algorithm is not one of the client's")]
    UnacceptedAlgorithm,
    /// It has no `kid`.
    #[error("the token has no `kid`")]
    NoKeyId,
    /// The key set cannot be fetched, and none is cached.
    #[error("the client's key set cannot be had")]
    NoKeySet,
    /// The key set does not contain this key.
    #[error("the client's key set has no such `kid`")]
    UnknownKey,
    /// The key's type does not match the algorithm.
    #[error("the key does not fit the token's algorithm")]
    WrongKey,
    /// The key does not verify the signature.
    #[error("the signature is not by the client's key")]
    WrongSignature,
    /// Its `aud` is another service.
    #[error("the token's `aud` is not this service")]
    WrongAudience,
    /// Its `sub` is not the client's.
    #[error("the token's `sub` is not the client's")]
    WrongSubject,
    /// It has no `exp`.
    #[error("the token has no `exp`")]
    NoExpiry,
    /// It has expired.
    #[error("the token is expired")]
    Expired,
    /// Its `nbf` is in the future.
    #[error("the token's `nbf` is in the future")]
    NotYetValid,
    /// It has no `iat`.
    #[error("the token has no `iat`")]
    NoIssueTime,
    /// Its `iat` is in the future.
    #[error("the token's `iat` is in the future")]
    IssuedInFuture,
    /// Its lifetime exceeds the limit, or is not positive.
    #[error("the token's lifetime is longer than the limit, or not positive")]
    TooLongLived,
    /// It lacks the claim that identifies the client's tenant.
    #[error("the token has no `tenant`")]
    NoTenant,
    /// The tenant is not one of the client's, or its name has control characters.
    #[error("the token's `tenant` is not one of the client's")]
    UnknownTenant,
    /// The connection has no certificate of the client.
    #[error("the connection has no certificate of the client's")]
    WrongCertificate,
    /// It has no `jti`, so replays cannot be detected.
    #[error("the token has no `jti`")]
    NoTokenId,
    /// The client, or all clients together, exceeded the rate limit.
    #[error("more calls a second than the limit")]
    TooManyCalls {
        /// How long to wait before the next call.
        wait: Duration,
    },
    /// It was used before.
    #[error("the token was used before")]
    Replayed,
    /// Used tokens cannot be recorded at present. The caller is not at fault.
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

/// A refused caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why it is refused.
    pub cause: Refusal,
    /// The configured client it claims to be, whether or not that is true.
    pub says_it_is: Option<String>,
}

impl From<Refusal> for Refused {
    fn from(cause: Refusal) -> Self {
        Self { cause, says_it_is: None }
    }
}
