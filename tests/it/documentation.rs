//! The documents in `docs/` are complete, and describe nothing that no longer exists.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use sij_cds::app::{App, Ports};
use sij_cds::clock::FixedClock;
use sij_cds::ids::SequentialIds;

use crate::support::default_config;
use crate::support::markdown::{block_after, document, rows, unquoted};

/// A key of `default.toml` with its default as written there; `None` for a key that is commented out.
struct Key {
    name: String,
    default: Option<String>,
    /// Whether it is in a block that a file may repeat, which environment variables cannot set.
    is_of_block: bool,
}

fn configuration_keys() -> Vec<Key> {
    let text = document("src/config/default.toml");
    let (mut section, mut is_of_block) = ("", false);
    let mut keys = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.trim_start_matches("# ").strip_prefix('[') {
            (section, is_of_block) = (name.trim_matches(['[', ']']), name.starts_with('['));
        }
        let (line, absent) = line.strip_prefix("# ").map_or((line, false), |line| (line, true));
        let Some((key, value)) = line.split_once(" = ") else { continue };
        if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            keys.push(Key { name: format!("{section}.{key}"), default: (!absent).then(|| value.to_owned()), is_of_block });
        }
    }
    keys
}

/// The names and values under a heading of `policy.toml`.
fn policy_values(heading: &str) -> Vec<(String, String)> {
    let text = document("cds-hooks/policies/sacroiliac-joint-interventions/2019-08/policy.toml");
    let policy: toml::Table = text.parse().unwrap();
    policy[heading].as_table().unwrap().iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
}

/// The complete text of the source and the tests.
fn all_code() -> String {
    let mut text = String::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")];
    while let Some(folder) = open.pop() {
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    text
}

#[test]
fn every_configuration_key_is_documented_with_its_default_and_variable() {
    let documented = rows(&document("docs/configuration.md"));
    let keys = configuration_keys();
    let names: Vec<&String> = keys.iter().map(|key| &key.name).collect();
    assert_eq!(documented.iter().map(|(name, _)| name).collect::<Vec<_>>(), names);
    for (key, (_, cells)) in keys.iter().zip(&documented) {
        if key.is_of_block {
            assert_eq!(cells[2], "in a file only", "{}", key.name);
            continue;
        }
        assert_eq!(unquoted(&cells[1]), key.default.as_deref(), "default of {}", key.name);
        let variable = format!("SIJ_CDS__{}", key.name.to_uppercase().replace('.', "__"));
        assert_eq!(unquoted(&cells[2]), Some(variable.as_str()));
    }
}

#[test]
fn every_section_of_the_configuration_is_in_readme() {
    let readme = document("README.md");
    let keys = configuration_keys();
    let header = |key: &Key| {
        let section = key.name.rsplit_once('.').map_or("", |(section, _)| section);
        if key.is_of_block { format!("`[[{section}]]`") } else { format!("`[{section}]`") }
    };
    let missing: Vec<String> = keys.iter().map(header).filter(|header| !readme.contains(header)).collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_threshold_and_parameter_is_documented_with_its_value() {
    let documented = rows(&document("docs/policy.md"));
    for (name, value) in [policy_values("thresholds"), policy_values("parameters")].concat() {
        let row = documented.iter().find(|(documented, _)| *documented == name);
        let (_, cells) = row.unwrap_or_else(|| panic!("`{name}` is not in docs/policy.md"));
        assert_eq!(cells[0], value, "{name}");
    }
}

#[test]
fn every_criterion_is_in_the_policy_document() {
    let text = document("cds-hooks/policies/sacroiliac-joint-interventions/2019-08/policy.toml");
    let policy: toml::Table = text.parse().unwrap();
    let documented: Vec<String> = rows(&document("docs/policy.md")).into_iter().map(|(name, _)| name).collect();
    for criterion in policy["criteria"].as_array().unwrap() {
        let id = criterion["id"].as_str().unwrap();
        assert!(documented.iter().any(|name| name == id), "{id}");
    }
}

#[test]
fn every_module_is_on_the_map() {
    let document = document("docs/architecture.md");
    let map = document.split("\n## Rooms\n").nth(1).unwrap().split("\n## ").next().unwrap();
    for path in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let is_room = map.contains(&format!("`{name}`")) || map.contains(&format!("`{name}::"));
        assert!(is_room || matches!(name.as_str(), "lib" | "main"), "{name}");
    }
}

#[test]
fn the_site_lists_every_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let contents = document("docs/SUMMARY.md");
    for folder in ["", "decisions/"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let name = format!("{folder}{}", entry.unwrap().file_name().to_str().unwrap());
            let is_page = Path::new(&name).extension().is_some_and(|extension| extension == "md") && name != "SUMMARY.md";
            assert!(!is_page || contents.contains(&format!("({name})")), "{name}");
        }
    }
}

#[test]
fn every_test_that_the_invariants_name_is_there() {
    let invariants = document("docs/invariants.md");
    let names = invariants.split('`').skip(1).step_by(2).filter(|name| name.contains('_') && !name.contains(['/', '.', ':']));
    let code = all_code();
    let mut seen = 0;
    for name in names {
        seen += 1;
        assert!(code.contains(&format!("fn {name}(")), "there is no test `{name}`");
    }
    assert!(seen > 10, "only {seen} tests named");
}

