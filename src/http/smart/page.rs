//! `/smart/app/{session}`: the page of an open app, and its forms.
//! Not here: its contents, and the session; see [`crate::smart`].

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;

use super::answer::answer;
use super::browser::browser;
use super::layers::MAX_BYTES;
use crate::http::error::HttpError;
use crate::http::state::Service;

const FORM: &str = "application/x-www-form-urlencoded";

/// Shows the page.
pub(in crate::http) async fn show(
    State(service): State<Service>,
    Path(session): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let closed = query.as_deref() == Some("closed");
    answer(service.app.smart.show(&session, closed, browser(&headers)).await)
}

/// Processes a form. The work continues if the browser disconnects, so that a write to the chart is always recorded.
pub(in crate::http) async fn take(
    State(service): State<Service>,
    Path(session): Path<String>,
    request: Request,
) -> Result<Response, HttpError> {
    let (head, body) = request.into_parts();
    if !is_form(&head.headers) {
        return Err(HttpError::UnsupportedMediaType);
    }
    let fields = fields(body).await?;
    let smart = Arc::clone(&service.app.smart);
    let work = tokio::spawn(async move { smart.submit(&session, &fields, browser(&head.headers)).await });
    work.await.map(answer).map_err(|_| HttpError::Panicked).map(IntoResponse::into_response)
}

fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(FORM)
}

async fn fields(body: Body) -> Result<Vec<(String, String)>, HttpError> {
    let bytes = axum::body::to_bytes(body, MAX_BYTES).await.map_err(|_| HttpError::BodyTooLarge { limit: MAX_BYTES })?;
    Ok(form_urlencoded::parse(&bytes).into_owned().collect())
}
