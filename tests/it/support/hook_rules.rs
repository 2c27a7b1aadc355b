//! What CDS Hooks 2.0 and CRD 2.0.1 ask of a call, of a card and of an action, each as a list of faults. The rules are those that a test
//! kit for servers holds to, in our words; [`super::violations`] holds answers to our own protocol beyond them.

use fhir_sdk::r4b::resources::Resource;
use serde_json::Value;
use sij_cds::cds_hooks::Hook;
use uuid::Uuid;

use super::response_types::{actions, is_web_url};
use super::showing::suggestions;

/// What orders are made of.
pub(crate) const ORDER_TYPES: [&str; 5] = ["DeviceRequest", "MedicationRequest", "NutritionOrder", "ServiceRequest", "VisionPrescription"];

/// The JSON type that a member must have, and hold something.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Object,
    List,
    Number,
    Url,
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        let text = value.as_str().filter(|text| !text.trim().is_empty());
        match self {
            Self::Text => text.is_some(),
            Self::Object => value.as_object().is_some_and(|object| !object.is_empty()),
            Self::List => value.as_array().is_some_and(|list| !list.is_empty()),
            Self::Number => value.is_i64(),
            Self::Url => text.is_some_and(is_web_url),
        }
    }
}

/// The members that are missing or of another type.
fn required(object: &Value, what: &str, members: &[(&str, Kind)]) -> Vec<String> {
    members
        .iter()
        .filter(|(name, kind)| !kind.fits(&object[*name]))
        .map(|(name, _)| format!("{what}.{name} is {}", object[*name]))
        .collect()
}

/// The members that are there and of another type.
fn optional(object: &Value, what: &str, members: &[(&str, Kind)]) -> Vec<String> {
    let there: Vec<_> = members.iter().filter(|(name, _)| object.get(name).is_some()).copied().collect();
    required(object, what, &there)
}

pub(crate) fn call_faults(call: &Value, hook: Hook) -> Vec<String> {
    let mut found = required(call, "call", &[("hook", Kind::Text), ("hookInstance", Kind::Text), ("context", Kind::Object)]);
    if call["hook"] != hook.as_str() {
        found.push(format!("hook is {}", call["hook"]));
    }
    if call["hookInstance"].as_str().is_none_or(|text| Uuid::parse_str(text).is_err()) {
        found.push(format!("hookInstance is {}", call["hookInstance"]));
    }
    if call.get("fhirAuthorization").is_some() && call.get("fhirServer").is_none() {
        found.push("fhirAuthorization without fhirServer".to_owned());
    }
    found
}

pub(crate) fn optional_call_faults(call: &Value) -> Vec<String> {
    let mut found = optional(call, "call", &[("fhirServer", Kind::Url), ("fhirAuthorization", Kind::Object), ("prefetch", Kind::Object)]);
    if let Some(authorization) = call.get("fhirAuthorization") {
        let texts = ["access_token", "token_type", "scope", "subject"].map(|name| (name, Kind::Text));
        found.extend(required(authorization, "fhirAuthorization", &texts));
        found.extend(required(authorization, "fhirAuthorization", &[("expires_in", Kind::Number)]));
        if authorization["token_type"] != "Bearer" {
            found.push(format!("token_type is {}", authorization["token_type"]));
        }
    }
    found
}

pub(crate) fn context_faults(context: &Value, hook: Hook) -> Vec<String> {
    let (user, patient, encounter) = (("userId", Kind::Text), ("patientId", Kind::Text), ("encounterId", Kind::Text));
    let members: &[(&str, Kind)] = match hook {
        Hook::OrderSign => &[user, patient, ("draftOrders", Kind::Object)],
        Hook::OrderSelect => &[user, patient, ("draftOrders", Kind::Object), ("selections", Kind::List)],
        Hook::OrderDispatch => &[patient, ("order", Kind::Text), ("performer", Kind::Text)],
        Hook::AppointmentBook => &[user, patient, ("appointments", Kind::Object)],
        Hook::EncounterStart | Hook::EncounterDischarge => &[user, patient, encounter],
        Hook::PatientView => &[user, patient],
    };
    let mut found = required(context, "context", members);
    found.extend(optional(context, "context", &[encounter]));
    for name in ["patientId", "encounterId"] {
        found.extend(context[name].as_str().filter(|id| id.contains('/')).map(|id| format!("{name} is {id}")));
    }
    found.extend(reference_faults(context, "userId", user_types(hook)));
    found.extend(reference_faults(context, "order", &ORDER_TYPES));
    found.extend(bundle_faults(context, "draftOrders", &ORDER_TYPES, None));
    found.extend(bundle_faults(context, "appointments", &["Appointment"], Some("proposed")));
    found.extend(selection_faults(context));
    found
}

fn user_types(hook: Hook) -> &'static [&'static str] {
    match hook {
        Hook::AppointmentBook => &["Practitioner", "PractitionerRole", "Patient", "RelatedPerson"],
        Hook::OrderSign | Hook::OrderSelect | Hook::OrderDispatch | Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => {
            &["Practitioner", "PractitionerRole"]
        }
    }
}

