//! FHIR client: fetches what a call's prefetch lacks, within a time budget and from registered servers only, and reports
//! what is unavailable. Also writes single resources. Returns raw pages; [`crate::evidence`] reads them.

mod breaker;
mod fetch;
mod page;
mod page_bounds;
mod query;
mod reason;
mod registry;
mod search;
mod server;
mod write;

pub use fetch::{AnswerTo, SearchAnswer, judge, searches};
pub use page_bounds::PageBounds;
pub use query::Query;
pub use reason::Reason;
pub use registry::{Registry, RegistryError};
pub use server::{AccessToken, Server};
pub use write::{Write, WriteError, WrittenResource, write};
