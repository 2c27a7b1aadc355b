//! The limits on concurrent requests of pages and on the duration of a request.
//! Not here: the number and memory of calls ([`super::admission`]), a body's size ([`super::body`]) and the timeouts of connections ([`mod@super::serve`]).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::error::HttpError;

/// Admits a request if a slot is free, and otherwise refuses it at once: queueing would only delay every caller.
pub(super) async fn admit(State(slots): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let Ok(_slot) = slots.try_acquire() else {
        return HttpError::Overloaded.into_response();
    };
    next.run(request).await
}

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
