//! Maps every error to a status and an OperationOutcome (protocol section 4; FHIR R4B, OperationOutcome); no other module does.
//! Not here: why a call fails; see [`crate::service`].

use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use fhir_sdk::r4b::codes::{IssueSeverity, IssueType};
use fhir_sdk::r4b::resources::{OperationOutcome, OperationOutcomeIssue};

use crate::dtr::PackageError;
use crate::json_size::Oversize;
use crate::ledger::UnwritableCause;
use crate::service::{CallError, Category};

/// Sent if the OperationOutcome cannot be serialized, so that the body is always one.
const BARE_OUTCOME: &[u8] = br#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}"#;

/// Why a request fails. The messages are the diagnostics sent to callers.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The application cannot answer the call.
    #[error("{}", .0.diagnostics())]
    Call(#[from] CallError),
    /// The documentation form cannot be given.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// No endpoint has this path.
    #[error("there is nothing at this path; the services are listed at `/cds-services`")]
    UnknownPath,
    /// The path names an unknown service.
    #[error("there is no service of this id; the services are listed at `/cds-services`")]
    UnknownService,
    /// There is no FHIR resource of this type and id.
    #[error("there is no resource of this type and id; what there is says `/fhir/metadata`")]
    UnknownResource,
    /// The endpoint does not support this method.
    #[error("the method is not one of those in the `Allow` header")]
    WrongMethod,
    /// The body is larger than the limit, in bytes.
    #[error("the body is larger than {limit} bytes")]
    BodyTooLarge {
        /// `server.body_limit_bytes`.
        limit: usize,
    },
    /// Reading the body would take too much memory.
    #[error("the body has {0}")]
    Oversize(#[from] Oversize),
    /// The body's media type is not JSON, or it is compressed.
    #[error("the body must be `application/json` or `application/fhir+json`, and not compressed")]
    UnsupportedMediaType,
    /// The body ended early.
    #[error("the body ended early, or its framing is broken")]
    BrokenBody,
    /// The caller is not authenticated. The response does not say why (CDS Hooks, "Trusting CDS Clients").
    #[error("the caller is not authenticated")]
    Unauthenticated,
    /// The caller, or all callers together, exceeded the rate limit.
    #[error("too many calls; wait as long as `Retry-After` says")]
    TooManyCalls {
        /// How long to wait before the next call.
        wait: Duration,
    },
    /// The limit on concurrent calls is reached.
    #[error("too many calls at one time; try again in a moment")]
    Overloaded,
    /// The call exceeded its deadline.
    #[error("the call took longer than its time limit")]
    DeadlineExceeded,
    /// The service cannot answer calls at present.
    #[error("not ready to answer calls")]
    NotReady,
    /// No call can be recorded, so none is answered.
    #[error("the ledger cannot be written: {0}; nothing is answered unrecorded")]
    LedgerUnwritable(UnwritableCause),
    /// A defect of this service.
    #[error("the service failed; the `x-request-id` header names this failure in its log")]
    Panicked,
}

/// The diagnostics sent to the caller, stored in the response's extensions for the log line.
#[derive(Clone)]
pub(super) struct Explanation(pub(super) String);

/// The status for a category of call errors.
pub(super) fn status_of(category: Category) -> StatusCode {
    match category {
        Category::Malformed => StatusCode::BAD_REQUEST,
        Category::Contradiction => StatusCode::UNPROCESSABLE_ENTITY,
        Category::DataUnavailable => StatusCode::PRECONDITION_FAILED,
        Category::Ours => StatusCode::INTERNAL_SERVER_ERROR,
        Category::Throttled => StatusCode::TOO_MANY_REQUESTS,
        Category::Unready => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The OperationOutcome's issue type for a category of call errors.
fn issue_type_of(category: Category) -> IssueType {
    match category {
        Category::Malformed => IssueType::Structure,
        Category::Contradiction => IssueType::BusinessRule,
        Category::DataUnavailable => IssueType::Incomplete,
        Category::Ours => IssueType::Exception,
        Category::Throttled => IssueType::Throttled,
        Category::Unready => IssueType::Transient,
    }
}

/// The error's label, stored in the response's extensions for its ledger record.
#[derive(Clone, Copy)]
pub(super) struct Cause {
    pub(super) label: &'static str,
    /// Whether it is temporary and not the call's fault.
    pub(super) is_passing: bool,
}

impl HttpError {
    /// A short stable name, for records and metrics.
    fn label(&self) -> &'static str {
        match self {
            Self::Call(error) => error.label(),
            Self::Package(error) => error.label(),
            Self::UnknownPath => "unknown_path",
            Self::UnknownService => "unknown_service",
            Self::UnknownResource => "unknown_resource",
            Self::WrongMethod => "wrong_method",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::Oversize(Oversize::Entries { .. }) => "too_many_bundle_entries",
            Self::Oversize(Oversize::Values) => "too_many_values",
            Self::Oversize(Oversize::Memory) => "too_much_memory",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::BrokenBody => "broken_body",
            Self::Unauthenticated => "unauthenticated",
            Self::TooManyCalls { .. } => "too_many_calls",
            Self::Overloaded => "overloaded",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::NotReady => "not_ready",
            Self::LedgerUnwritable(_) => "not_recorded",
            Self::Panicked => "panicked",
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Call(error) => status_of(error.category()),
            Self::Package(error) => status_of(error.category()),
            Self::UnknownPath | Self::UnknownService | Self::UnknownResource => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge { .. } | Self::Oversize(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BrokenBody => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::TooManyCalls { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded | Self::DeadlineExceeded | Self::NotReady | Self::LedgerUnwritable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn issue_type(&self) -> IssueType {
        match self {
            Self::Call(error) => issue_type_of(error.category()),
            Self::Package(error) => issue_type_of(error.category()),
            Self::UnknownPath | Self::UnknownService | Self::UnknownResource => IssueType::NotFound,
            Self::WrongMethod | Self::UnsupportedMediaType => IssueType::NotSupported,
            Self::BodyTooLarge { .. } => IssueType::TooLong,
            Self::Oversize(_) => IssueType::TooCostly,
            Self::BrokenBody => IssueType::Structure,
            Self::Unauthenticated => IssueType::Login,
            Self::TooManyCalls { .. } | Self::Overloaded => IssueType::Throttled,
            Self::DeadlineExceeded => IssueType::Timeout,
            Self::NotReady | Self::LedgerUnwritable(_) => IssueType::Transient,
            Self::Panicked => IssueType::Exception,
        }
    }

    /// The value of `Retry-After` in whole seconds (RFC 9110, section 10.2.3).
    pub(super) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooManyCalls { wait } => Some(wait.as_secs() + 1),
            Self::Overloaded | Self::DeadlineExceeded | Self::NotReady | Self::LedgerUnwritable(_) => Some(1),
            Self::Call(error) => error.wait().map(|wait| wait.as_secs() + 1).or((error.category() == Category::Unready).then_some(1)),
            Self::Package(error) => (error.category() == Category::Unready).then_some(1),
            Self::UnknownPath
            | Self::UnknownService
            | Self::UnknownResource
            | Self::WrongMethod
            | Self::BodyTooLarge { .. }
            | Self::Oversize(_)
            | Self::UnsupportedMediaType
            | Self::BrokenBody
            | Self::Unauthenticated
            | Self::Panicked => None,
        }
    }

    fn expression(&self) -> Option<String> {
        if let Self::Package(error) = self {
            return error.expression();
        }
        if let Self::Call(error) = self { error.expression() } else { None }
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let diagnostics = self.to_string();
        let body = outcome(self.issue_type(), &diagnostics, self.expression().as_deref()).unwrap_or_else(|| BARE_OUTCOME.to_vec());
        let status = self.status();
        let mut response = (status, [(CONTENT_TYPE, "application/fhir+json")], body).into_response();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(self, Self::Unauthenticated) {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Explanation(diagnostics));
        let is_passing = status == StatusCode::SERVICE_UNAVAILABLE;
        response.extensions_mut().insert(Cause { label: self.label(), is_passing });
        response
    }
}

fn outcome(code: IssueType, diagnostics: &str, expression: Option<&str>) -> Option<Vec<u8>> {
    let issue = OperationOutcomeIssue::builder().severity(IssueSeverity::Error).code(code).diagnostics(diagnostics.to_owned());
    let issue = issue.expression(expression.into_iter().map(|path| Some(path.to_owned())).collect()).build().ok()?;
    let outcome = OperationOutcome::builder().issue(vec![Some(issue)]).build().ok()?;
    serde_json::to_vec(&fhir_json::to_json(&outcome.into())?).ok()
}
