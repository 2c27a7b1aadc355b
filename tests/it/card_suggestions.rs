//! What a card offers to do: therapy, another day, one side, one procedure a visit.

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use crate::support::call::{concept, cpt, form, order, prior_injection, procedure};
use crate::support::shown_card::{detail, first_injection, first_injection_form, labels, left, paragraphs, subsequent, yes};
use crate::support::{Call, Evaluator};

#[test]
fn the_weeks_of_therapy_that_are_lacking_are_ordered() {
    for (weeks, label) in
        [(5, "Order 1 more week of therapy"), (2, "Order 4 more weeks of therapy"), (0, "Order 6 weeks of physical therapy")]
    {
        let card = first_injection(left("2026-12-01"), weeks).card();
        assert_eq!(labels(&card), [label]);
        assert!(paragraphs(&card)[1].starts_with(label), "{}", detail(&card));
    }
    for (weeks, end) in [(5, "2026-11-28"), (0, "2027-01-02")] {
        let card = first_injection(left("2026-12-01"), weeks).card();
        let period = &card["suggestions"][0]["actions"][0]["resource"]["occurrencePeriod"];
        assert_eq!(*period, json!({"start": "2026-11-22", "end": end}));
    }
}

#[test]
fn what_is_to_be_done_first_is_named() {
    let epidural = order("o2", &cpt("62323"), "2026-12-01");
    let call = Call::ordering([left("2026-12-01"), epidural]).with("questionnaireResponses", [first_injection_form(6)]);
    assert!(paragraphs(&call.card())[1].starts_with("Do one procedure on another day. Then sign again."), "{}", detail(&call.card()));
    let alone = subsequent("2026-06-01", "2026-08-02", [yes("adjunct-noninvasive-treatment", false)]).card();
    assert!(paragraphs(&alone)[1].starts_with("Order therapy alongside. Then sign again."), "{}", detail(&alone));
    assert_eq!(labels(&alone), ["Order physical therapy"]);
    let period = &alone["suggestions"][0]["actions"][0]["resource"]["occurrencePeriod"];
    assert_eq!(*period, json!({"start": "2026-11-22"}), "nothing says for how long");
}

#[test]
fn a_wait_that_is_over_is_not_proposed_as_a_day_that_is_past() {
    let call = Call::ordering([left("2026-11-18")]).with("procedures", [procedure("i1", &cpt("27096:LT"), "2026-11-06")]);
    let card = call.with("questionnaireResponses", [form("f1", [prior_injection("2026-11-06", 10, 0)])]).card();
    assert!(paragraphs(&card)[1].starts_with("The waiting time is over; move the order to today or later."), "{}", detail(&card));
    assert!(labels(&card).contains(&"Move the order to today"), "{card}");
}

/// Each card's proposals: its summary, its next step, and its suggestions.
fn proposals(card: &Value) -> String {
    let labels = labels(card).join("; ");
    format!("{} {} {labels}", card["summary"].as_str().unwrap(), paragraphs(card)[1])
}

#[test]
fn nothing_proposes_a_day_that_is_past() {
    let today: NaiveDate = "2026-11-22".parse().unwrap();
    let mut shown = 0;
    for days in 1..=40 {
        for before in [0, 1, 5, 13] {
            let first = today - Days::new(days);
            let service = (today - Days::new(before)).to_string();
            let card = Call::ordering([left(&service)]).with("procedures", [procedure("i1", &cpt("27096:LT"), &first.to_string())]);
            let epidural = order("o2", &cpt("62323"), &service);
            let both =
                Call::ordering([left(&service), epidural]).with("procedures", [procedure("i1", &cpt("27096:LT"), &first.to_string())]);
            for call in [card, both] {
                let call = call.with("questionnaireResponses", [form("f1", [prior_injection(&first.to_string(), 10, 0)])]);
                let said = proposals(&call.card());
                let proposed = said.split_once("Move").map_or("", |(_, proposed)| proposed);
                for day in proposed.split(|letter: char| !(letter.is_ascii_digit() || letter == '-')) {
                    if let Ok(day) = day.parse::<NaiveDate>() {
                        shown += 1;
                        assert!(day > today, "{said}");
                    }
                }
            }
        }
    }
    assert!(shown > 50, "only {shown} days");
}

