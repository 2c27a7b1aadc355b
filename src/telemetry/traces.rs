//! Traces: the span of a call, and the sending of spans to a collector, which is built in with the feature `opentelemetry`.
//! Not here: the finer spans, which are made where queries and evaluations are; and who is a known caller, see [`crate::auth`].
//!
//! Invariant: only spans of this program are sent, with the names of its configuration, and no event and no span of a library:
//! those would hold addresses with patients' ids.

use tracing::{Span, info_span};
use tracing_subscriber::{Layer, Registry};

#[cfg(feature = "opentelemetry")]
mod export;

#[cfg(feature = "opentelemetry")]
pub(super) use export::{Exporting, continue_callers};
#[cfg(not(feature = "opentelemetry"))]
pub(super) use without::{Exporting, continue_callers};

/// What takes spans up as they are made.
type SpanLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// There is no runtime to send them on.
    #[error("there is no runtime to send them on")]
    NoRuntime,
    /// Connections to the collector cannot be set up.
    #[error("connections to the collector cannot be set up")]
    Connections(#[source] reqwest::Error),
    /// The exporter cannot be set up.
    #[error("the exporter cannot be set up")]
    Exporter(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The span of a known caller's call, within the caller's own trace where `header` gives one (W3C Trace Context, `traceparent`).
/// What strangers say of traces is not believed, so there is no such span before the caller is known.
pub fn call_span<'h>(client: &str, route: &str, header: impl Fn(&str) -> Option<&'h str>) -> Span {
    let span = info_span!("call", client, http.route = route, http.response.status_code = tracing::field::Empty, otel.kind = "server");
    continue_callers(&span, header);
    span
}

#[cfg(not(feature = "opentelemetry"))]
mod without {
    //! What stands in for sending where it is not built in. A configuration with an endpoint is refused then.

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
