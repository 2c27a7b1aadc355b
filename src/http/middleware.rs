//! The middleware, outermost first, in two groups: one for all routes, and one for calls only, so that health checks and
//! discovery are answered even under overload.
//! Not here: the body limit. It is enforced where the body is read, so that no endpoint can bypass it; see [`super::body`].

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any as AnyOrigin, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use super::admission::admit_call;
use super::caller::authenticate;
use super::deadline::hold_deadline;
use super::error::HttpError;
use super::recording::record_faults;
use super::request_log::{Observer, REQUEST_ID, observe};
use super::state::Gate;
use crate::config::{Config, CorsConfig};

/// What pages of other origins may call: CDS Hooks and FHIR, and all below them.
const SHARED_PATHS: [&str; 2] = ["/cds-services", "/fhir"];

/// Wraps `routes` in the middleware for every request.
pub fn around_all(routes: Router, observer: Observer, config: &Config) -> Router {
    let stack = ServiceBuilder::new()
        .layer(from_fn_with_state(observer, observe)) // request id, span, one log line, metrics
        .layer(set_header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(default_header(CACHE_CONTROL, "no-store")) // except for immutable files
        .layer(default_header(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'")) // pages have their own
        .layer(set_header(REFERRER_POLICY, "no-referrer"))
        .option_layer(is_encrypted(config).then(|| set_header(STRICT_TRANSPORT_SECURITY, "max-age=31536000")))
        .layer(from_fn_with_state(cross_origin(&config.cors), share)) // on errors too, and answers every OPTIONS, of some paths
        .layer(CatchPanicLayer::custom(answer_panic));
    routes.layer(stack)
}

/// Adds the CORS headers to the paths that pages of other origins may call.
/// Invariant: the SMART app's pages and the metrics are not among them, whatever the configuration says.
async fn share(State(layer): State<CorsLayer>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_below = |base: &str| path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !SHARED_PATHS.into_iter().any(is_below) {
        return next.run(request).await;
    }
    let Ok(response) = layer.layer(next).oneshot(request).await;
    response
}

/// Wraps `calls` in the middleware for calls, inside [`around_all`]. Authentication runs before a call takes a slot.
pub(super) fn around_calls<State: Clone + Send + Sync + 'static>(calls: Router<State>, gate: &Gate) -> Router<State> {
    let stack = ServiceBuilder::new()
        .layer(from_fn_with_state(gate.server.deadline, hold_deadline)) // includes authentication and reading the body
        .layer(from_fn_with_state(gate.clone(), authenticate)) // 401, or 429 beyond the caller's rate
        .layer(from_fn_with_state(gate.clone(), record_faults)) // a ledger record of each call that fails
        .layer(from_fn_with_state(Arc::clone(&gate.admission), admit_call)); // immediate 503 beyond the limit
    calls.route_layer(stack)
}

/// Whether callers reach this service only over https, here or at a proxy in front.
fn is_encrypted(config: &Config) -> bool {
    config.tls.is_on() || config.server.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
}

fn set_header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

/// A header that an endpoint may override.
fn default_header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
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

/// The panic message may contain patient data, so it goes neither to the caller nor to the log.
fn answer_panic(_message: Box<dyn Any + Send>) -> Response {
    HttpError::Panicked.into_response()
}
