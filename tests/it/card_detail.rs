//! The detail of a card: its order, its length, and what each outcome tells a clinician to do.

use serde_json::{Value, json};

use crate::support::call::{concept, condition, cpt, form, icd10, item, order, prior_injection, procedure};
use crate::support::exchanges::exchanges_under_all_settings;
use crate::support::markdown::document;
use crate::support::showing::Showing;
use crate::support::{Call, Evaluator, all_cases, stories};

/// The maximum that fits a panel.
const MAX_CHARS: usize = 1200;

/// What half of all cards stay within.
const MEDIAN_CHARS: usize = 600;

fn detail(card: &Value) -> &str {
    card["detail"].as_str().unwrap()
}

fn paragraphs(card: &Value) -> Vec<&str> {
    detail(card).split("\n\n").collect()
}

fn labels(card: &Value) -> Vec<&str> {
    card["suggestions"].as_array().into_iter().flatten().map(|suggestion| suggestion["label"].as_str().unwrap()).collect()
}

fn left(day: &str) -> Value {
    order("o1", &cpt("27096:LT"), day)
}

fn yes(question: &str, answer: bool) -> Value {
    item(question, &json!({"valueBoolean": answer}))
}

fn number(question: &str, answer: u32) -> Value {
    item(question, &json!({"valueInteger": answer}))
}

/// A form that documents a first injection, with the weeks of therapy it states.
fn first_injection_form(weeks: u32) -> Value {
    let positive = json!({"valueCoding": {"code": "positive"}});
    let tests = ["test-distraction", "test-compression", "test-gaenslen"].map(|test| item(test, &positive));
    let answers = [
        item("examined-side", &json!({"valueCoding": {"code": "both"}})),
        item("adls-limited-since", &json!({"valueDate": "2026-05-04"})),
        yes("pain-interferes-adls", true),
        yes("pain-below-l5-nonradicular", true),
        yes("sij-tenderness", true),
        number("exercise-therapy-weeks", weeks),
        number("nsaid-weeks", 4),
        number("activity-modification-weeks", 8),
        yes("conservative-care-failed", true),
        yes("disc-or-facet-evidence", false),
        yes("other-diagnosis-more-likely", false),
    ];
    form("f1", answers.into_iter().chain(tests))
}

/// An order with a reason the policy lists, for a first injection whose only missing documentation is the weeks of therapy.
fn first_injection(order: Value, weeks: u32) -> Call {
    let call = Call::ordering([order]).with_order_member(0, "reasonCode", &json!([icd10("M46.1")]));
    call.with("questionnaireResponses", [first_injection_form(weeks)])
}

/// A subsequent injection, with any other answers of the form.
fn subsequent(first: &str, last: &str, answers: impl IntoIterator<Item = Value>) -> Call {
    let injections = [procedure("i1", &cpt("27096:LT"), first), procedure("i2", &cpt("27096:LT"), last)];
    let known = [prior_injection(first, 80, 3), prior_injection(last, 80, 0), yes("pain-recurred", true)];
    let call = Call::ordering([left("2026-12-01")]).with_order_member(0, "reasonCode", &json!([icd10("M46.1")]));
    call.with("procedures", injections).with("questionnaireResponses", [form("f1", known.into_iter().chain(answers))])
}

#[test]
fn what_it_is_judged_as_and_what_to_do_come_before_everything_else() {
    let mut call = Call::ordering([left("2026-12-01")]).with("conditions", [condition("c1", &icd10("M16.12"))]);
    call = call.with("questionnaireResponses", [form("f1", [number("exercise-therapy-weeks", 5)])]);
    let coverage = json!({"resourceType": "Coverage", "id": "c", "status": "active", "type": {"text": "Medicaid"},
        "beneficiary": {"reference": "Patient/p1"}, "payor": [{"display": "Plan"}]});
    let card = call.with("coverage", [coverage]).card();
    let beginnings =
        ["Medicaid member:", "Judged as a first injection", "Order 1 more week of therapy", "- ", "Not met:", "- ", "Missing:"];
    let found = paragraphs(&card);
    for (place, beginning) in beginnings.iter().enumerate() {
        assert!(found[place].starts_with(beginning), "{place}: {}", detail(&card));
    }
    assert!(found[8].contains(" criteria met"), "{}", detail(&card));
    assert!(found[9].starts_with("Policy "), "{}", detail(&card));
}

