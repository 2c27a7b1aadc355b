//! The SMART app's launch (SMART App Launch 2.2; RFC 6749, 7636, 7523; OpenID Connect Core): from the address an EHR opens to a
//! [`Grant`], with which that EHR's FHIR server is read for one patient and one user.
//!
//! - `ehr` is a registered EHR; `requests` is all that is ever sent to it; `description` and `kept` say where its addresses
//!   are; `scopes` puts what is asked for into its syntax;
//! - `launches` remembers launches under way, each taken once; `app` puts the steps in their order;
//! - `exchange` gets tokens, `own_key` proves who we are, `identity` checks who the user is, `grant` reads what was granted,
//!   `app_context` what the card's link handed over.
//!
//! Not here: routes, pages and sessions. No error and no line of the log holds a token, a code, a state or a patient's id.

mod app;
mod app_context;
mod cached;
mod ehr;
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
pub use ehr::Ehr;
pub use error::{ExchangeError, IdentityError, LaunchCategory, LaunchError, SmartError, SmartErrorKind};
pub use grant::Grant;
pub use launches::{LaunchMemory, random_text};
pub use signing_key::OwnKeyError;
