//! `sij-cds policy export` and `policy new-version`: the folders they write pass the check, and nothing is overwritten.

use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::assert::{Assert, OutputAssertExt};
use tempfile::TempDir;

use crate::support::PolicyFolder;

fn policy(arguments: &[&str]) -> Assert {
    Command::new(env!("CARGO_BIN_EXE_sij-cds")).arg("policy").args(arguments).assert()
}

fn printed(outcome: &Assert) -> String {
    String::from_utf8(outcome.get_output().stdout.clone()).unwrap()
}

fn told(outcome: &Assert) -> String {
    String::from_utf8(outcome.get_output().stderr.clone()).unwrap()
}

fn path(folder: &Path) -> &str {
    folder.to_str().unwrap()
}

/// Every file below a folder, by its relative path.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                open.push(entry);
            } else {
                found.push((entry.strip_prefix(folder).unwrap().to_owned(), std::fs::read_to_string(&entry).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_exported_files_are_the_embedded_ones_and_pass_the_check() {
    let directory = TempDir::new().unwrap();
    let folder = directory.path().join("of/the plan");
    let outcome = policy(&["export", path(&folder)]).code(0).stderr("");
    let embedded = Path::new(env!("CARGO_MANIFEST_DIR")).join("cds-hooks/policies");
    assert_eq!(files(&folder), files(&embedded));
    let said = printed(&outcome);
    let count = files(&folder).len();
    assert!(said.starts_with(&format!("{count} files of the embedded policies are in `{}`.\nNext:\n  1. ", path(&folder))), "{said}");
    assert!(said.contains(&format!("sij-cds policy check --policy-dir {}\n", path(&folder))), "{said}");
    assert!(said.ends_with(&format!("policy.directory = \"{}\"\n", path(&folder))), "{said}");
    let checked = printed(&policy(&["check", "--policy-dir", path(&folder)]).code(0));
    assert_eq!(checked, printed(&policy(&["check"]).code(0)));
}

#[test]
fn an_export_into_an_empty_folder_is_done_and_one_beside_a_file_names_it_and_writes_nothing() {
    let directory = TempDir::new().unwrap();
    let folder = directory.path().join("mine");
    std::fs::create_dir(&folder).unwrap();
    policy(&["export", path(&folder)]).code(0);
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("notes.txt"), "mine").unwrap();
    let outcome = policy(&["export", path(&folder)]).code(1).stdout("");
    let expected =
        format!("sij-cds: `{}` is not empty: it holds `notes.txt`. Nothing was written; name a new or an empty folder\n", path(&folder));
    assert_eq!((told(&outcome), files(&folder).len()), (expected, 1));
    let file = folder.join("notes.txt");
    let outcome = policy(&["export", path(&file)]).code(1);
    assert!(told(&outcome).contains("notes.txt` is a file. Nothing was written"), "{}", told(&outcome));
}

#[test]
fn a_new_version_is_a_copy_with_its_own_version_and_date_and_passes_the_check() {
    let folder = PolicyFolder::new();
    let (from, to) = (folder.version("2019-08"), folder.version("2027-01"));
    std::fs::write(from.join("README.txt"), "read me").unwrap();
    let outcome = policy(&["new-version", path(&from), path(&to)]).code(0).stderr("");
    let mut expected = files(&from);
    for (name, text) in &mut expected {
        if name == Path::new("policy.toml") {
            *text = text.replace("\nversion = \"2019-08\"", "\nversion = \"2027-01\"");
            *text = text.replace("\neffective_from = \"2019-08-01\"", "\neffective_from = \"2027-01-01\"");
        }
    }
    assert_eq!(files(&to), expected);
    let said = printed(&outcome);
    let root = folder.path();
    let first = format!(
        "Version 2027-01 of sacroiliac-joint-interventions, for services from 2027-01-01 on, is in `{}`. It is a copy of version 2019-08.\n",
        path(&to)
    );
    assert!(said.starts_with(&first), "{said}");
    assert!(said.contains(&format!("sij-cds policy impact --policy-dir {root} --only-version 2027-01\n")), "{said}");
    let checked = printed(&policy(&["check", "--policy-dir", root]).code(0));
    let versions: Vec<_> = checked.lines().filter_map(|line| line.split_once(':')).map(|(version, _)| version).collect();
    let family = "sacroiliac-joint-interventions";
    assert_eq!(versions, [format!("{family} 2019-08, from 2019-08-01"), format!("{family} 2027-01, from 2027-01-01")]);
}

#[test]
fn version_and_date_may_be_given_and_what_the_original_says_of_its_end_is_left_out() {
    let folder = PolicyFolder::new();
    folder.change(
        "policy.toml",
        "effective_from = \"2019-08-01\"",
        "effective_from = \"2019-08-01\"\neffective_to = \"2027-06-30\" # the last day",
    );
    let (from, to) = (folder.version("2019-08"), folder.version("next"));
    let outcome = policy(&["new-version", path(&from), path(&to), "--version", "7b", "--effective-from", "2027-07-01"]).code(0);
    assert!(printed(&outcome).contains("\nIt leaves out `effective_to` (`2027-06-30`), which is version 2019-08's own.\n"));
    let text = std::fs::read_to_string(to.join("policy.toml")).unwrap();
    assert!(text.contains("\nversion = \"7b\"\n") && text.contains("\neffective_from = \"2027-07-01\"\n\n[thresholds]\n"), "{text}");
    let checked = printed(&policy(&["check", "--policy-dir", folder.path()]).code(0));
    assert!(checked.contains("\nsacroiliac-joint-interventions 7b, from 2027-07-01: "), "{checked}");
}

/// A refused `policy new-version`: nothing is created, and this is said.
fn refused(folder: &PolicyFolder, to: &str, more: &[&str]) -> String {
    let (from, to) = (folder.version("2019-08"), folder.version(to));
    let before = files(folder.0.path()).len();
    let outcome = policy(&[&["new-version", path(&from), path(&to)], more].concat()).code(1).stdout("");
    assert_eq!(files(folder.0.path()).len(), before);
    told(&outcome).replace(folder.path(), "DIR")
}

#[test]
fn each_refusal_of_a_new_version_says_why_and_creates_nothing() {
    let folder = PolicyFolder::new();
    folder.add_from("2026-01", "2026-01-15");
    let id = "sacroiliac-joint-interventions";
    let table: [(&str, &[&str], String); 7] = [
        ("2026-01", &[], "`DIR/2026-01` exists already, and nothing is overwritten; name a new folder".to_owned()),
        ("2019-08/2027-01", &[], "`DIR/2019-08/2027-01` lies within `DIR/2019-08`; name a folder beside it".to_owned()),
        (
            "new",
            &["--version", "2026-01", "--effective-from", "2027-01-01"],
            format!("version `2026-01` of `{id}` is there already, in `DIR/2026-01/policy.toml`; choose another `--version`"),
        ),
        (
            "2027-01",
            &["--effective-from", "2026-01-15"],
            format!(
                "version `2026-01` of `{id}` already begins on 2026-01-15, in `DIR/2026-01/policy.toml`, and a service date must select \
                 one version; choose another `--effective-from`"
            ),
        ),
        (
            "new",
            &[],
            "`new` does not state a day; give the first service date as `--effective-from`, for example `--effective-from 2027-01-01`"
                .to_owned(),
        ),
        (
            "2027-01",
            &["--version", "2027|01"],
            "`2027|01` cannot be a version: it has letters, digits, `.`, `-` and `_` only, for example `2027-01`; give it as `--version`"
                .to_owned(),
        ),
        (
            "2027-13",
            &[],
            "`2027-13` does not state a day; give the first service date as `--effective-from`, for example `--effective-from 2027-01-01`"
                .to_owned(),
        ),
    ];
    for (to, more, expected) in table {
        assert_eq!(refused(&folder, to, more), format!("sij-cds: {expected}\n"));
    }
}

#[test]
fn a_date_that_is_none_is_wrong_usage() {
    let folder = PolicyFolder::new();
    let (from, to) = (folder.version("2019-08"), folder.version("2027-01"));
    let outcome = policy(&["new-version", path(&from), path(&to), "--effective-from", "2027-02-30"]).code(2);
    let told = told(&outcome);
    assert!(told.contains("invalid value '2027-02-30' for '--effective-from <DATE>': not a date such as 2027-01-01"), "{told}");
    assert!(!to.exists());
}

#[test]
fn a_version_that_cannot_be_loaded_is_not_copied_and_its_line_is_named() {
    let folder = PolicyFolder::new();
    folder.change("policy.toml", "nsaid_weeks = 3", "nsaid_weeks = three");
    let fault = refused(&folder, "2027-01", &[]);
    let text = std::fs::read_to_string(folder.version("2019-08").join("policy.toml")).unwrap();
    let line = text.lines().position(|line| line.starts_with("nsaid_weeks")).unwrap() + 1;
    assert!(fault.starts_with(&format!("sij-cds: DIR/2019-08/policy.toml:{line}: ")), "{fault}");
    let (root, to) = (folder.path(), folder.version("2027-01"));
    let outcome = policy(&["new-version", root, path(&to)]).code(1);
    let expected = format!("sij-cds: `{root}` is not the folder of one version: there is a policy.toml in `{root}/2019-08`\n");
    assert_eq!(told(&outcome), expected);
    let empty = TempDir::new().unwrap();
    let outcome = policy(&["new-version", path(empty.path()), path(&to)]).code(1);
    assert!(told(&outcome).ends_with("holds no policy.toml; name the folder of one version\n"));
}