/// Test names are recognized by their length.
#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let (document, code) = (document("docs/security.md"), all_code());
    let is_test = |name: &&str| {
        name.matches('_').count() >= 3 && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
    };
    let names: Vec<&str> = document.split('`').skip(1).step_by(2).filter(is_test).collect();
    let missing: Vec<&str> = names.iter().copied().filter(|name| !code.contains(&format!("fn {name}("))).collect();
    assert_eq!(missing, Vec::<&str>::new());
    assert!(names.len() > 100, "only {} tests named", names.len());
}

#[test]
fn every_cause_of_a_refusal_is_explained_to_ehr_teams() {
    let (source, page) = (document("src/auth/refusal.rs"), document("docs/integration.md"));
    let labels: Vec<&str> = source.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(labels.len() > 30, "{labels:?}");
    let missing: Vec<&&str> = labels.iter().filter(|label| !page.contains(&format!("\n| `{label}` |"))).collect();
    assert_eq!(missing, Vec::<&&str>::new());
}

/// A row of docs/conformance.md.
struct Requirement {
    id: String,
    verbs: String,
    state: String,
    /// Its evidence: test names and script paths.
    shown_by: Vec<String>,
}

impl Requirement {
    fn is_done(&self) -> bool {
        self.state == "yes" || self.state.starts_with("partly: ")
    }
}

fn requirements() -> Vec<Requirement> {
    let of_row = |(id, cells): (String, Vec<String>)| {
        let [verbs, _, state, tests] = <[String; 4]>::try_from(cells).unwrap_or_else(|cells| panic!("{id}: {} cells", cells.len() + 1));
        let shown_by = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Requirement { id, verbs, state, shown_by }
    };
    rows(&document("docs/conformance.md")).into_iter().map(of_row).collect()
}

#[test]
fn every_statement_of_crd_for_a_server_has_its_row() {
    let statements = |version: &str| -> Vec<Value> {
        serde_json::from_str(&document(&format!("fixtures/conformance/crd-{version}-server.json"))).unwrap()
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let verbs = |statement: &Value| statement["verbs"].as_array().unwrap().iter().map(text).collect::<Vec<_>>().join(", ");
    let (current, earlier) = (statements("2.2.1"), statements("2.0.1"));
    assert!(current.len() > 140 && earlier.len() == 165, "only {} and {} statements", current.len(), earlier.len());
    let expected: Vec<_> = current.iter().chain(&earlier).map(|statement| (text(&statement["id"]), verbs(statement))).collect();
    let rows: Vec<_> = requirements().into_iter().map(|requirement| (requirement.id, requirement.verbs)).collect();
    assert_eq!(rows[..expected.len().min(rows.len())], expected);
    let mut ids: Vec<_> = rows.iter().map(|(id, _)| id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), rows.len(), "an id stands twice");
}

#[test]
fn every_requirement_has_a_state_and_all_but_yes_a_reason() {
    let reasoned = ["partly: ", "no: ", "not applicable: "];
    for Requirement { id, state, .. } in requirements() {
        let has_reason = reasoned.iter().any(|kind| state.strip_prefix(kind).is_some_and(|reason| !reason.trim().is_empty()));
        assert!(state == "yes" || has_reason, "{id}: {state}");
    }
}

#[test]
fn every_test_that_conformance_names_is_there_and_only_what_is_done_has_one() {
    let code = all_code();
    let is_there = |name: &str| match name.split_once('/') {
        Some(_) => Path::new(env!("CARGO_MANIFEST_DIR")).join(name).is_file(),
        None => name.starts_with("TODO:") || code.contains(&format!("fn {name}(")),
    };
    for requirement in requirements() {
        assert_eq!(requirement.is_done(), !requirement.shown_by.is_empty(), "{}: {:?}", requirement.id, requirement.shown_by);
        let missing: Vec<_> = requirement.shown_by.iter().filter(|name| !is_there(name)).collect();
        assert!(missing.is_empty(), "{}: there is no {missing:?}", requirement.id);
    }
}

#[test]
fn no_requirement_waits_for_its_test() {
    let waiting = |requirement: &Requirement| requirement.shown_by.iter().any(|name| name.starts_with("TODO:"));
    let found: Vec<_> = requirements().into_iter().filter(waiting).map(|requirement| requirement.id).collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn every_cause_of_a_refused_launch_is_explained_to_ehr_teams() {
    let (source, page) = (document("src/smart/launch/error.rs"), document("docs/integration.md"));
    let keys: Vec<&str> = source.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(keys.len() > 15, "{keys:?}");
    let missing: Vec<&&str> = keys.iter().filter(|key| !page.contains(&format!("\n| `{key}` |"))).collect();
    assert_eq!(missing, Vec::<&&str>::new());
}

#[test]
fn the_example_of_an_evaluation_is_what_the_program_says() {
    let example = block_after(&document("docs/evaluation.md"), "the evaluation of second-diagnostic-day-10").expect("the example is there");
    let example: Value = serde_json::from_str(&example.text).unwrap();
    let as_of = "2026-11-22T10:00:00Z".parse().unwrap();
    let config = default_config();
    let ports = Ports::new(&config, Arc::new(FixedClock::at(as_of)), Arc::new(SequentialIds::default())).unwrap();
    let app = App::build(&config, ports).unwrap();
    let request = document("fixtures/stories/second-diagnostic-day-10/request.json");
    let evaluation = serde_json::to_value(app.hooks.evaluate(&request, as_of).unwrap().report()).unwrap();
    assert_eq!(example, evaluation, "{evaluation:#}");
}
