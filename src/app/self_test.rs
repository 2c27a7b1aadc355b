//! Self-test: a policy version is in force and decides the published example call.
//! Not here: whether decisions can be recorded.

use chrono::{DateTime, Utc};

use super::App;
use super::decision::{DecisionContext, ReadScope, conclude};
use super::read_request::read_request;
use crate::cds_hooks::Hook;

const EXAMPLE: &str = include_str!("../../cds-hooks/examples/order-sign.json");

/// Whether a call could be decided now. This costs as much as deciding a small call.
pub(super) fn can_decide(app: &App, as_of: DateTime<Utc>) -> bool {
    let today = as_of.date_naive();
    app.policies().on(today).effective_from <= today && decides(app, as_of)
}

/// Whether the example is decided, regardless of the offered hooks.
fn decides(app: &App, as_of: DateTime<Utc>) -> bool {
    let decision_context = DecisionContext { hooks: &Hook::ALL, ..app.decision_context(as_of) };
    let scoped_request = read_request(&decision_context, EXAMPLE, ReadScope::InScope).ok().and_then(|call| call.scoped_request);
    scoped_request.is_some_and(|scoped_request| !conclude(&decision_context, scoped_request).evaluation.orders.is_empty())
}
