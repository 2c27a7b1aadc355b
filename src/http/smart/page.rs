//! `/smart/app/{session}`: the page of an open app, and its forms.
//! Not here: its contents, and the session; see [`crate::smart`].

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use tokio::time::timeout;
use url::form_urlencoded;

use super::answer::answer;
use super::browser::browser;
use crate::http::body::discard_refused;
use crate::http::error::HttpError;
use crate::http::state::Service;

const FORM: &str = "application/x-www-form-urlencoded";

/// Maximum size of a form in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// How long a form's body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Shows the page.
pub(in crate::http) async fn show(
    State(service): State<Service>,
    Path(id): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let closed = query.as_deref() == Some("closed");
    match service.app.smart.session(&id, browser(&service.app.smart, &headers)) {
        Ok(session) => answer(service.app.smart.show(&id, &session, closed).await),
        Err(refused) => answer(refused),
    }
}

/// Processes a form. The work continues if the browser disconnects, so that a write to the chart is always recorded.
/// Invariant: nothing of a body is waited for unless it comes from the browser of an open session.
pub(in crate::http) async fn take(State(service): State<Service>, Path(id): Path<String>, request: Request) -> Result<Response, HttpError> {
    let (head, body) = request.into_parts();
    let smart = Arc::clone(&service.app.smart);
    let session = match smart.session(&id, browser(&smart, &head.headers)) {
        Ok(session) => session,
        Err(refused) => {
            // Without delaying the answer.
            tokio::spawn(async move { discard_refused(&head.headers, body, MAX_BYTES).await });
            return Ok(answer(refused));
        }
    };
    if !is_form(&head.headers) {
        return Err(HttpError::UnsupportedMediaType);
    }
    let fields = timeout(BODY_TIMEOUT, fields(body)).await.map_err(|_| HttpError::DeadlineExceeded)??;
    let work = tokio::spawn(async move { smart.submit(&id, &session, &fields).await });
    work.await.map(answer).map_err(|_| HttpError::Panicked)
}

fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(FORM)
}

async fn fields(body: Body) -> Result<Vec<(String, String)>, HttpError> {
    let bytes = axum::body::to_bytes(body, MAX_BYTES).await.map_err(|_| HttpError::BodyTooLarge { limit: MAX_BYTES })?;
    Ok(form_urlencoded::parse(&bytes).into_owned().collect())
}
