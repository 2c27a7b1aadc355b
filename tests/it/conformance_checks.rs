//! The checks of the Inferno test kit for CRD servers, in our words: `fixtures/conformance/inferno-crd-server.json` names each check of the kit by
//! its number, its id and its hook, and the test that makes it here. Every test asks all calls of the hooks it has a row for, in both
//! versions of CRD, and compares what it finds with the row. Not here: whether the response types that a server must have are shown
//! ([`super::conformance_response_types`]), and the profiles of the resources (`tests/e2e/crd.sh`).

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sij_cds::cds_hooks::Hook;

use crate::support::TestApp;
use crate::support::callers::good_token;
use crate::support::check_rows::{card_and_optional_faults, cards_of, faults, faults_of_kind, holds, rows};
use crate::support::exchanges::{Exchange, exchanges, showing_everything};
use crate::support::hook_rules::{action_faults, call_faults, card_faults, context_faults, optional_call_faults, optional_card_faults};
use crate::support::markdown::document;
use crate::support::response_types::{
    actions, is_additional_orders, is_alternate_request, is_coverage_change, is_form_completion, is_form_task, resource_type,
};
use crate::support::showing::suggestions;

/// The hooks whose every answer has system actions.
const PRIMARY: [Hook; 3] = [Hook::OrderSign, Hook::OrderDispatch, Hook::AppointmentBook];

#[tokio::test]
async fn discovery_is_answered_with_an_object_with_or_without_a_token() {
    let app = TestApp::on_the_day_of_the_fixtures_with(showing_everything);
    let token = good_token();
    for answer in [app.discovery().await, app.get_as(&token, "/cds-services").await] {
        assert_eq!(answer.status, 200);
        assert!(answer.json().is_object(), "{}", answer.text());
    }
}

