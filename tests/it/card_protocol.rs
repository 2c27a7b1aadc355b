//! Every answer conforms to CDS Hooks 2.0.1 and the protocol, for every known request; returned orders are byte-for-byte unchanged.

use serde_json::{Value, json};

use crate::support::{Evaluator, Json, TestApp, all_cases, story, violations};

#[tokio::test]
async fn every_answer_to_every_known_request_holds_to_the_protocol() {
    let app = TestApp::on_the_day_of_the_fixtures();
    let mut found = Vec::new();
    let mut cards = 0;
    for case in all_cases() {
        let answer = app.sign_text(&case.request).await;
        if answer.status == 412 {
            answer.outcome(412, "incomplete");
            continue;
        }
        assert_eq!(answer.status, 200, "{}: {}", case.name, answer.text());
        assert!(case.request.contains('\n') || !answer.text().contains('\n'), "{}: white space of our own", case.name);
        cards += answer.json()["cards"].as_array().unwrap().len();
        found.extend(violations(&answer.text(), &case.json()).into_iter().map(|what| format!("{}: {what}", case.name)));
    }
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
    assert!(cards > 500, "only {cards} cards");
}

#[test]
fn every_in_scope_order_gets_one_card_and_only_a_supported_one_is_mere_information() {
    let evaluator = Evaluator::new();
    for case in all_cases() {
        let Ok(answer) = evaluator.answer(&case.request) else { continue };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let orders = case.expected["orders"].as_array().unwrap();
        let cards = answer["cards"].as_array().unwrap();
        assert_eq!(cards.len(), orders.len(), "{}", case.name);
        for (card, order) in cards.iter().zip(orders) {
            let supported = order["determination"] == "supported";
            assert_eq!(card["indicator"] == "info", supported, "{}", case.name);
            assert_eq!(card["overrideReasons"].is_null(), supported, "{}", case.name);
        }
    }
}

#[test]
fn a_planted_violation_is_found_whatever_rule_it_breaks() {
    let request = story("third-injection-at-seven-weeks").json();
    let answer = Json::read(&Evaluator::new().answer(&request.to_string()).unwrap());
    assert_eq!(violations(&answer.to_string(), &request), Vec::<String>::new());
    let own_uuid: Value = serde_json::from_str(&answer.at("cards.0.uuid").unwrap().to_string()).unwrap();
    let table = [
        ("summary", json!("x".repeat(140))),
        ("indicator", json!("critical")),
        ("detail", json!("a | b")),
        ("detail", json!("<b>a</b>")),
        ("summary", json!("a\nb")),
        ("source.label", Value::Null),
        ("selectionBehavior", json!("all")),
        ("overrideReasons.0.system", json!("")),
        ("overrideReasons.0.display", Value::Null),
        ("unknown", json!(1)),
        ("source.unknown", json!("x")),
        ("links", json!([{"label": "Policy", "url": "https://plan.example", "type": "relative"}])),
        ("links", json!([{"label": "Policy", "url": "https://plan.example", "type": "absolute", "appContext": "x"}])),
        ("suggestions.0.label", Value::Null),
        ("suggestions.0.actions.0.description", Value::Null),
        ("suggestions.0.actions.0.unknown", json!(1)),
        ("suggestions.0.uuid", own_uuid),
        ("suggestions.0.actions.0.type", json!("delete")),
        ("suggestions.0.actions.0.resource.status", json!("active")),
        ("suggestions.0.actions.0.resource.subject", json!({"reference": "Patient/other"})),
    ];
    for (path, value) in table {
        let mut answer = answer.clone();
        let (parent, member) =
            path.rsplit_once('.').map_or(("cards.0".to_owned(), path), |(parent, member)| (format!("cards.0.{parent}"), member));
        answer.at_mut(&parent).set(member, Json::of(&value));
        assert_ne!(violations(&answer.to_string(), &request), Vec::<String>::new(), "{path}");
    }
}

/// An early order in unusual JSON formatting: odd spacing, number spellings, escapes, and unknown members.
fn order_in_the_clients_hand() -> (String, &'static str) {
    const KEPT: &str = r#""x-vendor" : { "b":1.50, "a" : [ ],"e":1E+2, "u":"\u00e9\/" , "n":null }, "quantityQuantity":{"value":2.00}"#;
    let request = story("third-injection-at-seven-weeks").request;
    let order = r#""resourceType": "ServiceRequest","#;
    (request.replacen(order, &format!("{order} {KEPT},"), 1), KEPT)
}

#[test]
fn an_updated_order_keeps_every_other_member_letter_for_letter() {
    let (request, kept) = order_in_the_clients_hand();
    let answer = Evaluator::new().answer(&request).unwrap();
    let values = [r#"{ "b":1.50, "a" : [ ],"e":1E+2, "u":"\u00e9\/" , "n":null }"#, r#"{"value":2.00}"#];
    for value in values {
        assert!(kept.contains(value) && request.contains(value));
        assert!(answer.contains(value), "{value} is not in {answer}");
    }
    assert_eq!(violations(&answer, &Json::read(&request)), Vec::<String>::new());
}

#[test]
fn a_series_of_dates_is_left_to_the_clinician_to_move() {
    let mut request = story("third-injection-at-seven-weeks").json();
    let order = request.at_mut("context.draftOrders.entry.0.resource");
    order.remove("occurrenceDateTime").expect("the story's order has a date");
    order.set("occurrenceTiming", Json::of(&json!({"event": ["2026-12-01"], "repeat": {"count": 3}})));
    let answer: Value = serde_json::from_str(&Evaluator::new().answer(&request.to_string()).unwrap()).unwrap();
    let card = &answer["cards"][0];
    assert!(card["summary"].as_str().unwrap().contains("not before 2026-12-13"), "{card}");
    assert_eq!(card["suggestions"], Value::Null);
}

#[test]
fn a_moved_period_starts_on_the_earliest_date_and_never_ends_before_it() {
    for (end, expected) in [("2026-12-31", json!("2026-12-31")), ("2026-12-05", Value::Null)] {
        let mut request = story("third-injection-at-seven-weeks").json();
        let order = request.at_mut("context.draftOrders.entry.0.resource");
        order.remove("occurrenceDateTime").expect("the story's order has a date");
        order.set("occurrencePeriod", Json::of(&json!({"start": "2026-12-01", "end": end})));
        let answer: Value = serde_json::from_str(&Evaluator::new().answer(&request.to_string()).unwrap()).unwrap();
        let period = &answer["cards"][0]["suggestions"][0]["actions"][0]["resource"]["occurrencePeriod"];
        assert_eq!((&period["start"], &period["end"]), (&json!("2026-12-13"), &expected));
    }
}

#[test]
fn an_added_diagnosis_stands_behind_the_reasons_that_are_there() {
    let mut request = story("diagnosis-on-problem-list-only").json();
    let reasons = json!([{"reference": "Observation/pain", "note": 1.5}]);
    request.at_mut("context.draftOrders.entry.0.resource").set("reasonReference", Json::of(&reasons));
    let answer = Evaluator::new().answer(&request.to_string()).unwrap();
    let json: Value = serde_json::from_str(&answer).unwrap();
    let reasons = &json["cards"][0]["suggestions"][0]["actions"][0]["resource"]["reasonReference"];
    assert_eq!(reasons[0], json!({"reference": "Observation/pain", "note": 1.5}));
    assert!(reasons[1]["reference"].as_str().unwrap().starts_with("Condition/"), "{reasons}");
    assert_eq!(violations(&answer, &request), Vec::<String>::new());
}
