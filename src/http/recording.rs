//! Records that an authenticated call failed. [`crate::service`] itself records successful ones.
//! Not here: refused callers; see [`super::caller`].

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::{Cause, HttpError};
use super::state::Gate;
use crate::app::App;
use crate::auth::VerifiedClient;

/// The label of a call that was dropped: it timed out, its caller disconnected, or it panicked.
const UNFINISHED: &str = "unfinished";

/// Records each error before its response is sent. Does not wait for the record if the error is temporary, such as overload or
/// an unavailable ledger. A client that does too much is recorded as a refused caller, so that its refusals do not fill the ledger.
pub(super) async fn record_faults(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let Some(client) = request.extensions().get::<VerifiedClient>().cloned() else { return next.run(request).await };
    let mut unfinished = Unfinished { app: &gate.app, client: Some(client) };
    let response = next.run(request).await;
    let Some(client) = unfinished.client.take() else { return response };
    let Some(Cause { label, is_passing }) = response.extensions().get::<Cause>().copied() else { return response };
    if response.status() == StatusCode::TOO_MANY_REQUESTS {
        gate.app.audit.record_refusal(Some(client.name()), label, response.status().as_u16());
        return response;
    }
    let status = Some(response.status().as_u16());
    if is_passing {
        gate.app.audit.record_fault_unwaited(&client, label, status);
        return response;
    }
    match gate.app.audit.record_fault(&client, label, status).await {
        Ok(()) => response,
        Err(error) => HttpError::from(error).into_response(),
    }
}

/// Records on drop that a call did not finish, unless `client` was taken before.
struct Unfinished<'g> {
    app: &'g Arc<App>,
    client: Option<VerifiedClient>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(client) = &self.client {
            self.app.audit.record_fault_unwaited(client, UNFINISHED, None);
        }
    }
}
