//! What is counted of requests: hook calls by hook, client and status with their times, and all others by route.
//! Not here: what is counted of decisions ([`crate::app`]), and what the figures mean ([`crate::telemetry`]).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};

/// The route of hook calls, as the router has it.
pub(super) const HOOK_ROUTE: &str = "/cds-services/{id}";

/// In place of a client's name where the caller is not known.
const STRANGER: &str = "unauthenticated";

/// In place of a hook where no service has the path.
const UNKNOWN_HOOK: &str = "unknown";

const SOON: Duration = Duration::from_millis(500);
const IN_TIME: Duration = Duration::from_secs(5);

/// Which hook each service answers, by the service's id.
pub(super) type Hooks = BTreeMap<String, Arc<str>>;

/// A request, answered.
pub(super) struct Answered<'r> {
    pub(super) method: &'r Method,
    /// The route that was matched, not the path as called.
    pub(super) route: &'r str,
    /// What the last part of the path says.
    pub(super) hook: Option<Arc<str>>,
    pub(super) client: Option<&'r str>,
    pub(super) status: StatusCode,
    pub(super) latency: Duration,
}

impl Answered<'_> {
    /// Counts it.
    pub(super) fn count(self) {
        let status = self.status.as_u16().to_string();
        if self.route != HOOK_ROUTE || self.method != Method::POST {
            metrics::counter!("sij_cds_requests_total", "route" => self.route.to_owned(), "status" => status).increment(1);
            return;
        }
        let hook = self.hook.unwrap_or_else(|| UNKNOWN_HOOK.into());
        let client: Arc<str> = self.client.unwrap_or(STRANGER).into();
        if self.status == StatusCode::OK {
            if self.latency <= SOON {
                let labels = [("hook", Arc::clone(&hook)), ("client", Arc::clone(&client))];
                metrics::counter!("sij_cds_calls_within_500_milliseconds_total", &labels).increment(1);
            }
            if self.latency <= IN_TIME {
                let labels = [("hook", Arc::clone(&hook)), ("client", Arc::clone(&client))];
                metrics::counter!("sij_cds_calls_within_5_seconds_total", &labels).increment(1);
            }
        }
        metrics::histogram!("sij_cds_call_seconds", "hook" => Arc::clone(&hook), "status" => status.clone()).record(self.latency);
        metrics::counter!("sij_cds_calls_total", "hook" => hook, "client" => client, "status" => status).increment(1);
    }
}

/// The hook of the service that a path of [`HOOK_ROUTE`] names.
pub(super) fn hook_of(hooks: &Hooks, path: &str) -> Option<Arc<str>> {
    hooks.get(path.rsplit('/').next()?).cloned()
}
