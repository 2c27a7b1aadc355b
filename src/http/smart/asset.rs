//! `GET /smart/assets/{name}`: the page's stylesheet and script, each to be kept as long as its address stays the same.
//! Not here: what is in them; see [`crate::app`].

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::http::HttpError;
use crate::http::router::Service;

/// The address names the content by its hash.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Answers with a file.
pub(in crate::http) async fn show(State(_): State<Service>, Path(name): Path<String>) -> Result<Response, HttpError> {
    let asset = App::smart_asset(&name).ok_or(HttpError::UnknownPath)?;
    Ok(([(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, FOR_EVER)], asset.bytes.into_owned()).into_response())
}
