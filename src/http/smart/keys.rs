//! `GET /.well-known/jwks.json`: the app's public keys, for EHRs (RFC 7517).
//! Not here: signing; see [`crate::auth`] through [`crate::app`].

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::http::router::Service;

/// Answers with the public keys.
pub(in crate::http) async fn show(State(service): State<Service>) -> Response {
    ([(CONTENT_TYPE, "application/json")], service.app.smart_keys()).into_response()
}
