//! Reading and searching what is published, whichever type it is.
//! Not here: paths and their descriptions, a file a type; and what is published, see [`crate::app`].

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::HeaderMap;
use axum::response::Response;

use super::HttpError;
use super::fhir_media::fhir_json;
use super::router::Service;
use crate::app::{CanonicalSearch, PublishedKind};

/// Answers with the resource of an id.
pub(super) fn read_published(
    service: &Service,
    kind: PublishedKind,
    headers: &HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, HttpError> {
    let Path(id) = id.map_err(|_| HttpError::UnknownResource)?;
    let resource = service.app.published(kind, &id).ok_or(HttpError::UnknownResource)?;
    Ok(fhir_json(headers, resource.to_owned()))
}

/// Answers with the resources that are searched for.
pub(super) fn search_published(
    service: &Service,
    kind: PublishedKind,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Response, HttpError> {
    let search = CanonicalSearch::of_query(query.unwrap_or_default());
    Ok(fhir_json(headers, service.app.search_published(kind, &search)?))
}
