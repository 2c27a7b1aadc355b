//! Opens the ledger: its keys, its database, and records left by an earlier run.
//! Not here: using the open ledger; see [`super::keeper`] and [`super::archive`].

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret as _;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::chain::ChainHead;
use super::database::{Database, lay_out};
use super::error::LedgerError;
use super::file_writer::{FileWriter, MAX_RECORDS_AT_ONCE};
use super::journal::Journal;
use super::keys::{KeyRing, new_key_line};
use super::spool::Spool;
use super::state::WriterState;
use super::store::{PostgresStore, Store};
use crate::config::{LedgerConfig, LedgerPlace};

/// How long PostgreSQL may take for a command's statement; no call waits for it.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// A reader briefly holds the lock while it replays a dead process's journal. How long to wait for it, and the poll interval.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
const LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// How long a reader waits for a running process to write pending rows; the full time only if that process cannot.
const ROWS_TIMEOUT: Duration = Duration::from_secs(1);

/// A ledger open for writing.
pub(super) struct Opened {
    pub(super) store: Store,
    pub(super) keys: KeyRing,
    pub(super) state: Arc<WriterState>,
    /// The end of the chain that this instance wrote last, if a new chain starts.
    pub(super) link: Option<ChainHead>,
    /// Whether that end is not known yet.
    pub(super) is_link_due: bool,
    pub(super) databases: Vec<Database>,
}

/// A ledger open for reading.
pub(super) struct Readable {
    pub(super) database: Database,
    pub(super) spool: Option<Database>,
    pub(super) keys: KeyRing,
}

/// Opens the ledger for reading, whether or not another process is writing to it.
pub(super) async fn open_to_read(config: &LedgerConfig) -> Result<Readable, LedgerError> {
    let database = match config.place() {
        Some(LedgerPlace::File(path)) => existing("url", &path)?.with_journal(Some(Journal::beside(&path))),
        Some(LedgerPlace::Server) => Database::of_server(config.url.expose_secret(), READ_TIMEOUT)?,
        Some(LedgerPlace::Off) | None => return Err(LedgerError::Off),
    };
    database.migrate().await?;
    if let Some(LedgerPlace::File(path)) = config.place() {
        settle_others(&path, &database).await?;
    }
    let is_server = config.place() == Some(LedgerPlace::Server);
    let spool = if is_server && config.spool_file.exists() { Some(existing("spool_file", &config.spool_file)?) } else { None };
    Ok(Readable { database, spool, keys: keys(config)? })
}

/// The database whose tables are to be created.
pub(super) async fn database_to_make(config: &LedgerConfig) -> Result<Database, LedgerError> {
    match config.place() {
        Some(LedgerPlace::File(path)) => {
            make_private(&path).map_err(|source| LedgerError::Unusable { key: "url", path: path.clone(), source })?;
            lay_out(&path).await?;
            Database::of_file(&path, true)
        }
        Some(LedgerPlace::Server) => Database::of_server(config.url.expose_secret(), READ_TIMEOUT),
        Some(LedgerPlace::Off) | None => Err(LedgerError::Off),
    }
}

fn existing(key: &'static str, path: &Path) -> Result<Database, LedgerError> {
    std::fs::metadata(path).map_err(|source| LedgerError::Unusable { key, path: path.to_owned(), source })?;
    Database::of_file(path, false)
}

/// Opens the ledger for writing; `None` if it is disabled.
pub(super) async fn open(config: &LedgerConfig) -> Result<Option<Opened>, LedgerError> {
    match config.place() {
        Some(LedgerPlace::File(path)) => open_file(config, &path).await.map(Some),
        Some(LedgerPlace::Server) => open_server(config).await.map(Some),
        Some(LedgerPlace::Off) | None => Ok(None),
    }
}

async fn open_file(config: &LedgerConfig, path: &Path) -> Result<Opened, LedgerError> {
    let keys = keys_or_new(config, path)?;
    let database = locked("url", path, Some(Journal::beside(path))).await?;
    let databases = vec![database.clone()];
    Ok(Opened { store: Store::File(database), keys, state: Arc::default(), link: None, is_link_due: false, databases })
}

async fn open_server(config: &LedgerConfig) -> Result<Opened, LedgerError> {
    let keys = keys(config)?;
    // Spooled records are removed again soon, which is easier if rows contain whole records.
    let spool = locked("spool_file", &config.spool_file, None).await?;
    let database = Database::of_server(config.url.expose_secret(), config.database_timeout)?;
    let state = Arc::new(WriterState::default());
    let left = spool.count().await?;
    let mut is_link_due = false;
    let link = match timeout(config.write_timeout, beginning(&database, config)).await.unwrap_or(Err(LedgerError::TooSlow)) {
        Ok(link) => link,
        Err(error) => {
            warn!(reason = super::writer::reason(&error), "the database is away; records go to the spool");
            state.begin_spooling();
            is_link_due = left == 0;
            None
        }
    };
    let link = if left > 0 { spool.head().await? } else { link };
    if left > 0 {
        state.begin_spooling();
        state.count_spooled(usize::try_from(left).unwrap_or(usize::MAX));
    }
    let databases = vec![spool.clone(), database.clone()];
    let spool = Arc::new(Spool::new(spool, database, Arc::clone(&state)));
    let server = PostgresStore { spool, statement_timeout: config.database_timeout };
    Ok(Opened { store: Store::Server(server), keys, state, link, is_link_due, databases })
}

