//! Rules for every source file besides the dependency arrows: it states its purpose, is short, and has no panic path.

use std::collections::BTreeSet;

use crate::support::module_graph::sources_of_this_crate;

/// A longer file covers more than one subject.
const MAX_LINES: usize = 420;

/// Names for which `CONTRIBUTING.md` has better ones.
const REFUSED_NAMES: [&str; 4] = ["fn of(", " MOST_", " LONGEST_", " LARGEST_"];

/// Types that may share a name with another, because they describe the same thing: what the OpenAPI document says of an order, and traces
/// with and without their feature.
const SHARED_TYPE_NAMES: [&str; 2] = ["DraftOrder", "Exporting"];

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

#[test]
fn every_source_file_holds_to_the_rules() {
    let found: Vec<_> = sources_of_this_crate().iter().flat_map(|(path, source)| violations(path, source)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The names of the types that a source defines outside of tests, functions and type aliases of traits.
fn type_names(source: &str) -> Vec<&str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let definitions = code.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| {
        let line = line.strip_prefix("pub").map_or(line, |rest| rest.split_once(' ').map_or("", |(_, rest)| rest));
        ["struct ", "enum ", "trait "].into_iter().find_map(|keyword| line.strip_prefix(keyword))
    });
    definitions.map(|rest| rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or_default()).collect()
}

/// The names that more than one of the sources defines.
fn shared_type_names<'s>(sources: impl IntoIterator<Item = &'s str>) -> BTreeSet<&'s str> {
    let mut seen = BTreeSet::new();
    sources.into_iter().flat_map(type_names).filter(|name| !seen.insert(*name)).collect()
}

#[test]
fn no_two_types_share_a_name() {
    let sources = sources_of_this_crate();
    let mut shared = shared_type_names(sources.iter().map(|(_, source)| source.as_str()));
    shared.retain(|name| !SHARED_TYPE_NAMES.contains(name));
    assert_eq!(shared, BTreeSet::new());
}

#[test]
fn a_shared_type_name_is_found() {
    let sources =
        ["pub struct Plan {}\n", "pub(crate) enum Plan<'a> {}\nstruct Other;", "#[cfg(test)]\nstruct Other;", "    struct Other;"];
    assert_eq!(shared_type_names(sources), BTreeSet::from(["Plan"]));
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
