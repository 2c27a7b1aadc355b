//! The SMART app's launch (SMART App Launch 2.2; RFC 6749, 7636, 7523; OpenID Connect Core): from the URL an EHR opens to a
//! [`Grant`], which allows reading that EHR's FHIR server for one patient and one user.
//!
//! - `ehr` is a registered EHR; `requests` sends all requests to it; `smart_configuration` and `cached` provide its addresses;
//!   `scopes` converts scopes to its syntax;
//! - `launches` stores pending launches, each used once; `authorization_response` reads what the EHR answers, and checks that it did;
//!   `app` orders the steps;
//! - `ehr_words` reports to the operator what an EHR says of a wrong registration;
//! - `exchange` obtains tokens, `signing_key` authenticates this app, `identity` verifies the user, `grant` reads what was
//!   granted, `app_context` reads the context of the card's link.
//!
//! Not here: routes, pages and sessions. No error or log line contains a token, a code, a state or a patient's id.

mod app;
mod app_context;
mod authorization_response;
mod cached;
mod ehr;
mod ehr_words;
mod error;
mod exchange;
mod grant;
mod identity;
mod launches;
mod requests;
mod scopes;
mod signing_key;
mod smart_configuration;

pub use app::{CallbackRequest, LaunchRedirect, LaunchRequest, SmartApp};
pub use app_context::AppContext;
pub use authorization_response::AuthorizationResponse;
pub use ehr::Ehr;
pub use error::{ExchangeError, IdentityError, LaunchCategory, LaunchError, SmartError, SmartErrorKind};
pub use grant::Grant;
pub use launches::{LaunchMemory, random_text};
pub use signing_key::OwnKeyError;
