//! Writes the embedded policies into a new or empty folder, for `sij-cds policy export`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::decision::policies::embedded_files;

/// Why the embedded policies are not written. Nothing that was there is changed.
#[derive(Debug, Error)]
pub enum EmbeddedCopyError {
    /// The folder holds something already.
    #[error("`{folder}` is not empty: it holds `{file}`. Nothing was written; name a new or an empty folder")]
    NotEmpty {
        /// The folder.
        folder: String,
        /// The name of the first file or folder in it.
        file: String,
    },
    /// The path names a file.
    #[error("`{0}` is a file. Nothing was written; name a new or an empty folder")]
    NotAFolder(String),
    /// A file or folder cannot be read or written.
    #[error("cannot write `{}`", path.display())]
    Unwritable {
        /// Its path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// What was written.
#[derive(Debug, PartialEq, Eq)]
pub struct EmbeddedCopy {
    /// The number of files.
    pub files: usize,
}

/// Writes every embedded file into `folder`, which is created if necessary.
///
/// # Errors
/// [`EmbeddedCopyError`] if the folder is not empty or cannot be written.
pub fn copy_embedded(folder: &Path) -> Result<EmbeddedCopy, EmbeddedCopyError> {
    require_empty(folder)?;
    let files = embedded_files();
    for file in &files {
        let path = folder.join(&file.name);
        write_new(&path, &file.text).map_err(|source| EmbeddedCopyError::Unwritable { path, source })?;
    }
    Ok(EmbeddedCopy { files: files.len() })
}

fn require_empty(folder: &Path) -> Result<(), EmbeddedCopyError> {
    let name = || folder.display().to_string();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(EmbeddedCopyError::NotAFolder(name())),
        Err(source) => return Err(EmbeddedCopyError::Unwritable { path: folder.to_owned(), source }),
    };
    let names = entries.filter_map(Result::ok).map(|entry| entry.file_name().to_string_lossy().into_owned());
    match names.min() {
        Some(file) => Err(EmbeddedCopyError::NotEmpty { folder: name(), file }),
        None => Ok(()),
    }
}

/// Writes a file that is not there yet, with the folders above it.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}
