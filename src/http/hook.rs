//! `POST /cds-services/{id}` (CDS Hooks, "Calling a CDS Service").
//! Not here: parsing and answering the call; see [`crate::app`].

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::HttpError;
use super::body::CallBody;
use super::limits::Deadline;
use super::openapi::bodies;
use super::request_metrics::{CalledHook, HOOK_ROUTE};
use super::router::Service;
use crate::app::{App, HookResponse, VerifiedClient};

/// Answers a hook call. The answer is computed on this thread: it takes less time than handing it to another is worth.
#[utoipa::path(post, path = HOOK_ROUTE, tag = "CDS Hooks", operation_id = "call", summary = "Judges the orders in scope.",
    description = "Answers a hook call with cards and coverage information for the orders in scope, and with no card where there is none.",
    params(("id" = String, Path, description = "The service's id, as discovery has it.")), request_body = bodies::HookCall,
    responses((status = 200, description = "The cards.", body = HookResponse<'static>)))]
pub(super) async fn answer(
    State(service): State<Service>,
    Extension(client): Extension<VerifiedClient>,
    Extension(Deadline(end)): Extension<Deadline>,
    id: Result<Path<String>, PathRejection>,
    CallBody(body): CallBody,
) -> Result<Response, HttpError> {
    service.known(id)?;
    let held = service.app.answer_by(&client, &body, Some(end)).await;
    let hook = held.as_ref().map_or_else(|_| App::hook_of(&body), |held| Some(held.hook()));
    // Free the body before the ledger write, so that the next call can reuse the memory while it is still in the cache.
    drop(body);
    let answer = match held {
        Ok(held) => held.kept().await,
        Err(error) => Err(error),
    };
    let body = answer.map(|answer| ([(CONTENT_TYPE, "application/json")], answer.body)).map_err(HttpError::from);
    let mut response = body.into_response();
    if let Some(hook) = hook {
        response.extensions_mut().insert(CalledHook(hook));
    }
    Ok(response)
}

impl Service {
    /// Rejects an id that is unknown or not UTF-8.
    pub(super) fn known(&self, id: Result<Path<String>, PathRejection>) -> Result<(), HttpError> {
        let known = id.is_ok_and(|Path(id)| self.app.knows_service(&id));
        if known { Ok(()) } else { Err(HttpError::UnknownService) }
    }
}
