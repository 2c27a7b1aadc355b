//! The state that the endpoints and the gate in front of calls share.
//! Not here: the routes ([`mod@super::router`]) and the gate's checks ([`super::caller`]).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;

use super::admission::Admission;
use super::error::HttpError;
use super::signature_failures::SignatureFailures;
use crate::app::App;
use crate::config::{MetricsConfig, ServerConfig};

/// The state shared by the endpoints.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) app: Arc<App>,
    pub(super) server: Arc<ServerConfig>,
    pub(super) metrics: Arc<MetricsConfig>,
    /// The OpenAPI document.
    pub(super) openapi: Bytes,
}

/// The state of the gate.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) app: Arc<App>,
    pub(super) server: Arc<ServerConfig>,
    pub(super) signature_failures: Arc<SignatureFailures>,
    /// Limits what calls take at one time.
    pub(super) admission: Arc<Admission>,
}

impl Service {
    /// Rejects an id that is unknown or not UTF-8.
    pub(super) fn known(&self, id: Result<Path<String>, PathRejection>) -> Result<(), HttpError> {
        let known = id.is_ok_and(|Path(id)| self.app.knows_service(&id));
        if known { Ok(()) } else { Err(HttpError::UnknownService) }
    }
}
