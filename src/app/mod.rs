//! The only orchestrator: the steps of one decision and of one feedback, and the composition root.

mod application;
mod call_error;
mod decision;
mod fetching;
mod figures;
mod page;
mod plans;
mod policies;
mod policy_check;
mod report_text;
mod self_test;
mod services;

pub use crate::auth::{AuthError, Credentials, Refusal, Refused, VerifiedClient};
pub use crate::cds_hooks::Response as HookResponse;
pub use application::{App, BuildError, Ports, Readiness};
pub use call_error::{CallError, Category};
pub use decision::Report;
pub use policies::{Policies, PoliciesError, PolicyFolder, folders};
pub use policy_check::{CaseCheck, CaseOutcome, Disagreement, VersionCheck, check_policies};
pub use services::{Services, ServicesError};
