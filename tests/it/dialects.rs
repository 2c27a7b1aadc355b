//! Each client's dialect presents the same complete decision in the form that client displays.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sij_cds::cds_hooks::Dialect;
use sij_cds::cds_hooks::Hook;

use crate::support::showing::{ALL_DIALECTS, Showing, form, suggestions, texts};
use crate::support::{Case, all_cases, stories, story, violations};

const OFFERED: &str = " Offered below: ";
const BY_HAND: &str = " By hand: ";

/// A line without the offer at its end.
fn without_offer(line: &str) -> &str {
    let line = line.split_once(OFFERED).map_or(line, |(before, _)| before);
    line.split_once(BY_HAND).map_or(line, |(before, _)| before)
}

/// The statements of a detail, without layout marks and offers.
fn facts(card: &Value) -> BTreeSet<String> {
    let lines = card["detail"].as_str().unwrap().lines().map(str::trim).filter(|line| !line.is_empty());
    let bare = lines.map(|line| ["- ", "• "].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line));
    bare.map(|line| without_offer(line).to_owned()).collect()
}

/// The offers of a detail, both one-click and manual.
fn doable(card: &Value) -> BTreeSet<String> {
    let lines = card["detail"].as_str().unwrap().lines();
    let lists = lines.flat_map(|line| line[without_offer(line).len()..].split(BY_HAND)).filter(|list| !list.is_empty());
    let lists = lists.map(|list| list.trim_start_matches(OFFERED).trim_end_matches('.'));
    lists.flat_map(|list| list.split("; ")).map(str::to_owned).collect()
}

/// The standard dialect without the form, then each dialect with it, for one hook.
fn showings(hook: Hook) -> Vec<Showing> {
    let with_form = ALL_DIALECTS.map(|dialect| Showing { hook, form: Some(form()), ..Showing::in_dialect(dialect) });
    std::iter::once(Showing::on(hook)).chain(with_form).collect()
}

fn cards(answer: &str) -> Vec<Value> {
    let answer: Value = serde_json::from_str(answer).unwrap();
    answer["cards"].as_array().unwrap().clone()
}

#[test]
fn every_dialect_says_every_fact_and_everything_that_can_be_done() {
    for case in all_cases() {
        let answers = texts(&case.request, &showings(Hook::OrderSign)[1..]);
        let standard = cards(&answers[0]);
        for (dialect, answer) in ALL_DIALECTS.iter().zip(&answers) {
            let cards = cards(answer);
            assert_eq!(standard.len(), cards.len(), "{}: {dialect:?}", case.name);
            for (standard, card) in standard.iter().zip(&cards) {
                assert_eq!(facts(standard), facts(card), "{}: {dialect:?}", case.name);
                assert_eq!(doable(standard), doable(card), "{}: {dialect:?}", case.name);
                for member in ["summary", "indicator", "overrideReasons"] {
                    assert_eq!(standard[member], card[member], "{}: {dialect:?} {member}", case.name);
                }
            }
        }
    }
}

#[test]
fn every_answer_in_every_dialect_and_on_every_hook_holds_to_the_protocol() {
    let (mut found, mut cards) = (Vec::new(), 0);
    for case in all_cases() {
        let request = case.json();
        let showings = [showings(Hook::OrderSign), showings(Hook::OrderSelect)].concat();
        for (showing, answer) in showings.iter().zip(texts(&case.request, &showings)) {
            cards += answer.matches("\"indicator\"").count();
            let here = format!("{}, {:?}, {:?}", case.name, showing.dialect, showing.hook);
            found.extend(violations(&answer, &request).into_iter().map(|what| format!("{here}: {what}")));
        }
    }
    assert!(found.is_empty(), "{} violations, the first of them:\n{}", found.len(), found[..found.len().min(20)].join("\n"));
    assert!(cards > 3_000, "only {cards} cards");
}

#[test]
fn epic_is_offered_to_remove_the_second_procedure_of_a_visit() {
    let card = Showing::in_dialect(Dialect::Epic).card(&story("two-procedures-one-visit"));
    let types: Vec<_> = suggestions(&card).iter().map(|change| change["actions"][0]["type"].clone()).collect();
    assert_eq!(types, ["delete"], "{card}");
    assert!(card["detail"].as_str().unwrap().contains("By hand: Move 62323"), "{card}");
}

