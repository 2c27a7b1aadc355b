//! `POST /cds-services/{id}/feedback` (CDS Hooks, "Feedback"; protocol section 6).
//! Not here: what is recorded; see [`crate::service`].

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::body::CallBody;
use super::error::HttpError;
use super::openapi::bodies;
use super::state::Service;
use crate::auth::VerifiedClient;

/// Takes feedback on cards, and answers 200 without a body.
#[utoipa::path(post, path = "/cds-services/{id}/feedback", tag = "CDS Hooks", operation_id = "feedBack", summary = "Takes feedback on cards.",
    description = "Says what became of cards, one entry a card.",
    params(("id" = String, Path, description = "The service's id, as discovery has it.")), request_body = bodies::FeedbackCall,
    responses((status = 200, description = "It is taken.")))]
pub(super) async fn take(
    State(service): State<Service>,
    Extension(client): Extension<VerifiedClient>,
    id: Result<Path<String>, PathRejection>,
    CallBody { bytes: body, .. }: CallBody,
) -> Result<StatusCode, HttpError> {
    service.known(id)?;
    service.app.feedback(&client, &body).await?;
    Ok(StatusCode::OK)
}
