//! Decides the cases in a policy's folder and compares the decisions with the expected ones, for `sij-cds policy check`.
//! Not here: the report on the command line ([`crate::cli`]).

mod case_expected;
mod case_patch;
mod cases;
mod check;
mod coverage;
mod texts;

pub use cases::{CaseError, PolicyCase, policy_cases};
pub use check::{CaseCheck, CaseOutcome, CheckDepth, Disagreement, PolicyCheckError, VersionCheck, check_policies};
pub use coverage::Uncovered;
