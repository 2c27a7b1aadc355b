//! The duration of a supply and the intensity of pain: every unit of each.

use serde_json::{Value, json};

use super::{left_order, prescription, score, verdict, with_member};
use crate::support::call::{cpt, procedure};

fn is_course(dispense: &Value) -> bool {
    let drug = with_member(prescription(), "dispenseRequest", dispense);
    verdict(&left_order().with("medicationRequests", [drug]), "I.A.4.b") == "met"
}

/// Every unit with the smallest number that makes three weeks, and with one less.
const UNITS: [(&[&str], &str, &str); 4] = [
    (&["d", "day", "days"], "21", "20"),
    (&["wk", "week", "weeks"], "3", "2"),
    (&["mo", "month", "months"], "1", "0.6"),
    (&["a", "year", "years"], "1", "0.05"),
];

fn quantity(value: &str, members: &[(&str, &str)]) -> Value {
    let mut quantity = json!({"value": serde_json::from_str::<Value>(value).unwrap()});
    for (member, text) in members {
        quantity[member] = json!(text);
    }
    quantity
}

#[test]
fn every_unit_of_a_supply_is_read_as_code_and_as_unit() {
    for (names, enough, short) in UNITS {
        for name in names {
            for members in [
                vec![("code", *name)],
                vec![("unit", *name)],
                vec![("code", "{tbl}"), ("unit", *name)],
                vec![("code", *name), ("unit", "tablets")],
            ] {
                assert!(is_course(&json!({"expectedSupplyDuration": quantity(enough, &members)})), "{enough} {members:?}");
                assert!(!is_course(&json!({"expectedSupplyDuration": quantity(short, &members)})), "{short} {members:?}");
            }
        }
    }
}

#[test]
fn a_supply_in_another_unit_proves_one_day() {
    for members in [vec![], vec![("code", "h")], vec![("unit", "tablets")], vec![("code", "x"), ("unit", "y")]] {
        assert!(!is_course(&json!({"expectedSupplyDuration": quantity("400", &members)})), "{members:?}");
    }
}

/// A prescription of a number of tablets, with one dose per interval.
fn tablets(quantity: u32, timing: &Value, dose: &Value, repeats: u32, status: &str) -> String {
    let mut drug = prescription();
    drug["status"] = json!(status);
    drug["dispenseRequest"] = json!({"quantity": {"value": quantity}, "numberOfRepeatsAllowed": repeats});
    drug["dosageInstruction"] = json!([{"timing": timing, "doseAndRate": [{"doseQuantity": dose}]}]);
    verdict(&left_order().with("medicationRequests", [drug]), "I.A.4.b")
}

#[test]
fn a_supply_is_reckoned_from_tablets_and_doses() {
    let repeat =
        |frequency: u32, period: u32, unit: &str| json!({"repeat": {"frequency": frequency, "period": period, "periodUnit": unit}});
    let coded = |code: &str| json!({"code": {"coding": [{"code": code}]}});
    let table = [
        (repeat(1, 1, "d"), 21),
        (repeat(2, 1, "d"), 42),
        (repeat(1, 12, "h"), 42),
        (repeat(1, 1, "wk"), 3),
        (coded("QD"), 21),
        (coded("BID"), 42),
        (coded("TID"), 63),
        (coded("QID"), 84),
    ];
    for (timing, enough) in table {
        let one = json!({"value": 1});
        assert_eq!(tablets(enough, &timing, &one, 0, "active"), "met", "{enough} {timing}");
        assert_eq!(tablets(enough - 1, &timing, &one, 0, "active"), "unknown", "{} {timing}", enough - 1);
        assert_eq!(tablets(enough, &timing, &json!({"value": 2}), 0, "active"), "unknown", "two of {enough} {timing}");
        assert_eq!(tablets(enough, &timing, &json!({"value": 2}), 1, "completed"), "met", "refilled {enough} {timing}");
        assert_eq!(tablets(enough, &timing, &json!({"value": 2}), 1, "active"), "unknown", "to be refilled {enough} {timing}");
    }
}

/// Whether a score after an injection counts as 50% relief from a pain of 8.
fn is_relief(value: &Value) -> bool {
    let mut after = score("s2", "2026-09-01", 0);
    after.as_object_mut().unwrap().remove("valueInteger");
    after.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    let call = left_order().with("procedures", [procedure("i1", &cpt("27096:LT"), "2026-08-03")]);
    call.with("observations", [score("s1", "2026-08-03", 8), after]).site()["priorInjections"][0]["improved"] == "met"
}

#[test]
fn every_unit_of_a_pain_score_is_read() {
    for unit in ["{score}", "1", "[score]", "cm", "/10", "{score}/10"] {
        for member in ["code", "unit"] {
            assert!(is_relief(&json!({"valueQuantity": {"value": 4, member: unit}})), "4 {unit} as {member}");
            assert!(!is_relief(&json!({"valueQuantity": {"value": 5, member: unit}})), "5 {unit} as {member}");
        }
    }
    for member in ["code", "unit"] {
        assert!(is_relief(&json!({"valueQuantity": {"value": 40, member: "mm"}})), "40 mm as {member}");
        assert!(!is_relief(&json!({"valueQuantity": {"value": 50, member: "mm"}})), "50 mm as {member}");
    }
    for value in [json!({"valueInteger": 4}), json!({"valueQuantity": {"value": 4}}), json!({"valueQuantity": {"value": 3.9}})] {
        assert!(is_relief(&value), "{value}");
    }
}

#[test]
fn what_is_no_score_of_0_to_10_proves_nothing() {
    let table = [
        json!({"valueInteger": -1}),
        json!({"valueQuantity": {"value": 1, "code": "kg"}}),
        json!({"valueQuantity": {"value": 1, "code": "%"}}),
        json!({"valueQuantity": {"value": 1, "comparator": "<"}}),
        json!({"valueQuantity": {"value": 101, "code": "mm"}}),
        json!({"valueQuantity": {"code": "{score}"}}),
        json!({"valueString": "2"}),
        json!({"valueInteger": null}),
    ];
    for value in table {
        assert!(!is_relief(&value), "{value}");
    }
}

#[test]
fn a_pain_score_never_disproves_relief() {
    let call = left_order().with("procedures", [procedure("i1", &cpt("27096:LT"), "2026-08-03")]);
    for after in [8, 10, 5] {
        let scored = call.clone().with("observations", [score("s1", "2026-08-03", 8), score("s2", "2026-09-01", after)]);
        assert_eq!(scored.site()["priorInjections"][0]["improved"], "unknown", "{after}");
    }
}
