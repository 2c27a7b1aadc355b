//! Duplicates on one day: records of the same injection, contradictory findings and forms, orders for the same visit.

use serde_json::{Value, json};

use crate::support::Call;
use crate::support::call::{concept, cpt, form, hcpcs, item, order, prior_injection, procedure};

fn left_order() -> Call {
    Call::ordering([order("o1", &cpt("27096:LT"), "2026-12-01")])
}

fn improved(site: &Value) -> Vec<&str> {
    site["priorInjections"].as_array().unwrap().iter().map(|injection| injection["improved"].as_str().unwrap()).collect()
}

#[test]
fn the_professional_and_the_facility_record_of_a_day_are_one_injection() {
    let records = [procedure("b", &cpt("27096"), "2026-09-01"), procedure("a", &hcpcs("G0260:LT"), "2026-09-01")];
    let form = form("f1", [prior_injection("2026-09-01", 10, 0)]);
    let site = left_order().with("procedures", records).with("questionnaireResponses", [form]).site();
    assert_eq!(improved(&site), ["not-met"], "{site}");
    assert_eq!(site["pathway"], "I.B");
}

/// Injections of both joints on one day, with one more record that names no joint.
fn both_joints_on_one_day(order_code: &str) -> Call {
    let codes = [cpt("27096"), cpt("27096:RT"), cpt("27096:LT")];
    let records = codes.iter().enumerate().map(|(place, code)| procedure(&format!("i{place}"), code, "2026-09-01"));
    Call::ordering([order("o1", &cpt(order_code), "2026-12-01")]).with("procedures", records)
}

#[test]
fn injections_of_single_joints_leave_the_history_of_an_order_without_a_side_open() {
    let site = both_joints_on_one_day("27096").site();
    assert_eq!(site["site"], "unspecified");
    assert_eq!((improved(&site).len(), site["determination"].as_str()), (0, Some("needs-documentation")), "{site}");
    assert_eq!(site["possibleInjections"].as_array().unwrap().len(), 2, "{site}");
}

#[test]
fn each_joint_of_a_day_has_its_own_answer() {
    let answer = |side: &str, percent| {
        let mut group = prior_injection("2026-09-01", percent, 3);
        group["item"].as_array_mut().unwrap().push(item("injection-side", &json!({"valueCoding": {"code": side}})));
        group
    };
    for groups in [[answer("left", 10), answer("right", 80)], [answer("right", 80), answer("left", 10)]] {
        let evaluation = both_joints_on_one_day("27096:50").with("questionnaireResponses", [form("f1", groups)]).evaluation();
        let sites = evaluation["orders"][0]["sites"].as_array().unwrap().clone();
        assert_eq!(sites.iter().map(improved).collect::<Vec<_>>(), [["not-met"], ["met"]], "{sites:?}");
    }
}

/// A tenderness finding; without an id if `id` is empty.
fn tenderness(id: &str, tender: bool) -> Value {
    let mut finding = json!({"resourceType": "Observation", "id": id, "status": "final", "subject": {"reference": "Patient/p1"},
        "code": concept("urn:sij-cds:findings", "sij-tenderness"), "effectiveDateTime": "2026-11-10", "valueBoolean": tender});
    if id.is_empty() {
        finding.as_object_mut().unwrap().remove("id");
    }
    finding
}

#[test]
fn findings_that_contradict_each_other_are_judged_the_same_in_any_order() {
    for id in ["", "same"] {
        let findings = [tenderness(id, true), tenderness(id, false)];
        let reversed = [findings[1].clone(), findings[0].clone()];
        let evaluation = left_order().with("observations", findings).evaluation();
        assert_eq!(evaluation, left_order().with("observations", reversed).evaluation(), "id `{id}`");
    }
}

#[test]
fn forms_that_contradict_each_other_are_judged_the_same_in_any_order() {
    let forms = [true, false].map(|tender| form("same", [item("sij-tenderness", &json!({"valueBoolean": tender}))]));
    let reversed = [forms[1].clone(), forms[0].clone()];
    let evaluation = left_order().with("questionnaireResponses", forms).evaluation();
    assert_eq!(evaluation, left_order().with("questionnaireResponses", reversed).evaluation());
}

#[test]
fn an_order_listed_twice_is_no_second_procedure() {
    let listed = order("o1", &cpt("27096:LT"), "2026-12-01");
    let call = Call::ordering([listed.clone(), listed]);
    assert_eq!(call.criterion("V")["verdict"], "met");
}

#[test]
fn two_orders_without_ids_are_two_procedures() {
    let mut unnamed = order("", &cpt("27096:LT"), "2026-12-01");
    unnamed.as_object_mut().unwrap().remove("id");
    let call = Call::ordering([unnamed.clone(), unnamed]);
    assert_eq!(call.criterion("V")["verdict"], "not-met");
}

/// The resources a card offers to remove.
fn removals(card: &Value) -> Vec<&str> {
    let suggestions = card["suggestions"].as_array().into_iter().flatten();
    let actions = suggestions.flat_map(|suggestion| suggestion["actions"].as_array().into_iter().flatten());
    actions.filter_map(|action| action["resourceId"].as_str()).collect()
}

#[test]
fn of_two_injections_of_one_day_the_first_card_alone_offers_to_remove_the_second() {
    let cards = Call::ordering(["z", "a"].map(|id| order(id, &cpt("27096:LT"), "2026-12-01"))).cards();
    assert_eq!(cards.len(), 2);
    assert_eq!(removals(&cards[0]), ["ServiceRequest/a"]);
    assert_eq!(removals(&cards[1]), Vec::<&str>::new());
}

#[test]
fn another_procedure_of_the_day_is_offered_for_removal_wherever_it_stands() {
    let injection = order("sij", &cpt("27096:LT"), "2026-12-01");
    let epidural = order("epidural", &cpt("62323"), "2026-12-01");
    for orders in [[injection.clone(), epidural.clone()], [epidural.clone(), injection.clone()]] {
        assert_eq!(removals(&Call::ordering(orders).card()), ["ServiceRequest/epidural"]);
    }
}
