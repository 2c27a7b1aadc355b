//! Whether calls can be answered: a version of every policy in use is in force, the default one decides the published example, and the
//! ledger can be written.
//! Not here: the endpoint ([`crate::http`]).

use chrono::{DateTime, Utc};

use super::hook_service::HookService;
use crate::cds_hooks::Hook;
use crate::decision::{DecisionContext, DecisionEngine, PolicyChoice, ReadScope, decide, read_request};
use crate::ledger::LedgerHealth;

const EXAMPLE: &str = include_str!("../../cds-hooks/examples/order-sign.json");

/// Whether calls can be answered, and under which policy version.
#[derive(Clone, Debug)]
pub struct Readiness {
    /// Whether calls can be answered.
    pub ready: bool,
    /// The default policy's id.
    pub policy: String,
    /// Its newest version.
    pub version: String,
    /// The ledger's health.
    pub ledger: LedgerHealth,
}

impl HookService {
    /// Whether calls can be answered: a version of every policy in use is in force, the example is decided, and the ledger is writable.
    pub async fn readiness(&self) -> Readiness {
        let (policy, ledger) = (self.engine.policies().newest(), self.audit.health().await);
        let ready = ledger.unwritable_cause().is_none() && can_decide(&self.engine, self.audit.clock.now());
        Readiness { ready, policy: policy.id.clone(), version: policy.version.clone(), ledger }
    }
}

/// Whether a call could be decided now. This costs as much as deciding a small call.
fn can_decide(engine: &DecisionEngine, as_of: DateTime<Utc>) -> bool {
    let today = as_of.date_naive();
    let has_begun = engine.policies().in_use().all(|family| family.on(today).effective_from <= today);
    has_begun && decides_example(engine, as_of)
}

/// Whether the example is decided, regardless of the offered hooks.
fn decides_example(engine: &DecisionEngine, as_of: DateTime<Utc>) -> bool {
    let context = DecisionContext { hooks: &Hook::ALL, ..engine.context(as_of) };
    let request = read_request(&context, EXAMPLE, ReadScope::InScope).ok().and_then(|call| call.scoped_request);
    request.is_some_and(|request| !decide(&context, request, PolicyChoice::of_default(engine.policies())).evaluation.orders.is_empty())
}
