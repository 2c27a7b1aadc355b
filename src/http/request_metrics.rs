//! Request metrics: hook calls by hook, client and status with their latency, and all other requests by route.
//! Not here: decision metrics ([`crate::app`]), and the descriptions of metrics ([`crate::telemetry`]).

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};

use crate::cds_hooks::Hook;

/// The route of hook calls, as in the router.
pub(super) const HOOK_ROUTE: &str = "/cds-services/{id}";

/// The client label of a caller that is not authenticated.
const STRANGER: &str = "unauthenticated";

/// The hook label of a call that names no supported hook, or was not read.
const UNKNOWN_HOOK: &str = "unknown";

const FAST: Duration = Duration::from_millis(500);
const ACCEPTABLE: Duration = Duration::from_secs(5);

/// The hook of a call, stored in the response's extensions for counting.
#[derive(Clone, Copy)]
pub(super) struct CalledHook(pub(super) Hook);

/// An answered request.
pub(super) struct AnsweredRequest<'r> {
    pub(super) method: &'r Method,
    /// The matched route, not the requested path.
    pub(super) route: &'r str,
    /// Absent if the hook is unknown.
    pub(super) hook: Option<CalledHook>,
    pub(super) client: Option<&'r str>,
    pub(super) status: StatusCode,
    pub(super) latency: Duration,
}

impl AnsweredRequest<'_> {
    /// Updates the metrics.
    pub(super) fn count(self) {
        let status = self.status.as_u16().to_string();
        if self.route != HOOK_ROUTE || self.method != Method::POST {
            metrics::counter!("sij_cds_requests_total", "route" => self.route.to_owned(), "status" => status).increment(1);
            return;
        }
        let hook: Arc<str> = self.hook.map_or(UNKNOWN_HOOK, |hook| hook.0.as_str()).into();
        let client: Arc<str> = self.client.unwrap_or(STRANGER).into();
        if self.status == StatusCode::OK {
            if self.latency <= FAST {
                let labels = [("hook", Arc::clone(&hook)), ("client", Arc::clone(&client))];
                metrics::counter!("sij_cds_calls_within_500_milliseconds_total", &labels).increment(1);
            }
            if self.latency <= ACCEPTABLE {
                let labels = [("hook", Arc::clone(&hook)), ("client", Arc::clone(&client))];
                metrics::counter!("sij_cds_calls_within_5_seconds_total", &labels).increment(1);
            }
        }
        metrics::histogram!("sij_cds_call_seconds", "hook" => Arc::clone(&hook), "status" => status.clone()).record(self.latency);
        metrics::counter!("sij_cds_calls_total", "hook" => hook, "client" => client, "status" => status).increment(1);
    }
}
