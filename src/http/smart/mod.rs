//! The pages of the SMART app: its launch, the page of an order, its files and its keys. They are there where an EHR is registered.
//! Not here: what they say and do; see [`crate::app`].
//!
//! - one file an endpoint: `launch`, `callback`, `page`, `asset`, `keys`;
//! - `around` is what their requests pass, `browser` reads who is asking, `answer` writes a page's headers.

mod answer;
pub(super) mod asset;
mod browser;
pub(super) mod callback;
pub(super) mod keys;
pub(super) mod launch;
mod layers;
pub(super) mod page;

pub(super) use layers::around_pages;
