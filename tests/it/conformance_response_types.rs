//! The checks of the Inferno test kit on CRD's response types that a server shows, beside those in [`super::conformance_checks`]: external
//! reference, instructions, the launch of the app, and coverage information.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sij_cds::cds_hooks::Hook;
use sij_cds::crd::CrdVersion;

use crate::support::check_rows::{Finding, card_and_optional_faults, cards_of, faults, faults_of_kind, holds, of_hook, rows_of};
use crate::support::coverage_rules::coverage_violations;
use crate::support::exchanges::{Exchange, exchanges};
use crate::support::hook_calls::{CRD_HOOKS, CRD_VERSIONS};
use crate::support::hook_rules::{ORDER_TYPES, fhir_fault};
use crate::support::response_types::{coverage_information_of, is_external_reference, is_instructions, is_smart_app_launch, resource_type};

#[tokio::test]
async fn an_external_reference_is_shown_with_absolute_links_alone() {
    holds("crd_external_reference_card_validation", external_references).await;
}

fn external_references(exchanges: &[&Exchange]) -> Finding {
    faults_of_kind(exchanges, cards_of(is_external_reference), |_, card| card_and_optional_faults(card))
}

#[tokio::test]
async fn a_link_to_the_app_is_shown_on_a_card_of_its_kind_alone() {
    holds("crd_launch_smart_app_card_validation", |exchanges| {
        faults_of_kind(exchanges, cards_of(is_smart_app_launch), |_, card| card_and_optional_faults(card))
    })
    .await;
}

#[tokio::test]
async fn instructions_are_shown_without_link_and_suggestion() {
    holds("crd_valid_instructions_card_received", instructions).await;
}

fn instructions(exchanges: &[&Exchange]) -> Finding {
    faults_of_kind(exchanges, cards_of(is_instructions), |_, card| card_and_optional_faults(card))
}

/// The resource type that a hook is about, or the types of orders.
fn annotated_types(hook: Hook) -> &'static [&'static str] {
    match hook {
        Hook::OrderSign | Hook::OrderSelect | Hook::OrderDispatch => &ORDER_TYPES,
        Hook::AppointmentBook => &["Appointment"],
        Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => &["Encounter"],
    }
}

/// The system actions with coverage information on what the hook is about.
fn annotations(exchange: &Exchange) -> Vec<Value> {
    let is_one =
        |action: &Value| annotated_types(exchange.hook).contains(&resource_type(action)) && !coverage_information_of(action).is_empty();
    exchange.system_actions().into_iter().filter(is_one).collect()
}

/// Whether the orders of a call's appointments alone have the information, as CRD 2.2 asks.
fn is_on_orders_alone(exchange: &Exchange) -> bool {
    exchange.version == "2.2" && exchange.request["prefetch"].get("orders").is_some()
}

#[tokio::test]
async fn coverage_information_is_written_to_what_the_hook_is_about() {
    holds("crd_coverage_info_system_action_received", |exchanges| {
        if exchanges.iter().all(|exchange| annotations(exchange).is_empty()) {
            return Finding::NotShown;
        }
        faults(exchanges, |exchange| {
            let is_without = annotations(exchange).is_empty() && !is_on_orders_alone(exchange);
            is_without.then(|| format!("none in {:?}", exchange.answer["systemActions"])).into_iter().collect()
        })
    })
    .await;
}

#[tokio::test]
async fn all_coverage_information_is_valid_and_each_coverage_has_its_assertion() {
    holds("crd_coverage_info_system_action_validation", coverage_information).await;
}

fn coverage_information(exchanges: &[&Exchange]) -> Finding {
    faults_of_kind(exchanges, annotations, coverage_information_faults)
}

/// Judges the exchanges of one hook.
type Judge = fn(&[&Exchange]) -> Finding;

