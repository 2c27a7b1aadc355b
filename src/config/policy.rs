//! `[policy]`: the source of the policies, the default one, and the base of their canonical URLs.
//! Not here: loading them; see [`crate::app`].

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::error::SectionError;
use super::server::is_base;

/// The policies and their canonical URLs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// A directory to use instead of the embedded policies.
    pub directory: Option<PathBuf>,
    /// The id of the policy for orders whose plan names none. Default: the only one.
    pub default: Option<String>,
    /// The base of the canonical URLs of forms and value sets. Default: `server.public_url` and `/fhir`.
    pub canonical_base: Option<Url>,
}

impl PolicyConfig {
    pub(super) fn validate(&self) -> Vec<SectionError> {
        let missing = self.directory.iter().filter(|directory| !directory.is_dir());
        let missing = missing.map(|directory| SectionError::new("directory", format_args!("`{}` is not a directory", directory.display())));
        let empty = self.default.iter().filter(|id| id.trim().is_empty()).map(|_| SectionError::new("default", "must not be empty"));
        let no_base =
            self.canonical_base.iter().filter(|url| !is_base(url)).map(|url| {
                SectionError::new("canonical_base", format_args!("`{url}` must be http or https, without user, query or fragment"))
            });
        missing.chain(empty).chain(no_base).collect()
    }
}
