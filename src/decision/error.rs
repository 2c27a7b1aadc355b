//! Why a call that was read cannot be decided. Not here: calls that cannot be read; see [`RequestError`].

use crate::cds_hooks::RequestError;

/// Why a call cannot be decided.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// An order of the call contradicts the call.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// None of the data that an injection is decided on could be had (CRD 2.2.1, found-32).
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
}
