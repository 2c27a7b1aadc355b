//! `GET /cds-services` (CDS Hooks, "Discovery").
//! Not here: the document, which is built once with the application.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::openapi::bodies;
use super::state::Service;

/// Answers with the services offered.
#[utoipa::path(get, path = "/cds-services", tag = "CDS Hooks", operation_id = "discover",
    responses((status = 200, description = "The services.", body = bodies::Discovery)))]
pub(super) async fn show(State(service): State<Service>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], service.app.discovery().clone())
}
