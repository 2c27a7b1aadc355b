//! `GET /.well-known/jwks.json`: the app's public keys, for EHRs (RFC 7517).
//! Not here: signing; see [`crate::smart::launch`].

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::http::state::Service;

/// Answers with the public keys.
pub(in crate::http) async fn show(State(service): State<Service>) -> Response {
    ([(CONTENT_TYPE, "application/json")], service.app.smart.public_keys()).into_response()
}
