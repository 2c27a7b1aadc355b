//! `GET /smart/callback`: the EHR redirects the browser back (SMART App Launch 2.2, "Obtain authorization code").
//! Not here: verifying the response; see [`crate::smart`].

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use url::form_urlencoded;

use super::answer::answer;
use super::browser::browser;
use crate::http::state::Service;
use crate::smart::Returned;

/// Redirects the browser to the page of its session.
pub(in crate::http) async fn end(State(service): State<Service>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let parameter = |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value);
    let (state, code, error) = (parameter("state").unwrap_or_default(), parameter("code"), parameter("error"));
    let returned = Returned { state: &state, code: code.as_deref(), error: error.as_deref() };
    answer(service.app.smart.callback(returned, browser(&headers)).await)
}
