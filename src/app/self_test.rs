//! Whether decisions can be made at all: a version of the policy has begun, and judges the call that is published as an example.
//! Not here: whether what is decided can be kept.

use chrono::{DateTime, Utc};

use super::App;

const EXAMPLE: &str = include_str!("../../cds-hooks/examples/order-sign.json");

/// Whether a call of this moment could be decided. It costs as much as deciding a small one.
pub(super) fn can_decide(app: &App, as_of: DateTime<Utc>) -> bool {
    let today = as_of.date_naive();
    app.policies().on(today).effective_from <= today && app.evaluate(EXAMPLE, as_of, |_| ()).is_ok()
}
