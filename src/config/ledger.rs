//! `[ledger]`: where every call, answer and feedback is kept, and the keys it is sealed with.
//! Not here: the keeping; see [`crate::ledger`].

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::AuthMode;
use super::duration;
use super::error::SectionError;

/// The longest name of an instance.
const MAX_INSTANCE_CHARS: usize = 100;

/// The ledger.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerConfig {
    /// `sqlite:` and a file, a PostgreSQL URL, or `off`.
    pub url: SecretString,
    /// File of keys, the one that seals first.
    pub keys_file: Option<PathBuf>,
    /// The same keys as text.
    pub keys: Option<SecretString>,
    /// What this instance is called in its records.
    pub instance: String,
    /// Where records go while PostgreSQL is away.
    pub spool_file: PathBuf,
    /// How long an answer waits for its record.
    #[serde(deserialize_with = "duration::deserialize")]
    pub write_timeout: Duration,
    /// How long PostgreSQL may take for a batch of records.
    #[serde(deserialize_with = "duration::deserialize")]
    pub database_timeout: Duration,
    /// Records of refused callers a minute; more are counted together.
    pub refusals_per_minute: NonZeroU32,
}

/// Where the ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerPlace {
    /// Nowhere.
    Off,
    /// SQLite in this file.
    File(PathBuf),
    /// PostgreSQL.
    Server,
}

impl LedgerConfig {
    /// Where the ledger is; `None` for a URL that is none of the three.
    #[must_use]
    pub fn place(&self) -> Option<LedgerPlace> {
        let url = self.url.expose_secret();
        if url == "off" {
            return Some(LedgerPlace::Off);
        }
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return (!path.is_empty() && !path.contains('?')).then(|| LedgerPlace::File(PathBuf::from(path)));
        }
        let is_server = Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "postgres" | "postgresql"));
        is_server.then_some(LedgerPlace::Server)
    }

    pub(super) fn validate(&self, mode: AuthMode) -> Vec<SectionError> {
        let mut faults = Vec::new();
        let has_keys = self.keys.is_some() || self.keys_file.is_some();
        match self.place() {
            // The URL may hold a password, so it is not quoted.
            None => faults.push(SectionError::new("url", "is not `sqlite:FILE`, a URL such as `postgres://user@host/database`, or `off`")),
            // Invariant: no answer to a client leaves unrecorded.
            Some(LedgerPlace::Off) if mode == AuthMode::Required => {
                faults.push(SectionError::new("url", "`off` is for development mode: where `[[clients]]` are answered, records are kept"));
            }
            Some(LedgerPlace::File(_)) if mode == AuthMode::Required && !has_keys => {
                faults.push(SectionError::new("keys_file", "must be there where `[[clients]]` are answered; `ledger new-key` makes a key"));
            }
            Some(LedgerPlace::Server) if !has_keys => {
                faults.push(SectionError::new("keys_file", "must be there with PostgreSQL; `ledger new-key` makes a key"));
            }
            Some(_) => {}
        }
        if self.keys.is_some() && self.keys_file.is_some() {
            faults.push(SectionError::new("keys", "must not be there beside `ledger.keys_file`"));
        }
        if self.instance.trim().is_empty() || self.instance.chars().count() > MAX_INSTANCE_CHARS {
            faults.push(SectionError::new("instance", format_args!("must have 1 to {MAX_INSTANCE_CHARS} letters")));
        }
        if self.database_timeout >= self.write_timeout {
            faults.push(SectionError::new("database_timeout", "must be shorter than `ledger.write_timeout`, to leave time for the spool"));
        }
        faults
    }
}
