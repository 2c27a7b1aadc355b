//! The middleware for pages of the SMART app.
//! Not here: the middleware for all routes; see [`crate::http::middleware`].

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::sync::Semaphore;
use tower::ServiceBuilder;

use crate::config::ServerConfig;
use crate::http::limits::{admit, hold_deadline};
use crate::http::state::Service;

/// Time limit of a request, which may make several requests to an EHR, each with its own timeout.
const DEADLINE: Duration = Duration::from_mins(1);

/// Maximum size of a form in bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// Wraps `pages` in their middleware. Users of the app do not take slots of hook calls.
pub(in crate::http) fn around_pages(pages: Router<Service>, server: &ServerConfig) -> Router<Service> {
    let slots = Arc::new(Semaphore::new(server.max_concurrent_calls.get()));
    let stack = ServiceBuilder::new().layer(from_fn_with_state(DEADLINE, hold_deadline)).layer(from_fn_with_state(slots, admit));
    pages.route_layer(stack)
}
