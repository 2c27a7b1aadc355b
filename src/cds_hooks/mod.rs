//! The CDS Hooks protocol: calls read, cards written. Pure: no I/O, no clock, and no FHIR beyond the orders it sends back.

mod card;
mod card_choice;
mod card_notes;
mod context;
mod coverage_information;
mod crd_version;
mod detail;
mod dialect;
mod feedback;
mod form_completion;
mod hook;
mod order_json;
mod order_side;
mod plain_text;
mod policy_link;
mod redaction;
mod request;
mod request_error;
mod request_extension;
mod response;
mod suggestions;

pub use card::{AppLink, CardCase, Presentation, cards};
pub use context::{Addressed, Context};
pub use coverage_information::{
    COVERAGE_INFORMATION, CoverageAssertion, CoverageState, PlanContact, PriorAuthorization, coverage_information, is_billing_system,
};
pub use crd_version::CrdVersion;
pub use dialect::{ActionDescription, DetailFormat, DialectRules, SelectionRule, SuggestionKind, TherapyOrder, TopicCode};
pub use feedback::{CardFeedback, Feedback, Outcome, read_feedback};
pub use form_completion::FormOffer;
pub use hook::Hook;
pub use order_json::OrderJson;
pub(crate) use plain_text::one_line;
pub use policy_link::policy_link;
pub use redaction::{Redactions, keepable, without_secrets};
pub use request::{HookRequest, Prefetch, fault, named_hook, named_server, read};
pub use request_error::RequestError;
pub use request_extension::{Options, RequestExtension};
pub use response::{
    Action, ActionExtension, Card, CardExtension, Coding, Indicator, Link, LinkKind, ResourceReference, Response, SelectionBehavior,
    Source, Suggestion,
};
