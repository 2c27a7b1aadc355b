//! Who is calling (CDS Hooks, "Trusting CDS Clients"; protocol section 5): from the bytes of an `Authorization` header to a
//! [`VerifiedClient`], the only thing the rest of the program takes for a caller.
//!
//! - `token` takes a token apart without believing it, `keys` reads key sets, `key_set` keeps them fresh;
//! - `clients` knows who is configured, `authenticator` puts the checks in their order, the cheapest first;
//! - `smart` is the other way round: this service as an app of EHRs, which say who their user is;
//! - `rates` counts calls, `replay` remembers used tokens, in this process or in PostgreSQL.
//!
//! The seam for what else will be asked for with a token: `http`'s gate goes around any routes, and finds the same clients by the
//! same registry; a route of another audience has its URL among `App`'s endpoints.
//!
//! Not here: how a refusal is answered, which is HTTP's and tells the caller nothing.

mod authenticator;
mod clients;
mod key_fetch;
mod key_set;
mod keys;
mod memory;
mod postgres;
mod rates;
mod refusal;
mod replay;
pub mod smart;
mod token;
mod verified;

pub use authenticator::{Authenticator, Credentials};
pub use clients::{AuthError, ClientError};
pub use memory::CallerMemory;
pub use refusal::{Refusal, Refused};
pub use verified::VerifiedClient;
