//! Why a call is not answered, and who is at fault. Error messages contain no value of the call.

use crate::cds_hooks::RequestError;
use crate::crd::CoverageError;
use crate::decision::DecisionError;

/// Why a call is not answered.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The call violates the CDS Hooks specification.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The body is not UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// The call contains nothing to decide on, or names orders that could not be read.
    #[error(transparent)]
    Undecidable(DecisionError),
    /// No Coverage can be judged, and this client is answered strictly (CRD 2.2.1, hook-13).
    #[error(transparent)]
    Coverage(#[from] CoverageError),
    /// The response could not be serialized.
    #[error("the answer could not be written")]
    Unwritable,
    /// The response cannot be recorded, so it is withheld.
    #[error("the call cannot be recorded at present, and nothing is answered unrecorded")]
    NotRecorded,
}

/// Who is at fault, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// The caller's: the call has the wrong shape.
    Malformed,
    /// The caller's: the call contradicts itself.
    Contradiction,
    /// The required data could not be read.
    DataUnavailable,
    /// This service's.
    Ours,
    /// This service's, and temporary.
    Unready,
}

impl From<DecisionError> for CallError {
    fn from(error: DecisionError) -> Self {
        match error {
            DecisionError::Request(error) => Self::Request(error),
            DecisionError::NoData | DecisionError::OrdersNotFound => Self::Undecidable(error),
        }
    }
}

impl CallError {
    /// Who is at fault, and how.
    #[must_use]
    pub fn category(&self) -> Category {
        match self {
            Self::Request(error) if error.is_contradiction() => Category::Contradiction,
            Self::Request(_) | Self::NotUtf8 | Self::Coverage(_) => Category::Malformed,
            Self::Undecidable(_) => Category::DataUnavailable,
            Self::Unwritable => Category::Ours,
            Self::NotRecorded => Category::Unready,
        }
    }

    /// A short, stable name for records and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Request(error) => error.label(),
            Self::NotUtf8 => "not_utf8",
            Self::Undecidable(DecisionError::OrdersNotFound) => "orders_not_found",
            Self::Undecidable(DecisionError::NoData | DecisionError::Request(_)) => "no_data",
            Self::Coverage(CoverageError::Missing) => "coverage_missing",
            Self::Coverage(CoverageError::Several) => "coverage_several",
            Self::Coverage(CoverageError::Foreign) => "coverage_foreign",
            Self::Coverage(CoverageError::NoPayer) => "coverage_without_payer",
            Self::Unwritable => "unwritable",
            Self::NotRecorded => "not_recorded",
        }
    }

    /// The message for the caller.
    #[must_use]
    pub fn diagnostics(&self) -> String {
        self.to_string()
    }

    /// The JSON path of the error.
    #[must_use]
    pub fn expression(&self) -> Option<String> {
        match self {
            Self::Request(error) => error.expression(),
            Self::Coverage(_) => Some("prefetch".to_owned()),
            Self::NotUtf8 | Self::Undecidable(_) | Self::Unwritable | Self::NotRecorded => None,
        }
    }
}
