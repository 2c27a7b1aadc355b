//! Whether decisions can be made at all: a version of the policy has begun, and judges the call that is published as an example.
//! Not here: whether what is decided can be kept.

use chrono::{DateTime, Utc};

use super::App;
use super::decision::{DecisionContext, ReadScope, conclude};
use super::read_request::read_request;
use crate::cds_hooks::Hook;

const EXAMPLE: &str = include_str!("../../cds-hooks/examples/order-sign.json");

/// Whether a call of this moment could be decided. It costs as much as deciding a small one.
pub(super) fn can_decide(app: &App, as_of: DateTime<Utc>) -> bool {
    let today = as_of.date_naive();
    app.policies().on(today).effective_from <= today && decides(app, as_of)
}

/// Whether the example is decided, whichever hooks are offered.
fn decides(app: &App, as_of: DateTime<Utc>) -> bool {
    let decision_context = DecisionContext { hooks: &Hook::ALL, ..app.decision_context(as_of) };
    let scoped_request = read_request(&decision_context, EXAMPLE, ReadScope::InScope).ok().and_then(|call| call.scoped_request);
    scoped_request.is_some_and(|scoped_request| !conclude(&decision_context, scoped_request).evaluation.orders.is_empty())
}
