//! The HTTP interface: HTTP/1.1 and HTTP/2, with or without TLS. Only this module knows axum.
//! Not here: what a call means ([`crate::service`]), and how a caller authenticates ([`crate::auth`]).
//!
//! - `router` lists all routes, `middleware` all layers a request passes, in order;
//! - one file per endpoint: `discovery`, `favicon`, `hook`, `feedback`, `fhir_…`, `health`, `metrics`, `openapi`; `fhir_published` serves two of them;
//! - `smart` has the pages of the SMART app;
//! - only `error` maps errors to a status and an OperationOutcome.
//!
//! If a request is not valid HTTP, the HTTP library answers it with a bare status and no body.

mod address_counts;
mod admission;
mod body;
mod caller;
mod connection_limits;
mod deadline;
mod discovery;
mod error;
mod favicon;
mod feedback;
mod fhir_media;
mod fhir_metadata;
mod fhir_package;
mod fhir_published;
mod fhir_questionnaire;
mod fhir_value_set;
mod health;
mod hook;
mod metrics;
mod middleware;
mod open_routes;
mod openapi;
mod peer;
mod recording;
mod request_log;
mod request_metrics;
mod router;
mod running_config;
mod sent_body;
mod serve;
mod signature_failures;
mod smart;
mod state;
mod tls;

pub use error::HttpError;
pub use middleware::around_all;
pub use peer::Peer;
pub use request_log::Observer;
pub use router::router;
pub use running_config::Live;
pub use serve::{ServeError, serve};
pub use tls::TlsError;
