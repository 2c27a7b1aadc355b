//! `GET /smart/callback/{ehr}`: an EHR redirects the browser back (SMART App Launch 2.2, "Obtain authorization code").
//! Not here: verifying the response; see [`crate::smart`].

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::answer::answer;
use super::browser::browser;
use crate::http::state::Service;

/// Redirects the browser to the page of its session.
pub(in crate::http) async fn end(
    State(service): State<Service>,
    Path(ehr): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    answer(service.app.smart.callback(&ehr, &query.unwrap_or_default(), browser(&service.app.smart, &headers)).await)
}
