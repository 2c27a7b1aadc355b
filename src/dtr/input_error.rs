//! Errors in the input of `$questionnaire-package`. Each names a JSON path, never a value.

use thiserror::Error;

/// Why an input violates the operation's profile (DTR 2.2, `dtr-qpackage-input-parameters`).
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InputError {
    /// Not JSON.
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
    /// A member has the wrong type.
    #[error("`{path}` is not of the type the specification gives it")]
    WrongType {
        /// The member's JSON path.
        path: String,
    },
    /// There is no parameter `coverage`.
    #[error("a parameter `coverage` with the member's Coverage is required")]
    NoCoverage,
    /// No parameter indicates the requested form.
    #[error("one of the parameters `order`, `questionnaire` and `context` is required")]
    NothingAsked,
    /// There are too many parameters.
    #[error("more than {limit} parameters")]
    TooMany {
        /// The maximum number.
        limit: usize,
    },
    /// A Coverage or an order belongs to another patient.
    #[error("the beneficiary of the first `coverage` and the patient of `{path}` are not the same")]
    OtherPatient {
        /// The path that names the other patient.
        path: String,
    },
}

impl InputError {
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

    /// The JSON path of the error.
    #[must_use]
    pub fn expression(&self) -> Option<String> {
        match self {
            Self::NotJson { .. } => None,
            Self::Missing { path } | Self::WrongType { path } | Self::OtherPatient { path } => Some(path.clone()),
            Self::NoCoverage | Self::NothingAsked | Self::TooMany { .. } => Some("parameter".to_owned()),
        }
    }

    /// Whether the input is well formed but contradicts itself, or requests too much.
    #[must_use]
    pub fn is_contradiction(&self) -> bool {
        match self {
            Self::TooMany { .. } | Self::OtherPatient { .. } => true,
            Self::NotJson { .. } | Self::Missing { .. } | Self::WrongType { .. } | Self::NoCoverage | Self::NothingAsked => false,
        }
    }
}
