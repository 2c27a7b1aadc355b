//! The pages of the SMART app: its launch, the page of an order, its files and its keys. They are there where an EHR is registered.
//! Not here: what they say and do; see [`crate::app`].
//!
//! - `routes` has all of them on one screen, with what their requests pass;
//! - one file an endpoint: `launch`, `callback`, `page`, `asset`, `keys`;
//! - `browser` reads who is asking, `answer` writes a page's headers.

mod answer;
mod asset;
mod browser;
mod callback;
mod keys;
mod launch;
mod page;
mod routes;

pub(super) use routes::routes;
