//! The service on the wire: HTTP/1.1 and HTTP/2, over TLS or plain. axum is known here only.
//! Not here: what a call means ([`crate::app`]), and how a caller proves who it is ([`crate::auth`]).
//!
//! - `router` has all routes on one screen, `middleware` everything a request passes on its way, in order;
//! - one file an endpoint: `discovery`, `hook`, `feedback`, `fhir_…`, `health`, `metrics`, `openapi`; those of what is published share `fhir_published`;
//! - `smart` has the pages of the SMART app;
//! - `error` alone turns faults into a status and an OperationOutcome.
//!
//! A request that is not HTTP at all is answered by the HTTP library itself, with a bare status and no body.

mod body;
mod caller;
mod connection_limits;
mod discovery;
mod error;
mod feedback;
mod fhir_media;
mod fhir_metadata;
mod fhir_package;
mod fhir_published;
mod fhir_questionnaire;
mod fhir_value_set;
mod health;
mod hook;
mod limits;
mod metrics;
mod middleware;
mod openapi;
mod peer;
mod recording;
mod request_log;
mod request_metrics;
mod router;
mod running_config;
mod serve;
mod signature_failures;
mod smart;
mod tls;

pub use error::HttpError;
pub use middleware::around_all;
pub use peer::Peer;
pub use request_log::Observer;
pub use router::router;
pub use running_config::Live;
pub use serve::{ServeError, serve};
pub use tls::TlsError;
