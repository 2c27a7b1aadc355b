//! Which orders get a card and of which kind, by determination, by the client's options, and by the user's pending action.

use serde_json::{Value, json};
use sij_cds::cds_hooks::Hook;
use sij_cds::crd::{Options, RequestExtension};

use crate::support::call::{cpt, order};
use crate::support::showing::{Showing, form, suggestions};
use crate::support::{Call, stories, story};

/// Requested by an extension of the call.
fn asking(configuration: &Value) -> Showing {
    let extension = json!({"davinci-crd.configuration": configuration}).to_string();
    let extension = RequestExtension::read(Some(serde_json::from_str(&extension).unwrap()));
    Showing { options: extension.options, ..Showing::default() }
}

fn topic(card: &Value) -> &str {
    card["source"]["topic"]["code"].as_str().unwrap()
}

#[test]
fn the_kind_of_a_card_follows_the_determination_and_what_is_not_met() {
    let table = [
        ("therapy-from-procedures-only", "guideline", "Guideline"),
        ("nothing-documented", "appropriate-use", "Appropriate Use"),
        ("therapy-five-of-six-weeks", "therapy-alternatives-req", "Required Therapy Alternatives"),
        ("third-injection-at-seven-weeks", "off-guideline", "Off Guideline"),
        ("second-diagnostic-day-10", "off-guideline", "Off Guideline"),
        ("two-procedures-one-visit", "off-guideline", "Off Guideline"),
        ("beyond-twelve-months-with-exception", "off-guideline", "Off Guideline"),
        ("radiofrequency-neurotomy", "off-guideline", "Off Guideline"),
        ("procedures-missing", "coverage-info", "Coverage Information"),
    ];
    for (name, code, display) in table {
        let card = Showing::default().card(&story(name));
        let expected = json!({"system": "http://terminology.hl7.org/CodeSystem/cdshooks-card-type", "code": code, "display": display});
        assert_eq!(card["source"]["topic"], expected, "{name}");
    }
}

#[test]
fn a_kind_that_is_switched_off_has_no_card_and_every_other_has() {
    for story in stories() {
        let shown = Showing::default().card(&story);
        for code in ["coverage-info", "guideline", "off-guideline", "therapy-alternatives-req", "duplicate-therapy", "appropriate-use"] {
            let cards = asking(&json!({code: false})).cards(&story.request);
            assert_eq!(cards.is_empty(), topic(&shown) == code, "{}: {code}", story.name);
        }
    }
}

#[test]
fn options_of_another_type_and_unknown_ones_change_nothing() {
    for story in stories() {
        let odd = json!({"guideline": "no", "off-guideline": 0, "appropriate-use": null, "max-cards": -1, "cost": false});
        assert_eq!(asking(&odd).text(&story.request), Showing::default().text(&story.request), "{}", story.name);
    }
}

/// Two injections without documentation, and a neurotomy between them, which is never supported.
fn three_orders() -> String {
    let codes = [("left", "27096:LT", "2026-12-01"), ("neurotomy", "64625", "2026-12-08"), ("right", "27096:RT", "2026-12-15")];
    Call::ordering(codes.map(|(id, code, day)| order(id, &cpt(code), day))).text()
}

fn orders(cards: &[Value]) -> Vec<&str> {
    let reference = |card: &'_ Value| card["extension"]["davinci-crd.associated-resource"][0]["reference"].clone();
    let known = ["ServiceRequest/left", "ServiceRequest/neurotomy", "ServiceRequest/right"];
    cards.iter().map(|card| known.into_iter().find(|known| reference(card) == *known).unwrap_or("none")).collect()
}

#[test]
fn of_too_many_cards_the_most_severe_stay_in_the_order_of_the_call() {
    let (left, neurotomy, right) = ("ServiceRequest/left", "ServiceRequest/neurotomy", "ServiceRequest/right");
    let table = [
        (json!(0), vec![]),
        (json!(1), vec![neurotomy]),
        (json!(2), vec![left, neurotomy]),
        (json!(3), vec![left, neurotomy, right]),
        (json!(9), vec![left, neurotomy, right]),
    ];
    for (most, expected) in table {
        assert_eq!(orders(&asking(&json!({"max-cards": most})).cards(&three_orders())), expected, "{most}");
    }
}

