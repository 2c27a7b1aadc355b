//! Caller authentication (CDS Hooks, "Trusting CDS Clients"; protocol section 5): turns the bytes of an `Authorization` header
//! into a [`VerifiedClient`], the only type the rest of the program accepts as a caller.
//!
//! - `token` parses a token without trusting it, `keys` reads key sets, `key_set` keeps them fresh;
//! - `clients` holds the configured clients, `authenticator` orders the checks, cheapest first;
//! - `rates` limits call rates; `replay` remembers used tokens in this process, and through the port of `durable_tokens` or in PostgreSQL
//!   (`postgres`) beyond its end.
//!
//! To protect other routes with tokens, wrap them in the gate of `http`, which finds the same clients in the same registry. A
//! route with another audience adds its URL to `App`'s endpoints.
//!
//! Not here: the reverse direction, this service as an app of EHRs ([`crate::smart`]), and the response to a refused caller, which belongs to HTTP and does not disclose the cause.

mod authenticator;
mod clients;
mod durable_tokens;
mod key_fetch;
mod key_set;
mod keys;
mod memory;
mod postgres;
mod rates;
mod refusal;
mod replay;
mod token;
mod verified;

pub use authenticator::{AdmittedCaller, Authenticator, Credentials};
pub(crate) use clients::span;
pub use clients::{AuthError, ClientError};
pub use durable_tokens::{DurableTokens, StoredToken, TokenWrite};
pub(crate) use keys::Keys;
pub use memory::CallerMemory;
pub use refusal::{Refusal, Refused};
pub(crate) use token::{Audience, NumericDate, SignedClaims, UnverifiedToken};
pub use verified::VerifiedClient;
