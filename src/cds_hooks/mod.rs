//! The CDS Hooks protocol: reads calls and feedback, and has the shape of responses. Pure: no I/O, no clock, and no FHIR except the orders
//! that a response sends back.
//! Not here: what a card says of a decision ([`crate::crd`]).

mod context;
mod dialect;
mod feedback;
mod hook;
mod json_error;
mod order_json;
mod redaction;
mod request;
mod request_error;
mod response;
mod service_ids;
mod token_redaction;

pub use context::{Addressed, Context};
pub use dialect::Dialect;
pub use feedback::{CardFeedback, Feedback, Outcome, read_feedback};
pub use hook::Hook;
pub use json_error::JsonError;
pub use order_json::OrderJson;
pub use redaction::{Redactions, keepable, without_secrets};
pub use request::{HookRequest, Prefetch, body_text, fault, named_hook, named_server, read, without_byte_order_mark};
pub use request_error::{MAX_ID_CHARS, RequestError, check_id};
pub use response::{
    Action, ActionExtension, Card, CardExtension, CardSource, Coding, Indicator, Link, LinkKind, ResourceReference, Response,
    SelectionBehavior, Suggestion,
};
pub use service_ids::ServiceIds;
pub use token_redaction::TokenRedaction;
