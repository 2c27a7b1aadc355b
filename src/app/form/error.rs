//! What is wrong with the input of `$questionnaire-package`: a fault names its JSON path and never a value.

use thiserror::Error;

/// An input that is not as the operation's profile says (DTR 2.2, `dtr-qpackage-input-parameters`).
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FormError {
    /// Not JSON at all.
    #[error("the body is not JSON (line {line}, column {column})")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A required member is missing.
    #[error("`{path}` is missing")]
    Missing {
        /// The member's JSON path.
        path: String,
    },
    /// A member is of the wrong type.
    #[error("`{path}` is not of the type the specification gives it")]
    WrongType {
        /// The member's JSON path.
        path: String,
    },
    /// No parameter `coverage`.
    #[error("a parameter `coverage` with the member's Coverage is required")]
    NoCoverage,
    /// Nothing that tells which form is asked for.
    #[error("one of the parameters `order`, `questionnaire` and `context` is required")]
    NothingAsked,
    /// More than anybody asks for at once.
    #[error("more than {limit} parameters")]
    TooMany {
        /// How many are taken.
        limit: usize,
    },
    /// A Coverage or an order of somebody else.
    #[error("the beneficiary of the first `coverage` and the patient of `{path}` are not the same")]
    OtherPatient {
        /// Where the other patient is named.
        path: String,
    },
}

impl FormError {
    /// A short stable name, for records and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotJson { .. } => "not_json",
            Self::Missing { .. } => "member_missing",
            Self::WrongType { .. } => "wrong_type",
            Self::NoCoverage => "no_coverage",
            Self::NothingAsked => "nothing_asked",
            Self::TooMany { .. } => "too_many_entries",
            Self::OtherPatient { .. } => "other_patient",
        }
    }

    /// The JSON path of the fault.
    #[must_use]
    pub fn expression(&self) -> Option<String> {
        match self {
            Self::NotJson { .. } => None,
            Self::Missing { path } | Self::WrongType { path } | Self::OtherPatient { path } => Some(path.clone()),
            Self::NoCoverage | Self::NothingAsked | Self::TooMany { .. } => Some("parameter".to_owned()),
        }
    }

    /// Whether the input has the right shape but contradicts itself, or asks for too much.
    #[must_use]
    pub fn is_contradiction(&self) -> bool {
        match self {
            Self::TooMany { .. } | Self::OtherPatient { .. } => true,
            Self::NotJson { .. } | Self::Missing { .. } | Self::WrongType { .. } | Self::NoCoverage | Self::NothingAsked => false,
        }
    }
}
