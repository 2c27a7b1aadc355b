//! The policy versions of this service, embedded in the binary or read from a folder, and selected by date.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;
use rust_embed::RustEmbed;
use thiserror::Error;

use super::digest::digest_of;
use super::published::Published;
use crate::policy::{Policy, PolicyError, PolicyFile};

#[derive(RustEmbed)]
#[folder = "cds-hooks/policies/"]
struct EmbeddedPolicies;

pub(super) const POLICY_FILE: &str = "policy.toml";

/// Why policies cannot be loaded.
#[derive(Debug, Error)]
pub enum PoliciesError {
    /// An invalid file.
    #[error("{folder}/{fault}")]
    Policy {
        /// The version's folder.
        folder: String,
        /// The error, with file and line.
        fault: PolicyError,
    },
    /// An unreadable file or folder.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A folder without a policy.
    #[error("`{0}` holds no policy.toml")]
    None(String),
    /// Two folders contain the same version or the same first day.
    #[error("version `{version}` of policy `{id}`, or its `effective_from`, stands in more than one folder")]
    Twice {
        /// The policy id.
        id: String,
        /// The version.
        version: String,
    },
}

/// A version's folder and its files.
#[derive(Clone, Debug)]
pub struct PolicyFolder {
    /// The folder's path, as shown in messages.
    pub name: String,
    /// Its files.
    pub files: Vec<PolicyFile>,
}

/// The versions of the policy, the oldest first; never empty.
#[derive(Debug)]
pub struct Policies {
    first: Arc<Version>,
    later: Vec<Arc<Version>>,
}

/// A version with its name, digest and published resources.
#[derive(Debug)]
struct Version {
    policy: Policy,
    published: Published,
    /// `id|version`
    name: String,
    /// SHA-256 of its files.
    digest: String,
}

impl Policies {
    /// Loads the versions below `directory`, or the embedded ones.
    ///
    /// # Errors
    /// The first unreadable or invalid file, with the line of the error.
    pub fn load(directory: Option<&Path>) -> Result<Self, PoliciesError> {
        Self::read(&folders(directory)?, &shown(directory))
    }

    /// Reads the versions in these folders, which are below `root`.
    pub(crate) fn read(folders: &[PolicyFolder], root: &str) -> Result<Self, PoliciesError> {
        let mut versions: Vec<Arc<Version>> = Vec::new();
        for folder in folders {
            let at_fault = |fault| PoliciesError::Policy { folder: folder.name.clone(), fault };
            let policy = Policy::read(&folder.files).map_err(at_fault)?;
            let published = Published::read(&folder.files, &policy).map_err(at_fault)?;
            let name = format!("{}|{}", policy.id, policy.version);
            versions.push(Arc::new(Version { policy, published, name, digest: digest(&folder.files) }));
        }
        let order = |version: &Arc<Version>| (version.policy.effective_from, version.policy.version.clone());
        versions.sort_by_key(order);
        if let Some(policy) = repeated(&versions) {
            return Err(PoliciesError::Twice { id: policy.id.clone(), version: policy.version.clone() });
        }
        Self::from_versions(versions).ok_or_else(|| PoliciesError::None(root.to_owned()))
    }

    fn from_versions(versions: Vec<Arc<Version>>) -> Option<Self> {
        let mut versions = versions.into_iter();
        Some(Self { first: versions.next()?, later: versions.collect() })
    }

    /// The versions with these names; `None` if there is none.
    pub(crate) fn only(&self, names: &[&str]) -> Option<Self> {
        let wanted = self.versions().filter(|version| names.contains(&version.name.as_str())).map(Arc::clone);
        Self::from_versions(wanted.collect())
    }

    /// The name of the version for a service date, as `id|version`.
    pub(crate) fn name_on(&self, service_date: NaiveDate) -> &str {
        &self.version_on(service_date).name
    }

    /// Each version's name, and the digest of its files.
    pub(crate) fn names_and_digests(&self) -> impl Iterator<Item = (&str, &str)> {
        self.versions().map(|version| (version.name.as_str(), version.digest.as_str()))
    }

    /// The digest of a version's files.
    pub(crate) fn digest_of(&self, name: &str) -> Option<&str> {
        self.versions().find(|version| version.name == name).map(|version| version.digest.as_str())
    }

    /// The version for a service date: the latest in force, else the latest that had begun, else the first.
    #[must_use]
    pub fn on(&self, service_date: NaiveDate) -> &Policy {
        &self.version_on(service_date).policy
    }

