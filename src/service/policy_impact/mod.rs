//! What another set of policies would change: judges each call by the policies in use and by the proposed ones, and counts the differences.
//! Nothing is fetched, answered or recorded, and only decisions are compared, not the words of cards.
//!
//! - `judgement` decides a call by both, `call_line` reads a call from a line of a file;
//! - `judged_order` is what is compared of an order, `order_comparison` compares two of them;
//! - `tally` counts, and lists the first changes; its size does not depend on the number of calls. `unjudged` says why a call is not judged.
//!
//! Not here: where the calls come from and how the report looks ([`crate::cli`]).

mod call_line;
mod judged_order;
mod judgement;
mod order_comparison;
mod tally;
mod unjudged;

pub use judged_order::{ComparedVerdict, JudgedOrder};
pub use judgement::{CallJudgement, ImpactError, PolicyComparison, SideJudgement};
pub use order_comparison::{CriterionChange, OrderComparison};
pub use tally::{CallReference, ChangedOrder, CriterionTally, ImpactTally, PolicySide, UnjudgedCall};
pub use unjudged::UnjudgedError;
