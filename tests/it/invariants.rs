//! The invariants of `docs/invariants.md` that only a complete call can show.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sij_cds::app::{App, Ports};
use sij_cds::auth::Credentials;
use sij_cds::clock::{Clock, FixedClock};
use sij_cds::ids::SequentialIds;

use crate::support::{LogBuffer, SERVICE, TestApp, default_config, empty_sign_call, post};

/// Members whose values identify a person.
const IDENTIFYING: [&str; 9] = ["id", "reference", "family", "given", "birthDate", "value", "subscriberId", "authored", "access_token"];

type Members = BTreeMap<String, Box<RawValue>>;

/// The request of every story, by the story's name.
fn stories() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/stories");
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let story = entry.unwrap().path();
        let name = story.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(story.join("request.json")).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(read).collect()
}

fn story(name: &str) -> String {
    stories().into_iter().find(|(story, _)| story == name).unwrap_or_else(|| panic!("no story `{name}`")).1
}

/// The evaluation date of the stories.
fn day_of_the_stories() -> FixedClock {
    FixedClock::at("2026-11-22T10:00:00Z".parse().unwrap())
}

fn app_on_that_day() -> App {
    let config = default_config();
    let ports = Ports::new(&config, Arc::new(day_of_the_stories()), Arc::new(SequentialIds::default())).unwrap();
    App::build(&config, ports).unwrap()
}

fn evaluation(request: &str) -> Value {
    let as_of = day_of_the_stories().now();
    serde_json::to_value(app_on_that_day().hooks.evaluate(request, as_of).unwrap().report()).unwrap()
}

/// Every text under one of [`IDENTIFYING`], at any depth.
fn identifying_texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| identifying_texts(value, found)),
        Value::Object(members) => {
            for (name, value) in members {
                let texts = value.as_array().map_or_else(|| vec![value], |values| values.iter().collect());
                if IDENTIFYING.contains(&name.as_str()) {
                    found.extend(texts.into_iter().filter_map(Value::as_str).filter(|text| text.len() > 5).map(str::to_owned));
                }
                identifying_texts(value, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_verdict_of_every_story_says_what_was_found_or_is_missing() {
    let mut verdicts = 0;
    for (name, request) in stories() {
        let evaluation = evaluation(&request);
        let sites = evaluation["orders"].as_array().unwrap().iter().flat_map(|order| order["sites"].as_array().unwrap());
        for criterion in sites.flat_map(|site| site["criteria"].as_array().unwrap()) {
            verdicts += 1;
            assert!(criterion["statement"].as_str().is_some_and(|statement| statement.len() > 5), "{name}: {criterion}");
            let open = criterion["verdict"] == "unknown";
            assert!(!open || criterion["missing"].as_array().is_some_and(|missing| !missing.is_empty()), "{name}: {criterion}");
        }
    }
    assert!(verdicts > 100, "only {verdicts} verdicts seen");
}

#[tokio::test]
async fn the_record_is_not_read_when_no_order_is_in_scope() {
    let mut call = empty_sign_call();
    call["prefetch"] = json!("nothing that could be read");
    let answer = TestApp::new().sign(&call).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({ "cards": [] })));
}

#[tokio::test]
async fn the_record_is_read_when_an_order_is_in_scope() {
    let mut call: Value = serde_json::from_str(&story("nothing-documented")).unwrap();
    call["prefetch"] = json!("nothing that could be read");
    TestApp::new().sign(&call).await.outcome(400, "structure");
}

#[tokio::test]
async fn an_order_sent_back_is_the_clients_own_but_for_one_member() {
    let request = story("diagnosis-on-problem-list-only");
    let app = app_on_that_day();
    let caller = app.authenticate(Credentials::default()).await.unwrap().client;
    let answer = app.hooks.answer(&caller, request.as_bytes()).await.unwrap();
    let sent = resource(&request, &["context", "draftOrders", "entry", "0", "resource"]);
    let mut returned = resource(std::str::from_utf8(&answer).unwrap(), &["cards", "0", "suggestions", "0", "actions", "0", "resource"]);
    let changed = returned.remove("reasonReference").expect("the diagnosis is added");
    assert!(changed.get().contains("Condition/"), "{changed}");
    let as_text = |members: Members| members.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect::<BTreeMap<_, _>>();
    assert_eq!(as_text(returned), as_text(sent));
}

/// The members of the object at a path, each byte for byte.
fn resource(json: &str, path: &[&str]) -> Members {
    let mut place = RawValue::from_string(json.to_owned()).unwrap();
    for step in path {
        let next = match step.parse::<usize>() {
            Ok(position) => serde_json::from_str::<Vec<Box<RawValue>>>(place.get()).unwrap().into_iter().nth(position),
            Err(_) => serde_json::from_str::<Members>(place.get()).unwrap().remove(*step),
        };
        place = next.unwrap_or_else(|| panic!("no `{step}` in {path:?}"));
    }
    serde_json::from_str(place.get()).unwrap()
}

#[tokio::test]
async fn nothing_of_any_storys_patient_reaches_the_log() {
    let app = TestApp::new();
    let mut texts = vec!["Therapy records are on paper".to_owned()];
    for (_, request) in stories() {
        identifying_texts(&serde_json::from_str(&request).unwrap(), &mut texts);
        app.send(post(SERVICE, request)).await;
    }
    let reason = json!({ "reason": { "code": "documentedElsewhere" }, "userComment": "Therapy records are on paper" });
    app.feedback(&json!({ "feedback": [{ "card": "secret-card", "outcome": "overridden", "overrideReason": reason }] })).await;

    let log = LogBuffer::of_this_run().text();
    assert!(texts.len() > 1000 && log.contains("decided") && log.contains("feedback"));
    let found: Vec<&str> = AhoCorasick::new(&texts).unwrap().find_iter(&log).map(|found| &log[found.range()]).collect();
    assert_eq!(found, Vec::<&str>::new());
}
