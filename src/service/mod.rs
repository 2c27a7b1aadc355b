//! Answers hook calls and feedback, and says whether it can: decision, response and ledger record in one line.
//!
//! - `hook_service` answers a call, `feedback` takes feedback, `readiness` tells whether calls can be answered;
//! - `order_plans` finds each order's plan and Coverage, `call_record` builds the ledger record, `token_free` keeps the access token out of
//!   it, `pending_answer` waits for it;
//! - `replay` answers a recorded call again, `recorded_request` reads its orders, `evaluate` decides a request for the command line,
//!   `policy_impact` decides calls by two sets of policies;
//! - `audit` records calls, faults and, through `refusals`, refused callers, and `ledger_usage` counts their bytes; `metrics` counts; `call_error` says why there is no answer.
//!
//! Not here: HTTP ([`crate::http`]), the decision ([`crate::decision`]), and what a card says ([`crate::crd`]).

mod audit;
mod call_error;
mod call_record;
mod evaluate;
mod feedback;
mod hook_service;
mod ledger_usage;
mod metrics;
mod order_plans;
mod pending_answer;
pub mod policy_impact;
mod readiness;
mod recorded_request;
mod refusals;
mod replay;
mod token_free;

pub use audit::{AuditLog, close_ledger};
pub use call_error::{CallError, Category};
pub use hook_service::{AppLaunch, HookService};
pub use ledger_usage::LedgerUsage;
pub use pending_answer::{HookAnswer, PendingAnswer};
pub use readiness::Readiness;
pub use recorded_request::{RecordedOrder, RecordedRequest};
pub use refusals::Refusals;
pub use replay::{Difference, Replay, ReplayError};

pub(crate) use call_record::{JsonMembers, OrderSummary, fetched_json, in_force, order_summaries};
pub(crate) use order_plans::decided_orders;
