//! What is said of a decision, as Da Vinci CRD asks for it: cards, suggestions, coverage information, and the dialects that clients read them
//! in. Pure: no I/O and no clock.
//!
//! - `respond` builds a response: `card` with `detail`, `card_notes`, `suggestions` and `app_link`, `policy_card`, and `card_choice` which cards are shown;
//! - `coverage_information` asserts coverage, `coverage_outcome` tells for which Coverage, `assertion_id` names the assertion;
//! - `plans` and `prior_authorization` are the health plans, `answer_options` a client's options, `request_extension` a call's;
//! - `dialect` and `dialects` shape responses, `form_completion` asks for the form, `set_order_side` writes a side into an order.
//!
//! Not here: the protocol ([`crate::cds_hooks`]), and the decision itself ([`crate::decision`]).

mod answer_options;
mod app_link;
mod assertion_id;
mod card;
mod card_choice;
mod card_notes;
mod coverage_information;
mod coverage_outcome;
mod crd_version;
mod decided_orders;
mod detail;
mod dialect;
mod dialects;
mod form_completion;
mod plain_text;
mod plans;
mod policy_card;
mod policy_link;
mod presentation;
mod prior_authorization;
mod request_extension;
mod respond;
mod set_order_side;
mod suggestions;

pub use answer_options::{AnswerOptions, OrderPlan};
pub use assertion_id::record_of;
pub use card::cards;
pub use coverage_information::{
    COVERAGE_INFORMATION, CoverageAssertion, CoverageState, PlanContact, PriorAuthorization, coverage_information,
    coverage_information_on_appointment, is_billing_system,
};
pub use coverage_outcome::CoverageError;
pub use crd_version::CrdVersion;
pub use decided_orders::DecidedOrders;
pub use dialect::{ActionDescription, DetailFormat, DialectRules, SelectionRule, SuggestionKind, TherapyOrder, TopicCode};
pub use dialects::{Dialects, DialectsError};
pub(crate) use plain_text::{is_invisible, one_line};
pub use plans::{HealthPlan, LineOfBusiness, Payer, PlanMatch, Plans, comparable_name};
pub use policy_link::policy_link;
pub use presentation::{AppLink, CardCase, FormOffer, Presentation};
pub use prior_authorization::PriorAuthorizationRules;
pub use request_extension::{Options, RequestExtension};
pub use respond::Responder;
