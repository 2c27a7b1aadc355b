//! One repetition of coverage information, independent of FHIR. The type enforces what must go together: a satisfied authorization
//! has its number (crd-ci-q5), and information is needed exactly if something is conditional (crd-ci-q3).
//! Not here: which determination gives which repetitions ([`super::mapping`]), and their JSON ([`super::extension`]).

use chrono::NaiveDate;

use crate::policy::CriterionId;

/// Whether the service is covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Covered {
    Yes,
    No,
    Conditional,
    Indeterminate,
}

impl Covered {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Yes => "covered",
            Self::No => "not-covered",
            Self::Conditional => "conditional",
            Self::Indeterminate => "indeterminate",
        }
    }
}

/// Whether prior authorization is needed; a satisfied one has its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RepeatedAuthorization<'p> {
    NotNeeded,
    Needed,
    Satisfied(&'p str),
    ByPerformer,
    Conditional,
    Indeterminate,
}

impl RepeatedAuthorization<'_> {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::NotNeeded => "no-auth",
            Self::Needed => "auth-needed",
            Self::Satisfied(_) => "satisfied",
            Self::ByPerformer => "performpa",
            Self::Conditional => "conditional",
            Self::Indeterminate => "indeterminate",
        }
    }
}

/// A reason with a code in the guide, and the guide's display text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReasonCode {
    Technical,
    NoActiveCoverage,
    CoverageNotFound,
}

impl ReasonCode {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Technical => "technical",
            Self::NoActiveCoverage => "no-active-coverage",
            Self::CoverageNotFound => "coverage-not-found",
        }
    }

    pub(super) fn display(self) -> &'static str {
        match self {
            Self::Technical => "Technical issues",
            Self::NoActiveCoverage => "Coverage not active",
            Self::CoverageNotFound => "Coverage not found",
        }
    }
}

/// Why something is asserted: a text and, if the guide has one, a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CoverageReason {
    pub code: Option<ReasonCode>,
    pub text: String,
}

/// The days of service that a repetition applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AllowedPeriod {
    From(NaiveDate),
    Within(NaiveDate, NaiveDate),
    Until(NaiveDate),
}

/// What a repetition is based on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// The policy, and the deciding criteria.
    Policy(Vec<CriterionId>),
    /// The plan's data about the member's Coverage, without applying the policy.
    Membership,
}

/// One repetition.
#[derive(Clone, Debug)]
pub(super) struct Repetition<'p> {
    pub covered: Covered,
    pub authorization: Option<RepeatedAuthorization<'p>>,
    /// Whether the documentation form has to be filled in.
    pub is_to_be_documented: bool,
    pub reasons: Vec<CoverageReason>,
    pub instructions: Vec<String>,
    pub period: Option<AllowedPeriod>,
    pub basis: Basis,
}

impl Repetition<'_> {
    /// Whether a decision depends on more information (crd-ci-q3).
    pub(super) fn is_conditional(&self) -> bool {
        self.covered == Covered::Conditional || self.authorization == Some(RepeatedAuthorization::Conditional)
    }
}
