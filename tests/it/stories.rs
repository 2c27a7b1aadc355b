//! The stories of `fixtures/stories`: each evaluation and each card matches the story's `expected.json`.
//! For each determination, a snapshot holds the whole answer of one story, for review as a clinician would read it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Case, Evaluator, Json, TestApp, changed_members, stories, story};

/// The effect of a suggestion's only action: it moves an order by its occurrence, or names a diagnosis by its reason.
fn kind(suggestion: &Json, request: &Json, order: &str) -> &'static str {
    let action = suggestion.at("actions.0").expect("an action");
    let of = |name: &str| action.get(name).and_then(Json::text).unwrap_or_default();
    let changed = changed_members(action, request);
    let is_own = action.at("resource.id").and_then(Json::text).is_none_or(|id| order == format!("ServiceRequest/{id}"));
    match of("type").as_str() {
        "create" if action.at("resource.resourceType").is_some_and(|kind| kind.is("ServiceRequest")) => "order-therapy",
        "delete" if of("resourceId") == order => "remove-order",
        "delete" => "remove-second-procedure",
        "update" if !is_own => "move-second-procedure",
        "update" if changed.iter().all(|member| member.trim_start_matches('_').starts_with("occurrence")) => "reschedule-order",
        "update" if changed == ["reasonReference"] => "add-diagnosis",
        "update" if changed.iter().all(|member| member == "bodySite" || member == "code") => "order-one-side",
        _ => "unknown",
    }
}

/// Every difference between a story's card and the expected one.
fn card_disagreements(story: &Case, answer: &Json) -> Vec<String> {
    let expected = &story.expected["card"];
    let texts = |value: &Value| value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>();
    let order = story.expected["orders"][0]["order"].as_str().unwrap();
    let card = answer.at("cards.0").expect("a card");
    let suggestions = card.get("suggestions").map(Json::elements).unwrap_or_default();
    let kinds: BTreeSet<_> = suggestions.iter().map(|suggestion| kind(suggestion, &story.json(), order).to_owned()).collect();
    let summary = card.get("summary").and_then(Json::text).unwrap_or_default().to_lowercase();
    let mut found = Vec::new();
    if !card.get("indicator").unwrap().is(expected["indicator"].as_str().unwrap()) {
        found.push(format!("{}: indicator {}", story.name, card.get("indicator").unwrap()));
    }
    if kinds != texts(&expected["suggestions"]) || kinds.len() != suggestions.len() {
        found.push(format!("{}: suggestions {kinds:?}, not {}", story.name, expected["suggestions"]));
    }
    let lacking = texts(&expected["summaryContains"]).into_iter().filter(|words| !summary.contains(&words.to_lowercase()));
    found.extend(lacking.map(|words| format!("{}: `{words}` is not in `{summary}`", story.name)));
    found
}

#[test]
fn every_story_is_evaluated_as_it_says() {
    let evaluator = Evaluator::new();
    let stories = stories();
    assert!(stories.len() >= 22, "only {} stories found", stories.len());
    let found: Vec<_> = stories.iter().flat_map(|story| story.disagreements(&evaluator)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn every_story_gets_one_card_as_it_says() {
    let app = TestApp::on_the_day_of_the_fixtures();
    let mut found = Vec::new();
    for story in stories() {
        let answer = app.sign_text(&story.request).await.text();
        let answer = Json::read(&answer);
        assert_eq!(answer.get("cards").unwrap().elements().len(), 1, "{}", story.name);
        found.extend(card_disagreements(&story, &answer));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The whole answer, formatted for reading: one line of the detail per line.
async fn shown(name: &str) -> Value {
    let mut answer = TestApp::on_the_day_of_the_fixtures().sign_text(&story(name).request).await.json();
    for card in answer["cards"].as_array_mut().unwrap() {
        card["detail"] = card["detail"].as_str().unwrap().lines().collect();
    }
    answer
}

macro_rules! shown_as_kept {
    ($($test:ident: $story:literal,)*) => {$(
        #[tokio::test]
        async fn $test() {
            insta::assert_json_snapshot!($story, shown($story).await);
        }
    )*};
}

shown_as_kept! {
    a_supported_order_is_told_what_is_met_and_on_what_evidence: "therapy-from-procedures-only",
    a_supported_order_without_its_diagnosis_is_offered_the_listed_one: "diagnosis-on-problem-list-only",
    an_order_with_nothing_documented_is_given_a_checklist: "nothing-documented",
    an_order_with_some_evidence_is_told_what_was_found_and_what_is_missing: "relief-by-pain-scores-alone",
    an_early_order_is_told_the_earliest_date_and_moved_to_it: "third-injection-at-seven-weeks",
    an_order_short_of_therapy_is_offered_the_therapy: "therapy-five-of-six-weeks",
    an_order_for_both_sides_is_told_of_each: "bilateral-different-histories",
    a_second_procedure_of_the_visit_is_named_and_can_be_removed: "two-procedures-one-visit",
    an_excluded_order_is_told_the_criterion_and_its_citation: "two-failed-diagnostics",
    an_exception_is_told_to_rest_with_a_reviewer: "beyond-twelve-months-with-exception",
    an_unknown_history_is_told_to_be_unknown: "procedures-missing",
    a_neurotomy_is_told_to_be_excluded: "radiofrequency-neurotomy",
}

#[tokio::test]
async fn whatever_is_offered_stands_in_the_text_as_well() {
    let app = TestApp::on_the_day_of_the_fixtures();
    let mut offered = 0;
    for story in stories() {
        let answer = app.sign_text(&story.request).await.json();
        let detail = answer["cards"][0]["detail"].as_str().unwrap();
        for suggestion in answer["cards"][0]["suggestions"].as_array().into_iter().flatten() {
            offered += 1;
            let label = suggestion["label"].as_str().unwrap().to_lowercase();
            assert!(detail.to_lowercase().contains(&label), "{}: {suggestion}", story.name);
        }
    }
    assert!(offered > 5, "only {offered} suggestions");
}
