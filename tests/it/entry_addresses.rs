//! References to the `fullUrl` of a Bundle entry (FHIR R4, Bundle, "Resolving references in Bundles").

use serde_json::{Value, json};

use crate::support::Call;
use crate::support::call::{concept, condition, cpt, icd10, order};

const ADDRESS: &str = "urn:uuid:8d5a4d5c-9f4b-4f0e-9a55-6f0f3f3f9d10";

fn at_the_address(resource: &Value) -> Value {
    json!({"resourceType": "Bundle", "entry": [{"fullUrl": ADDRESS, "resource": resource}]})
}

/// An order whose reason is the resource at the address.
fn order_for_a_reason() -> Call {
    let mut order = order("o1", &cpt("27096:LT"), "2026-12-01");
    order["reasonReference"] = json!([{"reference": ADDRESS}]);
    Call::ordering([order])
}

#[test]
fn a_reason_is_found_at_its_address_in_the_problem_list() {
    let call = order_for_a_reason().with_prefetch("conditions", &at_the_address(&condition("c1", &icd10("M46.1"))));
    assert_eq!(call.evaluation()["orders"][0]["diagnosis"], "on-order");
}

#[test]
fn a_reason_is_found_at_its_address_among_the_draft_orders() {
    let mut call = order_for_a_reason();
    let drafted = json!({"fullUrl": ADDRESS, "resource": condition("c1", &icd10("M46.1"))});
    call.0["context"]["draftOrders"]["entry"].as_array_mut().unwrap().push(drafted);
    assert_eq!(call.evaluation()["orders"][0]["diagnosis"], "on-order");
}

#[test]
fn a_reason_that_stands_nowhere_is_none() {
    let call = order_for_a_reason().with("conditions", [condition("c1", &icd10("M46.1"))]);
    assert_eq!(call.evaluation()["orders"][0]["diagnosis"], "on-problem-list");
}

#[test]
fn a_prescribed_drug_is_found_at_its_address() {
    let naproxen =
        json!({"resourceType": "Medication", "id": "m1", "code": concept("http://www.nlm.nih.gov/research/umls/rxnorm", "7258")});
    let request = json!({"resourceType": "MedicationRequest", "id": "mr1", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p1"}, "medicationReference": {"reference": ADDRESS}, "authoredOn": "2026-10-01",
        "dispenseRequest": {"expectedSupplyDuration": {"value": 28, "code": "d"}}});
    let mut list = at_the_address(&naproxen);
    list["entry"].as_array_mut().unwrap().push(json!({"resource": request}));
    let call = Call::ordering([order("o1", &cpt("27096:LT"), "2026-12-01")]).with_prefetch("medicationRequests", &list);
    assert_eq!(call.criterion("I.A.4.b")["verdict"], "met");
}
