//! Every route of the SMART app, and what its requests pass on their way.
//! Not here: what goes around all paths; see [`crate::http::middleware`].

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tokio::sync::Semaphore;
use tower::ServiceBuilder;

use super::{asset, callback, keys, launch, page};
use crate::config::ServerConfig;
use crate::http::limits::{admit, hold_deadline};
use crate::http::router::Service;

/// The time limit of a request, in which an EHR may be asked several times, each within a limit of its own.
const DEADLINE: Duration = Duration::from_mins(1);

/// The largest form that is read, in bytes.
pub(super) const MOST_BYTES: usize = 64 * 1024;

/// The routes; users of the app take no places of hook calls.
pub(in crate::http) fn routes(server: &ServerConfig) -> Router<Service> {
    let slots = Arc::new(Semaphore::new(server.max_concurrent_calls.get()));
    let stack = ServiceBuilder::new().layer(from_fn_with_state(DEADLINE, hold_deadline)).layer(from_fn_with_state(slots, admit));
    Router::new()
        .route("/smart/launch", get(launch::begin))
        .route("/smart/callback", get(callback::end))
        .route("/smart/app/{session}", get(page::show).post(page::take))
        .route("/smart/assets/{name}", get(asset::show))
        .route("/.well-known/jwks.json", get(keys::show))
        .route_layer(stack)
}
