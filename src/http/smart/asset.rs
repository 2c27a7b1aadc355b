//! `GET /smart/assets/{name}`: the page's stylesheet and script, cached indefinitely.
//! Not here: their contents; see [`crate::smart::page`].

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::http::error::HttpError;
use crate::http::state::Service;
use crate::smart::page::Asset;

/// The name contains a hash of the content, so the content never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Answers with a file.
pub(in crate::http) async fn show(State(_): State<Service>, Path(name): Path<String>) -> Result<Response, HttpError> {
    let asset = Asset::of_name(&name).ok_or(HttpError::UnknownPath)?;
    Ok(([(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, FOR_EVER)], asset.bytes.into_owned()).into_response())
}
