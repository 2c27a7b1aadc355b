//! `GET /metrics`, for the networks of `metrics.allowed_networks`; other callers get 404.
//! Not here: the metrics; see [`crate::telemetry`].

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::caller::{UNKNOWN_ADDRESS, caller_address};
use super::error::HttpError;
use super::peer::Peer;
use super::state::Service;
use crate::telemetry::Metrics;

/// Prometheus' text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers with the figures of this process.
#[utoipa::path(get, path = "/metrics", tag = "Operations", operation_id = "figures",
    responses((status = 200, description = "The figures, in Prometheus' text format.", body = String, content_type = "text/plain")))]
pub(super) async fn show(
    State(service): State<Service>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, HttpError> {
    // Without a known peer, deny access. Every request that arrives through a connection has one.
    let Some(Extension(peer)) = peer else { return Err(HttpError::UnknownPath) };
    let address = caller_address(&service.server, peer.address, &headers);
    if address == UNKNOWN_ADDRESS || !service.metrics.allows(address) {
        return Err(HttpError::UnknownPath);
    }
    let metrics = Metrics::of_this_process().ok_or(HttpError::UnknownPath)?;
    Ok(([(CONTENT_TYPE, TEXT_FORMAT)], metrics.render()))
}
