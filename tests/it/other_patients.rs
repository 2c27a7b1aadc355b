//! Other patients' orders among the draft orders: they are no evidence for this patient, and are never decided.

use serde_json::{Value, json};

use crate::support::call::{cpt, form, order, prior_injection, procedure};
use crate::support::{Call, TestApp};

fn of_another(mut order: Value) -> Value {
    order["subject"] = json!({"reference": "Patient/somebody-else"});
    order
}

/// An order for a subsequent injection together with another order; the chart does not say whether other treatment accompanies it.
fn subsequent_injection_with(other: Value) -> Call {
    Call::ordering([order("sij", &cpt("27096:LT"), "2026-12-01"), other])
        .with("procedures", [procedure("i1", &cpt("27096:LT"), "2026-09-01")])
        .with("questionnaireResponses", [form("f1", [prior_injection("2026-09-01", 80, 3)])])
}

#[test]
fn therapy_ordered_for_another_patient_does_not_go_along_with_the_injection() {
    let therapy = order("therapy", &cpt("97110"), "2026-12-02");
    let own = subsequent_injection_with(therapy.clone());
    let foreign = subsequent_injection_with(of_another(therapy));
    assert_eq!(own.criterion("I.C.2")["verdict"], "met");
    assert_eq!(foreign.criterion("I.C.2")["verdict"], "unknown");
}

#[test]
fn a_procedure_ordered_for_another_patient_is_not_of_this_visit() {
    let epidural = order("epidural", &cpt("62323"), "2026-12-01");
    let own = subsequent_injection_with(epidural.clone());
    let foreign = subsequent_injection_with(of_another(epidural));
    assert_eq!(own.criterion("V")["verdict"], "not-met");
    assert_eq!(foreign.criterion("V")["verdict"], "met");
}

#[test]
fn an_order_for_another_patient_replaces_none_of_this_one() {
    let replacing = |mut order: Value| {
        order["replaces"] = json!([{"reference": "ServiceRequest/sij"}]);
        order
    };
    let other = replacing(order("other", &cpt("99213"), "2026-12-01"));
    let own = subsequent_injection_with(other.clone());
    let foreign = subsequent_injection_with(of_another(other));
    assert_eq!(own.evaluation()["passedOver"][0]["why"], "replaced");
    assert_eq!(foreign.evaluation()["orders"][0]["order"], "ServiceRequest/sij");
}

#[tokio::test]
async fn another_patients_order_that_their_own_order_replaces_is_passed_over() {
    let mut replacing = of_another(order("b", &cpt("99213"), "2026-12-01"));
    replacing["replaces"] = json!([{"reference": "ServiceRequest/a"}]);
    let replaced = of_another(order("a", &cpt("27096:LT"), "2026-12-01"));
    let call = Call::ordering([order("own", &cpt("27096:LT"), "2026-12-01"), replaced, replacing]);
    TestApp::on_the_day_of_the_fixtures().sign(&call.0).await.json()["cards"].as_array().expect("cards");
}

#[tokio::test]
async fn an_injection_ordered_for_another_patient_is_422_wherever_it_stands() {
    let own = order("own", &cpt("27096:LT"), "2026-12-01");
    let foreign = of_another(order("foreign", &cpt("27096:RT"), "2026-12-08"));
    for (place, orders) in [(1, [own.clone(), foreign.clone()]), (0, [foreign, own])] {
        let answer = TestApp::on_the_day_of_the_fixtures().sign(&Call::ordering(orders).0).await;
        answer.outcome(422, "business-rule");
        let expected = format!("context.draftOrders.entry[{place}].resource.subject");
        assert_eq!(answer.json()["issue"][0]["expression"], json!([expected]));
    }
}
