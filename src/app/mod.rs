//! Orchestrates decisions and feedback, and contains the composition root. No other module orchestrates.

mod answering;
mod application;
mod assertion;
mod call_error;
mod case_expected;
mod case_patch;
mod client_options;
mod code_maps;
mod decision;
mod dialects;
mod digest;
mod evaluating;
mod fetching;
mod form;
mod metrics;
mod page;
mod pending_answer;
mod plans;
mod policies;
mod policy_cases;
mod policy_check;
mod ports;
mod read_request;
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
    Archive, ChainPosition, End, EntryKind, Export, ExportedPage, Finding, InvalidChainPosition, Ledger, LedgerError, LedgerHealth,
    OpenedRecord, Proof, Purge, Purged, UnwritableCause, Verification, Verified, Wanted, new_key_line,
};
pub use crate::policy::Determination;
pub use application::{Answer, App, BuildError, Readiness};
pub use assertion::record_of;
pub use call_error::{CallError, Category, CoverageError};
pub use code_maps::{CodeMapError, CodeMapsError};
pub use decision::Report;
pub use dialects::{Dialects, DialectsError};
pub use form::{Assertion, AssertionLookup, CanonicalSearch, ChartAnswer, ChartAnswers, FormError, PublishedKind};
pub use pending_answer::PendingAnswer;
pub use policies::{Policies, PoliciesError, PolicyFolder, folders};
pub use policy_cases::{CaseError, PolicyCase, policy_cases};
pub use policy_check::{CaseCheck, CaseOutcome, Disagreement, VersionCheck, check_policies};
pub use ports::Ports;
pub use replay::{Difference, Replay, ReplayError};
pub use services::{Services, ServicesError};
pub use smart::{Asset, Browser, BrowserAnswer, Launched, MAX_COOKIES, PageCategory, RenderedPage, Returned};
