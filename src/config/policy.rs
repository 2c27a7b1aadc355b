//! `[policy]`: the source of the policies.
//! Not here: loading them; see [`crate::app`].

use std::path::PathBuf;

use serde::Deserialize;

use super::error::SectionError;

/// The source of the policies.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// A directory to use instead of the embedded policies.
    pub directory: Option<PathBuf>,
}

impl PolicyConfig {
    pub(super) fn validate(&self) -> Vec<SectionError> {
        let missing = self.directory.iter().filter(|directory| !directory.is_dir());
        missing.map(|directory| SectionError::new("directory", format_args!("`{}` is not a directory", directory.display()))).collect()
    }
}
