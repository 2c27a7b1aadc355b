//! Requests with known answers: evaluated requests, whole stories, and the policy's own cases.

use std::path::{Path, PathBuf};

use serde_json::Value;
use serde_json::value::RawValue;

use super::{Evaluator, Json};

/// A request and its expected result.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The client's original text.
    pub(crate) request: String,
    /// `orders` with the evaluation; for a story also `card`.
    pub(crate) expected: Value,
}

/// A story with modified JSON.
pub(crate) fn changed(name: &str, change: impl FnOnce(&mut Value)) -> Case {
    let story = story(name);
    let mut call: Value = serde_json::from_str(&story.request).unwrap();
    change(&mut call);
    Case { request: call.to_string(), ..story }
}

impl Case {
    pub(crate) fn json(&self) -> Json {
        Json::read(&self.request)
    }

    /// Every difference between the evaluation and the expectation.
    pub(crate) fn disagreements(&self, evaluator: &Evaluator) -> Vec<String> {
        let evaluation = evaluator.evaluate(&self.request);
        disagreements(&self.expected["orders"], &evaluation["orders"]).into_iter().map(|what| format!("{}: {what}", self.name)).collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn entries(folder: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// The text of one member, as written in the file.
fn raw_member(text: &str, member: &str) -> String {
    let members: std::collections::BTreeMap<String, &RawValue> = serde_json::from_str(text).expect("an object");
    members[member].get().to_owned()
}

/// The generated requests whose answers an independent program computed.
pub(crate) fn evaluated_requests() -> Vec<Case> {
    let text = std::fs::read_to_string(root().join("fixtures/evaluation-cases.ndjson")).unwrap();
    let case = |(line, text): (usize, &str)| {
        let expected = serde_json::from_str(&raw_member(text, "expected")).unwrap();
        Case { name: format!("line {}", line + 1), request: raw_member(text, "request"), expected }
    };
    text.lines().enumerate().map(case).collect()
}

/// The stories of `fixtures/stories`.
pub(crate) fn stories() -> Vec<Case> {
    let read = |folder: &PathBuf, file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let case = |folder: PathBuf| {
        let expected = serde_json::from_str(&read(&folder, "expected.json")).unwrap();
        Case { name: name(&folder), request: read(&folder, "request.json"), expected }
    };
    entries("fixtures/stories").into_iter().map(case).collect()
}

#[track_caller]
pub(crate) fn story(name: &str) -> Case {
    stories().into_iter().find(|story| story.name == name).unwrap_or_else(|| panic!("no story `{name}`"))
}

/// The cases that come with the policy.
pub(crate) fn policy_cases() -> Vec<Case> {
    let folders = sij_cds::decision::folders(None).unwrap();
    let cases = folders.iter().flat_map(|folder| sij_cds::decision::policy_check::policy_cases(&folder.files));
    let case = |case: Result<sij_cds::decision::policy_check::PolicyCase, sij_cds::decision::policy_check::CaseError>| {
        let case = case.unwrap();
        Case { name: case.name, request: case.request.to_string(), expected: case.expected }
    };
    cases.map(case).collect()
}

/// Every request above.
pub(crate) fn all_cases() -> Vec<Case> {
    evaluated_requests().into_iter().chain(stories()).chain(policy_cases()).collect()
}

/// Every difference between expected and evaluated orders, as text.
pub(crate) fn disagreements(expected: &Value, orders: &Value) -> Vec<String> {
    let list = |orders: &Value| orders.as_array().cloned().unwrap_or_default();
    let (expected, orders) = (list(expected), list(orders));
    let names = |orders: &[Value]| orders.iter().map(|order| order["order"].clone()).collect::<Vec<_>>();
    let mut found = Vec::new();
    note("orders", &Value::from(names(&expected)), &Value::from(names(&orders)), &mut found);
    for (want, have) in expected.iter().zip(&orders) {
        for member in ["kind", "serviceDate", "determination", "earliestDate", "diagnosis"] {
            note(&format!("{} {member}", want["order"]), &want[member], &have[member], &mut found);
        }
        site_disagreements(want, have, &mut found);
    }
    found
}

fn site_disagreements(want: &Value, have: &Value, found: &mut Vec<String>) {
    let names = |order: &Value| order["sites"].as_array().unwrap().iter().map(|site| site["site"].clone()).collect::<Vec<_>>();
    note(&format!("{} sites", want["order"]), &Value::from(names(want)), &Value::from(names(have)), found);
    for (want, have) in want["sites"].as_array().unwrap().iter().zip(have["sites"].as_array().unwrap()) {
        for member in ["pathway", "determination", "earliestDate"] {
            note(&format!("{} {member}", want["site"]), &want[member], &have[member], found);
        }
        let verdicts = have["criteria"].as_array().unwrap().iter().map(|criterion| {
            let id = criterion["id"].as_str().unwrap().to_owned();
            (id, criterion["verdict"].clone())
        });
        let expected = if want["criteria"].is_null() { Value::Object(serde_json::Map::new()) } else { want["criteria"].clone() };
        note(&format!("{} criteria", want["site"]), &expected, &Value::Object(verdicts.collect()), found);
    }
}

fn note(what: &str, expected: &Value, have: &Value, found: &mut Vec<String>) {
    if expected != have {
        found.push(format!("{what}: expected {expected}, got {have}"));
    }
}
