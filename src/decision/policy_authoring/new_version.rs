//! Copies a version's folder to a new one, with a version and a first day of its own, for `sij-cds policy new-version`.
//! Nothing is written unless the copy loads, and loads together with the original.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use thiserror::Error;

use super::version_family::{FamilyMember, versions_in};
use super::version_heading::{LeftOutKey, with_version};
use crate::decision::PolicySettings;
use crate::decision::policies::{POLICY_FILE, Policies, PoliciesError, PolicyFolder, folders, shown};
use crate::policy::PolicyFile;

/// The version to create.
#[derive(Clone, Copy, Debug)]
pub struct NewVersion<'a> {
    /// The folder of the version to copy.
    pub from: &'a Path,
    /// The folder to create.
    pub to: &'a Path,
    /// The new version; without it, the name of the folder to create.
    pub version: Option<&'a str>,
    /// The first service date that it applies to; without it, the first day that the version's name states.
    pub effective_from: Option<NaiveDate>,
}

/// A version that was created.
#[derive(Debug, PartialEq, Eq)]
pub struct CreatedVersion {
    /// `sacroiliac-joint-interventions`
    pub id: String,
    /// `2027-01`
    pub version: String,
    /// The version that it is a copy of.
    pub copied_version: String,
    /// The first service date that it applies to.
    pub effective_from: NaiveDate,
    /// What the original says of itself, and the copy does not.
    pub left_out: Vec<LeftOutKey>,
}

