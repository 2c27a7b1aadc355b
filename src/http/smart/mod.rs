//! The routes of the SMART app: its launch, its page, its assets and its keys. They exist if an EHR is registered.
//! Not here: what they do; see [`crate::smart`].
//!
//! - one file per endpoint: `launch`, `callback`, `page`, `asset`, `keys`;
//! - `browser` reads cookies and headers, `answer` writes a page's headers; the middleware is in [`super::open_routes`].

mod answer;
pub(super) mod asset;
mod browser;
pub(super) mod callback;
pub(super) mod keys;
pub(super) mod launch;
pub(super) mod page;
