//! Why a call is not answered, and who is at fault. Error messages contain no value of the call.

use std::time::Duration;

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
    /// The client gave more feedback than its rate allows.
    #[error("too much feedback; wait as long as `Retry-After` says")]
    TooMuchFeedback {
        /// How long to wait.
        wait: Duration,
    },
    /// The client's records took as many bytes today as they may.
    #[error("the records of this client's calls take as much of the ledger as they may in a day")]
    LedgerShareUsed {
        /// How long to wait.
        wait: Duration,
    },
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
    /// The caller's, and temporary: it asks for too much at present.
    Throttled,
    /// This service's, and temporary.
    Unready,
}

impl From<DecisionError> for CallError {
    fn from(error: DecisionError) -> Self {
        match error {
            DecisionError::Request(error) => Self::Request(error),
            DecisionError::NoData(_) | DecisionError::OrdersNotFound(_) => Self::Undecidable(error),
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
            Self::TooMuchFeedback { .. } | Self::LedgerShareUsed { .. } => Category::Throttled,
        }
    }

    /// How long to wait before the same call may succeed, if that is known.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::TooMuchFeedback { wait } | Self::LedgerShareUsed { wait } => Some(*wait),
            Self::Request(_) | Self::NotUtf8 | Self::Undecidable(_) | Self::Coverage(_) | Self::Unwritable | Self::NotRecorded => None,
        }
    }

    /// A short, stable name for records and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Request(error) => error.label(),
            Self::NotUtf8 => "not_utf8",
            Self::Undecidable(DecisionError::OrdersNotFound(_)) => "orders_not_found",
            Self::Undecidable(DecisionError::NoData(_) | DecisionError::Request(_)) => "no_data",
            Self::Coverage(CoverageError::Missing) => "coverage_missing",
            Self::Coverage(CoverageError::Several) => "coverage_several",
            Self::Coverage(CoverageError::Foreign) => "coverage_foreign",
            Self::Coverage(CoverageError::NoPayer) => "coverage_without_payer",
            Self::Unwritable => "unwritable",
            Self::NotRecorded => "not_recorded",
            Self::TooMuchFeedback { .. } => "too_much_feedback",
            Self::LedgerShareUsed { .. } => "ledger_share_used",
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
            Self::NotUtf8
            | Self::Undecidable(_)
            | Self::Unwritable
            | Self::NotRecorded
            | Self::TooMuchFeedback { .. }
            | Self::LedgerShareUsed { .. } => None,
        }
    }
}
