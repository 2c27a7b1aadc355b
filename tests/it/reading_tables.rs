//! How charts are read, kind by kind: every member of a kind is tried, so that a rule that holds for one member holds for all. The
//! evaluation of a small call shows the result.
//! Not here: whole charts ([`super::charts`]) and properties of every chart ([`super::laws`]).

mod answers;
mod codes;
mod courses;
mod dates;
mod orders;
mod regions;
mod sides;
mod statuses;

use serde_json::{Value, json};

use crate::support::Call;
use crate::support::call::{concept, cpt, form, item, order, procedure};

const SNOMED: &str = "http://snomed.info/sct";
const LOINC: &str = "http://loinc.org";
const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
const LOCAL: &str = "urn:example:local";

/// The date of every order, nine days ahead.
const DAY: &str = "2026-12-01";

/// An order for the left joint with a form that answers everything: supported.
fn first_injection() -> Call {
    without_answers(&[])
}

/// The same without answers to these questions.
fn without_answers(questions: &[&str]) -> Call {
    let yes_no = |value: bool| json!({"valueBoolean": value});
    let weeks = |value: u32| json!({"valueInteger": value});
    let choice = |code: &str| json!({"valueCoding": {"code": code}});
    let answers = [
        ("examined-side", choice("both")),
        ("pain-below-l5-nonradicular", yes_no(true)),
        ("pain-interferes-adls", yes_no(true)),
        ("adls-limited-since", json!({"valueDate": "2026-05-04"})),
        ("sij-tenderness", yes_no(true)),
        ("test-distraction", choice("positive")),
        ("test-compression", choice("positive")),
        ("test-thigh-thrust", choice("positive")),
        ("exercise-therapy-weeks", weeks(8)),
        ("nsaid-weeks", weeks(4)),
        ("nsaid-contraindicated", yes_no(false)),
        ("activity-modification-weeks", weeks(6)),
        ("conservative-care-failed", yes_no(true)),
        ("disc-or-facet-evidence", yes_no(false)),
        ("other-diagnosis-more-likely", yes_no(false)),
    ];
    let asked = answers.iter().filter(|(question, _)| !questions.contains(question));
    let form = form("f1", asked.map(|(question, answer)| item(question, answer)));
    left_order().with("questionnaireResponses", [form])
}

/// An order for the left joint without any documentation.
fn left_order() -> Call {
    Call::ordering([order("o1", &cpt("27096:LT"), DAY)])
}

/// The same order with only these answers.
fn with_answers(answers: &[(&str, Value)]) -> Call {
    left_order().with("questionnaireResponses", [form("f1", answers.iter().map(|(question, answer)| item(question, answer)))])
}

/// The verdict of a criterion.
#[track_caller]
fn verdict(call: &Call, id: &str) -> String {
    call.criterion(id)["verdict"].as_str().unwrap().to_owned()
}

/// A resource with one additional member.
fn with_member(mut resource: Value, name: &str, value: &Value) -> Value {
    resource[name] = value.clone();
    resource
}

fn words(text: &str) -> Value {
    json!({"text": text})
}

/// Sessions every two weeks over six weeks.
fn sessions(code: &Value) -> Vec<Value> {
    ["2026-08-03", "2026-08-17", "2026-08-31", "2026-09-14"].map(|day| procedure(&format!("t-{day}"), code, day)).into()
}

/// A Condition of the problem list that began on 2026-05-04.
fn problem(code: &Value) -> Value {
    with_member(crate::support::call::condition("c1", code), "onsetDateTime", &json!("2026-05-04"))
}

/// A pain score on a date.
fn score(id: &str, day: &str, value: u32) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final", "subject": {"reference": "Patient/p1"},
        "code": concept(LOINC, "72514-3"), "effectiveDateTime": day, "valueInteger": value})
}

/// An examination finding of 2026-11-10.
fn finding(set: &str, is_positive: bool) -> Value {
    json!({"resourceType": "Observation", "id": set, "status": "final", "subject": {"reference": "Patient/p1"},
        "code": concept("urn:sij-cds:findings", set), "effectiveDateTime": "2026-11-10", "valueBoolean": is_positive})
}

/// Four weeks of naproxen.
fn naproxen() -> Value {
    json!({"resourceType": "MedicationStatement", "id": "m1", "status": "completed", "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": concept(RXNORM, "7258"), "effectivePeriod": {"start": "2026-08-01", "end": "2026-08-28"}})
}

/// A prescription of naproxen of 2026-08-01.
fn prescription() -> Value {
    json!({"resourceType": "MedicationRequest", "id": "mr1", "status": "active", "intent": "order", "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": concept(RXNORM, "7258"), "authoredOn": "2026-08-01"})
}

/// How an entry of the chart counts in the injection history of the left joint.
#[track_caller]
fn left_history(procedure: &Value) -> &'static str {
    history(&left_order(), procedure)
}

#[track_caller]
fn history(call: &Call, procedure: &Value) -> &'static str {
    let site = call.clone().with("procedures", [procedure.clone()]).site();
    let has = |member: &str| site[member].as_array().is_some_and(|entries| !entries.is_empty());
    match (has("priorInjections"), has("possibleInjections")) {
        (true, false) => "injection",
        (false, true) => "possible",
        (false, false) => "none",
        (true, true) => panic!("one entry is two: {site}"),
    }
}

#[test]
fn the_chart_the_tables_change_is_supported() {
    let evaluation = first_injection().evaluation();
    assert_eq!(evaluation["orders"][0]["determination"], "supported", "{evaluation:#}");
}
