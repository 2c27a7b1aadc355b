//! `GET /fhir/Questionnaire/{id}`, `GET /fhir/{policy}/Questionnaire/{id}` and `GET /fhir/Questionnaire?url=…&version=…`: the documentation form.
//! Not here: its contents; see [`crate::decision`].

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::error::HttpError;
use super::fhir_published::{read_published, read_published_of, search_published};
use super::state::Service;
use crate::decision::PublishedKind;

/// Answers with the questionnaire of an id.
#[utoipa::path(get, path = "/fhir/Questionnaire/{id}", tag = "FHIR", operation_id = "readQuestionnaire",
    params(("id" = String, Path, description = "The questionnaire's id.")),
    responses((status = 200, description = "The questionnaire.",
        content((Value = "application/fhir+json"), (Value = "application/json")))))]
pub(super) async fn read(
    State(service): State<Service>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, HttpError> {
    read_published(&service, PublishedKind::Questionnaire, &headers, id)
}

/// Answers with the questionnaire of an id that a policy other than the default one publishes.
#[utoipa::path(get, path = "/fhir/{policy}/Questionnaire/{id}", tag = "FHIR", operation_id = "readQuestionnaireOfPolicy",
    params(("policy" = String, Path, description = "The policy's id."), ("id" = String, Path, description = "The questionnaire's id.")),
    responses((status = 200, description = "The questionnaire.",
        content((Value = "application/fhir+json"), (Value = "application/json")))))]
pub(super) async fn read_of_policy(
    State(service): State<Service>,
    headers: HeaderMap,
    ids: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, HttpError> {
    read_published_of(&service, PublishedKind::Questionnaire, &headers, ids)
}

/// Answers with the questionnaires that are searched for.
#[utoipa::path(get, path = "/fhir/Questionnaire", tag = "FHIR", operation_id = "searchQuestionnaire",
    params(("url" = Option<String>, Query, description = "The canonical URL, with or without a version."),
        ("version" = Option<String>, Query, description = "The version.")),
    responses((status = 200, description = "A Bundle of what is found.",
        content((Value = "application/fhir+json"), (Value = "application/json")))))]
pub(super) async fn search(State(service): State<Service>, headers: HeaderMap, RawQuery(query): RawQuery) -> Result<Response, HttpError> {
    search_published(&service, PublishedKind::Questionnaire, &headers, query.as_deref())
}
