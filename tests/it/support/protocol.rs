//! Checks answers against CDS Hooks 2.0.1 and our own protocol: the schema beside this file, and rules that no schema can express.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use fhir_sdk::r4b::resources::{ServiceRequest, Task};
use jsonschema::Validator;
use serde_json::Value;

use super::Json;

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(include_str!("card_schema.json")).expect("the schema is JSON");
    jsonschema::validator_for(&schema).expect("the schema is one")
});

/// Every violation of the protocol by the answer to a request.
pub(crate) fn violations(answer: &str, request: &Json) -> Vec<String> {
    let Ok(value) = serde_json::from_str::<Value>(answer) else { return vec!["the answer is not JSON".to_owned()] };
    let mut found: Vec<_> = SCHEMA.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    let json = Json::read(answer);
    found.extend(repeated_uuids(&json));
    found.extend(empty_members(&json));
    found.extend(markup(&json));
    for action in actions(&json) {
        found.extend(action_violations(action, request));
    }
    for action in json.get("systemActions").map(Json::elements).unwrap_or_default() {
        let changed = changed_members(action, request);
        if changed != ["extension"] {
            found.push(format!("a system action changes {changed:?}"));
        }
    }
    found
}

fn actions(answer: &Json) -> Vec<&Json> {
    let list = |json: &'_ Json, name: &str| -> Vec<usize> { (0..json.get(name).map_or(0, |list| list.elements().len())).collect() };
    let mut found = Vec::new();
    for card in list(answer, "cards") {
        let card = answer.at(&format!("cards.{card}")).unwrap();
        for suggestion in list(card, "suggestions") {
            found.extend(card.at(&format!("suggestions.{suggestion}.actions")).into_iter().flat_map(Json::elements));
        }
    }
    found
}

fn repeated_uuids(answer: &Json) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    answer.each("", &mut |name, value| {
        if name == "uuid" && !seen.insert(value.to_string()) {
            found.push(format!("the uuid {value} stands twice"));
        }
    });
    found
}

/// Null or empty values occur only as `cards: []`, and in the client's own order, which is returned unchanged.
fn empty_members(answer: &Json) -> Vec<String> {
    let mut found = Vec::new();
    each_own(answer, "", &mut |name, value| {
        let text = value.to_string();
        if matches!(text.as_str(), "null" | "\"\"" | "{}") || (text == "[]" && name != "cards") {
            found.push(format!("`{name}` is {text}"));
        }
    });
    found
}

/// None of our texts contains markup that a client could act on: no tag, table, link, image, code or invisible mark.
fn markup(answer: &Json) -> Vec<String> {
    let mut found = Vec::new();
    each_own(answer, "", &mut |name, value| {
        let is_machine_text =
            matches!(name, "resourceId" | "url" | "appContext" | "reference" | "valueCanonical" | "davinci-crd.if-none-exist");
        let text = value.text().filter(|_| !is_machine_text).unwrap_or_default();
        let is_markup = |letter: &char| {
            let is_invisible = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
            "<>[]`|".contains(*letter) || is_invisible || (letter.is_control() && *letter != '\n')
        };
        if let Some(letter) = text.chars().find(is_markup) {
            found.push(format!("`{name}` holds {letter:?}: {text}"));
        }
        if name != "detail" && text.contains('\n') {
            found.push(format!("`{name}` is more than one line: {text}"));
        }
    });
    found
}

/// Every value that we wrote for this answer: all except the client's orders in update actions, and the form.
fn each_own<'j>(json: &'j Json, name: &'j str, see: &mut impl FnMut(&'j str, &'j Json)) {
    see(name, json);
    let is_form = json.at("resource.resourceType").is_some_and(|kind| kind.is("Questionnaire"));
    let is_update = json.get("type").is_some_and(|kind| kind.is("update"));
    for (member, value) in json.members() {
        if !((is_update || is_form) && member == "resource") {
            each_own(value, member, see);
        }
    }
    json.elements().iter().for_each(|value| each_own(value, name, see));
}

fn action_violations(action: &Json, request: &Json) -> Vec<String> {
    let kind = action.get("type").and_then(Json::text).unwrap_or_default();
    match kind.as_str() {
        "update" => action.get("resource").map(|_| update_violations(action, request)).unwrap_or_default(),
        "create" => action.get("resource").map(created_violations).unwrap_or_default(),
        "delete" => removal_violations(&action.get("resourceId").and_then(Json::text).unwrap_or_default(), request),
        other => vec![format!("`{other}` is no action")],
    }
}

