//! The error responses that operations share: each error's status and headers, as [`super::super::error`] maps it.
//! Not here: the success responses, which are documented at their handlers.

use std::collections::BTreeMap;
use std::time::Duration;

use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Type};

use super::super::HttpError;
use super::super::error::status_of;
use crate::json_size::Oversize;
use crate::service::Category;

/// The error responses of an operation, by its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Faults {
    /// An endpoint without authentication and body.
    Any,
    /// An endpoint that only some networks can see.
    Hidden,
    /// Readiness.
    Readiness,
    /// Protected discovery: the errors of a call, except those of reading a body.
    Protected,
    /// A read of a FHIR resource.
    Read { is_protected: bool },
    /// A request for documentation.
    Package,
    /// A hook call.
    Call,
    /// Feedback: the errors of a call, except those of fetching.
    Feedback,
}

/// A documented error: its status, its description, and whether it has `Retry-After`.
struct DocumentedError {
    status: u16,
    when: &'static str,
    waits: bool,
}

fn fault(error: &HttpError, when: &'static str) -> DocumentedError {
    DocumentedError { status: error.status().as_u16(), when, waits: error.retry_after().is_some() }
}

fn of_category(category: Category, when: &'static str) -> DocumentedError {
    DocumentedError { status: status_of(category).as_u16(), when, waits: false }
}

impl Faults {
    fn all(self, is_authenticated: bool) -> Vec<DocumentedError> {
        let mut faults =
            vec![fault(&HttpError::Panicked, "A defect of the service. Its log has more under the id of the answer's `x-request-id`.")];
        match self {
            Self::Any => {}
            Self::Hidden => faults.push(fault(&HttpError::UnknownPath, "The caller's network is not one that may see this.")),
            Self::Readiness => faults.push(fault(&HttpError::NotReady, "Calls cannot be answered at present.")),
            Self::Protected => faults.extend(of_gate(is_authenticated)),
            Self::Read { is_protected } => {
                faults.push(fault(&HttpError::UnknownResource, "There is no such resource."));
                faults.extend(is_protected.then(|| of_gate(is_authenticated)).into_iter().flatten());
            }
            Self::Package => faults.extend(of_gate(is_authenticated).into_iter().chain(of_body())),
            Self::Call => {
                faults.extend(of_gate(is_authenticated).into_iter().chain(of_body()));
                faults.push(unknown_service());
                faults.push(of_category(
                    Category::DataUnavailable,
                    "An injection is ordered, and Condition, Procedure and MedicationStatement are all missing.",
                ));
            }
            Self::Feedback => {
                faults.extend(of_gate(is_authenticated).into_iter().chain(of_body()));
                faults.push(unknown_service());
            }
        }
        faults
    }

    /// Whether the operation authenticates its caller.
    pub(super) fn are_behind_the_gate(self) -> bool {
        match self {
            Self::Any | Self::Hidden | Self::Readiness | Self::Read { is_protected: false } => false,
            Self::Protected | Self::Read { is_protected: true } | Self::Package | Self::Call | Self::Feedback => true,
        }
    }

    /// Adds the error responses to an operation.
    pub(super) fn describe(self, operation: &mut Operation, is_authenticated: bool) {
        let mut by_status: BTreeMap<u16, Vec<DocumentedError>> = BTreeMap::new();
        for fault in self.all(is_authenticated) {
            by_status.entry(fault.status).or_default().push(fault);
        }
        for (status, faults) in by_status {
            operation.responses.responses.insert(status.to_string(), RefOr::T(response(status, &faults)));
        }
        for answer in operation.responses.responses.values_mut() {
            if let RefOr::T(answer) = answer {
                answer.headers.insert("x-request-id".to_owned(), request_id().into());
            }
        }
    }
}

/// The errors of the gate in front of calls.
fn of_gate(is_authenticated: bool) -> Vec<DocumentedError> {
    let mut faults = vec![
        fault(&HttpError::TooManyCalls { wait: Duration::ZERO }, "The client, or all clients together, called too often."),
        fault(&HttpError::Overloaded, "Too many calls are being worked on at this moment."),
        fault(&HttpError::DeadlineExceeded, "The call was not done within its time limit."),
        fault(&HttpError::NotReady, "No call can be answered at present."),
    ];
    if is_authenticated {
        faults.push(fault(&HttpError::Unauthenticated, "The caller is not known. Why is in the service's log alone."));
    }
    faults
}

fn unknown_service() -> DocumentedError {
    fault(&HttpError::UnknownService, "There is no such service.")
}

/// The errors of reading a body.
fn of_body() -> [DocumentedError; 6] {
    [
        fault(&HttpError::BrokenBody, "The body ended early."),
        of_category(Category::Malformed, "The body is not JSON, or not as its schema says; the issue's `expression` names the member."),
        fault(&HttpError::BodyTooLarge { limit: 0 }, "The body is too large."),
        fault(&HttpError::Oversize(Oversize::Values), "The body has more Bundle entries or values than a chart of its size has."),
        fault(&HttpError::UnsupportedMediaType, "The body is of another media type, or compressed."),
        of_category(Category::Contradiction, "The body has the right shape and contradicts itself, or holds too many orders or entries."),
    ]
}

fn response(status: u16, faults: &[DocumentedError]) -> Response {
    let when: Vec<&str> = faults.iter().map(|fault| fault.when).collect();
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("OperationOutcome"))).build();
    let mut response = ResponseBuilder::new().description(when.join(" ")).content("application/fhir+json", content);
    if faults.iter().any(|fault| fault.waits) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
        let header = HeaderBuilder::new().schema(Some(seconds)).description(Some("In how many seconds to try again.")).build();
        response = response.header("retry-after", header);
    }
    if status == HttpError::Unauthenticated.status().as_u16() {
        let scheme = ObjectBuilder::new().schema_type(Type::String);
        let header = HeaderBuilder::new().schema(Some(scheme)).description(Some("`Bearer`")).build();
        response = response.header("www-authenticate", header);
    }
    response.build()
}

/// The header on every response.
fn request_id() -> utoipa::openapi::Header {
    let id = ObjectBuilder::new().schema_type(Type::String);
    HeaderBuilder::new()
        .schema(Some(id))
        .description(Some("Names this request in the service's log; the caller's own, if that is a UUID."))
        .build()
}