    /// What the version for a service date publishes.
    pub(crate) fn published_on(&self, service_date: NaiveDate) -> &Published {
        &self.version_on(service_date).published
    }

    /// What each version publishes, the newest first.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Published> {
        self.later.iter().rev().chain([&self.first]).map(|version| &version.published)
    }

    /// What the newest version publishes.
    pub(crate) fn published_newest(&self) -> &Published {
        &self.later.last().unwrap_or(&self.first).published
    }

    fn version_on(&self, service_date: NaiveDate) -> &Version {
        let begun = |version: &&Arc<Version>| version.policy.effective_from <= service_date;
        let holding = self.versions().filter(|version| version.policy.holds_on(service_date)).last();
        holding.or_else(|| self.versions().filter(begun).last()).unwrap_or(&self.first)
    }

    /// Every version, the oldest first.
    pub fn all(&self) -> impl Iterator<Item = &Policy> {
        self.versions().map(|version| &version.policy)
    }

    fn versions(&self) -> impl Iterator<Item = &Arc<Version>> {
        std::iter::once(&self.first).chain(&self.later)
    }

    /// The newest version.
    #[must_use]
    pub fn newest(&self) -> &Policy {
        &self.later.last().unwrap_or(&self.first).policy
    }
}

/// A policy version that shares its version or first day with another, so that a date could not select between them.
fn repeated(versions: &[Arc<Version>]) -> Option<&Policy> {
    let same = |left: &Policy, right: &Policy| left.version == right.version || left.effective_from == right.effective_from;
    let earlier = |place| versions.get(..place).unwrap_or_default();
    let mut places = versions.iter().enumerate();
    let found = places.find(|(place, version)| earlier(*place).iter().any(|other| same(&other.policy, &version.policy)));
    found.map(|(_, version)| &version.policy)
}

/// SHA-256 of the files in hexadecimal; each file is hashed with its name and the lengths of both.
fn digest(files: &[PolicyFile]) -> String {
    digest_of(files.iter().flat_map(|file| [file.name.as_str(), file.text.as_str()]))
}

/// The root folder of the versions, as shown in messages.
pub(crate) fn shown(directory: Option<&Path>) -> String {
    directory.map_or_else(|| "cds-hooks/policies".to_owned(), |directory| directory.display().to_string())
}

/// Each version's folder with its files.
///
/// # Errors
/// An unreadable file or folder.
pub fn folders(directory: Option<&Path>) -> Result<Vec<PolicyFolder>, PoliciesError> {
    let files = match directory {
        Some(directory) => files_below(directory)?,
        None => embedded_files(),
    };
    let is_version = |file: &&PolicyFile| file.name == POLICY_FILE || file.name.ends_with("/policy.toml");
    let versions = files.iter().filter(is_version).map(|file| file.name.strip_suffix(POLICY_FILE).unwrap_or_default().to_owned());
    let root = shown(directory);
    let folder = |prefix: String| {
        let own = files.iter().filter_map(|file| {
            let name = file.name.strip_prefix(&prefix)?.to_owned();
            Some(PolicyFile { name, text: file.text.clone() })
        });
        PolicyFolder { name: format!("{root}/{prefix}").trim_end_matches('/').to_owned(), files: own.collect() }
    };
    Ok(versions.map(folder).collect())
}

/// The files of the embedded versions, named by their path below the root folder.
pub(super) fn embedded_files() -> Vec<PolicyFile> {
    let read = |name: std::borrow::Cow<'static, str>| {
        let data = EmbeddedPolicies::get(&name)?.data;
        Some(PolicyFile { name: name.into_owned(), text: String::from_utf8(data.into_owned()).ok()? })
    };
    EmbeddedPolicies::iter().filter_map(read).collect()
}

/// Every .toml and .json file below a folder, named by its relative path.
fn files_below(directory: &Path) -> Result<Vec<PolicyFile>, PoliciesError> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(folder) = open.pop() {
        let unreadable = |source| PoliciesError::Unreadable { path: folder.clone(), source };
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml" || extension == "json") {
                let text = std::fs::read_to_string(&path).map_err(|source| PoliciesError::Unreadable { path: path.clone(), source })?;
                let within = path.strip_prefix(directory).unwrap_or(&path);
                files.push(PolicyFile { name: within.to_string_lossy().replace('\\', "/"), text });
            }
        }
    }
    files.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(files)
}
