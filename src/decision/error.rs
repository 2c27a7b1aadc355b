//! Why a call that was read cannot be decided. Not here: calls that cannot be read; see [`RequestError`].

use crate::cds_hooks::RequestError;
use crate::evidence::{Kind, NOT_ASKED_FOR};
use crate::fhir::Reason;

/// Why a call cannot be decided.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// An order of the call contradicts the call.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// None of the data that an injection is decided on could be had (CRD 2.2.1, found-32), and why.
    #[error(
        "none of Condition, Procedure and MedicationStatement is in the prefetch{}; send the prefetch that `GET /cds-services` lists, \
         with an empty Bundle or null where there is nothing", unread(.0)
    )]
    NoData(Vec<(&'static str, Vec<Kind>)>),
    /// None of the orders that the call names could be read, and why the client's FHIR server did not return them.
    #[error(
        "none of the orders that the call names is in the prefetch, and they could not be read from `fhirServer`{}; send the prefetch that \
         `GET /cds-services` lists", because(*.0)
    )]
    OrdersNotFound(Option<Reason>),
}

/// Why each type could not be read.
fn unread(reasons: &[(&'static str, Vec<Kind>)]) -> String {
    let names = |kinds: &[Kind]| kinds.iter().map(|kind| kind.resource_type()).collect::<Vec<_>>().join(", ");
    let fetched = reasons.iter().filter(|(reason, _)| *reason != NOT_ASKED_FOR);
    let parts = fetched.map(|(reason, kinds)| format!("{} could not be read ({reason})", names(kinds)));
    std::iter::once(String::new()).chain(parts).collect::<Vec<_>>().join("; ")
}

/// Why the server did not return the orders, if it was asked.
fn because(reason: Option<Reason>) -> String {
    reason.map(|reason| format!(" ({})", reason.as_str())).unwrap_or_default()
}