fn removal_violations(reference: &str, request: &Json) -> Vec<String> {
    if is_draft(reference, request) { Vec::new() } else { vec![format!("`{reference}` is no draft order")] }
}

fn is_draft(reference: &str, request: &Json) -> bool {
    drafts(request).iter().any(|draft| reference_of(draft) == reference)
}

/// The resources among the draft orders.
fn drafts(request: &Json) -> Vec<&Json> {
    let entries = request.at("context.draftOrders.entry").map(Json::elements).unwrap_or_default();
    entries.iter().filter_map(|entry| entry.get("resource")).collect()
}

/// What the client sent that an answer may be about: draft orders, appointments, and in the prefetch the orders that other hooks name.
fn sent(request: &Json) -> Vec<&Json> {
    let prefetched = request.get("prefetch").map(Json::members).unwrap_or_default().iter().filter_map(|(_, value)| value.get("entry"));
    let entries = request.at("context.appointments.entry").into_iter().chain(prefetched).flat_map(Json::elements);
    drafts(request).into_iter().chain(entries.filter_map(|entry| entry.get("resource"))).collect()
}

fn reference_of(resource: &Json) -> String {
    let text = |name: &str| resource.get(name).and_then(Json::text).unwrap_or_default();
    format!("{}/{}", text("resourceType"), text("id"))
}

/// The members that an update action adds to, changes in or removes from the client's order.
pub(crate) fn changed_members(action: &Json, request: &Json) -> Vec<String> {
    let Some(updated) = action.get("resource") else { return Vec::new() };
    let sent = sent(request);
    let Some(own) = sent.iter().find(|own| reference_of(own) == reference_of(updated)) else {
        return vec!["the whole order".to_owned()];
    };
    let names: BTreeSet<_> = own.members().iter().chain(updated.members()).map(|(name, _)| name).collect();
    names.into_iter().filter(|name| own.get(name) != updated.get(name)).cloned().collect()
}

/// Only one change: the occurrence, in any of its forms, or the reasons; every other member is unchanged and in place.
fn update_violations(action: &Json, request: &Json) -> Vec<String> {
    let changed = changed_members(action, request);
    let is_occurrence = |name: &String| name.trim_start_matches('_').starts_with("occurrence");
    // A side is in the body site, and in the modifiers of the code.
    let is_side = changed.contains(&"bodySite".to_owned()) && changed.iter().all(|name| name == "bodySite" || name == "code");
    let one = changed == ["reasonReference"] || is_side || (!changed.is_empty() && changed.iter().all(is_occurrence));
    let updated = action.get("resource").unwrap();
    let sent = sent(request);
    let order = sent.iter().find(|own| reference_of(own) == reference_of(updated));
    let names = |order: &Json| order.members().iter().map(|(name, _)| name.clone()).filter(|name| !changed.contains(name)).collect();
    let (own, kept): (Vec<String>, Vec<String>) = (order.map_or_else(Vec::new, |order| names(order)), names(updated));
    let mut found = Vec::new();
    if !one {
        found.push(format!("an update changes {changed:?}"));
    }
    if own != kept {
        found.push(format!("an update reorders the members: {own:?} to {kept:?}"));
    }
    found
}

fn created_violations(resource: &Json) -> Vec<String> {
    match resource.get("resourceType").and_then(Json::text).unwrap_or_default().as_str() {
        "ServiceRequest" => created_order_violations(resource),
        "Task" => serde_json::from_str::<Task>(&resource.to_string()).err().map(|error| format!("no Task: {error}")).into_iter().collect(),
        "Questionnaire" => Vec::new(),
        other => vec![format!("`{other}` is created")],
    }
}

fn created_order_violations(order: &Json) -> Vec<String> {
    let mut found = Vec::new();
    for (member, value) in [("resourceType", "ServiceRequest"), ("status", "draft"), ("intent", "order")] {
        if !order.get(member).is_some_and(|own| own.is(value)) {
            found.push(format!("a created order's {member} is not {value}"));
        }
    }
    if order.at("subject.reference").is_none() {
        found.push("a created order has no subject".to_owned());
    }
    if let Err(error) = serde_json::from_str::<ServiceRequest>(&order.to_string()) {
        found.push(format!("a created order is no ServiceRequest: {error}"));
    }
    found
}
