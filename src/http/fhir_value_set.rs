//! `GET /fhir/ValueSet/{id}` and `GET /fhir/ValueSet?url=…&version=…`: the policy's value sets.
//! Not here: what is published; see [`crate::app`].

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::HttpError;
use super::fhir_media::fhir_json;
use super::router::Service;
use crate::app::{CanonicalSearch, PublishedKind};

/// Answers with the value set of an id.
#[utoipa::path(get, path = "/fhir/ValueSet/{id}", tag = "FHIR", operation_id = "readValueSet",
    params(("id" = String, Path, description = "The value set's id.")),
    responses((status = 200, description = "The value set.",
        content((Value = "application/fhir+json"), (Value = "application/json")))))]
pub(super) async fn read(
    State(service): State<Service>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, HttpError> {
    let Path(id) = id.map_err(|_| HttpError::UnknownResource)?;
    let resource = service.app.published(PublishedKind::ValueSet, &id).ok_or(HttpError::UnknownResource)?;
    Ok(fhir_json(&headers, resource.to_owned()))
}

/// Answers with the value sets that are searched for.
#[utoipa::path(get, path = "/fhir/ValueSet", tag = "FHIR", operation_id = "searchValueSet",
    params(("url" = Option<String>, Query, description = "The canonical URL, with or without a version."),
        ("version" = Option<String>, Query, description = "The version.")),
    responses((status = 200, description = "A Bundle of what is found.",
        content((Value = "application/fhir+json"), (Value = "application/json")))))]
pub(super) async fn search(State(service): State<Service>, headers: HeaderMap, RawQuery(query): RawQuery) -> Result<Response, HttpError> {
    let search = CanonicalSearch::of_query(query.as_deref().unwrap_or_default());
    Ok(fhir_json(&headers, service.app.search_published(PublishedKind::ValueSet, &search)?))
}
