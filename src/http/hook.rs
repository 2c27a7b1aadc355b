//! `POST /cds-services/{id}` (CDS Hooks, "Calling a CDS Service").
//! Not here: parsing and answering the call; see [`crate::service`].

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::body::CallBody;
use super::deadline::Deadline;
use super::error::HttpError;
use super::openapi::bodies;
use super::request_metrics::{CalledHook, HOOK_ROUTE};
use super::state::Service;
use crate::auth::VerifiedClient;
use crate::cds_hooks::Response as HookResponse;
use crate::large_work::without_blocking;
use crate::service::HookService;

/// Answers a hook call.
#[utoipa::path(post, path = HOOK_ROUTE, tag = "CDS Hooks", operation_id = "call", summary = "Judges the orders in scope.",
    description = "Answers a hook call with cards and coverage information for the orders in scope, and with no card where there is none.",
    params(("id" = String, Path, description = "The service's id, as discovery has it.")), request_body = bodies::HookCall,
    responses((status = 200, description = "The cards.", body = HookResponse<'static>)))]
pub(super) async fn answer(
    State(service): State<Service>,
    Extension(client): Extension<VerifiedClient>,
    Extension(Deadline(end)): Extension<Deadline>,
    id: Result<Path<String>, PathRejection>,
    CallBody { bytes: body, permit }: CallBody,
) -> Result<Response, HttpError> {
    service.known(id)?;
    let pending = service.app.hooks.answer_by(&client, &body, Some(end), &permit.work).await;
    let hook = match &pending {
        Ok(pending) => Some(pending.hook()),
        Err(_) => without_blocking(body.len(), || HookService::hook_of(&body)).await,
    };
    // Free the body before the ledger write, so that the next call can reuse the memory while it is still in the cache.
    drop(body);
    permit.work.shrink_to(0);
    let answer = match pending {
        Ok(pending) => pending.durable().await,
        Err(error) => Err(error),
    };
    let body = answer.map(|answer| ([(CONTENT_TYPE, "application/json")], answer.body)).map_err(HttpError::from);
    let mut response = body.into_response();
    if let Some(hook) = hook {
        response.extensions_mut().insert(CalledHook(hook));
    }
    Ok(response)
}
