//! The cost of large or deep calls: the time grows linearly with the call's length, and the answer's length is independent of the chart's.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::call::{concept, condition, cpt, hcpcs, icd10, order, procedure};
use crate::support::{Answer, Call, Evaluator, TestApp};

const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";

fn good_call() -> Call {
    Call::ordering([order("o1", &cpt("27096:LT"), "2026-12-01")])
}

/// Nested Bundles, in one of the two ways a Bundle can be written.
fn nested_bundles(depth: usize, open: &str, close: &str) -> String {
    format!("{}{{\"resourceType\":\"Basic\"}}{}", open.repeat(depth), close.repeat(depth))
}

const TYPE_FIRST: (&str, &str) = (r#"{"resourceType":"Bundle","entry":[{"resource":"#, "}]}");
const TYPE_LAST: (&str, &str) = (r#"{"entry":[{"resource":"#, r#"}],"resourceType":"Bundle"}"#);

/// Signs a call with nested Bundles in place of a mark, then a valid call on the same service.
async fn sign_nested(call: Call, (open, close): (&str, &str), depth: usize) -> Answer {
    let app = TestApp::on_the_day_of_the_fixtures();
    let text = call.text().replacen("\"HERE\"", &nested_bundles(depth, open, close), 1);
    let answer = app.sign_text(&text).await;
    assert_eq!(app.sign_text(&good_call().text()).await.status, 200);
    answer
}

#[tokio::test]
async fn a_draft_order_of_nineteen_thousand_nested_bundles_is_passed_over() {
    for way in [TYPE_FIRST, TYPE_LAST] {
        let call = Call::ordering([json!("HERE"), order("o1", &cpt("27096:LT"), "2026-12-01")]);
        let answer = sign_nested(call, way, 19_000).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["cards"].as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test]
async fn a_list_of_nineteen_thousand_nested_bundles_is_left_out_and_said_to_be() {
    for way in [TYPE_FIRST, TYPE_LAST] {
        let call = good_call().with_prefetch("observations", &json!("HERE"));
        let answer = sign_nested(call, way, 19_000).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.json()["cards"][0]["detail"].as_str().unwrap().contains("could not be read in full: 1."), "{}", answer.text());
    }
}

/// The time until the answer.
fn time_of(evaluator: &Evaluator, call: &str) -> Duration {
    let began = Instant::now();
    evaluator.answer(call).expect("the call is answered");
    began.elapsed()
}

/// A call 4 times as long may take less than 10 times as long; quadratic cost would take 16 times as long.
/// Other load on the machine can disturb a comparison, so the median of five counts.
#[track_caller]
fn assert_time_grows_with_length(most: usize, call: impl Fn(usize) -> String) {
    let (evaluator, quarter, whole) = (Evaluator::new(), call(most / 4), call(most));
    let growth = || time_of(&evaluator, &whole).as_secs_f64() / time_of(&evaluator, &quarter).as_secs_f64();
    let mut found = [(); 5].map(|()| growth());
    found.sort_by(f64::total_cmp);
    assert!(found[2] < 10.0, "four times the call takes so many times as long: {found:?}");
}

#[test]
fn the_time_for_nested_bundles_grows_with_their_depth() {
    for (open, close) in [TYPE_FIRST, TYPE_LAST] {
        let call = good_call().with_prefetch("observations", &json!("HERE"));
        assert_time_grows_with_length(40_000, |depth| call.text().replacen("\"HERE\"", &nested_bundles(depth, open, close), 1));
    }
}

#[test]
fn the_time_for_reasons_grows_with_their_number() {
    assert_time_grows_with_length(2_800, |count| {
        let references = vec![json!({"reference": "#a"}); count];
        let contained = vec![json!({"resourceType": "Condition", "id": "b", "code": {}}); count];
        good_call().with_order_member(0, "reasonReference", &json!(references)).with_order_member(0, "contained", &json!(contained)).text()
    });
}

#[test]
fn the_time_for_reasons_in_the_chart_grows_with_their_number() {
    assert_time_grows_with_length(6_000, |count| {
        let references: Vec<_> = (0..count).map(|place| json!({"reference": format!("Condition/named-{place}")})).collect();
        let conditions = (0..count).map(|place| condition(&format!("other-{place}"), &icd10("M46.1")));
        good_call().with_order_member(0, "reasonReference", &json!(references)).with("conditions", conditions).text()
    });
}

#[test]
fn the_time_for_medications_by_reference_grows_with_their_number() {
    assert_time_grows_with_length(40_000, |count| {
        let request = |place| {
            json!({"resourceType": "MedicationRequest", "id": format!("mr{place}"), "status": "active", "intent": "order",
                "subject": {"reference": "Patient/p1"}, "medicationReference": {"reference": format!("Medication/m{place}")}})
        };
        let medication = |place| json!({"resourceType": "Medication", "id": format!("m{place}"), "code": concept(RXNORM, "7258")});
        good_call().with("medicationRequests", (0..count).map(request).chain((0..count).map(medication))).text()
    });
}

#[test]
fn the_time_for_coverages_grows_with_their_number() {
    assert_time_grows_with_length(6_000, |count| {
        let insurance: Vec<_> = (0..count).map(|place| json!({"reference": format!("Coverage/named-{place}")})).collect();
        let coverage = |place| json!({"resourceType": "Coverage", "id": format!("other-{place}"), "status": "active"});
        good_call().with_order_member(0, "insurance", &json!(insurance)).with("coverage", (0..count).map(coverage)).text()
    });
}

/// A call with this many orders in scope, each for a different day, after some out of scope.
fn orders_in_scope(count: usize) -> Call {
    let others = (0..5).map(|place| order(&format!("mri{place}"), &cpt("72148"), "2026-12-01"));
    let injection = |place| order(&format!("o{place}"), &cpt("27096:LT"), &format!("2026-12-{:02}", place + 1));
    Call::ordering(others.chain((0..count).map(injection)))
}

#[tokio::test]
async fn twenty_orders_in_scope_are_answered() {
    let answer = TestApp::on_the_day_of_the_fixtures().sign(&orders_in_scope(20).0).await;
    assert_eq!(answer.json()["cards"].as_array().map(Vec::len), Some(20), "{}", answer.text());
}

#[tokio::test]
async fn more_than_twenty_orders_in_scope_are_422() {
    let answer = TestApp::on_the_day_of_the_fixtures().sign(&orders_in_scope(21).0).await;
    answer.outcome(422, "business-rule");
    assert_eq!(answer.json()["issue"][0]["expression"], json!(["context.draftOrders"]));
}

/// The maximum number of evidence entries of a criterion of the only joint.
fn most_evidence(site: &Value) -> usize {
    let criteria = site["criteria"].as_array().unwrap().iter();
    criteria.map(|criterion| criterion["evidence"].as_array().map_or(0, Vec::len)).max().unwrap()
}

#[test]
fn a_statement_names_ten_of_five_thousand_conditions() {
    let discs = (0..5_000).map(|place| {
        let mut code = icd10("M51.26");
        code["coding"][0]["display"] = json!(format!("Disc displacement no. {place}"));
        condition(&format!("c{place:04}"), &code)
    });
    let call = good_call().with("conditions", discs);
    let criterion = call.criterion("I.A.5");
    assert_eq!(criterion["statement"].as_str().unwrap().matches("Disc displacement").count(), 10, "{criterion}");
    assert_eq!(criterion["evidence"].as_array().map(Vec::len), Some(10));
    assert!(call.evaluation().to_string().len() < 20_000);
}

/// The n-th day of 2026.
fn day(place: u64) -> String {
    (chrono::NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + chrono::Days::new(place)).to_string()
}

#[test]
fn a_course_of_therapy_rests_on_two_hundred_sessions_at_most() {
    let sessions = (0..300).map(|place| procedure(&format!("t{place}"), &cpt("97110"), &day(place)));
    let call = good_call().with("procedures", sessions);
    assert_eq!(call.criterion("I.A.4.a")["verdict"], "met");
    assert_eq!(most_evidence(&call.site()), 200);
}

#[test]
fn contraindications_are_two_hundred_at_most() {
    let ulcers = (0..300).map(|place| condition(&format!("c{place}"), &icd10("K25.9")));
    let call = good_call().with("conditions", ulcers);
    assert_eq!(call.criterion("I.A.4.b")["verdict"], "met");
    assert_eq!(most_evidence(&call.site()), 200);
}

#[test]
fn relief_rests_on_two_hundred_pain_scores_at_most() {
    let score = |place| {
        json!({"resourceType": "Observation", "id": format!("s{place}"), "status": "final", "subject": {"reference": "Patient/p1"},
            "code": concept("http://loinc.org", "72514-3"), "effectiveDateTime": day(place), "valueInteger": if place == 0 { 8 } else { 4 }})
    };
    let injections = [procedure("i1", &cpt("27096:LT"), &day(0)), procedure("i2", &hcpcs("G0260:LT"), &day(280))];
    let call = good_call().with("procedures", injections).with("observations", (0..300).map(score));
    assert_eq!(call.criterion("II")["verdict"], "met");
    assert!(most_evidence(&call.site()) <= 200, "{}", most_evidence(&call.site()));
}
