//! The wording of a card, and what it must not lose or let through.

use serde_json::{Value, json};

use crate::support::call::{condition, cpt, icd10, order};
use crate::support::{Call, Evaluator, all_cases};

fn first_injection() -> Call {
    Call::ordering([order("o1", &cpt("27096:LT"), "2026-12-01")])
}

fn named(code: &str, display: &str) -> Value {
    let mut code = icd10(code);
    code["coding"][0]["display"] = json!(display);
    code
}

fn labels(card: &Value) -> Vec<String> {
    let suggestions = card["suggestions"].as_array().into_iter().flatten();
    suggestions.map(|suggestion| suggestion["label"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_diagnosis_whose_code_is_no_longer_billable_is_not_offered() {
    let call = first_injection().with("conditions", [condition("c1", &named("M54.5", "Low back pain"))]);
    let card = call.card();
    assert_eq!(call.evaluation()["orders"][0]["diagnosis"], "on-problem-list");
    assert!(!card.to_string().contains("to the order"), "{card}");
}

#[test]
fn a_diagnosis_whose_code_is_no_longer_billable_is_not_said_to_help() {
    let card = first_injection().with("conditions", [condition("c1", &named("M54.5", "Low back pain"))]).card();
    let detail = card["detail"].as_str().unwrap();
    assert!(!detail.contains("()") && !detail.contains("naming it supports coverage"), "{detail}");
    assert!(detail.contains("no longer billable"), "{detail}");
}

#[test]
fn a_billable_diagnosis_is_offered_beside_one_that_is_not() {
    let conditions = [condition("a", &named("M54.5", "Low back pain")), condition("b", &named("M46.1", "Sacroiliitis"))];
    let card = first_injection().with("conditions", conditions).card();
    assert_eq!(labels(&card), ["Add M46.1 Sacroiliitis to the order"]);
}

#[test]
fn five_conditions_do_not_push_out_what_is_to_be_documented() {
    let discs = (0..5).map(|place| {
        let display = format!("Displacement no. {place} of an intervertebral disc of the lumbar region, described at length");
        condition(&format!("c{place}"), &named("M51.26", &display))
    });
    let card = first_injection().with("conditions", discs).card();
    let detail = card["detail"].as_str().unwrap();
    let line = detail.lines().find(|line| line.starts_with("- Disc or facet joint pain")).unwrap();
    assert!(line.chars().count() < 350, "{line}");
    assert!(detail.chars().count() < 800, "{detail}");
}

#[test]
fn orders_for_one_joint_are_told_apart_by_their_days() {
    let cards = Call::ordering(["2026-12-01", "2026-12-08"].map(|day| order(day, &cpt("27096:LT"), day))).cards();
    for (card, day) in cards.iter().zip(["2026-12-01", "2026-12-08"]) {
        assert!(card["summary"].as_str().unwrap().contains(day), "{card}");
    }
    assert_ne!(cards[0]["summary"], cards[1]["summary"]);
}

#[test]
fn a_single_order_is_not_told_by_its_day() {
    let card = first_injection().card();
    assert!(!card["summary"].as_str().unwrap().contains("2026-12-01"), "{card}");
}

#[test]
fn an_address_in_the_words_of_a_chart_is_no_link() {
    const HOSTILE: &str = "Sacroiliitis https://evil.example www.evil.example";
    let mut epidural = order("epidural", &cpt("62323"), "2026-12-01");
    epidural["code"]["text"] = json!(HOSTILE);
    let payor = json!({"resourceType": "Coverage", "id": "c", "status": "active", "payor": [{"display": HOSTILE}]});
    let conditions = ["M46.1", "M51.26"].map(|code| condition(code, &named(code, HOSTILE)));
    let call = Call::ordering([order("o1", &cpt("27096:LT"), "2026-12-01"), epidural]).with("conditions", conditions);
    let card = call.with("coverage", [payor]).card();
    // The orders that suggestions change stay as the client wrote them.
    let mut shown = card.clone();
    for suggestion in shown["suggestions"].as_array_mut().unwrap() {
        suggestion["actions"].as_array_mut().unwrap().iter_mut().for_each(|action| action["resource"] = Value::Null);
    }
    let text = shown.to_string();
    assert!(card["source"]["label"].as_str().unwrap().contains("evil․example"), "{card}");
    assert!(labels(&card).iter().all(|label| label.contains("evil․example")), "{card}");
    assert!(!text.contains("://evil") && !text.contains("www.evil"), "{text}");
    assert!(!card["detail"].as_str().unwrap().contains("://"), "{card}");
}

/// The client's action requests authorization, never a form elsewhere (CRD 2.2.1, resp-17 and resp-23).
#[test]
fn no_card_sends_anybody_to_a_portal() {
    let evaluator = Evaluator::new();
    let answers: Vec<String> = all_cases().iter().filter_map(|case| evaluator.answer(&case.request).ok()).collect();
    assert!(answers.len() > 200, "only {} answers", answers.len());
    for answer in answers {
        let words = answer.to_lowercase();
        let found: Vec<_> =
            ["portal", "log in", "log on", "sign in to", "web site", "website"].into_iter().filter(|word| words.contains(word)).collect();
        assert!(found.is_empty(), "{found:?}: {answer}");
    }
}
