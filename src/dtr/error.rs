//! Why `$questionnaire-package` is not answered.
//! Not here: violations of the operation's profile; see [`super::input_error`].

use super::input_error::InputError;
use crate::service::Category;

/// Why a package cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The input violates the operation's definition.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The body is not UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// The output could not be serialized.
    #[error("the answer could not be written")]
    Unwritable,
    /// The decision that the input names cannot be read from the ledger.
    #[error("decisions cannot be looked up at present")]
    LedgerUnavailable,
}

impl PackageError {
    /// Who is at fault, and how.
    #[must_use]
    pub fn category(&self) -> Category {
        match self {
            Self::Input(error) if error.is_contradiction() => Category::Contradiction,
            Self::Input(_) | Self::NotUtf8 => Category::Malformed,
            Self::Unwritable => Category::Ours,
            Self::LedgerUnavailable => Category::Unready,
        }
    }

    /// A short, stable name for records and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Input(error) => error.label(),
            Self::NotUtf8 => "not_utf8",
            Self::Unwritable => "unwritable",
            Self::LedgerUnavailable => "not_recorded",
        }
    }

    /// The JSON path of the error.
    #[must_use]
    pub fn expression(&self) -> Option<String> {
        match self {
            Self::Input(error) => error.expression(),
            Self::NotUtf8 | Self::Unwritable | Self::LedgerUnavailable => None,
        }
    }
}
