//! Reads and searches the published resources, whatever their type.
//! Not here: the routes and their documentation, one file per type; and which resources are published, see [`crate::dtr`].

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::HeaderMap;
use axum::response::Response;

use super::error::HttpError;
use super::fhir_media::fhir_json;
use super::state::Service;
use crate::decision::PublishedKind;
use crate::dtr::CanonicalSearch;

/// Answers with the resource of the default policy that has this id.
pub(super) fn read_published(
    service: &Service,
    kind: PublishedKind,
    headers: &HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, HttpError> {
    let Path(id) = id.map_err(|_| HttpError::UnknownResource)?;
    let resource = service.app.dtr.published(None, kind, &id).ok_or(HttpError::UnknownResource)?;
    Ok(fhir_json(headers, resource.to_owned()))
}

/// Answers with the resource of a policy that has this id. The path has the policy's id, and then the resource's.
pub(super) fn read_published_of(
    service: &Service,
    kind: PublishedKind,
    headers: &HeaderMap,
    ids: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, HttpError> {
    let Path((policy, id)) = ids.map_err(|_| HttpError::UnknownResource)?;
    let resource = service.app.dtr.published(Some(&policy), kind, &id).ok_or(HttpError::UnknownResource)?;
    Ok(fhir_json(headers, resource.to_owned()))
}

/// Answers with the resources that match the search.
pub(super) fn search_published(
    service: &Service,
    kind: PublishedKind,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Response, HttpError> {
    let search = CanonicalSearch::of_query(query.unwrap_or_default());
    Ok(fhir_json(headers, service.app.dtr.search_published(kind, &search)?))
}
