//! Errors in the input of `$questionnaire-package`. Each names a JSON path, never a value.

use thiserror::Error;

use crate::cds_hooks::JsonError;

/// Why an input violates the operation's profile (DTR 2.2, `dtr-qpackage-input-parameters`).
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InputError {
    /// The body is not the JSON of the operation's input.
    #[error(transparent)]
    Json(#[from] JsonError),
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
            Self::Json(error) => error.label(),
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
            Self::Json(error) => error.expression(),
            Self::OtherPatient { path } => Some(path.clone()),
            Self::NoCoverage | Self::NothingAsked | Self::TooMany { .. } => Some("parameter".to_owned()),
        }
    }

    /// Whether the input is well formed but contradicts itself, or requests too much.
    #[must_use]
    pub fn is_contradiction(&self) -> bool {
        match self {
            Self::TooMany { .. } | Self::OtherPatient { .. } => true,
            Self::Json(_) | Self::NoCoverage | Self::NothingAsked => false,
        }
    }
}
