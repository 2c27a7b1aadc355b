//! The client dialects from `cds-hooks/dialects/*.toml`: one for each dialect that configuration can name.
//! Not here: the meaning of a rule ([`super::dialect`]).

use rust_embed::RustEmbed;
use thiserror::Error;

use super::dialect::DialectRules;
use crate::cds_hooks::Dialect;

#[derive(RustEmbed)]
#[folder = "cds-hooks/dialects/"]
struct EmbeddedDialects;

/// An invalid dialect file.
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
    /// Loads every dialect.
    ///
    /// # Errors
    /// The first file that is missing or invalid.
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

/// Reads a dialect file. A missing file counts as empty and therefore lacks every rule.
fn rules(file: &'static str) -> Result<DialectRules, DialectsError> {
    let data = EmbeddedDialects::get(file).map(|file| file.data).unwrap_or_default();
    DialectRules::read(&String::from_utf8_lossy(&data)).map_err(|source| DialectsError { file, source })
}