#[test]
fn of_several_orders_each_card_names_its_own_first() {
    let cards = Showing::default().cards(&three_orders());
    let words = ["SI joint injection, left, 2026-12-01", "radiofrequency neurotomy, side not stated, 2026-12-08", "right, 2026-12-15"];
    for (card, words) in cards.iter().zip(words) {
        let first = card["detail"].as_str().unwrap().split("\n\n").next().unwrap().to_owned();
        assert!(first.contains(words), "{first}");
    }
    let single = Showing::default().card(&story("nothing-documented"));
    assert!(single["detail"].as_str().unwrap().starts_with("Judged as a first injection"), "{single}");
}

#[test]
fn an_order_out_of_scope_beside_it_makes_a_card_name_its_own_too() {
    let call = Call::ordering([order("o1", &cpt("27096:LT"), "2026-12-01"), order("o2", &cpt("99213"), "2026-12-01")]);
    let detail = Showing::default().cards(&call.text())[0]["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with("Order: SI joint injection, left. "), "{detail}");
}

#[test]
fn an_order_without_an_id_is_associated_with_nothing() {
    let mut call = Call::ordering([order("o1", &cpt("27096:LT"), "2026-12-01")]);
    call.0["context"]["draftOrders"]["entry"][0]["resource"].as_object_mut().unwrap().remove("id");
    let showing = Showing { form: Some(form()), ..Showing::default() };
    let card = &showing.cards(&call.text())[0];
    assert_eq!((&card["extension"], &card["suggestions"]), (&Value::Null, &Value::Null));
}

#[test]
fn while_orders_are_chosen_nothing_is_said_of_documentation() {
    let told = ["supported", "not-yet", "individual-consideration", "not-supported"];
    for story in stories() {
        let determination = story.expected["orders"][0]["determination"].as_str().unwrap();
        let cards = Showing { form: Some(form()), ..Showing::on(Hook::OrderSelect) }.cards(&story.request);
        assert_eq!(!cards.is_empty(), told.contains(&determination), "{}", story.name);
        for card in &cards {
            let detail = card["detail"].as_str().unwrap();
            let asks = ["Missing:", "Also enter", "documentation form", "link below", "Send the reason", "documentation needed"];
            assert!(!asks.iter().any(|words| detail.contains(words)), "{}: {detail}", story.name);
            assert!(!card["suggestions"].to_string().contains("\"Task\""), "{}", story.name);
        }
    }
}

#[test]
fn dispatch_and_booking_are_answered_as_signing_but_change_no_order_and_encounters_with_nothing() {
    let said = |cards: &[Value]| cards.iter().map(|card| (card["summary"].clone(), card["indicator"].clone())).collect::<Vec<_>>();
    for story in stories() {
        let signed = Showing::default().cards(&story.request);
        for hook in [Hook::OrderDispatch, Hook::AppointmentBook] {
            let cards = Showing::on(hook).cards(&story.request);
            assert_eq!(said(&cards), said(&signed), "{}", story.name);
            let offered: Vec<_> =
                cards.iter().flat_map(suggestions).map(|suggestion| suggestion["label"].as_str().unwrap().to_owned()).collect();
            assert!(!offered.iter().any(|label| label.starts_with("Move") || label.starts_with("Remove")), "{}: {offered:?}", story.name);
        }
        for hook in [Hook::EncounterStart, Hook::EncounterDischarge] {
            assert_eq!(Showing::on(hook).text(&story.request), r#"{"cards":[]}"#, "{}", story.name);
        }
    }
}

#[test]
fn a_client_that_wants_nothing_gets_nothing() {
    let nothing = Options {
        coverage_info: false,
        guideline: false,
        off_guideline: false,
        therapy_alternatives_req: false,
        duplicate_therapy: false,
        appropriate_use: false,
        unsolicited_determ: false,
        max_cards: Some(5),
    };
    for story in stories() {
        let showing = Showing { options: nothing, ..Showing::default() };
        assert_eq!(showing.text(&story.request), r#"{"cards":[]}"#, "{}", story.name);
    }
}
