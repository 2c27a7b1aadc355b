//! The SMART app, from an EHR's launch to answers saved in the patient's chart and judged (SMART App Launch 2.2).
//!
//! - `launching` ends a launch with a session, `sessions` keeps it, `browser` binds it to one browser;
//! - `orders` finds what is decided on, `chart` holds what was read of the patient and judges it, with answers or without;
//! - `showing` makes the page, with what `prefill` finds to stand in its fields; `working` is what a user does on it;
//! - `response` writes the answers as FHIR, `saving` puts them into the EHR, `entries` is what the ledger keeps of all that;
//! - `fault` and `shown` are how each of these can end.
//!
//! Not here: the launch itself ([`crate::auth::smart`]), the page's views and words ([`crate::page`]), and routes.

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
