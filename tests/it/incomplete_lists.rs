//! Prefetch lists that are partial or missing: their entries count, and anything not in them is unknown.

use serde_json::{Value, json};

use crate::support::call::{bundle, condition, cpt, icd10, order, procedure};
use crate::support::{Call, TestApp};

fn first_injection() -> Call {
    Call::ordering([order("o1", &cpt("27096:LT"), "2026-12-01")])
}

fn outcome(issues: &Value) -> Value {
    json!({"resourceType": "OperationOutcome", "issue": issues})
}

/// Outcomes that report withheld data, or report nothing.
fn outcomes_without_an_answer() -> Vec<Value> {
    let mut outcomes = vec![json!({"resourceType": "OperationOutcome"}), outcome(&json!([]))];
    for code in ["forbidden", "suppressed", "security", "throttled", "timeout", "incomplete"] {
        outcomes.push(outcome(&json!([{"severity": "warning", "code": code}])));
    }
    outcomes.push(outcome(&json!([{"severity": "information", "code": "informational"}, {"severity": "warning", "code": "forbidden"}])));
    outcomes
}

#[test]
fn procedures_that_were_kept_back_leave_the_pathway_undetermined() {
    for outcome in outcomes_without_an_answer() {
        for value in [outcome.clone(), bundle([outcome.clone()])] {
            let evaluation = first_injection().with_prefetch("procedures", &value).evaluation();
            assert_eq!(evaluation["orders"][0]["sites"][0]["pathway"], "undetermined", "{value}");
            assert_eq!(evaluation["sources"]["procedures"], "unavailable: the prefetch holds an error", "{value}");
        }
    }
}

#[test]
fn a_problem_list_that_was_kept_back_leaves_disc_and_facet_pain_open() {
    for outcome in outcomes_without_an_answer() {
        for value in [outcome.clone(), bundle([outcome.clone()])] {
            let criterion = first_injection().with_prefetch("conditions", &value).criterion("I.A.5");
            assert_eq!(criterion["verdict"], "unknown", "{value}");
        }
    }
}

#[test]
fn an_outcome_that_says_nothing_was_found_is_an_empty_list() {
    let nothing = outcome(&json!([{"severity": "warning", "code": "processing", "diagnostics": "no results"}]));
    for value in [nothing.clone(), bundle([nothing.clone()])] {
        let call = first_injection().with_prefetch("procedures", &value).with_prefetch("conditions", &value);
        assert_eq!(call.site()["pathway"], "I.A", "{value}");
        assert_eq!(call.criterion("I.A.5")["verdict"], "met", "{value}");
    }
}

#[test]
fn entries_beside_an_error_are_evidence_and_no_whole_list() {
    let error = outcome(&json!([{"severity": "error", "code": "timeout"}]));
    let conditions = [condition("c1", &icd10("M46.1")), error.clone()];
    let call = first_injection().with("conditions", conditions);
    assert_eq!(call.criterion("I.A.5")["verdict"], "unknown");
    let evaluation = call.evaluation();
    assert_eq!(evaluation["sources"]["conditions"], "unavailable: the prefetch holds only a part of it");
    assert_eq!(evaluation["orders"][0]["diagnosis"], "on-problem-list");
    let procedures = [error, procedure("i1", &cpt("27096:LT"), "2026-09-01")];
    assert_eq!(first_injection().with("procedures", procedures).site()["pathway"], "undetermined");
}

#[tokio::test]
async fn first_pages_alone_are_answered_with_what_cannot_be_judged() {
    let page = |resource: Value| {
        let mut page = bundle([resource]);
        page["link"] = json!([{"relation": "self", "url": "x"}, {"relation": "next", "url": "https://ehr.example.org/fhir?page=2"}]);
        page
    };
    let statement = json!({"resourceType": "MedicationStatement", "id": "m1", "status": "completed"});
    let call = first_injection()
        .with_prefetch("conditions", &page(condition("c1", &icd10("M46.1"))))
        .with_prefetch("procedures", &page(procedure("t1", &cpt("97110"), "2026-09-01")))
        .with_prefetch("medicationStatements", &page(statement));
    let answer = TestApp::on_the_day_of_the_fixtures().sign(&call.0).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.json()["cards"][0]["summary"].as_str().unwrap().contains("cannot be judged"), "{}", answer.text());
}

#[test]
fn a_count_that_is_none_does_not_lose_the_entries() {
    for total in ["-1", "\"3\"", "3.0", "1e400", "null", "[]"] {
        let call = first_injection().with("procedures", [procedure("i1", &cpt("27096:LT"), "2026-09-01")]);
        let text = call.text().replacen(r#""procedures":{"#, &format!(r#""procedures":{{"total":{total},"#), 1);
        let evaluation = crate::support::Evaluator::new().evaluate(&text);
        assert_eq!(evaluation["orders"][0]["sites"][0]["pathway"], "I.B-or-I.C", "{total}");
        assert_eq!(evaluation["unreadable"], Value::Null, "{total}");
    }
}
