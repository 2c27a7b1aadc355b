//! `[ledger]`: where every call, response and feedback is recorded, and the encryption keys.
//! Not here: recording; see [`crate::ledger`].

use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::AuthMode;
use super::duration;
use super::error::SectionError;

/// Maximum length of an instance name.
const MAX_INSTANCE_CHARS: usize = 100;

/// The ledger.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerConfig {
    /// `sqlite:` and a file, a PostgreSQL URL, or `off`.
    pub url: SecretString,
    /// File of keys; the first one encrypts.
    pub keys_file: Option<PathBuf>,
    /// The same keys as text.
    pub keys: Option<SecretString>,
    /// The instance's name in its records.
    pub instance: String,
    /// How long a response waits for its record.
    #[serde(deserialize_with = "duration::deserialize")]
    pub write_timeout: Duration,
    /// Timeout for PostgreSQL to store a batch of records.
    #[serde(deserialize_with = "duration::deserialize")]
    pub database_timeout: Duration,
    /// Records of refused callers per minute; further ones are only counted.
    pub refusals_per_minute: NonZeroU32,
    /// How many bytes one client's records may take a day (UTC); absent: any number.
    pub client_bytes_per_day: Option<NonZeroU64>,
}

/// The kind of ledger storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerStorage {
    /// No ledger.
    Off,
    /// SQLite in this file.
    File(PathBuf),
    /// PostgreSQL.
    Server,
}

impl LedgerConfig {
    /// The kind of storage; `None` if the URL is none of the three.
    #[must_use]
    pub fn storage(&self) -> Option<LedgerStorage> {
        let url = self.url.expose_secret();
        if url == "off" {
            return Some(LedgerStorage::Off);
        }
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return (!path.is_empty() && !path.contains('?')).then(|| LedgerStorage::File(PathBuf::from(path)));
        }
        let is_server = Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "postgres" | "postgresql"));
        is_server.then_some(LedgerStorage::Server)
    }

    pub(super) fn validate(&self, mode: AuthMode) -> Vec<SectionError> {
        let mut faults = Vec::new();
        let has_keys = self.keys.is_some() || self.keys_file.is_some();
        match self.storage() {
            // The URL may contain a password, so it is not quoted.
            None => faults.push(SectionError::new("url", "is not `sqlite:FILE`, a URL such as `postgres://user@host/database`, or `off`")),
            // Invariant: every response to a client is recorded.
            Some(LedgerStorage::Off) if mode == AuthMode::Required => {
                faults.push(SectionError::new("url", "`off` is for development mode: where `[[clients]]` are answered, records are kept"));
            }
            Some(LedgerStorage::File(_)) if mode == AuthMode::Required && !has_keys => {
                faults.push(SectionError::new("keys_file", "must be there where `[[clients]]` are answered; `ledger new-key` makes a key"));
            }
            Some(LedgerStorage::Server) if !has_keys => {
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
        if self.instance.contains(char::is_control) {
            faults.push(SectionError::new("instance", "must have no control characters"));
        }
        if self.database_timeout >= self.write_timeout {
            faults.push(SectionError::new("database_timeout", "must be shorter than `ledger.write_timeout`"));
        }
        faults
    }
}