#[tokio::test]
async fn every_hook_of_the_guide_has_a_service_with_id_and_description() {
    let discovery = TestApp::on_the_day_of_the_fixtures_with(showing_everything).discovery().await.json();
    let services = discovery["services"].as_array().unwrap();
    for service in services {
        for member in ["hook", "description", "id"] {
            assert!(service[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {service}");
        }
    }
    let hooks: BTreeSet<_> = services.iter().map(|service| service["hook"].as_str().unwrap()).collect();
    let asked: BTreeSet<_> = rows().iter().filter_map(|row| row["hook"].as_str().map(str::to_owned)).collect();
    let asked: BTreeSet<_> = asked.iter().map(|hook| hook.trim_start_matches("any: ")).collect();
    assert_eq!(hooks, asked);
}

#[tokio::test]
async fn every_call_of_every_hook_is_answered_200_under_one_token() {
    holds("crd_service_call_test", |exchanges| {
        faults(exchanges, |exchange| {
            let is_answered = exchange.status == 200 && exchange.answer.is_object();
            (!is_answered).then(|| format!("{} {}", exchange.status, exchange.answer)).into_iter().collect()
        })
    })
    .await;
}

#[tokio::test]
async fn the_calls_of_every_hook_have_all_that_they_must_have() {
    holds("crd_service_request_required_fields_validation", |exchanges| {
        faults(exchanges, |exchange| call_faults(&exchange.request, exchange.hook))
    })
    .await;
}

#[tokio::test]
async fn the_contexts_of_every_hook_are_as_its_definition_has_them() {
    holds("crd_service_request_context_validation", |exchanges| {
        faults(exchanges, |exchange| context_faults(&exchange.request["context"], exchange.hook))
    })
    .await;
}

#[tokio::test]
async fn what_calls_have_beyond_that_is_of_the_right_type() {
    holds("crd_service_request_optional_fields_validation", |exchanges| {
        faults(exchanges, |exchange| optional_call_faults(&exchange.request))
    })
    .await;
}

#[tokio::test]
async fn every_answer_has_cards_and_at_the_primary_hooks_system_actions() {
    holds("crd_service_response_validation", |exchanges| {
        faults(exchanges, |exchange| {
            let mut found: Vec<String> = exchange.cards().iter().flat_map(card_faults).collect();
            found.extend((!exchange.answer["cards"].is_array()).then(|| "no cards".to_owned()));
            found
                .extend((PRIMARY.contains(&exchange.hook) && exchange.system_actions().is_empty()).then(|| "no system actions".to_owned()));
            found.extend(exchange.system_actions().iter().flat_map(action_faults));
            found
        })
    })
    .await;
}

#[tokio::test]
async fn what_cards_have_beyond_the_required_is_as_cds_hooks_has_it() {
    holds("crd_card_optional_fields_validation", |exchanges| {
        faults(exchanges, |exchange| exchange.cards().iter().flat_map(optional_card_faults).collect())
    })
    .await;
}

/// Faults of a card that proposes another request: what it changes is a draft, and what it removes it replaces.
fn alternate_request_faults(exchange: &Exchange, card: &Value) -> Vec<String> {
    let drafts = exchange.request["context"]["draftOrders"]["entry"].as_array().cloned().unwrap_or_default();
    let is_draft = |reference: &str| {
        drafts.iter().any(|entry| {
            let resource = &entry["resource"];
            reference.split_once('/').is_some_and(|(kind, id)| resource["resourceType"] == kind && resource["id"] == id)
        })
    };
    let mut found = card_and_optional_faults(card);
    for suggestion in suggestions(card) {
        let actions = actions(&suggestion);
        for action in &actions {
            let reference = match action["type"].as_str() {
                Some("update") => format!("{}/{}", resource_type(action), action["resource"]["id"].as_str().unwrap_or_default()),
                Some("delete") => action["resourceId"].as_str().unwrap_or_default().to_owned(),
                _ => continue,
            };
            found.extend((!is_draft(&reference)).then(|| format!("{reference} is no draft order")));
            let is_replaced = actions.iter().any(|other| other["type"] == "create" && resource_type(other) == resource_type(action));
            found.extend((action["type"] == "delete" && !is_replaced).then(|| format!("nothing replaces {reference}")));
        }
    }
    found
}

#[tokio::test]
async fn proposed_alternate_requests_change_a_draft_or_replace_it() {
    holds("crd_propose_alternate_request_card_validation", |exchanges| {
        faults_of_kind(exchanges, cards_of(is_alternate_request), alternate_request_faults)
    })
    .await;
}

#[tokio::test]
async fn additional_orders_are_created_as_fhir_resources() {
    holds("crd_additional_orders_card_validation", |exchanges| {
        faults_of_kind(exchanges, cards_of(is_additional_orders), |_, card| card_and_optional_faults(card))
    })
    .await;
}

/// Faults of a card that asks for a form: the task names it, and everything is created once.
fn form_completion_faults(card: &Value) -> Vec<String> {
    let mut found = card_and_optional_faults(card);
    for action in suggestions(card).iter().flat_map(actions) {
        let task = &action["resource"];
        if is_form_task(&action) {
            let members = ["status", "intent", "description", "for", "requester", "authoredOn"];
            found.extend(members.iter().filter(|name| task[**name].is_null()).map(|name| format!("Task without {name}: {task}")));
            found
                .extend((task["status"] != "ready" || task["intent"] != "order").then(|| format!("{} {}", task["status"], task["intent"])));
        }
        let is_once = action["extension"]["davinci-crd.if-none-exist"].is_string();
        found.extend((action["type"] == "create" && !is_once).then(|| format!("may be created twice: {}", resource_type(&action))));
    }
    found
}

#[tokio::test]
async fn a_form_is_asked_for_by_a_task_that_names_it() {
    holds("crd_request_form_completion_response_validation", |exchanges| {
        faults_of_kind(exchanges, cards_of(is_form_completion), |_, card| form_completion_faults(card))
    })
    .await;
}

#[tokio::test]
async fn no_answer_creates_or_updates_a_coverage() {
    let kind = |exchange: &Exchange| {
        let mut found: Vec<Value> = exchange.cards().into_iter().filter(is_coverage_change).collect();
        found.extend(exchange.system_actions().into_iter().filter(|action| resource_type(action) == "Coverage"));
        found
    };
    holds("crd_create_or_update_coverage_info_response_validation", |exchanges| {
        faults_of_kind(exchanges, kind, |_, found| vec![found.to_string()])
    })
    .await;
}

#[test]
fn every_check_of_the_kit_has_its_row_and_its_test_and_what_is_not_shown_a_reason() {
    let rows = rows();
    assert_eq!(rows.len(), 92, "3 of discovery, 4 of any hook, 13 or 15 of each of six hooks, 3 across them");
    let numbers: BTreeSet<_> = rows.iter().map(|row| row["number"].as_str().unwrap()).collect();
    assert_eq!(numbers.len(), rows.len(), "a number stands twice");
    let code = ["conformance_checks", "conformance_response_types", "tls"].map(|file| document(&format!("tests/it/{file}.rs"))).concat();
    for row in &rows {
        let test = row["test"].as_str().unwrap();
        assert!(code.contains(&format!("fn {test}(")), "{}: there is no test `{test}`", row["number"]);
        assert!(row["hook"].is_null() || code.contains(&row["check"].to_string()), "{}: no test makes {}", row["number"], row["check"]);
        let is_reasoned = row["why"].as_str().is_some_and(|why| !why.trim().is_empty());
        assert_eq!(row["shown"] == false, is_reasoned, "{}", row["number"]);
        assert!(row["shown"] != false || row["optional"] == true, "{} is required", row["number"]);
    }
}

/// Breaks an exchange at a place and expects that a check says so.
#[tokio::test]
async fn a_planted_fault_is_found_by_the_check_it_belongs_to() {
    type Judge = fn(&Exchange) -> Vec<String>;
    let cards: Judge = |exchange| exchange.cards().iter().flat_map(card_and_optional_faults).collect();
    let call: Judge = |exchange| [call_faults(&exchange.request, exchange.hook), optional_call_faults(&exchange.request)].concat();
    let context: Judge = |exchange| context_faults(&exchange.request["context"], exchange.hook);
    let table: [(Judge, &str, Value); 26] = [
        (call, "/request/hook", json!("order-select")),
        (call, "/request/hookInstance", json!("1")),
        (call, "/request/context", json!({})),
        (call, "/request/prefetch", json!([])),
        (call, "/request/fhirAuthorization", json!({"access_token": "x"})),
        (context, "/request/context/userId", json!("Organization/o")),
        (context, "/request/context/patientId", json!("Patient/p")),
        (context, "/request/context/encounterId", json!("Encounter/e")),
        (context, "/request/context/selections", json!(["ServiceRequest/unknown"])),
        (context, "/request/context/draftOrders/entry/0/resource/id", Value::Null),
        (context, "/request/context/draftOrders/entry/0/resource/status", json!(7)),
        (context, "/request/context/draftOrders/resourceType", json!("List")),
        (cards, "/answer/cards/0/summary", json!("x".repeat(140))),
        (cards, "/answer/cards/0/indicator", json!("hard-stop")),
        (cards, "/answer/cards/0/source/label", json!("")),
        (cards, "/answer/cards/0/source/topic/system", Value::Null),
        (cards, "/answer/cards/0/selectionBehavior", json!("all")),
        (cards, "/answer/cards/0/overrideReasons/0/display", Value::Null),
        (cards, "/answer/cards/0/links", json!([])),
        (cards, "/answer/cards/0/links", link(&json!({"type": "relative"}))),
        (cards, "/answer/cards/0/links", link(&json!({"url": "/policy"}))),
        (cards, "/answer/cards/0/links", link(&json!({"label": null}))),
        (cards, "/answer/cards/0/links", link(&json!({"appContext": "order"}))),
        (cards, "/answer/cards/0/suggestions/0/label", Value::Null),
        (cards, "/answer/cards/0/suggestions/0/actions/0/type", json!("move")),
        (cards, "/answer/cards/0/suggestions/0/actions/0/resource", json!({"id": "x"})),
    ];
    let exchanges = exchanges().await;
    let known = exchanges.iter().find(|one| one.hook == Hook::OrderSign && one.story == "third-injection-at-seven-weeks").unwrap();
    for (judge, pointer, value) in table {
        let (part, rest) = pointer[1..].split_once('/').unwrap();
        let mut broken = known.clone();
        assert_eq!(judge(&broken), Vec::<String>::new(), "before {pointer}");
        set(if part == "request" { &mut broken.request } else { &mut broken.answer }, rest, value);
        assert_ne!(judge(&broken), Vec::<String>::new(), "{pointer}");
    }
}

/// The links of a card with one that leads to the policy, changed.
fn link(change: &Value) -> Value {
    let mut link = json!({"label": "Policy", "type": "absolute", "url": "https://plan.example/policy"});
    link.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    json!([link])
}

/// Puts a value at a place that may not be there yet.
fn set(json: &mut Value, path: &str, value: Value) {
    let place = path.split('/').fold(json, |json, step| match step.parse::<usize>() {
        Ok(position) => &mut json[position],
        Err(_) => &mut json[step],
    });
    *place = value;
}