/// Why no version is created. Nothing is written then.
#[derive(Debug, Error)]
pub enum NewVersionError {
    /// The folder to copy is no folder of a version.
    #[error("`{0}` holds no policy.toml; name the folder of one version")]
    NoVersion(String),
    /// The folder to copy holds other versions below it.
    #[error("`{folder}` is not the folder of one version: there is a policy.toml in {versions}")]
    SeveralVersions {
        /// The folder.
        folder: String,
        /// The folders of the versions, in backticks.
        versions: String,
    },
    /// The folder to create exists.
    #[error("`{0}` exists already, and nothing is overwritten; name a new folder")]
    Exists(String),
    /// The folder to create lies within the one to copy.
    #[error("`{to}` lies within `{from}`; name a folder beside it")]
    Within {
        /// The folder to copy.
        from: String,
        /// The folder to create.
        to: String,
    },
    /// The version is no name.
    #[error("`{0}` cannot be a version: it has letters, digits, `.`, `-` and `_` only, for example `2027-01`; give it as `--version`")]
    NotAVersion(String),
    /// Nothing states the first day.
    #[error("`{0}` does not state a day; give the first service date as `--effective-from`, for example `--effective-from 2027-01-01`")]
    NoFirstDay(String),
    /// Another folder has the version.
    #[error("version `{version}` of `{id}` is there already, in `{}`; choose another `--version`", file.display())]
    VersionTaken {
        /// The policy id.
        id: String,
        /// The version.
        version: String,
        /// The `policy.toml` that has it.
        file: PathBuf,
    },
    /// Another version begins on the day.
    #[error(
        "version `{version}` of `{id}` already begins on {day}, in `{}`, and a service date must select one version; choose another \
         `--effective-from`", file.display()
    )]
    DayTaken {
        /// The policy id.
        id: String,
        /// The version that begins then.
        version: String,
        /// The day.
        day: NaiveDate,
        /// Its `policy.toml`.
        file: PathBuf,
    },
    /// The original, or the copy beside it, is invalid.
    #[error(transparent)]
    Policies(#[from] PoliciesError),
    /// The original's `policy.toml` cannot be rewritten.
    #[error("`{}` cannot be rewritten", file.display())]
    Unrewritable {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: toml_edit::TomlError,
    },
    /// A file cannot be copied.
    #[error("cannot write `{}`", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl NewVersion<'_> {
    /// Creates the version.
    ///
    /// # Errors
    /// [`NewVersionError`]; nothing is left of the new folder then.
    pub fn create(&self) -> Result<CreatedVersion, NewVersionError> {
        let original = self.original()?;
        self.require_new_folder()?;
        let loaded = Policies::of_folder(&original)?;
        let (id, copied_version) = (loaded.newest().id.clone(), loaded.newest().version.clone());
        let version = self.version_name()?;
        let effective_from = self.first_day(&version)?;
        self.require_free(&id, &version, effective_from)?;
        let (copy, left_out) = self.copied(&original, &version, effective_from)?;
        let text = copy.text(POLICY_FILE).to_owned();
        Policies::read(&[original, copy], &shown(Some(self.from)), &PolicySettings::default())?;
        if let Err(error) = self.write(&text) {
            // The folder did not exist before, so all of it is this command's own.
            _ = fs::remove_dir_all(self.to);
            return Err(error);
        }
        Ok(CreatedVersion { id, version, copied_version, effective_from, left_out })
    }

    /// The one version in the folder to copy.
    fn original(&self) -> Result<PolicyFolder, NewVersionError> {
        let name = self.from.display().to_string();
        let mut found = folders(Some(self.from))?;
        let is_itself = |folder: &PolicyFolder| folder.files.iter().any(|file| file.name == POLICY_FILE);
        match found.pop() {
            None => Err(NewVersionError::NoVersion(name)),
            Some(only) if found.is_empty() && Path::new(&only.name) == Path::new(name.trim_end_matches('/')) && is_itself(&only) => {
                Ok(only)
            }
            Some(last) => {
                let folders: Vec<_> = found.iter().chain([&last]).map(|folder| format!("`{}`", folder.name)).collect();
                Err(NewVersionError::SeveralVersions { folder: name, versions: folders.join(", ") })
            }
        }
    }

    fn require_new_folder(&self) -> Result<(), NewVersionError> {
        let to = self.to.display().to_string();
        if self.to.symlink_metadata().is_ok() {
            return Err(NewVersionError::Exists(to));
        }
        let above = self.to.ancestors().skip(1).find_map(canonical);
        let is_within = above.zip(canonical(self.from)).is_some_and(|(above, from)| above.starts_with(from));
        if is_within { Err(NewVersionError::Within { from: self.from.display().to_string(), to }) } else { Ok(()) }
    }

    fn version_name(&self) -> Result<String, NewVersionError> {
        let folder = || self.to.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = self.version.map_or_else(folder, str::to_owned);
        let is_name = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_".contains(letter));
        if is_name { Ok(name) } else { Err(NewVersionError::NotAVersion(name)) }
    }

    fn first_day(&self, version: &str) -> Result<NaiveDate, NewVersionError> {
        let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        let stated = || day(version).or_else(|| day(&format!("{version}-01")));
        self.effective_from.or_else(stated).ok_or_else(|| NewVersionError::NoFirstDay(version.to_owned()))
    }

    /// Requires that no version beside the original or beside the copy has the version or the day.
    fn require_free(&self, id: &str, version: &str, effective_from: NaiveDate) -> Result<(), NewVersionError> {
        for FamilyMember { file, version: other, effective_from: day } in
            [self.from, self.to].into_iter().flat_map(|folder| versions_in(&parent(folder), id))
        {
            if other == version {
                return Err(NewVersionError::VersionTaken { id: id.to_owned(), version: other, file });
            }
            if day == Some(effective_from) {
                return Err(NewVersionError::DayTaken { id: id.to_owned(), version: other, day: effective_from, file });
            }
        }
        Ok(())
    }

    /// The copy's files, and what its `policy.toml` leaves out.
    fn copied(
        &self,
        original: &PolicyFolder,
        version: &str,
        effective_from: NaiveDate,
    ) -> Result<(PolicyFolder, Vec<LeftOutKey>), NewVersionError> {
        let (text, left_out) = with_version(original.text(POLICY_FILE), version, effective_from)
            .map_err(|source| NewVersionError::Unrewritable { file: self.from.join(POLICY_FILE), source })?;
        let file = |file: &PolicyFile| {
            let text = if file.name == POLICY_FILE { &text } else { &file.text };
            PolicyFile { name: file.name.clone(), text: text.clone() }
        };
        let files = original.files.iter().map(file).collect();
        Ok((PolicyFolder { name: self.to.display().to_string(), files }, left_out))
    }

    /// Copies every file, the ones that the program does not read as well, and writes the new `policy.toml`.
    fn write(&self, policy: &str) -> Result<(), NewVersionError> {
        copy_folder(self.from, self.to)?;
        let path = self.to.join(POLICY_FILE);
        fs::write(&path, policy).map_err(|source| NewVersionError::Unwritable { path, source })?;
        let written = [folders(Some(self.from))?, folders(Some(self.to))?].concat();
        Policies::read(&written, &shown(Some(self.to)), &PolicySettings::default())?;
        Ok(())
    }
}

/// The folder that a folder is in.
fn parent(folder: &Path) -> PathBuf {
    let named = folder.file_name().and_then(|_| folder.parent()).map(Path::to_owned);
    let parent = named.or_else(|| canonical(folder)?.parent().map(Path::to_owned)).unwrap_or_default();
    if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent }
}

/// The absolute path, if there is such a folder. An empty path is the working directory.
fn canonical(folder: &Path) -> Option<PathBuf> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    folder.canonicalize().ok()
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), NewVersionError> {
    let unwritable = |path: &Path| {
        let path = path.to_owned();
        |source| NewVersionError::Unwritable { path, source }
    };
    fs::create_dir_all(to).map_err(unwritable(to))?;
    for entry in fs::read_dir(from).map_err(unwritable(from))? {
        let path = entry.map_err(unwritable(from))?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            fs::copy(&path, &target).map_err(unwritable(&target))?;
        }
    }
    Ok(())
}
