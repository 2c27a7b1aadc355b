//! The policies of this service side by side, embedded in the binary or read from a folder.
//! Not here: the versions of one policy ([`super::policy_family`]), and which policy judges an order ([`super::policy_choice`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rust_embed::RustEmbed;
use serde::Deserialize;
use thiserror::Error;

use super::canonical_base::CanonicalBase;
use super::policy_family::{LoadedVersion, PolicyFamily};
use super::policy_settings::{PolicySettings, PolicySettingsError};
use crate::policy::{Policy, PolicyError, PolicyFile};

#[derive(RustEmbed)]
#[folder = "cds-hooks/policies/"]
struct EmbeddedPolicies;

pub(super) const POLICY_FILE: &str = "policy.toml";
pub(super) const CARDS_FILE: &str = "cards.toml";
pub(super) const FORM_FILE: &str = "questionnaire.json";

/// Maximum length of a policy's id, in characters.
const MAX_ID_CHARS: usize = 64;

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
    /// A policy id that cannot be part of a URL, or of a list in the ledger.
    #[error("`{folder}`: policy id `{id}` is not 1 to 64 letters, digits, hyphens and dots")]
    Id {
        /// The version's folder.
        folder: String,
        /// The policy id.
        id: String,
    },
    /// Two folders contain the same version or the same first day.
    #[error("{what} of policy `{id}` stands in two folders, `{}` and `{}`", folders[0], folders[1])]
    Twice {
        /// The policy id.
        id: String,
        /// The version, or the first day.
        what: String,
        /// The folders.
        folders: [String; 2],
    },
    /// The policies do not fit the configuration.
    #[error(transparent)]
    Settings(#[from] PolicySettingsError),
}

impl PoliciesError {
    /// Two folders of one policy that a date could not select between.
    pub(super) fn twice(version: &LoadedVersion, other: &LoadedVersion) -> Self {
        let what = if version.policy.version == other.policy.version {
            format!("version `{}`", version.policy.version)
        } else {
            format!("`effective_from` {}", version.policy.effective_from)
        };
        let mut folders = [version.folder.clone(), other.folder.clone()];
        folders.sort();
        Self::Twice { id: version.policy.id.clone(), what, folders }
    }
}

/// A version's folder and its files.
#[derive(Clone, Debug)]
pub struct PolicyFolder {
    /// The folder's path, as shown in messages.
    pub name: String,
    /// Its files.
    pub files: Vec<PolicyFile>,
}

/// A folder whose policy judges no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedPolicy {
    /// The version's folder.
    pub folder: String,
    /// The policy's id.
    pub id: String,
}

impl fmt::Display for UnusedPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, id } = self;
        write!(formatter, "`{folder}`: policy `{id}` judges no order, because no plan names it and it is not the default one")
    }
}

/// The policies side by side, each with its versions.
#[derive(Debug)]
pub struct Policies {
    default: Arc<PolicyFamily>,
    /// By id.
    others: Vec<Arc<PolicyFamily>>,
    /// The ids that plans name.
    of_plans: BTreeSet<String>,
    canonical_base: CanonicalBase,
}

impl PolicyFolder {
    /// A file's text; empty if the file is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.files.iter().find(|file| file.name == name).map_or("", |file| file.text.as_str())
    }
}

impl Policies {
    /// Loads the versions of a single policy below `directory`, or the embedded ones.
    ///
    /// # Errors
    /// As [`Policies::load_with`].
    pub fn load(directory: Option<&Path>) -> Result<Self, PoliciesError> {
        Self::load_with(directory, &PolicySettings::default())
    }

    /// Loads the versions of all policies below `directory`, or the embedded ones.
    ///
    /// # Errors
    /// The first unreadable or invalid file, with the line of the error; or the first of `settings` that does not fit the policies.
    pub fn load_with(directory: Option<&Path>, settings: &PolicySettings) -> Result<Self, PoliciesError> {
        Self::read(&folders(directory)?, &shown(directory), settings)
    }

    /// Reads the versions in these folders, which are below `root`.
    pub(crate) fn read(folders: &[PolicyFolder], root: &str, settings: &PolicySettings) -> Result<Self, PoliciesError> {
        let ids = ids_of(folders)?;
        let default = settings.default_of(&ids);
        let families = families(folders, &settings.canonical_base, default.as_deref().ok())?;
        // Errors in the files come first: they explain why an id is missing.
        if families.is_empty() {
            return Err(PoliciesError::None(root.to_owned()));
        }
        settings.check_plans(&ids)?;
        let of_plans = settings.of_plans.iter().map(|plan| plan.id.clone()).collect();
        let policies = Self::new(families, &default?, of_plans, settings.canonical_base.clone());
        policies.ok_or_else(|| PoliciesError::None(root.to_owned()))
    }

    /// Reads the version in one folder on its own, with the URLs as its files write them.
    pub(crate) fn of_folder(folder: &PolicyFolder) -> Result<Self, PoliciesError> {
        Self::read(std::slice::from_ref(folder), &folder.name, &PolicySettings::default())
    }

    /// The policies of these families; `None` if none has the default policy's id.
    fn new(families: Vec<Arc<PolicyFamily>>, default: &str, of_plans: BTreeSet<String>, canonical_base: CanonicalBase) -> Option<Self> {
        let (own, others): (Vec<_>, Vec<_>) = families.into_iter().partition(|family| family.id() == default);
        Some(Self { default: own.into_iter().next()?, others, of_plans, canonical_base })
    }

