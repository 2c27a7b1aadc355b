//! The limit on the duration of a request.
//! Not here: the number and memory of calls ([`super::admission`]), and the timeouts of connections ([`mod@super::serve`]).

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::{Instant, timeout_at};

use super::error::HttpError;

/// When a call times out, stored in the request's extensions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(pub(super) Instant);

/// Ends a call that waits past the deadline: for its body, a key server, a database or the client's FHIR server. Computation is
/// not interrupted.
pub(super) async fn hold_deadline(State(deadline): State<Duration>, mut request: Request, next: Next) -> Response {
    let end = Instant::now() + deadline;
    request.extensions_mut().insert(Deadline(end));
    timeout_at(end, next.run(request)).await.unwrap_or_else(|_| HttpError::DeadlineExceeded.into_response())
}
