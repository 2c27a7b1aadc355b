//! Why a query brought nothing, or not everything. The words stand in an evaluation's `sources` and on cards, so they
//! name no patient, token or address.

/// Why a list could not be had whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The server could not be reached.
    Unreachable,
    /// The answer did not come, or did not end, in time.
    TooSlow,
    /// 401 or 403: the token does not grant this type.
    NotGranted,
    /// 404: the server does not have this type.
    NotOffered,
    /// 429, and still after waiting.
    TooManyRequests,
    /// 5xx, and still after asking again.
    ServerFailed,
    /// Another 4xx, and still after asking more plainly.
    Refused,
    /// 3xx: redirects are not followed.
    Redirected,
    /// The answer broke off.
    Broken,
    /// The answer is not FHIR JSON.
    NotFhir,
    /// The answer is a resource, but no Bundle.
    NotABundle,
    /// The server answered with an error of its own.
    OutcomeOnly,
    /// More pages, entries or bytes than are taken.
    TooMuch,
    /// The next page lies elsewhere than at the server's base.
    ForeignPage,
    /// The server failed so often that it is left alone for a while.
    LeftAlone,
    /// The budget was spent before it could be asked.
    NoTimeLeft,
}

impl Reason {
    /// All of them.
    const ALL: [Self; 16] = [
        Self::Unreachable,
        Self::TooSlow,
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
        Self::ForeignPage,
        Self::LeftAlone,
        Self::NoTimeLeft,
    ];

    /// The reason of a [`Reason::label`].
    #[must_use]
    pub fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.label() == label)
    }

    /// The words for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "the FHIR server cannot be reached",
            Self::TooSlow => "the FHIR server took too long",
            Self::NotGranted => "not granted by the FHIR server",
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
            Self::ForeignPage => "foreign_page",
            Self::LeftAlone => "left_alone",
            Self::NoTimeLeft => "no_time_left",
        }
    }

    /// Whether it speaks of the server's health rather than of this query.
    pub(super) fn is_failure_of_server(self) -> bool {
        match self {
            Self::Unreachable | Self::TooSlow | Self::ServerFailed | Self::Broken => true,
            Self::NotGranted
            | Self::NotOffered
            | Self::TooManyRequests
            | Self::Refused
            | Self::Redirected
            | Self::NotFhir
            | Self::NotABundle
            | Self::OutcomeOnly
            | Self::TooMuch
            | Self::ForeignPage
            | Self::LeftAlone
            | Self::NoTimeLeft => false,
        }
    }

    /// Whether the server was not even asked.
    pub(super) fn is_unasked(self) -> bool {
        matches!(self, Self::LeftAlone | Self::NoTimeLeft)
    }
}
