//! The CDS Hooks protocol: calls read, cards written. Pure: no I/O, no clock, and no FHIR beyond the orders it sends back.

mod card;
mod context;
mod crd_version;
mod detail;
mod feedback;
mod hook;
mod keepable;
mod order_json;
mod plain_text;
mod request;
mod request_error;
mod response;
mod suggestions;

pub use card::{Presentation, cards};
pub use context::{Addressed, Context};
pub use crd_version::CrdVersion;
pub use feedback::{Feedback, Outcome, Told, read_feedback};
pub use hook::Hook;
pub use keepable::{Unkept, keepable, without_secrets};
pub use order_json::OrderJson;
pub(crate) use plain_text::one_line;
pub use request::{HookRequest, Prefetch, fault, named_hook, read};
pub use request_error::RequestError;
pub use response::{
    Action, ActionExtension, Card, CardExtension, Coding, Indicator, Link, LinkKind, ResourceReference, Response, SelectionBehavior,
    Source, Suggestion,
};
