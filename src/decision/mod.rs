//! One decision as a straight line: [`read_request()`], then [`DecisionEngine::fetch_missing`], then [`decide()`].
//!
//! - `context` has a decision's inputs besides the call, `engine` what they are built from: `policies` side by side, each a `policy_family`
//!   with what each version publishes, `services` with the prefetch templates, `chart_readings` with each client's way to read charts;
//! - `policy_settings` is what the configuration says of the policies, `canonical_base` of their URLs, and `policy_choice` tells which policy
//!   judges which order of a call;
//! - `request` is a call that was read, `scope` tells which of its orders are decided;
//! - `fetched_pages` are the pages that were fetched for a call, and how they add to its evidence;
//! - `decision` is the result; `policy_check` decides the cases in a policy's folder, `policy_authoring` writes such folders.
//!
//! Not here: what is answered ([`crate::crd`]), and who may call ([`crate::service`]).

mod canonical_base;
mod chart_readings;
mod code_maps;
mod context;
mod decide;
mod digest;
mod engine;
mod error;
mod fetch_missing;
mod fetched_pages;
mod policies;
pub mod policy_authoring;
pub mod policy_check;
mod policy_choice;
mod policy_family;
pub mod policy_review;
mod policy_settings;
mod published;
mod read_request;
mod request;
mod scope;
mod services;

pub use canonical_base::CanonicalBase;
pub use chart_readings::{ChartReadings, ClientReading, RecordedReading};
pub use code_maps::{CodeMapError, CodeMapsError};
pub use context::{DecisionContext, ReadScope};
pub use decide::{Decision, Report, decide};
pub use engine::{DecisionEngine, EngineError};
pub use error::DecisionError;
pub use fetch_missing::FetchScope;
pub use fetched_pages::{FetchedPages, ORDER};
pub use policies::{Policies, PoliciesError, PolicyFolder, UnusedPolicy, folders};
pub use policy_choice::{PolicyChoice, RecordedPolicyChoice};
pub use policy_family::PolicyFamily;
pub use policy_settings::{PolicySettings, PolicySettingsError};
pub use published::{Published, PublishedItem, PublishedKind, PublishedResource};
pub use read_request::read_request;
pub use request::{Call, CallMetadata, ScopedRequest};
pub use services::{Services, ServicesError};
