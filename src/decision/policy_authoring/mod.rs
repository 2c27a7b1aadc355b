//! Writes folders of policies: the embedded versions for an analyst to begin from, and a new version as a copy of another one.
//! Not here: what a version's files may say ([`crate::policy`]), and what the commands print ([`crate::cli`]).

mod embedded_copy;
mod new_version;
mod version_family;
mod version_heading;

pub use embedded_copy::{EmbeddedCopy, EmbeddedCopyError, copy_embedded};
pub use new_version::{CreatedVersion, NewVersion, NewVersionError};
pub use version_heading::LeftOutKey;
