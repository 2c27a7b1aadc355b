//! The SMART app, from an EHR's launch to answers judged and saved in the patient's chart (SMART App Launch 2.2).
//!
//! - `launch` is the protocol between this app and an EHR; `session` is an open app; `page` is what its user sees, pure;
//! - `service` is the app for browsers, `context` what it works with, `address` where it is;
//! - `browser_answer`, `render` and `error` are the possible outcomes.
//!
//! Not here: routes, headers and cookies ([`crate::http`]).

mod address;
mod browser_answer;
mod context;
mod error;
pub mod launch;
pub mod page;
mod render;
mod service;
mod session;

pub use browser_answer::{BrowserAnswer, PageCategory, RenderedPage};
pub use service::{Launched, SmartParts, SmartService, SmartServiceError};
pub use session::{Browser, IssuedCookie, MAX_COOKIES, Sessions};
