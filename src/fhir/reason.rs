//! Why a query returned nothing, or not everything. The texts appear in an evaluation's `sources` and on cards, so they
//! contain no patient, token or address.

/// Why a list is incomplete or missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The server could not be reached.
    Unreachable,
    /// The response did not arrive, or did not complete, in time.
    TooSlow,
    /// 401 with a token.
    TokenRefused,
    /// 401 without a token.
    TokenNeeded,
    /// 403: the token does not grant this type.
    NotGranted,
    /// 404 or 410: the server does not have this type.
    NotOffered,
    /// 429, even after retries.
    TooManyRequests,
    /// 408 or 5xx, even after retries.
    ServerFailed,
    /// Another 4xx, even with fewer parameters.
    Refused,
    /// 3xx: redirects are not followed.
    Redirected,
    /// The connection broke during the response.
    Broken,
    /// The response is not FHIR JSON.
    NotFhir,
    /// The response is a resource, but not a Bundle.
    NotABundle,
    /// The response is an OperationOutcome.
    OutcomeOnly,
    /// The response exceeds the limit on pages, entries or bytes.
    TooMuch,
    /// This service had no memory left to read the response.
    TooBusy,
    /// The next page's URL is not below the server's base URL.
    ForeignPage,
    /// The circuit breaker is open, because the server failed repeatedly.
    LeftAlone,
    /// The time budget ran out before the query was sent.
    NoTimeLeft,
}

impl Reason {
    /// Every reason.
    const ALL: [Self; 19] = [
        Self::Unreachable,
        Self::TooSlow,
        Self::TokenRefused,
        Self::TokenNeeded,
        Self::NotGranted,
        Self::NotOffered,
        Self::TooManyRequests,
        Self::ServerFailed,
        Self::Refused,
        Self::Redirected,
        Self::Broken,
        Self::NotFhir,
        Self::NotABundle,
        Self::OutcomeOnly,
        Self::TooMuch,
        Self::TooBusy,
        Self::ForeignPage,
        Self::LeftAlone,
        Self::NoTimeLeft,
    ];

    /// The reason with this [`Reason::label`].
    #[must_use]
    pub fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.label() == label)
    }

    /// The text for `sources` and cards.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "the FHIR server cannot be reached",
            Self::TooSlow => "the FHIR server took too long",
            Self::TokenRefused => "the FHIR server answered 401: it does not accept the access token",
            Self::TokenNeeded => "the FHIR server answered 401: it asks for an access token, and the call has none",
            Self::NotGranted => "the FHIR server answered 403: access is not granted",
            Self::NotOffered => "not offered by the FHIR server",
            Self::TooManyRequests => "the FHIR server takes no more requests for now",
            Self::ServerFailed => "the FHIR server failed",
            Self::Refused => "the FHIR server refused the query",
            Self::Redirected => "the FHIR server redirects elsewhere",
            Self::Broken => "the FHIR server's answer broke off",
            Self::NotFhir => "the FHIR server's answer is not FHIR JSON",
            Self::NotABundle => "the FHIR server's answer is no Bundle",
            Self::OutcomeOnly => "the FHIR server answered with an error",
            Self::TooMuch => "the FHIR server has more than is read",
            Self::TooBusy => "this service was too busy to read the FHIR server's answer",
            Self::ForeignPage => "the FHIR server's next page lies elsewhere",
            Self::LeftAlone => "the FHIR server failed lately and is left alone for a while",
            Self::NoTimeLeft => "no time was left to ask the FHIR server",
        }
    }

    /// A short stable name, for metrics and logs.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TooSlow => "too_slow",
            Self::TokenRefused => "token_refused",
            Self::TokenNeeded => "token_needed",
            Self::NotGranted => "not_granted",
            Self::NotOffered => "not_offered",
            Self::TooManyRequests => "too_many_requests",
            Self::ServerFailed => "server_failed",
            Self::Refused => "refused",
            Self::Redirected => "redirected",
            Self::Broken => "broken",
            Self::NotFhir => "not_fhir",
            Self::NotABundle => "not_a_bundle",
            Self::OutcomeOnly => "outcome_only",
            Self::TooMuch => "too_much",
            Self::TooBusy => "too_busy",
            Self::ForeignPage => "foreign_page",
            Self::LeftAlone => "left_alone",
            Self::NoTimeLeft => "no_time_left",
        }
    }

    /// Whether the reason shows that the server is unhealthy, rather than a problem with this query.
    pub(super) fn is_failure_of_server(self) -> bool {
        match self {
            Self::Unreachable | Self::TooSlow | Self::ServerFailed | Self::Broken => true,
            Self::TokenRefused
            | Self::TokenNeeded
            | Self::NotGranted
            | Self::NotOffered
            | Self::TooManyRequests
            | Self::Refused
            | Self::Redirected
            | Self::NotFhir
            | Self::NotABundle
            | Self::OutcomeOnly
            | Self::TooMuch
            | Self::TooBusy
            | Self::ForeignPage
            | Self::LeftAlone
            | Self::NoTimeLeft => false,
        }
    }

    /// Whether no query was sent.
    pub(super) fn is_unasked(self) -> bool {
        matches!(self, Self::LeftAlone | Self::NoTimeLeft)
    }
}
