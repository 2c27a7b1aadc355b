//! A client's answer options, and each order's plan and Coverage. All of it is recorded with the call, so that a replay answers the same way.
//! Not here: how they shape the response; see [`super::respond`].

use serde::{Deserialize, Serialize};

use super::crd_version::CrdVersion;
use super::plans::{HealthPlan, Payer};
use crate::cds_hooks::Dialect;
use crate::evidence::CoverageFound;
use crate::policy::Policy;

/// A client's answer options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of configuration")]
pub struct AnswerOptions {
    /// How the client wants answers written.
    pub dialect: Dialect,
    /// Whether the client's users have a DTR app for documentation forms.
    pub has_dtr: bool,
    /// Whether the client runs in shadow mode: it is shown nothing of the response.
    pub is_shadowed: bool,
    /// Whether the client carries out system actions.
    pub takes_system_actions: bool,
    /// Whether to refuse a call without a Coverage that can be judged.
    pub is_strict: bool,
    /// The code of the client's order for physical therapy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub therapy_order_code: Option<String>,
    /// Where the client's EHR launches the SMART app, if registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The CRD version for calls that name none.
    pub default_version: CrdVersion,
}

/// The plan that applies to one order, and the Coverage it is judged by.
#[derive(Debug)]
pub struct OrderPlan<'p, 'a> {
    /// The policy version for the order's service date.
    pub policy: &'p Policy,
    /// The plan.
    pub plan: &'p HealthPlan,
    /// How the Coverage's payer relates to the plan.
    pub payer: Payer,
    /// The Coverage.
    pub found: CoverageFound<'a>,
}