#[test]
fn no_card_is_taller_than_a_panel_or_shows_markup_or_parameters() {
    let evaluator = Evaluator::new();
    let mut shown = 0;
    for case in all_cases() {
        let Ok(answer) = evaluator.answer(&case.request) else { continue };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        for card in answer["cards"].as_array().unwrap() {
            let text = detail(card);
            assert!(text.chars().count() <= MAX_CHARS, "{}: {text}", case.name);
            let noise = ["[ ]", "With one click", "_days", "Procedure/", "UTC", "Sign the order;", "twelve"];
            assert!(!noise.iter().any(|noise| text.contains(noise)), "{}: {text}", case.name);
            shown += 1;
        }
    }
    assert!(shown > 600, "only {shown} cards");
}

/// Counted are the cards of every story at every hook, in every dialect and configuration.
#[tokio::test]
async fn a_usual_card_is_half_as_tall() {
    let cards =
        exchanges_under_all_settings().await.iter().flat_map(|exchange| exchange.cards().into_iter().map(move |card| (exchange, card)));
    let mut lengths: Vec<_> = cards.map(|(exchange, card)| (detail(&card).chars().count(), exchange.about(detail(&card)))).collect();
    lengths.sort_unstable();
    let (median, longest) = (lengths[lengths.len() / 2].0, lengths.last().unwrap());
    assert!(lengths.len() > 600, "only {} cards", lengths.len());
    assert!(median <= MEDIAN_CHARS, "the median is {median}");
    assert!(longest.0 <= MAX_CHARS, "{} characters: {}", longest.0, longest.1);
}

#[test]
fn a_chart_full_of_words_is_cut_and_the_decision_is_not() {
    let long = "a very long description of a finding that goes on and on ".repeat(6);
    let conditions = ["M16.12", "M51.26", "M51.27", "M54.16"].map(|code| {
        let mut words = icd10(code);
        words["coding"][0]["display"] = json!(long);
        condition(code, &words)
    });
    let injections = (1..=9).map(|day| {
        let mut injection =
            procedure(&format!("i{day}"), &json!({"text": format!("SI joint injection {long}")}), &format!("2026-0{day}-01"));
        injection["status"] = json!("unknown");
        injection
    });
    let call = Call::ordering([order("o1", &cpt("27096:50"), "2026-12-01")]).with("conditions", conditions);
    let card = call.with("procedures", injections).card();
    assert!(detail(&card).chars().count() <= MAX_CHARS, "{}", detail(&card));
    assert!(detail(&card).contains("Possible earlier injections of this joint"), "{}", detail(&card));
}

#[test]
fn a_supported_order_is_not_advised_and_has_no_link_to_the_app() {
    let card = first_injection(left("2026-12-01"), 6).card();
    assert_eq!(paragraphs(&card)[1], "The policy's criteria are met as documented.");
    assert!(paragraphs(&card)[2].starts_with("All 12 criteria met: pain for 3 months, tenderness"), "{}", detail(&card));
}

#[test]
fn the_weeks_of_therapy_that_are_lacking_are_ordered() {
    for (weeks, label) in [(5, "Order 1 more week of therapy"), (2, "Order 4 more weeks of therapy"), (0, "Order physical therapy")] {
        let card = first_injection(left("2026-12-01"), weeks).card();
        assert_eq!(labels(&card), [label]);
        assert!(paragraphs(&card)[1].starts_with(label), "{}", detail(&card));
    }
    let card = first_injection(left("2026-12-01"), 5).card();
    let period = &card["suggestions"][0]["actions"][0]["resource"]["occurrencePeriod"];
    assert_eq!(*period, json!({"start": "2026-11-22", "end": "2026-11-28"}));
}

