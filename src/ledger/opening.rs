//! Opens the configured ledger for writing or for reading, and reads its keys.
//! Not here: using the open ledger; see [`super::handle`] and [`super::archive`].

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tracing::warn;

use super::chain_position::End;
use super::database::{Database, lay_out};
use super::error::LedgerError;
use super::files::{self, LockFile, with_suffix};
use super::finding::Defect;
use super::keys::{KeyRing, LedgerKeysError, new_key_line};
use super::store::Store;
use super::token_rows;
use crate::config::{LedgerConfig, LedgerStorage, read_secret_text};

/// How long PostgreSQL may take for a command's statement; no call waits for it.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// A ledger open for writing.
pub(super) struct OpenStore {
    pub(super) store: Store,
    pub(super) database: Database,
    pub(super) keys: KeyRing,
    /// Whether the ledger is of no use unless it can be written at once. PostgreSQL may become available later.
    pub(super) must_be_writable: bool,
}

/// A ledger open for reading.
pub(super) struct OpenDatabase {
    pub(super) database: Database,
    pub(super) keys: KeyRing,
    /// How far the chain had got at least, as the lock file says.
    pub(super) noted_end: Option<End>,
}

/// Opens the ledger for reading, whether or not another process is writing to it.
pub(super) async fn open_to_read(config: &LedgerConfig) -> Result<OpenDatabase, LedgerError> {
    let (database, noted_end) = match config.storage() {
        Some(LedgerStorage::File(path)) => {
            files::check(&path)?;
            std::fs::metadata(&path).map_err(|source| LedgerError::Unusable { key: "url", path: path.clone(), source })?;
            (Database::from_file(&path)?, files::noted_end(&path))
        }
        Some(LedgerStorage::Server) => (Database::from_url(config.url.expose_secret(), READ_TIMEOUT)?, None),
        Some(LedgerStorage::Off) | None => return Err(LedgerError::Off),
    };
    migrate(&database, config).await?;
    Ok(OpenDatabase { database, keys: keys(config)?, noted_end })
}

/// The database with its tables, which are created if necessary.
pub(super) async fn create(config: &LedgerConfig) -> Result<Database, LedgerError> {
    let database = match config.storage() {
        Some(LedgerStorage::File(path)) => new_file(&path).await?,
        Some(LedgerStorage::Server) => Database::from_url(config.url.expose_secret(), READ_TIMEOUT)?,
        Some(LedgerStorage::Off) | None => return Err(LedgerError::Off),
    };
    migrate(&database, config).await?;
    Ok(database)
}

/// Opens the ledger for writing; `None` if it is disabled.
pub(super) async fn open(config: &LedgerConfig) -> Result<Option<OpenStore>, LedgerError> {
    match config.storage() {
        Some(LedgerStorage::File(path)) => open_file(config, &path).await.map(Some),
        Some(LedgerStorage::Server) => open_server(config).await.map(Some),
        Some(LedgerStorage::Off) | None => Ok(None),
    }
}

async fn open_file(config: &LedgerConfig, path: &Path) -> Result<OpenStore, LedgerError> {
    files::check(path)?;
    let keys = keys_or_new(config, path)?;
    let lock = LockFile::acquire(path)?;
    let database = new_file(path).await?;
    migrate(&database, config).await?;
    token_rows::create(&database).await?;
    let mut store = Store::new_file(database.clone(), lock);
    store.prepare(&keys).await.map_err(|error| match error {
        LedgerError::Damaged(finding) if finding.defect == Defect::EndMissing => {
            LedgerError::Shortened { finding, witness: with_suffix(path, ".lock") }
        }
        other => other,
    })?;
    Ok(OpenStore { store, database, keys, must_be_writable: true })
}

async fn open_server(config: &LedgerConfig) -> Result<OpenStore, LedgerError> {
    let keys = keys(config)?;
    let database = Database::from_url(config.url.expose_secret(), config.database_timeout)?;
    let mut store = Store::new_server(database.clone(), config.database_timeout);
    match store.prepare(&keys).await {
        Err(error) if error.is_permanent() => return Err(error),
        Err(error) => warn!(reason = error.reason(), "the ledger's database is away, and no call is answered until it returns"),
        Ok(()) => {}
    }
    Ok(OpenStore { store, database, keys, must_be_writable: false })
}

/// The database in a file, which is created if necessary.
async fn new_file(path: &Path) -> Result<Database, LedgerError> {
    files::check(path)?;
    files::make_private(path)?;
    lay_out(path).await?;
    Database::from_file(path)
}

/// Creates the tables, and names the file if it has those of an earlier version.
async fn migrate(database: &Database, config: &LedgerConfig) -> Result<(), LedgerError> {
    match (database.migrate().await, config.storage()) {
        (Err(LedgerError::OldTables), Some(LedgerStorage::File(path))) => Err(LedgerError::OldFile { path }),
        (outcome, _) => outcome,
    }
}

/// The configured keys; without any, those beside the file, which are created together with it.
fn keys_or_new(config: &LedgerConfig, path: &Path) -> Result<KeyRing, LedgerError> {
    if config.keys.is_none() && config.keys_file.is_none() && !files::exists(path) {
        let own = with_suffix(path, ".keys");
        match make_key(&own) {
            Ok(()) => {
                warn!(file = %own.display(), "created a key for the ledger; it is needed to read the records, so keep it secret and back it up");
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(source) => return Err(LedgerError::Unusable { key: "keys_file", path: own, source }),
        }
    }
    keys(config)
}

fn make_key(path: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    let line = new_key_line("development").map_err(std::io::Error::other)?;
    writeln!(file, "{line}")?;
    file.sync_all()
}

/// The configured keys, or those beside the file.
pub(super) fn keys(config: &LedgerConfig) -> Result<KeyRing, LedgerError> {
    if let Some(keys) = &config.keys {
        return KeyRing::read(keys.expose_secret()).map_err(|source| LedgerError::Keys { key: "keys", source });
    }
    if let Some(path) = &config.keys_file {
        return read_keys(path);
    }
    match config.storage() {
        Some(LedgerStorage::File(path)) => read_keys(&with_suffix(&path, ".keys")),
        Some(LedgerStorage::Off | LedgerStorage::Server) | None => {
            Err(LedgerError::Keys { key: "keys_file", source: LedgerKeysError::None })
        }
    }
}

fn read_keys(path: &Path) -> Result<KeyRing, LedgerError> {
    let unusable = |source| LedgerError::Unusable { key: "keys_file", path: path.to_owned(), source };
    let text = read_secret_text(path).map_err(unusable)?;
    KeyRing::read(&text).map_err(|source| LedgerError::Keys { key: "keys_file", source })
}
