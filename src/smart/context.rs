//! What the SMART app works with: decisions, plans, the ledger, and the launches of EHRs.
//! Not here: sessions ([`super::session`]), and the app's functions ([`super::service`]).

use std::sync::Arc;

use super::address::AppAddress;
use super::launch::SmartApp;
use super::page::Messages;
use crate::auth::Authenticator;
use crate::crd::Plans;
use crate::decision::DecisionEngine;
use crate::service::AuditLog;

/// What the SMART app works with.
pub(super) struct SmartContext {
    pub(super) engine: Arc<DecisionEngine>,
    pub(super) plans: Arc<Plans>,
    pub(super) audit: AuditLog,
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) launches: SmartApp,
    pub(super) address: AppAddress,
    /// The messages of the app's page.
    pub(super) words: Messages,
}