#[test]
fn a_day_that_has_passed_together_with_the_months_allowed_is_not_proposed() {
    // Two weeks after the first injection the order would have been supported, but its twelve months are over today.
    let call = Call::ordering([left("2025-10-25")]).with("procedures", [procedure("i1", &cpt("27096:LT"), "2025-10-20")]);
    let card = call.with("questionnaireResponses", [form("f1", [prior_injection("2025-10-20", 10, 0)])]).card();
    assert!(!labels(&card).iter().any(|label| label.starts_with("Move")), "{card}");
    assert!(!detail(&card).contains("today or later"), "{}", detail(&card));
    assert!(paragraphs(&card)[1].starts_with("As documented, the policy covers no day from today on."), "{}", detail(&card));
}

#[test]
fn of_two_procedures_in_one_visit_the_other_one_can_be_moved_to_a_free_day() {
    let epidural = || order("o2", &cpt("62323"), "2026-12-01");
    let with_form = |call: Call| call.with("questionnaireResponses", [first_injection_form(6)]);
    let card = with_form(Call::ordering([left("2026-12-01"), epidural()])).card();
    assert_eq!(labels(&card), ["Move 62323 to 2026-12-02", "Remove 62323"]);
    assert_eq!(card["selectionBehavior"], "at-most-one");
    let moved = &card["suggestions"][0]["actions"][0]["resource"];
    assert_eq!((moved["id"].as_str(), moved["occurrenceDateTime"].as_str()), (Some("o2"), Some("2026-12-02")));
    let mut taken = Call::ordering([left("2026-12-01"), moved.clone()]);
    taken = with_form(taken);
    assert_eq!(taken.card()["indicator"], "info", "{}", taken.card());

    let right = order("o3", &cpt("27096:RT"), "2026-12-02");
    let third = with_form(Call::ordering([left("2026-12-01"), epidural(), right])).cards();
    assert!(labels(&third[0]).contains(&"Move 62323 to 2026-12-03"), "{third:?}");
    // Another order that the policy decides on has a day of its own, or none.
    for code in ["27096:LT", "64625"] {
        let judged = with_form(Call::ordering([left("2026-12-01"), order("o2", &cpt(code), "2026-12-01")])).cards();
        assert!(!judged.iter().any(|card| labels(card).iter().any(|label| label.starts_with("Move"))), "{judged:?}");
    }
    let past = with_form(Call::ordering([left("2026-11-10"), order("o2", &cpt("62323"), "2026-11-10")])).card();
    assert!(labels(&past).contains(&"Move 62323 to today"), "{past}");
}

/// The second diagnostic injection of the left joint is too early, the first of the right is documented.
fn right_side_ready(code: &str) -> Value {
    let call =
        first_injection(order("o1", &cpt(code), "2026-12-01"), 6).with("procedures", [procedure("i1", &cpt("27096:LT"), "2026-11-20")]);
    let mut answers = first_injection_form(6);
    answers["item"].as_array_mut().unwrap().push(prior_injection("2026-11-20", 10, 0));
    call.with("questionnaireResponses", [answers]).card()
}

#[test]
fn a_side_that_can_go_ahead_is_said_and_offered_beside_the_later_day() {
    let card = right_side_ready("27096:50");
    assert!(paragraphs(&card)[1].starts_with("The right side can go ahead on 2026-12-01; the left from 2026-12-04."), "{}", detail(&card));
    assert_eq!(labels(&card), ["Order the right side alone", "Move the order to 2026-12-04"]);
    assert_eq!(card["selectionBehavior"], "at-most-one");
    let changed = &card["suggestions"][0]["actions"][0]["resource"];
    assert_eq!(changed["code"]["coding"][0]["code"], "27096:RT");
    assert_eq!(changed["bodySite"][0]["coding"][0]["code"], "24028007");
}

