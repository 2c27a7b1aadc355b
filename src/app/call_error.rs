//! Why a call is not answered, and who is at fault. Error messages contain no value of the call.

use super::form::FormError;
use crate::cds_hooks::RequestError;

/// Why a call is not answered.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The call violates the CDS Hooks specification.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The input of `$questionnaire-package` violates the operation's definition.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The body is not UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// The call contains nothing to decide on.
    #[error(
        "none of Condition, Procedure and MedicationStatement is in the prefetch; send the prefetch that `GET /cds-services` lists, \
         with an empty Bundle or null where there is nothing"
    )]
    NoData,
    /// None of the orders that the call names could be read.
    #[error(
        "none of the orders that the call names is in the prefetch, and they could not be read from `fhirServer`; send the prefetch that \
         `GET /cds-services` lists"
    )]
    OrdersNotFound,
    /// No Coverage can be judged, and this client is answered strictly (CRD 2.2.1, hook-13).
    #[error("{0}")]
    Coverage(CoverageError),
    /// The response could not be serialized.
    #[error("the answer could not be written")]
    Unwritable,
    /// The response cannot be recorded, so it is withheld.
    #[error("the call cannot be recorded at present, and nothing is answered unrecorded")]
    NotRecorded,
}

/// Why a call has no Coverage that can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoverageError {
    /// No Coverage was found.
    #[error("no Coverage of the patient is in the prefetch, nor could one be read from `fhirServer`")]
    Missing,
    /// Several Coverages are active.
    #[error("several Coverages of the patient are active, and the order's `insurance` does not say which one counts")]
    Several,
    /// The payer is not one that this service answers for.
    #[error("the payer of the patient's Coverage is not one that this service answers for")]
    Foreign,
    /// The Coverage names no payer.
    #[error("the patient's Coverage names no payer that could be one this service answers for")]
    NoPayer,
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

impl CallError {
    /// Who is at fault, and how.
    #[must_use]
    pub fn category(&self) -> Category {
        match self {
            Self::Request(error) if error.is_contradiction() => Category::Contradiction,
            Self::Form(error) if error.is_contradiction() => Category::Contradiction,
            Self::Request(_) | Self::Form(_) | Self::NotUtf8 | Self::Coverage(_) => Category::Malformed,
            Self::NoData | Self::OrdersNotFound => Category::DataUnavailable,
            Self::Unwritable => Category::Ours,
            Self::NotRecorded => Category::Unready,
        }
    }

    /// A short, stable name for records and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Request(error) => error.label(),
            Self::Form(error) => error.label(),
            Self::NotUtf8 => "not_utf8",
            Self::NoData => "no_data",
            Self::OrdersNotFound => "orders_not_found",
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
            Self::Form(error) => error.expression(),
            Self::NotUtf8 | Self::NoData | Self::OrdersNotFound | Self::Unwritable | Self::NotRecorded => None,
        }
    }
}