#[test]
fn what_is_to_be_done_first_is_named() {
    let epidural = order("o2", &cpt("62323"), "2026-12-01");
    let call = Call::ordering([left("2026-12-01"), epidural]).with("questionnaireResponses", [first_injection_form(6)]);
    assert!(paragraphs(&call.card())[1].starts_with("Do one procedure on another day. Then sign again."), "{}", detail(&call.card()));
    let alone = subsequent("2026-06-01", "2026-08-02", [yes("adjunct-noninvasive-treatment", false)]).card();
    assert!(paragraphs(&alone)[1].starts_with("Order therapy alongside. Then sign again."), "{}", detail(&alone));
    assert_eq!(labels(&alone), ["Order physical therapy"]);
}

#[test]
fn a_denial_says_that_the_record_may_be_wrong_before_the_order_is_removed() {
    let injections = ["2026-08-03", "2026-09-01"];
    let charted = injections.iter().map(|day| procedure(day, &cpt("27096:LT"), day));
    let answers = injections.iter().map(|day| prior_injection(day, 10, 0));
    let card =
        Call::ordering([left("2026-12-01")]).with("procedures", charted).with("questionnaireResponses", [form("f1", answers)]).card();
    let next = paragraphs(&card)[1];
    let (correct, remove) =
        (next.find("If the record is wrong or incomplete, correct it in the documentation form"), next.find("remove the order"));
    assert!(next.starts_with("As documented, the policy does not cover this."), "{next}");
    assert!(correct.is_some() && correct < remove, "{next}");
    assert!(detail(&card).contains("Less than 50% relief after both diagnostic injections"), "{}", detail(&card));
}

#[test]
fn beyond_the_months_of_section_iii_its_exception_is_asked_about() {
    let card = subsequent("2025-10-20", "2026-03-01", [yes("adjunct-noninvasive-treatment", true)]).card();
    let next = paragraphs(&card)[1];
    assert!(next.contains("If definitive therapy is not tolerated or not available, say so"), "{next}");
    assert!(next.contains("the plan then decides case by case"), "{next}");
    let also = subsequent("2025-10-20", "2026-11-10", [yes("adjunct-noninvasive-treatment", true)]).card();
    assert!(!paragraphs(&also)[1].contains("case by case"), "{}", detail(&also));
}

