//! THROW-AWAY STUB of the interface that `http` and `cli` call; the real `app` replaces this file whole.
//! It answers every well-formed call with no cards.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::clock::Clock;
use crate::config::Config;
use crate::ids::IdSource;

/// What the application is given from outside.
pub struct Ports {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// New identifiers.
    pub ids: Arc<dyn IdSource>,
}

/// Why the application cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("the application cannot be built")]
pub struct BuildError;

/// The application.
pub struct App {
    discovery: Bytes,
}

impl App {
    /// The composition root.
    ///
    /// # Errors
    ///
    /// Never, as a stub.
    pub fn build(_config: &Config, _ports: Ports) -> Result<Self, BuildError> {
        let discovery = Bytes::from_static(
            br#"{"services":[{"hook":"order-sign","id":"sacroiliac-joint-interventions","title":"Stub","description":"Stub"}]}"#,
        );
        Ok(Self { discovery })
    }

    /// The discovery document.
    #[must_use]
    pub fn discovery(&self) -> &Bytes {
        &self.discovery
    }

    /// Whether a service of this id is offered.
    #[must_use]
    pub fn knows_service(&self, service_id: &str) -> bool {
        service_id == "sacroiliac-joint-interventions"
    }

    /// Answers a hook call.
    ///
    /// # Errors
    ///
    /// [`CallError`] when the body is not JSON or has no `hook`.
    pub fn answer(&self, body: &[u8]) -> Result<Vec<u8>, CallError> {
        parse(body, "hook").map(|()| br#"{"cards":[]}"#.to_vec())
    }

    /// Takes feedback.
    ///
    /// # Errors
    ///
    /// [`CallError`] when the body is not JSON or has no `feedback`.
    pub fn feedback(&self, body: &[u8]) -> Result<(), CallError> {
        parse(body, "feedback")
    }

    /// Whether calls can be answered.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness { ready: true, policy: "stub".to_owned(), version: "0".to_owned() }
    }
}

fn parse(body: &[u8], member: &'static str) -> Result<(), CallError> {
    let value: Value = serde_json::from_slice(body).map_err(|_| CallError { expression: None })?;
    value.get(member).map(|_| ()).ok_or(CallError { expression: Some(member) })
}

/// Whether calls can be answered, and under which policy.
pub struct Readiness {
    /// Whether calls can be answered.
    pub ready: bool,
    /// The policy's id.
    pub policy: String,
    /// The policy's version.
    pub version: String,
}

/// Why a call cannot be answered.
#[derive(Debug, thiserror::Error)]
#[error("the call is malformed")]
pub struct CallError {
    expression: Option<&'static str>,
}

impl CallError {
    /// Whose fault it is.
    #[must_use]
    pub fn category(&self) -> Category {
        Category::Malformed
    }

    /// What to tell the caller.
    #[must_use]
    pub fn diagnostics(&self) -> String {
        self.expression.map_or_else(|| "the body is not JSON".to_owned(), |member| format!("`{member}` is missing"))
    }

    /// The place in the body.
    #[must_use]
    pub fn expression(&self) -> Option<&str> {
        self.expression
    }
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// 400.
    Malformed,
    /// 422.
    Contradiction,
    /// 412.
    DataUnavailable,
    /// 401.
    Forbidden,
    /// 503.
    Unavailable,
    /// 500.
    Ours,
}
