//! `GET /fhir/metadata` (FHIR R4, "Capabilities").
//! Not here: the statement, which is built once with the application.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::fhir_media::fhir_json;
use super::state::Service;

/// Answers with the `CapabilityStatement`.
#[utoipa::path(get, path = "/fhir/metadata", tag = "FHIR", operation_id = "tellCapabilities",
    responses((status = 200, description = "The CapabilityStatement.",
        content((Value = "application/fhir+json"), (Value = "application/json")))))]
pub(super) async fn show(State(service): State<Service>, headers: HeaderMap) -> Response {
    fhir_json(&headers, service.app.dtr.capability_statement().to_vec())
}
