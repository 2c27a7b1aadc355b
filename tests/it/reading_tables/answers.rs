//! Answers in the form: every type that a boolean, a number, a date and a choice may have.

use serde_json::{Value, json};

use super::{left_order, verdict, with_answers};
use crate::support::Call;
use crate::support::call::{cpt, form, item, procedure};

/// Every way to answer yes, then every way to answer no.
fn yes_and_no() -> [Vec<Value>; 2] {
    let written = |values: [&str; 8], snomed: &str, is_yes: bool| {
        let mut found = vec![json!({"valueBoolean": is_yes})];
        found.extend(values.iter().flat_map(|text| [json!({"valueString": text}), json!({"valueCoding": {"code": text}})]));
        found.push(json!({"valueCoding": {"system": "http://snomed.info/sct", "code": snomed}}));
        found
    };
    [
        written(["yes", "Yes", "YES", "true", "True", "Y", "y", " yes "], "373066001", true),
        written(["no", "No", "NO", "false", "False", "N", "n", " no "], "373067005", false),
    ]
}

#[test]
fn every_way_to_answer_yes_or_no_is_read() {
    let [yes, no] = yes_and_no();
    let table = [("conservative-care-failed", "I.A.4", "met", "not-met"), ("disc-or-facet-evidence", "I.A.5", "not-met", "met")];
    for (question, criterion, if_yes, if_no) in table {
        for (answers, expected) in [(&yes, if_yes), (&no, if_no)] {
            for answer in answers {
                assert_eq!(verdict(&with_answers(&[(question, answer.clone())]), criterion), expected, "{question}: {answer}");
            }
        }
    }
}

#[test]
fn what_is_neither_yes_nor_no_is_no_answer() {
    let table = [
        json!({"valueString": "maybe"}),
        json!({"valueString": ""}),
        json!({"valueCoding": {"code": "261665006"}}),
        json!({"valueInteger": 1}),
        json!({"valueBoolean": "true"}),
        json!({"valueBoolean": null}),
        json!({}),
    ];
    for answer in table {
        assert_eq!(verdict(&with_answers(&[("conservative-care-failed", answer.clone())]), "I.A.4"), "unknown", "{answer}");
    }
}

#[test]
fn every_way_to_give_a_number_is_read() {
    let written = |number: &str| {
        let value: Value = serde_json::from_str(number).unwrap();
        [
            json!({"valueInteger": value}),
            json!({"valueDecimal": value}),
            json!({"valueQuantity": {"value": value}}),
            json!({"valueQuantity": {"value": value, "unit": "week", "code": "wk"}}),
            json!({"valueString": number}),
            json!({"valueString": format!(" {number} ")}),
        ]
    };
    for (question, criterion) in [("exercise-therapy-weeks", "I.A.4.a"), ("activity-modification-weeks", "I.A.4.c")] {
        for (number, expected) in [("6", "met"), ("5", "not-met"), ("12", "met")] {
            for answer in written(number) {
                assert_eq!(verdict(&with_answers(&[(question, answer.clone())]), criterion), expected, "{question}: {answer}");
            }
        }
    }
    assert_eq!(verdict(&with_answers(&[("exercise-therapy-weeks", json!({"valueDecimal": 5.9}))]), "I.A.4.a"), "not-met");
}

#[test]
fn what_is_no_number_is_no_answer() {
    for answer in
        [json!({"valueString": "six"}), json!({"valueString": "6 weeks"}), json!({"valueBoolean": true}), json!({"valueQuantity": {}})]
    {
        assert_eq!(verdict(&with_answers(&[("exercise-therapy-weeks", answer.clone())]), "I.A.4.a"), "unknown", "{answer}");
    }
}

/// The verdict of I.A.1 if everything except the date is answered.
fn limited_since(answer: &Value) -> String {
    let yes = || json!({"valueBoolean": true});
    let others = [("pain-interferes-adls", yes()), ("pain-below-l5-nonradicular", yes())];
    verdict(&with_answers(&[&others[..], &[("adls-limited-since", answer.clone())]].concat()), "I.A.1")
}

