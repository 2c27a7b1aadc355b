//! Rules for every source file besides the dependency arrows: it states its purpose, is short, and has no panic path.

use std::path::{Path, PathBuf};

/// A longer file covers more than one subject.
const MAX_LINES: usize = 420;

/// Names for which `CONTRIBUTING.md` has better ones.
const REFUSED_NAMES: [&str; 4] = ["fn of(", " MOST_", " LONGEST_", " LARGEST_"];

/// Panics that lints forbid; here even an `#[allow]` does not permit them.
const PANICS: [&str; 6] = [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!(", "unreachable!("];

/// The violations in one source file.
fn violations(path: &str, source: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !source.starts_with("//! ") {
        found.push(format!("{path}: does not open with `//!`"));
    }
    let lines = source.lines().count();
    if lines > MAX_LINES {
        found.push(format!("{path}: {lines} lines"));
    }
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default()).enumerate();
    for (place, line) in lines {
        found.extend(
            REFUSED_NAMES.iter().filter(|name| line.contains(**name)).map(|name| format!("{path}:{}: `{}`", place + 1, name.trim())),
        );
        found.extend(PANICS.iter().filter(|way| line.contains(**way)).map(|way| format!("{path}:{}: `{way}`", place + 1)));
    }
    found
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
fn every_source_file_holds_to_the_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    assert!(files.len() > 20, "only {} files found", files.len());
    let name = |file: &PathBuf| file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    let found: Vec<_> = files.iter().flat_map(|file| violations(&name(file), &std::fs::read_to_string(file).unwrap())).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_planted_violation_is_found() {
    let long = format!("//! Long.\n{}", "fn f() {}\n".repeat(MAX_LINES));
    let table = [
        ("fn f() {}\n", "x.rs: does not open with `//!`"),
        (long.as_str(), "x.rs: 421 lines"),
        ("//! X.\nfn f() { g().unwrap() }", "x.rs:2: `.unwrap()`"),
        ("//! X.\npub fn of(text: &str) {}", "x.rs:2: `fn of(`"),
        ("//! X.\nconst MOST_LINES: usize = 1;", "x.rs:2: `MOST_`"),
        ("//! X.\n#[allow(clippy::panic)]\nfn f() { panic!(\"x\") }", "x.rs:3: `panic!(`"),
    ];
    for (source, expected) in table {
        assert_eq!(violations("x.rs", source), [expected]);
    }
}

#[test]
fn tests_and_comments_may_speak_of_panics() {
    let source = "//! X.\nfn f() {} // not panic!()\n#[cfg(test)]\nmod tests { fn t() { g().unwrap() } }";
    assert_eq!(violations("x.rs", source), Vec::<String>::new());
}
