//! What is said of a decision, as Da Vinci CRD asks for it: cards, suggestions, coverage information, and the dialects that clients read them
//! in. Pure: no I/O and no clock.
//! Not here: the protocol ([`crate::cds_hooks`]), and which plan and Coverage an answer is for ([`crate::app`]).

mod card;
mod card_choice;
mod card_notes;
mod coverage_information;
mod crd_version;
mod detail;
mod dialect;
mod form_completion;
mod order_side;
mod plain_text;
mod policy_link;
mod request_extension;
mod suggestions;

pub use card::{AppLink, CardCase, Presentation, cards};
pub use coverage_information::{
    COVERAGE_INFORMATION, CoverageAssertion, CoverageState, PlanContact, PriorAuthorization, coverage_information, is_billing_system,
};
pub use crd_version::CrdVersion;
pub use dialect::{ActionDescription, DetailFormat, DialectRules, SelectionRule, SuggestionKind, TherapyOrder, TopicCode};
pub use form_completion::FormOffer;
pub(crate) use plain_text::one_line;
pub use policy_link::policy_link;
pub use request_extension::{Options, RequestExtension};