#[test]
fn every_way_to_give_a_date_is_read() {
    for (day, expected) in [("2026-05-04", "met"), ("2026-11-01", "not-met"), ("2026-05", "met"), ("2026", "unknown")] {
        for kind in ["valueDate", "valueDateTime", "valueString"] {
            assert_eq!(limited_since(&json!({kind: day})), expected, "{kind} {day}");
        }
    }
    assert_eq!(limited_since(&json!({"valueDateTime": "2026-05-04T10:00:00-06:00"})), "met");
    for answer in [
        json!({"valueString": "05/04/2026"}),
        json!({"valueString": "May"}),
        json!({"valueDate": "0001-01-01"}),
        json!({"valueInteger": 2026}),
    ] {
        assert_eq!(limited_since(&answer), "unknown", "{answer}");
    }
}

const TESTS: [&str; 5] = ["test-distraction", "test-compression", "test-thigh-thrust", "test-gaenslen", "test-sacral-thrust"];

fn with_each_test(answer: &Value) -> String {
    let mut answers = vec![("examined-side", json!({"valueCoding": {"code": "left"}}))];
    answers.extend(TESTS.map(|test| (test, answer.clone())));
    verdict(&with_answers(&answers), "I.A.3")
}

#[test]
fn every_way_to_give_a_choice_is_read() {
    let table = [("positive", "met"), ("negative", "not-met"), ("not-done", "unknown"), ("maybe", "unknown"), ("", "unknown")];
    for (choice, expected) in table {
        for answer in [
            json!({"valueCoding": {"code": choice}}),
            json!({"valueString": choice}),
            json!({"valueCoding": {"system": "urn:x", "code": choice}}),
        ] {
            assert_eq!(with_each_test(&answer), expected, "{answer}");
        }
    }
}

#[test]
fn the_first_answer_that_can_be_read_counts() {
    let several = |answers: Value| json!({"linkId": "conservative-care-failed", "answer": answers});
    for (answers, expected) in [
        (json!([{"valueBoolean": true}, {"valueBoolean": false}]), "met"),
        (json!([{"valueString": "?"}, {"valueBoolean": false}]), "not-met"),
        (json!([{}, {"valueInteger": 3}]), "unknown"),
    ] {
        let call = left_order().with("questionnaireResponses", [form("f1", [several(answers.clone())])]);
        assert_eq!(verdict(&call, "I.A.4"), expected, "{answers}");
    }
}

/// An examination of this side, all negative, for an order of the left joint.
fn examined(side: Option<&str>, canonical: &str) -> String {
    let mut items: Vec<_> = side.iter().map(|side| item("examined-side", &json!({"valueCoding": {"code": side}}))).collect();
    items.push(item("sij-tenderness", &json!({"valueBoolean": false})));
    let mut form = form("f1", items);
    form["questionnaire"] = json!(canonical);
    verdict(&left_order().with("questionnaireResponses", [form]), "I.A.2")
}

#[test]
fn an_examination_belongs_to_the_joint_it_names() {
    let form = "Questionnaire/sij-injection-documentation";
    for (side, expected) in [(Some("left"), "not-met"), (Some("both"), "not-met"), (Some("right"), "unknown"), (None, "unknown")] {
        assert_eq!(examined(side, form), expected, "{side:?}");
        assert_eq!(examined(side, &format!("{form}|2.0.0")), expected, "{side:?}");
    }
    for version in ["1", "1.0.0", "1.2"] {
        assert_eq!(examined(None, &format!("{form}|{version}")), "not-met", "version {version} asked about one joint");
    }
}

/// The injection history of the left joint with an answer about its side.
fn answered_injection(side: &Value, relief: &Value) -> Value {
    let group = json!({"linkId": "prior-injection", "item": [
        item("injection-date", &json!({"valueString": "2026-08-03"})), item("injection-side", side), item("relief-percent", relief)]});
    let call: Call = left_order().with("procedures", [procedure("i1", &cpt("27096"), "2026-08-03")]);
    call.with("questionnaireResponses", [form("f1", [group])]).site()
}

#[test]
fn an_answer_on_an_injection_is_read_in_every_type() {
    for side in [json!({"valueCoding": {"code": "left"}}), json!({"valueString": "left"}), json!({"valueCoding": {"code": "both"}})] {
        for relief in [
            json!({"valueDecimal": 80}),
            json!({"valueInteger": 80}),
            json!({"valueString": "80"}),
            json!({"valueQuantity": {"value": 80, "code": "%"}}),
        ] {
            let site = answered_injection(&side, &relief);
            assert_eq!(site["priorInjections"][0]["improved"], "met", "{side} {relief}");
        }
    }
    let of_right = answered_injection(&json!({"valueString": "right"}), &json!({"valueDecimal": 80}));
    assert_eq!(of_right["pathway"], "I.A", "the side of the form is the injection's");
}
