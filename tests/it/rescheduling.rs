//! Orders that are too early: when the card offers to move one, to which date, and what the moved order contains.

use serde_json::{Value, json};

use crate::support::call::{cpt, form, hcpcs, item, order, prior_injection, procedure};
use crate::support::{Call, Json, changed_members, story, violations};

/// An order that is supported from 2026-12-13, with this occurrence in place of its date.
fn early_order(occurrence: &[(&str, Value)]) -> Json {
    let mut request = story("third-injection-at-seven-weeks").json();
    let order = request.at_mut("context.draftOrders.entry.0.resource");
    order.remove("occurrenceDateTime").expect("the story's order has a date");
    for (name, value) in occurrence {
        order.set(name, Json::of(value));
    }
    request
}

/// The card for an order.
fn card(request: &Json) -> Json {
    let answer = crate::support::Evaluator::new().answer(&request.to_string()).expect("the call is answered");
    assert_eq!(violations(&answer, request), Vec::<String>::new());
    Json::read(&answer).at("cards.0").expect("a card").clone()
}

/// The moved order that a card offers.
fn moved(request: &Json) -> Value {
    let card = card(request);
    let action = card.at("suggestions.0.actions.0").expect("the card offers to move the order");
    assert!(changed_members(action, request).iter().all(|member| member.contains("occurrence")), "{action}");
    serde_json::from_str(&action.get("resource").unwrap().to_string()).unwrap()
}

/// The members of an order that state when it is due.
fn occurrence(order: &Value) -> Vec<(&str, &Value)> {
    order.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value)).filter(|(name, _)| name.contains("occurrence")).collect()
}

#[test]
fn a_moved_period_keeps_its_extension_and_loses_an_end_that_would_be_before_it() {
    let extension = json!([{"url": "https://ehr.example.org/slot", "valueCode": "am"}]);
    let period = json!({"extension": extension, "start": "2026-12-01", "_start": {"id": "s"}, "end": "2026-12-02", "_end": {"id": "e"}});
    let order = moved(&early_order(&[("occurrencePeriod", period)]));
    let expected = json!({"extension": extension, "start": "2026-12-13"});
    assert_eq!(occurrence(&order), [("occurrencePeriod", &expected)]);
}

#[test]
fn a_moved_period_keeps_an_end_that_is_still_behind_it() {
    let period = json!({"start": "2026-12-01", "end": "2026-12-13", "_end": {"id": "e"}});
    let order = moved(&early_order(&[("occurrencePeriod", period)]));
    let expected = json!({"start": "2026-12-13", "end": "2026-12-13", "_end": {"id": "e"}});
    assert_eq!(occurrence(&order), [("occurrencePeriod", &expected)]);
}

#[test]
fn a_period_that_is_null_leaves_one_occurrence() {
    let order = moved(&early_order(&[("occurrencePeriod", Value::Null), ("occurrenceDateTime", json!("2026-12-01"))]));
    assert_eq!(occurrence(&order), [("occurrenceDateTime", &json!("2026-12-13"))]);
}

#[test]
fn a_date_beside_a_period_leaves_one_occurrence() {
    let period = json!({"start": "2026-12-01"});
    let order = moved(&early_order(&[("occurrenceDateTime", json!("2026-12-01")), ("occurrencePeriod", period)]));
    assert_eq!(occurrence(&order), [("occurrencePeriod", &json!({"start": "2026-12-13"}))]);
}

#[test]
fn a_timing_is_left_alone() {
    for timing in [json!({"event": ["2026-12-01"]}), json!({"repeat": {"boundsPeriod": {"start": "2026-12-01"}, "count": 3}})] {
        let card = card(&early_order(&[("occurrenceTiming", timing)]));
        assert!(card.get("summary").and_then(Json::text).unwrap().contains("not before 2026-12-13"), "{card}");
        assert_eq!(card.get("suggestions"), None, "{card}");
    }
}

/// An order after two injections, the first with lasting relief, with this answer about other treatment.
fn third_injection(first: &str, last: &str, other_treatment: Option<bool>) -> Call {
    let injections = [procedure("i1", &cpt("27096:LT"), first), procedure("i2", &hcpcs("G0260:LT"), last)];
    let answer = other_treatment.map(|given| item("adjunct-noninvasive-treatment", &json!({"valueBoolean": given})));
    let items = [prior_injection(first, 80, 3), prior_injection(last, 80, 0)].into_iter().chain(answer);
    let items = items.chain([item("pain-recurred", &json!({"valueBoolean": true}))]);
    let order = order("o1", &cpt("27096:LT"), "2026-11-24");
    Call::ordering([order]).with("procedures", injections).with("questionnaireResponses", [form("f1", items)])
}

#[test]
fn a_wait_that_passes_the_twelve_months_is_said_to_be_in_vain() {
    let card = third_injection("2025-11-27", "2026-11-02", Some(true)).card();
    let (summary, detail) = (card["summary"].as_str().unwrap(), card["detail"].as_str().unwrap());
    assert!(summary.contains("not covered") && summary.contains("no later date"), "{summary}");
    assert!(detail.contains("ends on 2027-01-02") && detail.contains("moving the order does not help"), "{detail}");
    let labels: Vec<_> = card["suggestions"].as_array().unwrap().iter().map(|suggestion| &suggestion["label"]).collect();
    assert_eq!(labels, ["Remove the order"]);
}

#[test]
fn a_wait_within_the_twelve_months_is_offered() {
    let card = third_injection("2026-06-01", "2026-11-02", Some(true)).card();
    assert!(card["summary"].as_str().unwrap().contains("not before 2027-01-02"), "{card}");
    assert_eq!(card["suggestions"][0]["label"], "Move the order to 2027-01-02");
}

#[test]
fn moving_an_order_with_something_open_is_not_said_to_be_enough() {
    const ALSO: &str = "Also enter what is missing";
    let detail = |call: Call| call.card()["detail"].as_str().unwrap().to_owned();
    let open = detail(third_injection("2026-06-01", "2026-11-02", None));
    assert!(open.contains("Move the order to 2027-01-02") && open.contains(ALSO), "{open}");
    let settled = detail(third_injection("2026-06-01", "2026-11-02", Some(true)));
    assert!(!settled.contains(ALSO), "{settled}");
}
