//! The SMART app, from an EHR's launch to answers judged and saved in the patient's chart (SMART App Launch 2.2).
//!
//! - `launching` turns a launch into a session, `sessions` stores it, `browser` binds it to one browser;
//! - `orders` finds the orders to decide, `chart` holds what was read of the patient and judges it, with or without answers;
//! - `showing` builds the page, with `prefill` for its fields; `working` handles the user's actions on it;
//! - `response` writes the answers as FHIR, `saving` writes them to the EHR, `entries` records all of that in the ledger;
//! - `error` and `shown` are the possible outcomes.
//!
//! Not here: the launch protocol ([`crate::auth::smart`]), the page's views and texts ([`crate::page`]), and routes.

mod browser;
mod chart;
mod entries;
mod error;
mod launching;
mod orders;
mod prefill;
mod response;
mod saving;
mod sessions;
mod showing;
mod shown;
mod working;

pub use crate::page::Asset;
pub use browser::{Browser, MAX_COOKIES};
pub use launching::{Launched, Returned};
pub use shown::{BrowserAnswer, PageCategory, RenderedPage};

pub(super) use sessions::Sessions;
pub(super) use shown::AppAddress;