/// One joint is ready whatever keeps the other from it.
#[test]
fn a_side_that_can_go_ahead_is_said_whatever_keeps_the_other() {
    let twice = ["2026-08-03", "2026-09-01"];
    let denied = Call::ordering([order("o1", &cpt("27096:50"), "2026-12-01")])
        .with("procedures", twice.map(|day| procedure(day, &cpt("27096:LT"), day)));
    let mut answers = first_injection_form(6);
    answers["item"].as_array_mut().unwrap().extend(twice.map(|day| prior_injection(day, 10, 0)));
    let denied = denied.with("questionnaireResponses", [answers]).card();
    let open = first_injection(order("o1", &cpt("27096:50"), "2026-12-01"), 6)
        .with("procedures", [procedure("i1", &cpt("27096:LT"), "2026-10-20")])
        .card();
    for card in [denied, open] {
        assert!(paragraphs(&card)[1].contains("The right side alone meets the policy's criteria and can go ahead."), "{}", detail(&card));
        assert!(labels(&card).contains(&"Order the right side alone"), "{card}");
    }
}

/// The only site of an order as changed by a suggestion.
fn site_after(call: &Call, label: &str) -> Value {
    let card = call.card();
    let suggestions = card["suggestions"].as_array().unwrap();
    let taken = suggestions.iter().find(|suggestion| suggestion["label"] == label).unwrap_or_else(|| panic!("{card}"));
    let mut call = call.clone();
    call.0["context"]["draftOrders"]["entry"][0]["resource"] = taken["actions"][0]["resource"].clone();
    let sites = call.evaluation()["orders"][0]["sites"].clone();
    assert_eq!(sites.as_array().unwrap().len(), 1, "{sites}");
    sites[0]["site"].clone()
}

#[test]
fn an_order_without_a_side_or_with_two_is_offered_left_and_right() {
    let joint = concept("http://snomed.info/sct", "39723000");
    let unsided = first_injection(order("o1", &cpt("27096"), "2026-12-01"), 6);
    let right = json!([concept("http://snomed.info/sct", "24028007")]);
    let calls = [
        unsided.clone(),
        unsided.with_order_member(0, "bodySite", &json!([joint])),
        first_injection(left("2026-12-01"), 6).with_order_member(0, "bodySite", &right),
        first_injection(order("o1", &cpt("27096-LT"), "2026-12-01"), 6).with_order_member(0, "bodySite", &right),
    ];
    for call in calls {
        let card = call.card();
        assert_eq!(labels(&card)[..2], ["Left", "Right"], "{card}");
        assert_eq!(card["selectionBehavior"], "at-most-one");
        assert!(detail(&card).contains("State the side on the order: Left or Right."), "{}", detail(&card));
        assert_eq!([site_after(&call, "Left"), site_after(&call, "Right")], ["left", "right"]);
    }
}

#[test]
fn a_side_in_an_extension_is_changed_by_hand() {
    let modifier = json!([{"url": "http://ehr.example.org/modifier", "valueCode": "LT"}]);
    let call = first_injection(order("o1", &cpt("27096"), "2026-12-01"), 6);
    let right = json!([concept("http://snomed.info/sct", "24028007")]);
    let card = call.with_order_member(0, "bodySite", &right).with_order_member(0, "extension", &modifier).card();
    assert_eq!(labels(&card), ["Left"]);
    assert!(detail(&card).contains("Left or Right"), "{}", detail(&card));
}

/// The service does not know the time zone of its callers: what begins today by UTC may begin tomorrow for them.
#[test]
fn a_day_has_begun_only_where_it_has_begun_everywhere_in_the_us() {
    let call = Call::ordering([left("2026-11-18")]).with("procedures", [procedure("i1", &cpt("27096:LT"), "2026-11-08")]);
    let call = call.with("questionnaireResponses", [form("f1", [prior_injection("2026-11-08", 10, 0)])]);
    for (moment, label) in [("2026-11-22T09:59:59Z", "Move the order to 2026-11-22"), ("2026-11-22T10:00:00Z", "Move the order to today")] {
        let answer: Value = serde_json::from_str(&Evaluator::at(moment.parse().unwrap()).answer(&call.text()).unwrap()).unwrap();
        let card = &answer["cards"][0];
        assert!(labels(card).contains(&label), "{moment}: {card}");
    }
}