#[test]
fn a_wait_that_is_over_is_not_proposed_as_a_day_that_is_past() {
    let call = Call::ordering([left("2026-11-18")]).with("procedures", [procedure("i1", &cpt("27096:LT"), "2026-11-06")]);
    let card = call.with("questionnaireResponses", [form("f1", [prior_injection("2026-11-06", 10, 0)])]).card();
    assert!(paragraphs(&card)[1].starts_with("The waiting time is over; order it for today or later."), "{}", detail(&card));
    assert!(labels(&card).contains(&"Move the order to 2026-11-22"), "{card}");
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
    assert!(paragraphs(&card)[1].starts_with("The right side can go ahead now; the left from 2026-12-04."), "{}", detail(&card));
    assert_eq!(labels(&card), ["Order the right side alone", "Move the order to 2026-12-04"]);
    assert_eq!(card["selectionBehavior"], "at-most-one");
    let changed = &card["suggestions"][0]["actions"][0]["resource"];
    assert_eq!(changed["code"]["coding"][0]["code"], "27096:RT");
    assert_eq!(changed["bodySite"][0]["coding"][0]["code"], "24028007");
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

#[test]
fn an_entry_that_may_be_an_earlier_injection_is_asked_about() {
    let entry = procedure("i1", &json!({"text": "SI joint injection"}), "2026-07-14");
    let card = first_injection(left("2026-12-01"), 6).with("procedures", [entry]).card();
    assert!(card["summary"].as_str().unwrap().contains("an entry may be an earlier injection"), "{card}");
    let next = paragraphs(&card)[1];
    assert!(next.starts_with("Possible earlier injections of this joint: SI joint injection, 2026-07-14 (no code"), "{next}");
    assert_eq!(detail(&card).matches("2026-07-14").count(), 1, "{}", detail(&card));
}

#[test]
fn a_form_that_does_not_count_is_named_above_what_is_missing() {
    let mut unfinished = first_injection_form(6);
    unfinished["status"] = json!("in-progress");
    let card = Call::ordering([left("2026-12-01")]).with("questionnaireResponses", [unfinished]).card();
    let text = detail(&card);
    let (note, missing) = (text.find("A documentation form is in the chart but not finished"), text.find("Missing:"));
    assert!(note.is_some() && note < missing, "{text}");
}

#[test]
fn the_codes_found_and_the_codes_listed_stand_side_by_side() {
    let said = |reason: Value| {
        let card = first_injection(left("2026-12-01"), 6).with_order_member(0, "reasonCode", &json!([reason])).card();
        detail(&card).to_owned()
    };
    let icd = said(icd10("M54.18"));
    assert!(icd.contains("The order has M54.18. The policy lists M43.08, M46.1, "), "{icd}");
    let snomed = said(concept("http://snomed.info/sct", "279039007"));
    assert!(snomed.contains("The order has 279039007. The policy lists diagnoses as ICD-10-CM: M43.08, "), "{snomed}");
}

/// The displayed list matches the value set, without the code that is no longer billable.
#[test]
fn the_diagnoses_listed_in_words_are_those_of_the_value_set() {
    let folder = "cds-hooks/policies/sacroiliac-joint-interventions/2019-08";
    let set: Value = serde_json::from_str(&document(&format!("{folder}/valuesets/covered-diagnoses.json"))).unwrap();
    let codes = set["compose"]["include"][0]["concept"].as_array().unwrap().iter().map(|concept| concept["code"].as_str().unwrap());
    let codes: Vec<_> = codes.filter(|code| *code != "M54.5").collect();
    let words = document(&format!("{folder}/cards.toml"));
    let listed = words.lines().find_map(|line| line.strip_prefix("listed-diagnoses = ")).unwrap().trim_matches('"').replace(" or ", ", ");
    let mut found: Vec<String> = Vec::new();
    for part in listed.split(", ") {
        match part.split_once(" to ") {
            None => found.push(part.to_owned()),
            Some((first, last)) => found.extend(codes.iter().filter(|code| (first..=last).contains(*code)).map(|code| (*code).to_owned())),
        }
    }
    assert_eq!(found, codes);
}

#[test]
fn what_is_missing_is_called_by_what_is_asked_and_not_by_what_is_hoped_for() {
    let card = Call::ordering([left("2026-12-01")]).with("procedures", [procedure("i1", &cpt("27096:LT"), "2026-10-01")]).card();
    assert!(detail(&card).contains("- Relief after the first injection: "), "{}", detail(&card));
    let card = Call::ordering([left("2026-12-01")]).card();
    assert!(detail(&card).contains("- Tenderness over the SI joint: not documented\n"), "{}", detail(&card));
    assert!(detail(&card).contains("- Other likely diagnoses: not documented"), "{}", detail(&card));
}

#[test]
fn a_plain_text_card_has_the_same_words_in_other_bullets() {
    for story in stories() {
        let plain = Showing::in_dialect(sij_cds::cds_hooks::Dialect::BrProvider).card(&story);
        assert!(!detail(&plain).contains("\n- "), "{}: {}", story.name, detail(&plain));
        assert!(detail(&plain).chars().count() <= MAX_CHARS, "{}", story.name);
    }
}
