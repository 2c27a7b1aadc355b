//! A modifiable folder of policies.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder of policies with a copy of the embedded version.
pub(crate) struct PolicyFolder(pub(crate) TempDir);

impl PolicyFolder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.add("2019-08");
        folder
    }

    pub(crate) fn add(&self, version: &str) {
        let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("cds-hooks/policies/sacroiliac-joint-interventions/2019-08");
        copy(&original, &self.version(version));
    }

    /// Adds a copy under its own version, effective from that date.
    pub(crate) fn add_from(&self, version: &str, effective_from: &str) -> &Self {
        self.add(version);
        self.change_in(version, "policy.toml", "version = \"2019-08\"", &format!("version = \"{version}\"")).change_in(
            version,
            "policy.toml",
            "effective_from = \"2019-08-01\"",
            &format!("effective_from = \"{effective_from}\""),
        )
    }

    /// Adds a copy as another policy, in a folder of its own.
    pub(crate) fn add_policy(&self, folder: &str, id: &str, title: &str) -> &Self {
        self.add(folder);
        self.change_in(folder, "policy.toml", "id = \"sacroiliac-joint-interventions\"", &format!("id = \"{id}\""));
        self.change_in(folder, "policy.toml", "title = \"Sacroiliac Joint Interventions\"", &format!("title = \"{title}\""))
    }

    pub(crate) fn version(&self, version: &str) -> PathBuf {
        self.0.path().join(version)
    }

    /// Replaces a text in a file of version 2019-08.
    pub(crate) fn change(&self, file: &str, from: &str, to: &str) -> &Self {
        self.change_in("2019-08", file, from, to)
    }

    pub(crate) fn change_in(&self, version: &str, file: &str, from: &str, to: &str) -> &Self {
        let path = self.version(version).join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} does not hold `{from}`");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
        self
    }

    pub(crate) fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, target).unwrap();
        }
    }
}
