//! `sij-cds policy export` and `sij-cds policy new-version`.
//! Not here: writing the folders; see [`crate::decision::policy_authoring`].

use std::path::Path;

use super::ledger::write;
use super::policy_arguments::{ExportedFolder, NewVersionArguments};
use super::terminal_text::printable;
use crate::decision::policy_authoring::{CreatedVersion, LeftOutKey, NewVersion, copy_embedded};

/// Writes the embedded policies into a folder and prints what to do next.
pub(super) fn export(arguments: &ExportedFolder) -> anyhow::Result<()> {
    let folder = arguments.folder.as_path();
    let written = copy_embedded(folder)?;
    let steps = [
        format!("Change the files in `{}`; docs/policy.md says what each of them is for.", shown(folder)),
        format!("Check them:             sij-cds policy check --policy-dir {}", shown(folder)),
        format!("See what would change:  sij-cds policy impact --policy-dir {}", shown(folder)),
        format!("Use them, in the configuration:  {}", directory_key(folder)),
    ];
    write(format!("{} files of the embedded policies are in `{}`.\n{}", written.files, shown(folder), next(&steps)).as_bytes())
}

/// Copies a version and prints what to do next.
pub(super) fn new_version(arguments: &NewVersionArguments) -> anyhow::Result<()> {
    let NewVersionArguments { from, to, version, effective_from } = arguments;
    let created = NewVersion { from, to, version: version.as_deref(), effective_from: *effective_from }.create()?;
    write(created_text(&created, from, to).as_bytes())
}

fn created_text(created: &CreatedVersion, from: &Path, to: &Path) -> String {
    let CreatedVersion { id, version, copied_version, effective_from, left_out } = created;
    let heading = format!(
        "Version {version} of {id}, for services from {effective_from} on, is in `{}`. It is a copy of version {copied_version}.\n",
        shown(to)
    );
    let own = left_out.iter().map(|LeftOutKey { key, value }| {
        format!("It leaves out `{key}` (`{}`), which is version {copied_version}'s own.\n", printable(value))
    });
    let own: Vec<String> = own.collect();
    // The directory to configure holds both versions. It is known if they stand side by side.
    let root = to.parent().filter(|parent| from.parent() == Some(parent) && !parent.as_os_str().is_empty());
    let note = if root.is_none() { "DIR stands for the folder that holds both versions.\n" } else { "" };
    let root = root.unwrap_or(Path::new("DIR"));
    let (key, root) = (directory_key(root), shown(root));
    let steps = next(&[
        format!("Change the files in `{}`. If the form changes, set `version` and `date` in questionnaire.json as well.", shown(to)),
        format!("Check both versions:    sij-cds policy check --policy-dir {root}"),
        format!("See what would change:  sij-cds policy impact --policy-dir {root} --only-version {version}"),
        format!("Use it, in the configuration:  {key}"),
    ]);
    [heading, own.concat(), note.to_owned(), steps].concat()
}

/// The next steps, numbered.
fn next(steps: &[String]) -> String {
    let lines: Vec<String> = steps.iter().enumerate().map(|(place, step)| format!("  {}. {step}\n", place + 1)).collect();
    format!("Next:\n{}", lines.concat())
}

/// The configuration's key for the directory, as TOML.
fn directory_key(folder: &Path) -> String {
    printable(&format!("policy.directory = {}", toml::Value::String(folder.display().to_string()))).into_owned()
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string()).into_owned()
}
