//! The evaluation agrees with independently computed answers, request by request and criterion by criterion.

use serde_json::json;

use crate::support::{Case, Evaluator, disagreements, evaluated_requests, policy_cases};

#[track_caller]
fn assert_all_agree(cases: &[Case]) {
    let evaluator = Evaluator::new();
    let found: Vec<_> = cases.iter().flat_map(|case| case.disagreements(&evaluator)).collect();
    assert!(found.is_empty(), "{} disagreements:\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_evaluated_request_comes_out_as_the_second_program_has_it() {
    let cases = evaluated_requests();
    assert_eq!(cases.len(), 317);
    assert_all_agree(&cases);
}

#[test]
fn every_case_of_the_policy_comes_out_as_it_says() {
    let cases = policy_cases();
    assert!(cases.len() >= 439, "only {} cases found", cases.len());
    assert_all_agree(&cases);
}

#[test]
fn a_planted_disagreement_is_found_whatever_it_is_in() {
    let site = json!({"site": "left", "pathway": "I.A", "determination": "not-yet", "criteria": [{"id": "V", "verdict": "met"}]});
    let order = json!({"order": "ServiceRequest/o", "kind": "injection", "serviceDate": "2026-12-01", "sites": [site]});
    let expect = |path: &str, value: &str| {
        let mut expected = json!([order]);
        expected[0]["sites"][0]["criteria"] = json!({"V": "met"});
        *expected.pointer_mut(path).unwrap() = json!(value);
        disagreements(&expected, &json!([order])).len()
    };
    assert_eq!(expect("/0/kind", "injection"), 0);
    for path in ["/0/order", "/0/kind", "/0/serviceDate", "/0/sites/0/site", "/0/sites/0/pathway", "/0/sites/0/criteria/V"] {
        assert_eq!(expect(path, "other"), 1, "{path}");
    }
}