async fn beginning(database: &Database, config: &LedgerConfig) -> Result<Option<ChainHead>, LedgerError> {
    database.migrate().await?;
    database.head_of(&config.instance, None).await
}

/// A file that only this process writes records to. The lock ends with the process, however that ends.
async fn locked(key: &'static str, path: &Path, journal: Option<Journal>) -> Result<Database, LedgerError> {
    let lock_path = with_suffix(path, ".lock");
    let file_error = |source| LedgerError::Unusable { key, path: path.to_owned(), source };
    let lock = lock_to_keep(&lock_path).await.map_err(file_error)?.ok_or_else(|| LedgerError::InUse { key, path: path.to_owned() })?;
    make_private(path).map_err(file_error)?;
    lay_out(path).await?;
    let database = Database::of_file(path, true)?.with_journal(journal).written_to(path, lock);
    database.migrate().await?;
    database.writer()?.catch_up()?;
    Ok(database)
}

/// Takes the lock for the life of the process; `None` if another process holds it. A reader holds it only briefly.
async fn lock_to_keep(path: &Path) -> std::io::Result<Option<File>> {
    let begun = Instant::now();
    loop {
        let lock = lock(path)?;
        if lock.is_some() || begun.elapsed() >= LOCK_TIMEOUT {
            return Ok(lock);
        }
        sleep(LOCK_RETRY_INTERVAL).await;
    }
}

/// Takes the lock, if it is free.
fn lock(path: &Path) -> std::io::Result<Option<File>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(source)) => Err(source),
    }
}

/// Ensures that all durable records have rows: writes those that a dead process left pending, or waits for a running process
/// to write its own.
async fn settle_others(path: &Path, database: &Database) -> Result<(), LedgerError> {
    let Some(journal) = &database.journal else { return Ok(()) };
    let behind = journal.behind(database.reached().await?, MAX_RECORDS_AT_ONCE).map_err(LedgerError::Journal)?;
    let Some((_, last)) = behind.last() else { return Ok(()) };
    let begun = Instant::now();
    while database.reached().await? < last.end() && begun.elapsed() < ROWS_TIMEOUT {
        // A process without permission to lock may still read.
        if let Ok(Some(_lock)) = lock(&with_suffix(path, ".lock")) {
            // Records that cannot get rows now are counted ([`Archive::without_rows`]); all others can be read.
            _ = FileWriter::new(path, Some(journal.clone())).catch_up();
            return Ok(());
        }
        sleep(LOCK_RETRY_INTERVAL).await;
    }
    Ok(())
}

/// Creates a file that only its owner can read; an existing file is left unchanged.
fn make_private(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map(|_| ())
}

/// The configured keys; without any, those beside the file, which are created if necessary.
fn keys_or_new(config: &LedgerConfig, path: &Path) -> Result<KeyRing, LedgerError> {
    if config.keys.is_some() || config.keys_file.is_some() {
        return keys(config);
    }
    let own = with_suffix(path, ".keys");
    match make_key(&own) {
        Ok(()) => warn!(file = %own.display(), "a key for the ledger was made; whoever has it can read the records, without it nobody can"),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(source) => return Err(LedgerError::Unusable { key: "keys_file", path: own, source }),
    }
    read_keys(&own)
}

fn make_key(path: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    let line = new_key_line("development").map_err(std::io::Error::other)?;
    writeln!(file, "{line}")?;
    file.sync_all()
}

/// The configured keys.
pub(super) fn keys(config: &LedgerConfig) -> Result<KeyRing, LedgerError> {
    if let Some(keys) = &config.keys {
        return KeyRing::read(keys.expose_secret()).map_err(|source| LedgerError::Keys { key: "keys", source });
    }
    if let Some(path) = &config.keys_file {
        return read_keys(path);
    }
    match config.place() {
        Some(LedgerPlace::File(path)) => read_keys(&with_suffix(&path, ".keys")),
        Some(LedgerPlace::Off | LedgerPlace::Server) | None => {
            Err(LedgerError::Keys { key: "keys_file", source: super::keys::KeysError::None })
        }
    }
}

fn read_keys(path: &Path) -> Result<KeyRing, LedgerError> {
    let file_error = |source| LedgerError::Unusable { key: "keys_file", path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(file_error)?;
    KeyRing::read(&text).map_err(|source| LedgerError::Keys { key: "keys_file", source })
}

/// Appends a suffix to a path.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
