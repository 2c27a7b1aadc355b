//! `GET /favicon.ico`: the icon that browsers request of every site, also where no page names it.
//! Not here: the icon; see [`crate::smart::page`].

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::error::HttpError;
use super::state::Service;
use crate::smart::page::{Asset, ICON};

/// The address is the same in all versions, so a new icon is seen after a day.
const FOR_A_DAY: &str = "public, max-age=86400";

/// Answers with the icon.
#[utoipa::path(get, path = "/favicon.ico", tag = "Operations", operation_id = "icon",
    responses((status = 200, description = "The icon for a browser's tab.", body = Vec<u8>, content_type = "image/x-icon")))]
pub(super) async fn show(State(_): State<Service>) -> Result<Response, HttpError> {
    let icon = Asset::of_name(ICON).ok_or(HttpError::UnknownPath)?;
    Ok(([(CONTENT_TYPE, icon.media_type), (CACHE_CONTROL, FOR_A_DAY)], icon.bytes.into_owned()).into_response())
}
