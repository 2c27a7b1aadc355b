//! The limits on how many calls run at one time, and for how long.
//! Not here: the body's size ([`super::body`]) and the time limits of connections ([`super::serve`]).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::HttpError;

/// Lets a call in if a slot is free, and refuses it at once if not: a queue would only make every caller late.
pub(super) async fn admit(State(slots): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let Ok(_slot) = slots.try_acquire() else {
        return HttpError::Overloaded.into_response();
    };
    next.run(request).await
}

/// Ends a call that waits past the deadline: for its body now, for the client's FHIR server later. Computing is not interrupted.
pub(super) async fn hold_deadline(State(deadline): State<Duration>, request: Request, next: Next) -> Response {
    tokio::time::timeout(deadline, next.run(request)).await.unwrap_or_else(|_| HttpError::DeadlineExceeded.into_response())
}
