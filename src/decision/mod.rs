//! One decision as a straight line: [`read_request()`], then [`DecisionEngine::fetch_missing`], then [`decide()`].
//!
//! - `context` has a decision's inputs besides the call, `engine` what they are built from: `policies` with what each version
//!   publishes, `services` with the prefetch templates, `chart_readings` with each client's way to read charts;
//! - `request` is a call that was read, `scope` tells which of its orders are decided;
//! - `fetched_pages` are the pages that were fetched for a call, and how they add to its evidence;
//! - `decision` is the result; `policy_check` decides the cases in a policy's folder, `policy_authoring` writes such folders.
//!
//! Not here: what is answered ([`crate::crd`]), and who may call ([`crate::service`]).

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
pub mod policy_review;
mod published;
mod read_request;
mod request;
mod scope;
mod services;

pub use chart_readings::{ChartReadings, ClientReading, RecordedReading};
pub use code_maps::{CodeMapError, CodeMapsError};
pub use context::{DecisionContext, ReadScope};
pub use decide::{Decision, Report, decide};
pub use engine::{DecisionEngine, EngineError};
pub use error::DecisionError;
pub use fetch_missing::FetchScope;
pub use fetched_pages::{FetchedPages, ORDER};
pub use policies::{Policies, PoliciesError, PolicyFolder, folders};
pub use published::{Published, PublishedItem, PublishedKind, PublishedResource};
pub use read_request::read_request;
pub use request::{Call, CallMetadata, ScopedRequest};
pub use services::{Services, ServicesError};
