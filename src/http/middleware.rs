//! Everything a request passes on its way to an endpoint, outermost first. Two groups: what goes around all paths, and what goes
//! around calls only, so that health checks and discovery are answered under overload too.
//! Not here: the body limit. It is held where the body is read, so that no endpoint can read one without it; see [`super::body`].

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any as AnyOrigin, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use super::HttpError;
use super::limits::{admit, hold_deadline};
use super::request_log::{REQUEST_ID, observe};
use crate::config::{CorsConfig, ServerConfig};
use crate::ids::IdSource;

/// Puts what every request passes around `routes`.
pub fn around_all(routes: Router, ids: Arc<dyn IdSource>, cors: &CorsConfig) -> Router {
    let stack = ServiceBuilder::new()
        .layer(from_fn_with_state(ids, observe)) // request id, span, one log line
        .layer(set_header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(set_header(CACHE_CONTROL, "no-store"))
        .layer(cross_origin(cors)) // on faults too, and answers every OPTIONS
        .layer(CatchPanicLayer::custom(answer_panic));
    routes.layer(stack)
}

/// Puts what every call (POST) passes around `calls`, inside of [`around_all`].
pub fn around_calls<State: Clone + Send + Sync + 'static>(calls: Router<State>, server: &ServerConfig) -> Router<State> {
    let slots = Arc::new(Semaphore::new(server.max_concurrent_calls.get()));
    let stack = ServiceBuilder::new()
        .layer(from_fn_with_state(slots, admit)) // quick 503 beyond the limit
        .layer(from_fn_with_state(server.deadline, hold_deadline)); // reading the body included
    calls.route_layer(stack)
}

fn set_header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

fn cross_origin(cors: &CorsConfig) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([ACCEPT, AUTHORIZATION, CONTENT_TYPE, REQUEST_ID])
        .expose_headers([RETRY_AFTER, REQUEST_ID])
        .max_age(Duration::from_mins(10));
    if cors.allows_any_origin() {
        return layer.allow_origin(AnyOrigin);
    }
    let origins = cors.allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    layer.allow_origin(origins.collect::<Vec<_>>())
}

/// What the panic says may quote patient data: it goes neither to the caller nor to the log.
fn answer_panic(_message: Box<dyn Any + Send>) -> Response {
    HttpError::Panicked.into_response()
}
