//! Getting from the EHR's FHIR server what a call's prefetch did not bring: within a time budget, from registered
//! servers only, and honest about what could not be had. Raw pages come back; [`crate::evidence`] reads them.

mod breaker;
mod fetch;
mod page;
mod query;
mod reason;
mod registry;
mod search;
mod server;
mod write;

pub use fetch::{AnswerTo, SearchAnswer, judge, searches};
pub use query::Query;
pub use reason::Reason;
pub use registry::{Registry, RegistryError};
pub use server::{AccessToken, Server};
pub use write::{Write, WriteError, WrittenResource, write};
