//! `GET /health/live` and `GET /health/ready`, for orchestrators and load balancers.
//! Not here: the readiness criteria; see [`crate::service`].

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::HttpError;
use super::state::Service;
use crate::service::Readiness;

/// The body of a good health check.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `live` or `ready`.
    status: &'static str,
    /// The policy in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    /// Its newest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Whether records are written; see `docs/operations.md`.
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<&'static str>,
}

/// The process runs and answers: 200.
#[utoipa::path(get, path = "/health/live", tag = "Operations", operation_id = "live",
    responses((status = 200, description = "It does.", body = Health)))]
pub(super) async fn live() -> Json<Health> {
    Json(Health { status: "live", policy: None, version: None, ledger: None })
}

/// Calls can be answered: 200 with the policy, its version, and whether records are written; else 503 with the reason.
#[utoipa::path(get, path = "/health/ready", tag = "Operations", operation_id = "ready",
    responses((status = 200, description = "They can.", body = Health)))]
pub(super) async fn ready(State(service): State<Service>) -> Result<Json<Health>, HttpError> {
    let Readiness { ready, policy, version, ledger } = service.app.hooks.readiness().await;
    if ready {
        Ok(Json(Health { status: "ready", policy: Some(policy), version: Some(version), ledger: Some(ledger.as_str()) }))
    } else {
        Err(ledger.unwritable_cause().map_or(HttpError::NotReady, HttpError::LedgerUnwritable))
    }
}
