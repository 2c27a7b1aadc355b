//! The only orchestrator: the steps of one decision and of one feedback, and the composition root.

mod answering;
mod application;
mod assertion;
mod call_error;
mod case_expected;
mod case_patch;
mod code_maps;
mod decision;
mod dialects;
mod digest;
mod evaluating;
mod fetching;
mod figures;
mod form;
mod keeping;
mod manner;
mod opening;
mod page;
mod plans;
mod policies;
mod policy_cases;
mod policy_check;
mod ports;
mod readings;
mod recording;
mod replay;
mod report_text;
mod self_test;
mod services;
mod smart;

pub use crate::auth::{AuthError, Credentials, Refusal, Refused, VerifiedClient};
pub use crate::cds_hooks::{Hook, Response as HookResponse};
pub use crate::ledger::{
    Archive, End, EntryKind, Finding, Kept, Ledger, LedgerError, NoPlace, Place, Proof, Purge, Purged, Standing, Verification, Verified,
    Wanted, new_key_line,
};
pub use crate::policy::Determination;
pub use application::{Answer, App, BuildError, Readiness};
pub use assertion::record_of;
pub use call_error::{CallError, Category, CoverageFault};
pub use code_maps::{CodeMapFault, CodeMapsError};
pub use decision::Report;
pub use dialects::{Dialects, DialectsError};
pub use form::{Assertion, AssertionLookup, CanonicalSearch, ChartAnswer, ChartAnswers, FormError, PublishedKind};
pub use keeping::HeldAnswer;
pub use policies::{Policies, PoliciesError, PolicyFolder, folders};
pub use policy_cases::{CaseError, PolicyCase, policy_cases};
pub use policy_check::{CaseCheck, CaseOutcome, Disagreement, VersionCheck, check_policies};
pub use ports::Ports;
pub use replay::{Difference, Replay, ReplayError};
pub use services::{Services, ServicesError};
pub use smart::{Asset, Browser, Launched, MOST_COOKIES, Next, PageCategory, Returned, Shown};
