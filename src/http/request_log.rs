//! The request id, the request's span, and its log line.
//! Invariant: of the request, a line contains only the method, if it is a usual one, and the id if it is a UUID: no path parameter, query, header or body.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, debug, error, info, info_span, warn};
use uuid::Uuid;

use super::caller::CallerName;
use super::error::Explanation;
use super::request_metrics::{AnsweredRequest, CalledHook};
use crate::ids::IdSource;

/// The request id, in requests and responses.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The state of the logging middleware.
#[derive(Clone)]
pub struct Observer {
    ids: Arc<dyn IdSource>,
}

impl Observer {
    /// Creates an observer that takes request ids from `ids`.
    #[must_use]
    pub fn new(ids: Arc<dyn IdSource>) -> Self {
        Self { ids }
    }
}

/// Assigns the request an id and a span, logs its outcome, and counts it.
pub(super) async fn observe(State(observer): State<Observer>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = callers_id(&request).unwrap_or_else(|| observer.ids.new_id());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let path = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let span = info_span!("request", request_id = %id, method = method_name(&method), path);
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Ok(value) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer())) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let latency = began.elapsed();
    span.in_scope(|| log_outcome(path, &response, latency));
    let client = response.extensions().get::<CallerName>().map(|name| name.0.as_str());
    let hook = response.extensions().get::<CalledHook>().copied();
    AnsweredRequest { method: &method, route: path, hook, client, status: response.status(), latency }.count();
    response
}

/// The method's name for the log. A caller can make up methods, and so write what it likes.
fn method_name(method: &Method) -> &'static str {
    const USUAL: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"];
    USUAL.into_iter().find(|usual| *usual == method.as_str()).unwrap_or("other")
}

/// The caller's request id, to correlate its log with ours. Only a UUID is accepted: other text could contain anything.
fn callers_id(request: &Request) -> Option<Uuid> {
    request.headers().get(REQUEST_ID).and_then(|value| Uuid::try_parse_ascii(value.as_bytes()).ok())
}

fn log_outcome(path: &str, response: &Response, latency: Duration) {
    let status = response.status().as_u16();
    let latency_microseconds = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    let client = response.extensions().get::<CallerName>().map(|name| name.0.as_str());
    let fault = response.extensions().get::<Explanation>().map(|explanation| explanation.0.as_str());
    match response.status() {
        StatusCode::SERVICE_UNAVAILABLE => warn!(status, latency_microseconds, client, fault, "refused"),
        status_code if status_code.is_server_error() => error!(status, latency_microseconds, client, fault, "failed"),
        _ if path.starts_with("/health/") || path == "/metrics" => debug!(status, latency_microseconds, client, fault, "answered"),
        _ => info!(status, latency_microseconds, client, fault, "answered"),
    }
}