    /// The versions with these names, all in use; `None` if there is none. `default` is the id of the policy that was the default one.
    pub(crate) fn only(&self, names: &[&str], default: Option<&str>) -> Option<Self> {
        let families: Vec<_> = self.families().filter_map(|family| family.only(names).map(Arc::new)).collect();
        let has = |id: &&str| families.iter().any(|family| family.id() == *id);
        let default = [default, Some(self.default.id())].into_iter().flatten().find(has).or_else(|| Some(families.first()?.id()))?;
        let default = default.to_owned();
        let all = families.iter().map(|family| family.id().to_owned()).collect();
        Self::new(families, &default, all, self.canonical_base.clone())
    }

    /// The base of the canonical URLs.
    #[must_use]
    pub fn canonical_base(&self) -> &CanonicalBase {
        &self.canonical_base
    }

    /// The policy that judges an order unless its plan names another.
    #[must_use]
    pub fn default_family(&self) -> &Arc<PolicyFamily> {
        &self.default
    }

    /// The policy with this id.
    #[must_use]
    pub fn family(&self, id: &str) -> Option<&Arc<PolicyFamily>> {
        self.families().find(|family| family.id() == id)
    }

    /// The policy with this id; the default one without an id, or if there is no such policy.
    #[must_use]
    pub fn family_or_default(&self, id: Option<&str>) -> &Arc<PolicyFamily> {
        id.and_then(|id| self.family(id)).unwrap_or(&self.default)
    }

    /// Every policy: the default one, then the others by id.
    pub fn families(&self) -> impl Iterator<Item = &Arc<PolicyFamily>> {
        std::iter::once(&self.default).chain(&self.others)
    }

    /// The policies that may judge an order: the default one, and those that plans name.
    pub fn in_use(&self) -> impl Iterator<Item = &Arc<PolicyFamily>> {
        std::iter::once(&self.default).chain(self.others.iter().filter(|family| self.of_plans.contains(family.id())))
    }

    /// The folders of the policies that judge no order.
    pub fn unused(&self) -> impl Iterator<Item = UnusedPolicy> {
        let unused = self.others.iter().filter(|family| !self.of_plans.contains(family.id()));
        let version = |version: &Arc<LoadedVersion>| UnusedPolicy { folder: version.folder.clone(), id: version.policy.id.clone() };
        unused.flat_map(|family| family.versions()).map(version)
    }

    /// Each version's name, and the digest of its files.
    pub(crate) fn names_and_digests(&self) -> impl Iterator<Item = (&str, &str)> {
        self.versions().map(|version| (version.name.as_str(), version.digest.as_str()))
    }

    /// The digest of a version's files.
    pub(crate) fn digest_of(&self, name: &str) -> Option<&str> {
        self.versions().find(|version| version.name == name).map(|version| version.digest.as_str())
    }

    /// Every version of every policy.
    pub fn all(&self) -> impl Iterator<Item = &Policy> {
        self.versions().map(|version| &version.policy)
    }

    /// The newest version of the default policy.
    #[must_use]
    pub fn newest(&self) -> &Policy {
        self.default.newest()
    }

    fn versions(&self) -> impl Iterator<Item = &Arc<LoadedVersion>> {
        self.families().flat_map(|family| family.versions())
    }
}

/// Checks the versions in these folders, which are below `root`, whatever the configuration says of them.
pub(super) fn check_folders(folders: &[PolicyFolder], root: &str) -> Result<(), PoliciesError> {
    ids_of(folders)?;
    let families = families(folders, &CanonicalBase::default(), None)?;
    if families.is_empty() { Err(PoliciesError::None(root.to_owned())) } else { Ok(()) }
}

/// Reads each policy with its versions, by id. Without a known default policy, each is read as one of several.
fn families(folders: &[PolicyFolder], base: &CanonicalBase, default: Option<&str>) -> Result<Vec<Arc<PolicyFamily>>, PoliciesError> {
    let mut versions: BTreeMap<String, Vec<Arc<LoadedVersion>>> = BTreeMap::new();
    for folder in folders {
        let id = id_of(folder);
        let segment = id.as_deref().filter(|id| default != Some(*id));
        let version = LoadedVersion::read(folder, &base.of_policy(segment), segment)?;
        versions.entry(version.policy.id.clone()).or_default().push(Arc::new(version));
    }
    versions.into_values().filter_map(|versions| PolicyFamily::new(versions).transpose()).map(|family| family.map(Arc::new)).collect()
}

/// The ids of the policies in these folders, sorted, each once.
fn ids_of(folders: &[PolicyFolder]) -> Result<Vec<String>, PoliciesError> {
    let mut ids = BTreeSet::new();
    for folder in folders {
        let Some(id) = id_of(folder) else { continue };
        if !is_id(&id) {
            return Err(PoliciesError::Id { folder: folder.name.clone(), id });
        }
        ids.insert(id);
    }
    Ok(ids.into_iter().collect())
}

/// The policy id that a folder's file states; `None` if it cannot be read, which reading the whole file then reports.
fn id_of(folder: &PolicyFolder) -> Option<String> {
    #[derive(Deserialize)]
    struct PolicyHead {
        id: String,
    }
    let file = folder.files.iter().find(|file| file.name == POLICY_FILE)?;
    toml::from_str::<PolicyHead>(&file.text).ok().map(|head| head.id)
}

/// Whether a text can be a policy's id: FHIR's own rule for ids, so that it can be part of a URL.
fn is_id(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    (1..=MAX_ID_CHARS).contains(&text.len()) && text.bytes().all(is_letter)
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
