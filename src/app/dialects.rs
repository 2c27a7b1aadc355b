//! The dialects of clients, as `cds-hooks/dialects/*.toml` has them: one for each that configuration can name.
//! Not here: what a rule means ([`crate::cds_hooks`]).

use rust_embed::RustEmbed;
use thiserror::Error;

use crate::cds_hooks::DialectRules;
use crate::config::Dialect;

#[derive(RustEmbed)]
#[folder = "cds-hooks/dialects/"]
struct EmbeddedDialects;

/// A dialect that cannot be used.
#[derive(Debug, Error)]
#[error("cds-hooks/dialects/{file} cannot be used")]
pub struct DialectsError {
    file: &'static str,
    source: toml::de::Error,
}

/// The rules of every dialect.
#[derive(Debug)]
pub struct Dialects {
    standard: DialectRules,
    epic: DialectRules,
    br_provider: DialectRules,
    sandbox: DialectRules,
}

impl Dialects {
    /// Reads them all.
    ///
    /// # Errors
    /// The first one that is missing or is no dialect.
    pub fn load() -> Result<Self, DialectsError> {
        Ok(Self {
            standard: rules("standard.toml")?,
            epic: rules("epic.toml")?,
            br_provider: rules("br-provider.toml")?,
            sandbox: rules("sandbox.toml")?,
        })
    }

    /// The rules of a dialect.
    #[must_use]
    pub fn get(&self, dialect: Dialect) -> &DialectRules {
        match dialect {
            Dialect::Standard => &self.standard,
            Dialect::Epic => &self.epic,
            Dialect::BrProvider => &self.br_provider,
            Dialect::Sandbox => &self.sandbox,
        }
    }
}

/// A file that is missing is an empty one, which lacks every rule.
fn rules(file: &'static str) -> Result<DialectRules, DialectsError> {
    let data = EmbeddedDialects::get(file).map(|file| file.data).unwrap_or_default();
    DialectRules::read(&String::from_utf8_lossy(&data)).map_err(|source| DialectsError { file, source })
}
