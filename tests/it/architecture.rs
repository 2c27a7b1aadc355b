//! The source respects the dependency arrows of `docs/architecture.md`; checked on its `use` lines and inline paths.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each top-level module and the modules it may depend on.
const ARROWS: [(&str, &[&str]); 17] = [
    ("policy", &[]),
    ("evidence", &["policy"]),
    ("cds_hooks", &[]),
    ("crd", &["policy", "cds_hooks"]),
    ("page", &["policy"]),
    ("fhir", &["clock", "ids", "config", "outgoing"]),
    ("auth", &["clock", "ids", "config", "outgoing", "rate_limits"]),
    ("ledger", &["clock", "ids", "config"]),
    (
        "app",
        &["policy", "evidence", "cds_hooks", "crd", "page", "fhir", "auth", "ledger", "clock", "ids", "config", "rate_limits", "telemetry"],
    ),
    ("http", &["app", "config", "clock", "ids", "rate_limits", "telemetry"]),
    ("cli", &["app", "http", "config", "clock", "ids", "telemetry"]),
    ("config", &["cds_hooks", "crd"]),
    ("outgoing", &["config"]),
    ("clock", &[]),
    ("ids", &[]),
    ("rate_limits", &[]),
    ("telemetry", &["config", "outgoing"]),
];

/// Crates that only one module may use.
const FENCED_CRATES: [(&str, &str); 5] = [("askama", "page"), ("axum", "http"), ("hyper", "http"), ("anyhow", "cli"), ("clap", "cli")];

/// The violations in one source file, given by its path below `src`.
fn violations(path: &str, source: &str) -> Vec<String> {
    let modules = module_path(path);
    let Some(own) = modules.first().filter(|module| !matches!(**module, "lib" | "main")) else { return Vec::new() };
    let allowed = ARROWS.iter().find(|(module, _)| module == own).map(|(_, allowed)| *allowed);
    let Some(allowed) = allowed else { return vec![format!("{path}: `{own}` is not in the architecture")] };
    let code = without_comments(source);
    let named = top_level_names(&code, modules.len());
    let foreign = named.iter().filter(|name| *name != own && is_module(name) && !allowed.contains(&name.as_str()));
    let fenced = FENCED_CRATES.iter().filter(|(name, owner)| owner != own && names_crate(&code, name)).map(|(name, _)| name);
    foreign
        .map(|name| format!("{path}: `{own}` names `{name}`"))
        .chain(fenced.map(|name| format!("{path}: `{own}` knows {name}")))
        .collect()
}

/// `http/error.rs` is `http::error`, `http/mod.rs` is `http`.
fn module_path(path: &str) -> Vec<&str> {
    path.trim_end_matches(".rs").trim_end_matches("/mod").split('/').collect()
}

fn is_module(name: &str) -> bool {
    ARROWS.iter().any(|(module, _)| *module == name)
}

/// Line comments, and so links in doc comments, do not count.
fn without_comments(source: &str) -> String {
    source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Every name directly below the crate root: after `crate::`, or after as many `super::` as the file's depth.
fn top_level_names(code: &str, depth: usize) -> BTreeSet<String> {
    let roots = ["crate::".to_owned(), "super::".repeat(depth)];
    roots.iter().flat_map(|root| code.split(root.as_str()).skip(1)).flat_map(leading_names).collect()
}

/// `a::b` yields a; `{a::{b, c}, d}` yields a and d.
fn leading_names(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else { return vec![identifier(rest)] };
    let mut depth = 0_usize;
    let mut names = vec![identifier(group.trim_start())];
    for (at, character) in group.char_indices() {
        match (character, depth) {
            ('{', _) => depth += 1,
            ('}', 0) => break,
            ('}', _) => depth -= 1,
            (',', 0) => names.push(identifier(group[at + 1..].trim_start())),
            _ => {}
        }
    }
    names
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

fn names_crate(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    let starts_here = |at: usize| !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':');
    code.match_indices(&path).any(|(at, _)| starts_here(at))
}

fn source_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn the_source_holds_to_the_arrows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    assert!(files.len() > 20, "only {} files found", files.len());
    let below = |file: &PathBuf| file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    let found: Vec<String> = files.iter().flat_map(|file| violations(&below(file), &std::fs::read_to_string(file).unwrap())).collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_planted_violation_is_found() {
    let table = [
        ("policy/criteria.rs", "use crate::evidence::Facts;", "policy/criteria.rs: `policy` names `evidence`"),
        ("policy/mod.rs", "fn f() { crate::clock::now() }", "policy/mod.rs: `policy` names `clock`"),
        ("http/hook.rs", "use crate::{app::{App, Category}, policy::Verdict};", "http/hook.rs: `http` names `policy`"),
        ("http/hook.rs", "use crate::{\n    policy,\n    app,\n};", "http/hook.rs: `http` names `policy`"),
        ("evidence/dates.rs", "use super::super::http::router;", "evidence/dates.rs: `evidence` names `http`"),
        ("clock.rs", "use super::ids::RandomIds;", "clock.rs: `clock` names `ids`"),
        ("app/decide.rs", "use axum::body::Bytes;", "app/decide.rs: `app` knows axum"),
        ("utils/mod.rs", "", "utils/mod.rs: `utils` is not in the architecture"),
    ];
    for (path, source, expected) in table {
        assert_eq!(violations(path, source), [expected], "{source}");
    }
}

#[test]
fn what_is_allowed_is_not_a_violation() {
    let table = [
        ("evidence/mod.rs", "use crate::policy::Facts;"),
        ("http/hook.rs", "use super::error::HttpError; use crate::{app::{App, Category}, config};"),
        ("policy/mod.rs", "//! See [`crate::evidence`].\nuse super::policy;"),
        ("policy/dates.rs", "use super::evaluation::Plan; // not crate::app::App"),
        ("config/log.rs", "use crate::config::Origin;"),
        ("lib.rs", "pub mod http;"),
    ];
    for (path, source) in table {
        assert_eq!(violations(path, source), Vec::<String>::new(), "{source}");
    }
}