fn reference_faults(context: &Value, name: &str, types: &[&str]) -> Option<String> {
    let reference = context[name].as_str()?;
    let is_one = reference.split_once('/').is_some_and(|(kind, id)| types.contains(&kind) && !id.is_empty());
    (!is_one).then(|| format!("{name} is {reference}"))
}

fn resources(bundle: &Value) -> Vec<&Value> {
    bundle["entry"].as_array().into_iter().flatten().map(|entry| &entry["resource"]).collect()
}

fn bundle_faults(context: &Value, name: &str, types: &[&str], status: Option<&str>) -> Vec<String> {
    let Some(bundle) = context.get(name) else { return Vec::new() };
    let all = resources(bundle);
    let meant: Vec<_> = all.iter().filter(|resource| types.iter().any(|kind| resource["resourceType"] == *kind)).collect();
    let mut found: Vec<String> = all.iter().filter_map(|resource| fhir_fault(resource)).collect();
    found.extend(
        all.iter().filter(|resource| !Kind::Text.fits(&resource["id"])).map(|resource| format!("{name} holds one without id: {resource}")),
    );
    if bundle["resourceType"] != "Bundle" || meant.is_empty() {
        found.push(format!("{name} is {bundle}"));
    }
    let other = meant.iter().filter(|resource| status.is_some_and(|status| resource["status"] != status));
    found.extend(other.map(|resource| format!("{name} holds one of status {}", resource["status"])));
    found
}

fn selection_faults(context: &Value) -> Vec<String> {
    let drafts = resources(&context["draftOrders"]);
    let is_draft = |reference: &str| {
        drafts.iter().any(|draft| reference.split_once('/').is_some_and(|(kind, id)| draft["resourceType"] == kind && draft["id"] == id))
    };
    let selections = context["selections"].as_array().into_iter().flatten().filter_map(Value::as_str);
    selections.filter(|reference| !is_draft(reference)).map(|reference| format!("{reference} is selected and no draft order")).collect()
}

/// Why a value is no resource of FHIR R4.
pub(crate) fn fhir_fault(resource: &Value) -> Option<String> {
    serde_json::from_value::<Resource>(resource.clone()).err().map(|error| format!("no FHIR resource: {error}: {resource}"))
}

/// Faults of what a card must have.
pub(crate) fn card_faults(card: &Value) -> Vec<String> {
    let mut found = required(card, "card", &[("summary", Kind::Text), ("indicator", Kind::Text), ("source", Kind::Object)]);
    found.extend(required(&card["source"], "source", &[("label", Kind::Text), ("topic", Kind::Object)]));
    found.extend(required(&card["source"]["topic"], "topic", &[("code", Kind::Text), ("system", Kind::Text)]));
    if card["summary"].as_str().is_some_and(|summary| summary.chars().count() >= 140) {
        found.push(format!("summary is too long: {}", card["summary"]));
    }
    if !["info", "warning", "critical"].iter().any(|known| card["indicator"] == *known) {
        found.push(format!("indicator is {}", card["indicator"]));
    }
    found
}

/// Faults of what a card may have.
pub(crate) fn optional_card_faults(card: &Value) -> Vec<String> {
    let lists = ["suggestions", "overrideReasons", "links"].map(|name| (name, Kind::List));
    let mut found = optional(card, "card", &[("uuid", Kind::Text), ("detail", Kind::Text)]);
    found.extend(optional(card, "card", &lists));
    let is_behavior = ["at-most-one", "any"].iter().any(|known| card["selectionBehavior"] == *known);
    if card.get("suggestions").is_some() && !is_behavior {
        found.push(format!("selectionBehavior is {}", card["selectionBehavior"]));
    }
    for reason in card["overrideReasons"].as_array().into_iter().flatten() {
        found.extend(required(reason, "reason", &["code", "system", "display"].map(|name| (name, Kind::Text))));
    }
    found.extend(card["links"].as_array().into_iter().flatten().flat_map(link_faults));
    for suggestion in suggestions(card) {
        found.extend(required(&suggestion, "suggestion", &[("label", Kind::Text)]));
        found.extend(optional(&suggestion, "suggestion", &[("actions", Kind::List)]));
        found.extend(actions(&suggestion).iter().flat_map(action_faults));
    }
    found
}

fn link_faults(link: &Value) -> Vec<String> {
    let mut found = required(link, "link", &[("label", Kind::Text), ("type", Kind::Text), ("url", Kind::Url)]);
    if link["type"] != "absolute" && link["type"] != "smart" {
        found.push(format!("link of type {}", link["type"]));
    }
    if link["type"] != "smart" && link.get("appContext").is_some() {
        found.push(format!("appContext where no app is launched: {link}"));
    }
    found
}

/// Faults of an action, of a suggestion or of the system.
pub(crate) fn action_faults(action: &Value) -> Vec<String> {
    let mut found = required(action, "action", &[("type", Kind::Text), ("description", Kind::Text)]);
    match action["type"].as_str().unwrap_or_default() {
        "create" | "update" => found.extend(fhir_fault(&action["resource"])),
        "delete" => {
            let is_reference = action["resourceId"].as_str().and_then(|id| id.split_once('/')).is_some_and(|(_, id)| !id.is_empty());
            found.extend((!is_reference).then(|| format!("resourceId is {}", action["resourceId"])));
        }
        other => found.push(format!("action of type `{other}`")),
    }
    found
}
