//! An open app: what it has read of its patient, what its user sees and does, and what it saves.
//!
//! - `sessions` stores it for a limited time, `browser` binds it to one browser, also by a `cookie`, `work` is its state;
//! - `orders` finds the orders to decide, `chart` holds what was read of the patient and judges it, with or without answers;
//! - `view` builds the page, with `prefill` for its fields; `actions` handles what the user does on it;
//! - `response` writes the answers as FHIR, `saving` writes them to the EHR, `audit_entry` records all of that in the ledger.
//!
//! Not here: the launch protocol ([`super::launch`]), and the page's views and texts ([`super::page`]).

mod actions;
mod audit_entry;
mod browser;
mod chart;
mod cookie;
mod ehr_access;
mod orders;
mod prefill;
mod response;
mod saving;
mod sessions;
mod view;
mod work;

pub use browser::{Browser, MAX_COOKIES};
pub use cookie::IssuedCookie;
pub use sessions::Sessions;

pub(super) use actions::SessionRequest;
pub(super) use sessions::{Opening, Session, SessionLifetime};
