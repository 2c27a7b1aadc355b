//! Traces: the span of a call, and its export to a collector, which the feature `opentelemetry` builds in.
//! Not here: finer spans, which are next to queries and evaluations; and authentication, see [`crate::auth`].
//!
//! Invariant: only spans of this program are exported, with names from its configuration. Events and spans of libraries are
//! not: they would contain addresses with patients' ids.

use tracing::{Span, info_span};
use tracing_subscriber::{Layer, Registry};

#[cfg(feature = "opentelemetry")]
mod export;

#[cfg(feature = "opentelemetry")]
pub(super) use export::{Exporting, continue_callers};
#[cfg(not(feature = "opentelemetry"))]
pub(super) use without::{Exporting, continue_callers};

/// The layer that exports spans.
type SpanLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Why traces cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// There is no runtime to export them on.
    #[error("there is no runtime to send them on")]
    NoRuntime,
    /// Connections to the collector cannot be set up.
    #[error("connections to the collector cannot be set up")]
    Connections(#[source] reqwest::Error),
    /// The exporter cannot be set up.
    #[error("the exporter cannot be set up")]
    Exporter(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The span of an authenticated call, within the caller's own trace if `header` provides one (W3C Trace Context,
/// `traceparent`). Trace headers of unauthenticated callers are not trusted, so the span starts only after authentication.
pub fn call_span<'h>(client: &str, route: &str, header: impl Fn(&str) -> Option<&'h str>) -> Span {
    let span = info_span!("call", client, http.route = route, http.response.status_code = tracing::field::Empty, otel.kind = "server");
    continue_callers(&span, header);
    span
}

#[cfg(not(feature = "opentelemetry"))]
mod without {
    //! Replaces the export if it is not built in. A configuration with an endpoint is then refused.

    use tracing::Span;

    use super::{SpanLayer, TracesError};
    use crate::config::TracesConfig;

    #[derive(Debug)]
    pub(crate) enum Exporting {}

    impl Exporting {
        #[expect(clippy::unnecessary_wraps, reason = "as where it is built in")]
        pub(crate) fn begin(_traces: &TracesConfig) -> Result<Option<(Self, SpanLayer)>, TracesError> {
            Ok(None)
        }

        pub(crate) fn finish(self) {
            match self {}
        }
    }

    pub(crate) fn continue_callers<'h>(_span: &Span, _header: impl Fn(&str) -> Option<&'h str>) {}
}
