//! One policy: the versions with its id, of which the service date selects one.
//! Not here: the policies side by side ([`super::policies`]), and which one judges an order ([`super::policy_choice`]).

use std::sync::Arc;

use chrono::NaiveDate;

use super::canonical_base::{rebased, written};
use super::digest::digest_of;
use super::policies::{PoliciesError, PolicyFolder};
use super::published::Published;
use crate::policy::{Policy, PolicyFile};

/// The versions of one policy, the oldest first; never empty.
#[derive(Debug)]
pub struct PolicyFamily {
    first: Arc<LoadedVersion>,
    later: Vec<Arc<LoadedVersion>>,
}

/// A version with its name, digest and published resources.
#[derive(Debug)]
pub(super) struct LoadedVersion {
    pub(super) policy: Policy,
    published: Published,
    /// `id|version`
    pub(super) name: String,
    /// SHA-256 of its files.
    pub(super) digest: String,
    /// The folder, as shown in messages.
    pub(super) folder: String,
}

impl LoadedVersion {
    /// Reads a version from its folder. `base` is the base of its canonical URLs, and `segment` the part of its addresses that tells its
    /// policy from the default one.
    pub(super) fn read(folder: &PolicyFolder, base: &str, segment: Option<&str>) -> Result<Self, PoliciesError> {
        let at_fault = |fault| PoliciesError::Policy { folder: folder.name.clone(), fault };
        let files = rebased(&folder.files, base);
        let policy = Policy::read(&files).map_err(at_fault)?;
        // URLs as written are those of the default policy, because they cannot tell policies apart.
        let former_url = |url: &str| if segment.is_none() { written(url, base) } else { None };
        let published = Published::read(&files, &policy, segment, &former_url).map_err(at_fault)?;
        let name = format!("{}|{}", policy.id, policy.version);
        Ok(Self { policy, published, name, digest: digest(&folder.files), folder: folder.name.clone() })
    }

    fn order(&self) -> (NaiveDate, &str) {
        (self.policy.effective_from, &self.policy.version)
    }
}

impl PolicyFamily {
    /// The family of these versions of one policy; `None` if there is none.
    ///
    /// # Errors
    /// [`PoliciesError::Twice`] if a date could not select between two of them.
    pub(super) fn new(mut versions: Vec<Arc<LoadedVersion>>) -> Result<Option<Self>, PoliciesError> {
        versions.sort_by(|left, right| left.order().cmp(&right.order()));
        match repeated(&versions) {
            Some((version, other)) => Err(PoliciesError::twice(version, other)),
            None => Ok(Self::from_sorted(versions)),
        }
    }

    fn from_sorted(versions: Vec<Arc<LoadedVersion>>) -> Option<Self> {
        let mut versions = versions.into_iter();
        Some(Self { first: versions.next()?, later: versions.collect() })
    }

    /// The versions with these names; `None` if there is none.
    pub(super) fn only(&self, names: &[&str]) -> Option<Self> {
        let wanted = self.versions().filter(|version| names.contains(&version.name.as_str())).map(Arc::clone);
        Self::from_sorted(wanted.collect())
    }

    /// The policy's id, such as `sacroiliac-joint-interventions`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.first.policy.id
    }

    /// The name of the version for a service date, as `id|version`.
    pub(crate) fn name_on(&self, service_date: NaiveDate) -> &str {
        &self.version_on(service_date).name
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

    /// The newest version.
    #[must_use]
    pub fn newest(&self) -> &Policy {
        &self.later.last().unwrap_or(&self.first).policy
    }

    /// Every version, the oldest first.
    pub fn all(&self) -> impl Iterator<Item = &Policy> {
        self.versions().map(|version| &version.policy)
    }

    pub(super) fn versions(&self) -> impl Iterator<Item = &Arc<LoadedVersion>> {
        std::iter::once(&self.first).chain(&self.later)
    }

    fn version_on(&self, service_date: NaiveDate) -> &LoadedVersion {
        let begun = |version: &&Arc<LoadedVersion>| version.policy.effective_from <= service_date;
        let holding = self.versions().filter(|version| version.policy.holds_on(service_date)).last();
        holding.or_else(|| self.versions().filter(begun).last()).unwrap_or(&self.first)
    }
}

/// A version, and an earlier one that shares its version or first day, so that a date could not select between them.
fn repeated(versions: &[Arc<LoadedVersion>]) -> Option<(&LoadedVersion, &LoadedVersion)> {
    let same = |left: &Policy, right: &Policy| left.version == right.version || left.effective_from == right.effective_from;
    let earlier = |place| versions.get(..place).unwrap_or_default();
    versions.iter().enumerate().find_map(|(place, version)| {
        let other = earlier(place).iter().find(|other| same(&other.policy, &version.policy))?;
        Some((other.as_ref(), version.as_ref()))
    })
}

/// SHA-256 of the files in hexadecimal; each file is hashed with its name and the lengths of both.
fn digest(files: &[PolicyFile]) -> String {
    digest_of(files.iter().flat_map(|file| [file.name.as_str(), file.text.as_str()]))
}
