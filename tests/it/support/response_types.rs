//! CRD's response types, recognized by what an answer holds, as a client or a test kit has to recognize them (CRD 2.0.1 and 2.2.1, "Potential
//! CRD Response Types").

use serde_json::Value;
use sij_cds::crd::COVERAGE_INFORMATION;
use url::Url;

use super::showing::suggestions;

/// What a suggestion may order beside or instead of an order.
const ORDERABLE: [&str; 8] = [
    "CommunicationRequest",
    "Device",
    "DeviceRequest",
    "Medication",
    "MedicationRequest",
    "NutritionOrder",
    "ServiceRequest",
    "VisionPrescription",
];

/// Whether all links of a card, of which there are some, are of a type.
fn has_links_of_type(card: &Value, kind: &str) -> bool {
    card["links"].as_array().is_some_and(|links| !links.is_empty() && links.iter().all(|link| link["type"] == kind))
}

pub(crate) fn is_external_reference(card: &Value) -> bool {
    has_links_of_type(card, "absolute")
}

pub(crate) fn is_smart_app_launch(card: &Value) -> bool {
    has_links_of_type(card, "smart")
}

pub(crate) fn is_instructions(card: &Value) -> bool {
    card["links"].is_null() && card["suggestions"].is_null()
}

pub(crate) fn actions(suggestion: &Value) -> Vec<Value> {
    suggestion["actions"].as_array().cloned().unwrap_or_default()
}

/// The type of the resource that an action is about.
pub(crate) fn resource_type(action: &Value) -> &str {
    let reference = || action["resourceId"].as_str().and_then(|reference| reference.split('/').next());
    action["resource"]["resourceType"].as_str().or_else(reference).unwrap_or_default()
}

fn is_action(action: &Value, kind: &str, resource_types: &[&str]) -> bool {
    action["type"] == kind && resource_types.contains(&resource_type(action))
}

/// Whether one of its suggestions changes an order, or removes one and creates another.
pub(crate) fn is_alternate_request(card: &Value) -> bool {
    suggestions(card).iter().any(|suggestion| {
        let has = |kind: &str| actions(suggestion).iter().any(|action| is_action(action, kind, &ORDERABLE[1..]));
        has("update") || (has("delete") && has("create"))
    })
}

/// Whether everything that it offers is a new order.
pub(crate) fn is_additional_orders(card: &Value) -> bool {
    let offered: Vec<Value> = suggestions(card).iter().flat_map(actions).collect();
    !offered.is_empty() && offered.iter().all(|action| is_action(action, "create", &ORDERABLE))
}

/// Whether each of its suggestions asks for one form.
pub(crate) fn is_form_completion(card: &Value) -> bool {
    let offered = suggestions(card);
    let asks_once = |suggestion: &Value| actions(suggestion).iter().filter(|action| is_form_task(action)).count() == 1;
    !offered.is_empty() && offered.iter().all(asks_once)
}

/// Whether an action creates the task to complete a questionnaire, which it names by a canonical URL.
pub(crate) fn is_form_task(action: &Value) -> bool {
    let codings = action["resource"]["code"]["coding"].as_array().into_iter().flatten();
    let inputs = action["resource"]["input"].as_array().into_iter().flatten();
    let names_form = |input: &Value| input["type"]["text"] == "questionnaire" && input["valueCanonical"].as_str().is_some_and(is_web_url);
    is_action(action, "create", &["Task"])
        && codings.clone().any(|coding| coding["code"] == "complete-questionnaire")
        && inputs.clone().any(names_form)
}

/// Whether it offers nothing but to create or update a Coverage.
pub(crate) fn is_coverage_change(card: &Value) -> bool {
    let offered: Vec<Value> = suggestions(card).iter().flat_map(actions).collect();
    offered.iter().any(|action| is_action(action, "create", &["Coverage"]) || is_action(action, "update", &["Coverage"]))
}

/// The coverage information on the resource of a system action.
pub(crate) fn coverage_information_of(action: &Value) -> Vec<Value> {
    let extensions = action["resource"]["extension"].as_array().into_iter().flatten();
    extensions.filter(|extension| extension["url"] == COVERAGE_INFORMATION).cloned().collect()
}

pub(crate) fn is_web_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