#[test]
fn epic_is_sent_one_action_a_suggestion_under_any_and_never_an_update() {
    let mut offered = 0;
    for case in all_cases() {
        let showing = Showing { form: Some(form()), therapy_order_code: Some("PT6"), ..Showing::in_dialect(Dialect::Epic) };
        for card in showing.cards(&case.request) {
            let changes = suggestions(&card);
            offered += changes.len();
            assert!(changes.iter().all(|change| change["actions"].as_array().unwrap().len() == 1), "{card}");
            assert!(changes.iter().all(|change| ["create", "delete"].contains(&change["actions"][0]["type"].as_str().unwrap())), "{card}");
            assert!(changes.is_empty() || card["selectionBehavior"] == "any", "{card}");
            assert_eq!(card["extension"]["com.epic.cdshooks.card.detail.content-type"], "text/markdown; variant=GitHub");
        }
    }
    assert!(offered > 50, "only {offered} suggestions");
}

/// The codes of the cards' topics.
fn topics(dialect: Dialect) -> BTreeSet<String> {
    let cards = stories().into_iter().map(|story| Showing::in_dialect(dialect).card(&story));
    cards.map(|card| card["source"]["topic"]["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn epics_topics_are_letters_and_digits_and_still_told_apart() {
    let (standard, epic) = (topics(Dialect::Standard), topics(Dialect::Epic));
    assert!(standard.len() >= 5, "{standard:?}");
    assert_eq!(epic, standard.iter().map(|code| code.replace('-', "")).collect());
    assert!(epic.iter().all(|code| code.chars().all(char::is_alphanumeric)), "{epic:?}");
}

fn therapy_story() -> Case {
    story("therapy-five-of-six-weeks")
}

#[test]
fn epic_orders_therapy_by_the_sites_preference_list_and_says_all_of_it() {
    let showing = Showing { therapy_order_code: Some("PT6"), ..Showing::in_dialect(Dialect::Epic) };
    let card = showing.card(&therapy_story());
    let action = &suggestions(&card)[0]["actions"][0];
    let coding = &action["resource"]["code"]["coding"];
    assert_eq!(coding[0]["system"], "urn:com.epic.cdshooks.action.code.system.preference-list-item");
    assert_eq!((&coding[0]["code"], &coding[1]), (&json!("PT6"), &Value::Null));
    let said = "Order 1 more week of therapy: Conservative therapy before or alongside a sacroiliac joint injection";
    assert_eq!(action["description"], said);
}

#[test]
fn without_the_sites_code_epic_is_told_what_to_order_by_hand() {
    let card = Showing::in_dialect(Dialect::Epic).card(&therapy_story());
    assert!(suggestions(&card).iter().all(|suggestion| suggestion["actions"][0]["type"] != "create"), "{card}");
    assert!(card["detail"].as_str().unwrap().contains("Order 1 more week of therapy. Then sign again."), "{card}");
}

#[test]
fn br_provider_is_offered_only_what_it_does() {
    let removal = Showing::in_dialect(Dialect::BrProvider).card(&story("radiofrequency-neurotomy"));
    assert_eq!(suggestions(&removal)[0]["actions"][0]["type"], "delete");
    let early = Showing::in_dialect(Dialect::BrProvider).card(&story("third-injection-at-seven-weeks"));
    assert_eq!(suggestions(&early), Vec::<Value>::new());
    assert!(early["detail"].as_str().unwrap().contains("Move the order to 2026-12-13 or later."), "{early}");
}

#[test]
fn a_plain_detail_has_no_marks_of_markdown_and_reads_without_its_line_breaks() {
    let card = Showing::in_dialect(Dialect::BrProvider).card(&story("nothing-documented"));
    let detail = card["detail"].as_str().unwrap();
    assert!(!detail.lines().any(|line| line.starts_with('-') || line.starts_with('#')) && !detail.contains("[ ]"), "{detail}");
    let run = detail.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(run.contains("sign again. Missing: • Pain for 3 months") && run.contains("• Tenderness over the SI joint"), "{run}");
}

#[test]
fn the_sandbox_is_sent_what_the_standard_client_is_sent() {
    for story in stories() {
        assert_eq!(Showing::in_dialect(Dialect::Sandbox).card(&story), Showing::default().card(&story), "{}", story.name);
    }
}
