//! The versions of one policy that stand beside a folder: each subfolder of the same parent that holds a `policy.toml` with the same id.
//! A neighbour that cannot be read is passed over; `sij-cds policy check` reports it.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::Deserialize;

use crate::decision::policies::POLICY_FILE;

/// A version beside the new one.
#[derive(Debug)]
pub(super) struct FamilyMember {
    /// Its `policy.toml`.
    pub(super) file: PathBuf,
    pub(super) version: String,
    pub(super) effective_from: Option<NaiveDate>,
}

/// The first keys of a `policy.toml`.
#[derive(Deserialize)]
struct PolicyHead {
    id: String,
    version: String,
    effective_from: String,
}

/// The versions of the policy `id` in the subfolders of `parent`, by path.
pub(super) fn versions_in(parent: &Path, id: &str) -> Vec<FamilyMember> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path().join(POLICY_FILE)).collect();
    files.sort();
    files.into_iter().filter_map(|file| member(file, id)).collect()
}

fn member(file: PathBuf, id: &str) -> Option<FamilyMember> {
    let head: PolicyHead = toml::from_str(&fs::read_to_string(&file).ok()?).ok()?;
    let effective_from = NaiveDate::parse_from_str(&head.effective_from, "%Y-%m-%d").ok();
    (head.id == id).then_some(FamilyMember { file, version: head.version, effective_from })
}
