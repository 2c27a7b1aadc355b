//! `GET /fhir/ValueSet/{id}`, `GET /fhir/{policy}/ValueSet/{id}` and `GET /fhir/ValueSet?url=…&version=…`: the policy's value sets.
//! Not here: their contents; see [`crate::decision`].

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::error::HttpError;
use super::fhir_published::{read_published, read_published_of, search_published};
use super::state::Service;
use crate::decision::PublishedKind;

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
    read_published(&service, PublishedKind::ValueSet, &headers, id)
}

/// Answers with the value set of an id that a policy other than the default one publishes.
#[utoipa::path(get, path = "/fhir/{policy}/ValueSet/{id}", tag = "FHIR", operation_id = "readValueSetOfPolicy",
    params(("policy" = String, Path, description = "The policy's id."), ("id" = String, Path, description = "The value set's id.")),
    responses((status = 200, description = "The value set.",
        content((Value = "application/fhir+json"), (Value = "application/json")))))]
pub(super) async fn read_of_policy(
    State(service): State<Service>,
    headers: HeaderMap,
    ids: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, HttpError> {
    read_published_of(&service, PublishedKind::ValueSet, &headers, ids)
}

/// Answers with the value sets that are searched for.
#[utoipa::path(get, path = "/fhir/ValueSet", tag = "FHIR", operation_id = "searchValueSet",
    params(("url" = Option<String>, Query, description = "The canonical URL, with or without a version."),
        ("version" = Option<String>, Query, description = "The version.")),
    responses((status = 200, description = "A Bundle of what is found.",
        content((Value = "application/fhir+json"), (Value = "application/json")))))]
pub(super) async fn search(State(service): State<Service>, headers: HeaderMap, RawQuery(query): RawQuery) -> Result<Response, HttpError> {
    search_published(&service, PublishedKind::ValueSet, &headers, query.as_deref())
}
