//! Errors in a call: each gives a JSON path, and never a value.

use thiserror::Error;

use super::json_error::JsonError;

/// Maximum length of an id in characters. FHIR allows 64; a client in the field sends 190. Ids are repeated in cards and records.
pub const MAX_ID_CHARS: usize = 256;

/// A call that violates the specification or a limit.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RequestError {
    /// The body is not the JSON of a call.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A hook this service does not answer.
    #[error("this service answers {offered}{successor}")]
    UnknownHook {
        /// The hooks it answers.
        offered: String,
        /// What replaces the hook, if it is a deprecated one of the library.
        successor: &'static str,
    },
    /// `fhirAuthorization` without `fhirServer`.
    #[error("`fhirServer` is required with `fhirAuthorization`")]
    NoServer,
    /// order-sign or order-select without its orders.
    #[error(
        "`context.draftOrders` is missing. The usual cause lies in the registration at the EHR: the client lacks the scopes for unsigned \
         orders, or this service's URL differs from the registered endpoint"
    )]
    NoOrders,
    /// order-sign or order-select with the member that drafts of the hooks had before version 1.0.
    #[error("`context.draftOrders` is missing; `context.orders` is from a draft of the hook, and version 1.0 is understood")]
    OrdersOfDraftHook,
    /// order-dispatch without its orders, in either version of the hook.
    #[error("`context.dispatchedOrders` is missing, and so is `context.order` of hook version 1.0")]
    NoDispatchedOrders,
    /// More orders than one person would sign.
    #[error("more than {limit} orders in `{path}` are for the sacroiliac joint")]
    TooManyOrders {
        /// The limit.
        limit: usize,
        /// JSON path of the list.
        path: &'static str,
    },
    /// Orders with more text than an answer repeats.
    #[error("the orders for the sacroiliac joint in `{path}` are larger than {limit} bytes")]
    OrdersTooLarge {
        /// The limit.
        limit: usize,
        /// JSON path of the list.
        path: &'static str,
    },
    /// An id that is longer than any server's.
    #[error("an id in `{path}` is longer than {MAX_ID_CHARS} characters")]
    IdTooLong {
        /// JSON path of the id, or of what contains it.
        path: &'static str,
    },
    /// More orders or appointments than one call may have.
    #[error("more than {limit} entries in `{path}`")]
    TooManyEntries {
        /// The limit.
        limit: usize,
        /// JSON path of the list.
        path: &'static str,
    },
    /// More feedback entries than clinicians would give in a batch.
    #[error("more than {limit} entries in `feedback`; send them in several calls")]
    TooMuchFeedback {
        /// The limit.
        limit: usize,
    },
    /// An order for another patient.
    #[error("`context.patientId` and the patient of `{path}` are not the same")]
    OtherPatient {
        /// JSON path of the other patient.
        path: String,
    },
}

/// Refuses an id that is too long. `path` is its JSON path, or that of what contains it.
///
/// # Errors
/// [`RequestError::IdTooLong`].
pub fn check_id(id: &str, path: &'static str) -> Result<(), RequestError> {
    // A character has at least one byte, so that the usual id is not counted.
    if id.len() > MAX_ID_CHARS && id.chars().nth(MAX_ID_CHARS).is_some() { Err(RequestError::IdTooLong { path }) } else { Ok(()) }
}

impl RequestError {
    /// A short stable name, for records and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Json(error) => error.label(),
            Self::UnknownHook { .. } => "unknown_hook",
            Self::NoServer => "no_server",
            Self::NoOrders | Self::OrdersOfDraftHook | Self::NoDispatchedOrders => "no_orders",
            Self::TooManyOrders { .. } => "too_many_orders",
            Self::OrdersTooLarge { .. } => "orders_too_large",
            Self::IdTooLong { .. } => "id_too_long",
            Self::TooManyEntries { .. } => "too_many_entries",
            Self::TooMuchFeedback { .. } => "too_much_feedback",
            Self::OtherPatient { .. } => "other_patient",
        }
    }

    /// The JSON path of the error.
    #[must_use]
    pub fn expression(&self) -> Option<String> {
        match self {
            Self::Json(error) => error.expression(),
            Self::OtherPatient { path } => Some(path.clone()),
            Self::UnknownHook { .. } => Some("hook".to_owned()),
            Self::NoServer => Some("fhirServer".to_owned()),
            Self::NoOrders | Self::OrdersOfDraftHook => Some("context.draftOrders".to_owned()),
            Self::NoDispatchedOrders => Some("context.dispatchedOrders".to_owned()),
            Self::TooManyOrders { path, .. }
            | Self::TooManyEntries { path, .. }
            | Self::OrdersTooLarge { path, .. }
            | Self::IdTooLong { path } => Some((*path).to_owned()),
            Self::TooMuchFeedback { .. } => Some("feedback".to_owned()),
        }
    }

    /// Whether the call is well-formed but contradicts itself or exceeds a limit.
    #[must_use]
    pub fn is_contradiction(&self) -> bool {
        match self {
            Self::OtherPatient { .. }
            | Self::TooManyOrders { .. }
            | Self::TooManyEntries { .. }
            | Self::OrdersTooLarge { .. }
            | Self::IdTooLong { .. }
            | Self::TooMuchFeedback { .. } => true,
            Self::Json(_)
            | Self::UnknownHook { .. }
            | Self::NoServer
            | Self::NoOrders
            | Self::OrdersOfDraftHook
            | Self::NoDispatchedOrders => false,
        }
    }
}
