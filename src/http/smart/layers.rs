//! What requests for pages of the SMART app pass on their way.
//! Not here: what goes around all paths; see [`crate::http::middleware`].

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::sync::Semaphore;
use tower::ServiceBuilder;

use crate::config::ServerConfig;
use crate::http::limits::{admit, hold_deadline};
use crate::http::router::Service;

/// The time limit of a request, in which an EHR may be asked several times, each within a limit of its own.
const DEADLINE: Duration = Duration::from_mins(1);

/// The largest form that is read, in bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// Puts what every page passes around `pages`; users of the app take no places of hook calls.
pub(in crate::http) fn around_pages(pages: Router<Service>, server: &ServerConfig) -> Router<Service> {
    let slots = Arc::new(Semaphore::new(server.max_concurrent_calls.get()));
    let stack = ServiceBuilder::new().layer(from_fn_with_state(DEADLINE, hold_deadline)).layer(from_fn_with_state(slots, admit));
    pages.route_layer(stack)
}