/// CRD 2.0.1 asks a server to show three kinds of answer (247 to 249), at whatever hooks.
#[tokio::test]
async fn the_kinds_of_answer_that_a_server_must_have_are_all_shown() {
    let kinds: [(&str, Judge); 3] = [
        ("crd_external_reference_card_across_hooks_validation", external_references),
        ("crd_valid_instructions_card_received_across_hooks", instructions),
        ("crd_coverage_info_system_action_across_hooks_validation", coverage_information),
    ];
    for ((check, judge), version) in kinds.into_iter().flat_map(|kind| CRD_VERSIONS.map(|version| (kind, version))) {
        assert_eq!(rows_of(check).len(), 1);
        let mut findings = Vec::new();
        for hook in CRD_HOOKS {
            findings.push(judge(&of_hook(hook, version).await));
        }
        assert!(findings.contains(&Finding::Holds), "{check}, CRD {version}: {findings:?}");
    }
}

fn coverage_information_faults(exchange: &Exchange, action: &Value) -> Vec<String> {
    let mut found: Vec<String> = (action["type"] != "update").then(|| format!("action of type {}", action["type"])).into_iter().collect();
    found.extend(fhir_fault(&action["resource"]));
    let version = if exchange.version == "2.2" { CrdVersion::V2_2 } else { CrdVersion::V2_0 };
    let mut ids: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for information in coverage_information_of(action) {
        found.extend(coverage_violations(&information, version));
        let parts = |url: &str| {
            let parts = information["extension"].as_array().into_iter().flatten().filter(|part| part["url"] == url);
            parts.map(Value::to_string).collect::<String>()
        };
        ids.entry(parts("coverage")).or_default().insert((parts("coverage-assertion-id"), parts("satisfied-pa-id")));
    }
    found.extend(ids.iter().filter(|(_, ids)| ids.len() > 1).map(|(coverage, ids)| format!("{coverage} has {ids:?}")));
    let all: BTreeSet<_> = ids.values().flatten().map(|(assertion, _)| assertion).collect();
    found.extend((all.len() < ids.len()).then(|| format!("coverages share an assertion: {ids:?}")));
    found
}

#[tokio::test]
async fn a_fault_of_coverage_information_is_found() {
    let all = exchanges().await;
    let known = all.iter().find(|one| one.hook == Hook::OrderSign && one.story == "therapy-from-procedures-only").unwrap();
    let action = &known.system_actions()[0];
    assert_eq!(coverage_information_faults(known, action), Vec::<String>::new());
    let again = action["resource"]["extension"][0].clone();
    let numbered = |coverage: &str, assertion: &str| {
        let mut other = again.clone();
        for part in other["extension"].as_array_mut().unwrap() {
            match part["url"].as_str().unwrap() {
                "coverage" => part["valueReference"]["reference"] = json!(coverage),
                "coverage-assertion-id" => part["valueString"] = json!(assertion),
                _ => {}
            }
        }
        other
    };
    let own = again["extension"].as_array().unwrap();
    let value = |url: &str, pointer: &str| own.iter().find(|part| part["url"] == url).unwrap().pointer(pointer).unwrap().as_str().unwrap();
    let (coverage, assertion) = (value("coverage", "/valueReference/reference"), value("coverage-assertion-id", "/valueString"));
    let table = [
        ("/type", json!("create")),
        ("/resource/status", json!([])),
        ("/resource/extension/0/extension/0/url", json!("x")),
        ("/resource/extension/1", numbered(coverage, "another")),
        ("/resource/extension/1", numbered("Coverage/another", assertion)),
    ];
    for (pointer, value) in table {
        let mut broken = action.clone();
        match pointer {
            "/resource/extension/1" => broken["resource"]["extension"].as_array_mut().unwrap().push(value),
            place => *broken.pointer_mut(place).unwrap() = value,
        }
        assert_ne!(coverage_information_faults(known, &broken), Vec::<String>::new(), "{pointer}");
    }
}
