//! Keeps that a known caller's call was not answered. What is answered is kept by [`crate::app`] itself.
//! Not here: callers that are not let in; see [`super::caller`].

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::HttpError;
use super::caller::Gate;
use super::error::Cause;
use crate::app::{App, VerifiedClient};

/// A call whose end nobody waits for any more: its time ran out, its caller hung up, or a defect of ours ended it.
const UNFINISHED: &str = "unfinished";

/// Keeps a record of each fault before it leaves. One that says that there are too many calls, or that nothing can be kept, is not
/// waited for.
pub(super) async fn keep_faults(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let Some(client) = request.extensions().get::<VerifiedClient>().cloned() else { return next.run(request).await };
    let mut unfinished = Unfinished { app: &gate.app, client: Some(client) };
    let response = next.run(request).await;
    let Some(client) = unfinished.client.take() else { return response };
    let Some(Cause { label, is_passing }) = response.extensions().get::<Cause>().copied() else { return response };
    let status = Some(response.status().as_u16());
    if is_passing {
        gate.app.keep_fault_unwaited(&client, label, status);
        return response;
    }
    match gate.app.keep_fault(&client, label, status).await {
        Ok(()) => response,
        Err(error) => HttpError::from(error).into_response(),
    }
}

/// Keeps that a call came to no end, unless that was taken away before.
struct Unfinished<'g> {
    app: &'g Arc<App>,
    client: Option<VerifiedClient>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(client) = &self.client {
            self.app.keep_fault_unwaited(client, UNFINISHED, None);
        }
    }
}
