//! The files of a SQLite ledger: the database, and beside it the lock file. The lock keeps other processes from writing and ends with its
//! process, however that ends. The lock file also says how far the chain got, so that a database or a write-ahead log that disappears, or a
//! chain that loses its end, is noticed.
//! Not here: the keys; see [`super::opening`].

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::chain_position::End;
use super::error::LedgerError;

/// The lock of a database file.
#[derive(Debug)]
pub(super) struct LockFile(File);

impl LockFile {
    /// Takes the lock beside a database.
    pub(super) fn acquire(database: &Path) -> Result<Self, LedgerError> {
        let path = with_suffix(database, ".lock");
        let unusable = |source| LedgerError::Unusable { key: "url", path: path.clone(), source };
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(std::fs::TryLockError::WouldBlock) => Err(LedgerError::InUse { path: database.to_owned() }),
            Err(std::fs::TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    /// How far the chain had got at least; `None` if that is not known.
    pub(super) fn end(&self) -> Option<End> {
        let mut text = vec![0; MAX_END_BYTES];
        let length = self.0.read_at(&mut text, 0).ok()?;
        text.truncate(length);
        std::str::from_utf8(&text).ok()?.trim_end().parse().ok()
    }

    /// Notes how far the chain got. It need not be durable: after a power loss, an earlier end is still a lower bound.
    pub(super) fn write_end(&self, end: &End) {
        let text = format!("{end}\n");
        // A full disk is no reason to stop: the chain itself was written.
        _ = self.0.write_all_at(text.as_bytes(), 0).and_then(|()| self.0.set_len(text.len() as u64));
    }
}

/// The length of an end in text form, with room to spare.
const MAX_END_BYTES: usize = 256;

/// How far the chain of a database had got at least, as the lock file says.
pub(super) fn noted_end(database: &Path) -> Option<End> {
    std::fs::read_to_string(with_suffix(database, ".lock")).ok()?.trim_end().parse().ok()
}

/// Whether the database has content.
pub(super) fn exists(database: &Path) -> bool {
    std::fs::metadata(database).is_ok_and(|file| file.len() > 0)
}

/// Refuses a database whose form is that of an earlier version, and one that is missing although a file beside it shows that it had records.
pub(super) fn check(database: &Path) -> Result<(), LedgerError> {
    if with_suffix(database, ".journal").exists() {
        return Err(LedgerError::OldFile { path: database.to_owned() });
    }
    if exists(database) {
        return Ok(());
    }
    let log = with_suffix(database, "-wal");
    let witness = if noted_end(database).is_some() {
        with_suffix(database, ".lock")
    } else if exists(&log) {
        log
    } else {
        return Ok(());
    };
    Err(LedgerError::MissingFile { path: database.to_owned(), witness })
}

/// Creates a file that only its owner can read; an existing file is left unchanged.
pub(super) fn make_private(path: &Path) -> Result<(), LedgerError> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    file.map(|_| ()).map_err(|source| LedgerError::Unusable { key: "url", path: path.to_owned(), source })
}

/// Appends a suffix to a path.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
