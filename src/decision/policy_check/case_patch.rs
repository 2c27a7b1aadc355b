//! Applies a worked case's changes to its chart's request: resources, with codes in short form, and answers to the form.
//! Not here: reading the cases ([`super::policy_cases`]).

use serde_json::{Map, Value, json};

use crate::policy::Question;

/// The canonical URL of the form that a case's new response answers.
const FORM_CANONICAL: &str = "http://payer.example.org/fhir/Questionnaire/sij-injection-documentation|2.0.0";

/// Applies one entry of `changes`.
pub(super) fn change(request: &mut Value, key: &str, patch: &Value) -> Result<(), String> {
    if let Some(name) = key.strip_prefix("prefetch:") {
        let prefetch = object(request, "prefetch")?;
        if patch.is_null() {
            prefetch.remove(name);
        } else {
            prefetch.insert(name.to_owned(), codes(patch));
        }
        return Ok(());
    }
    let (is_draft, reference) = key.strip_prefix("draft:").map_or((false, key), |rest| (true, rest));
    let (kind, id) = reference.split_once('/').ok_or_else(|| format!("`{key}` is no reference"))?;
    if kind == "Patient" {
        let patient = object(request, "prefetch")?.entry("patient").or_insert_with(|| json!({}));
        merge(patient, &codes(patch));
        return Ok(());
    }
    if change_known(request, is_draft, (kind, id), patch) {
        return Ok(());
    }
    if patch.is_null() {
        return Err(format!("`{key}` is not in the chart"));
    }
    let patient = request.pointer("/context/patientId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut resource = implied(kind, id, &patient, is_draft);
    merge(&mut resource, &codes(patch));
    let bundle = if is_draft { drafts(request)? } else { list_of(request, kind)? };
    entries(bundle)?.push(json!({ "resource": resource }));
    Ok(())
}

/// Removes or patches an existing resource; `false` if there is none.
fn change_known(request: &mut Value, is_draft: bool, (kind, id): (&str, &str), patch: &Value) -> bool {
    let mut bundles: Vec<&mut Value> = Vec::new();
    let Some(request) = request.as_object_mut() else { return false };
    for (name, value) in request {
        match (name.as_str(), value) {
            ("context", context) => bundles.extend(context.get_mut("draftOrders")),
            ("prefetch", Value::Object(prefetch)) if !is_draft => bundles.extend(prefetch.values_mut()),
            _ => {}
        }
    }
    // `context` comes before `prefetch`, alphabetically too.
    for list in bundles.into_iter().filter_map(|bundle| bundle.get_mut("entry")?.as_array_mut()) {
        let is_it = |entry: &Value| {
            let member = |name: &str| entry.pointer(&format!("/resource/{name}")).and_then(Value::as_str);
            member("resourceType") == Some(kind) && member("id") == Some(id)
        };
        let Some(place) = list.iter().position(is_it) else { continue };
        if patch.is_null() {
            list.remove(place);
        } else if let Some(resource) = list.get_mut(place).and_then(|entry| entry.get_mut("resource")) {
            merge(resource, &codes(patch));
        }
        return true;
    }
    false
}

/// The default members of a new resource.
fn implied(kind: &str, id: &str, patient: &str, is_draft: bool) -> Value {
    let mut resource = json!({"resourceType": kind, "id": id});
    let who = json!({"reference": format!("Patient/{patient}")});
    let active = |system: &str| json!({"coding": [{"system": format!("{TERMINOLOGY}/{system}"), "code": "active"}]});
    let more = match kind {
        "Procedure" | "MedicationStatement" => json!({"status": "completed", "subject": who}),
        "Observation" => json!({"status": "final", "subject": who}),
        "MedicationRequest" => json!({"status": "completed", "intent": "order", "subject": who}),
        "ServiceRequest" => json!({"status": if is_draft { "draft" } else { "active" }, "intent": "order", "subject": who}),
        "Condition" => json!({"clinicalStatus": active("condition-clinical"), "subject": who}),
        "AllergyIntolerance" => json!({"clinicalStatus": active("allergyintolerance-clinical"), "patient": who}),
        "QuestionnaireResponse" => {
            json!({"status": "completed", "questionnaire": FORM_CANONICAL, "authored": "2026-11-20T09:00:00Z", "subject": who})
        }
        _ => json!({}),
    };
    merge(&mut resource, &more);
    resource
}

/// Applies answers to a form, by linkId.
pub(super) fn answer(request: &mut Value, form: &str, answers: &Value) -> Result<(), String> {
    let key = format!("QuestionnaireResponse/{form}");
    change(request, &key, &json!({}))?;
    let list = list_of(request, "QuestionnaireResponse")?;
    let forms = entries(list)?.iter_mut().filter_map(|entry| entry.get_mut("resource"));
    let is_it = |resource: &&mut Value| resource.get("id").and_then(Value::as_str) == Some(form);
    let response = forms.into_iter().find(is_it).ok_or_else(|| format!("`{key}` is not in `questionnaireResponses`"))?;
    let items = object_list(response, "item")?;
    for (link_id, value) in answers.as_object().into_iter().flatten() {
        let has_link = |item: &Value| item.get("linkId").and_then(Value::as_str) == Some(link_id);
        let place = items.iter().position(has_link).unwrap_or(items.len());
        items.retain(|item| !has_link(item));
        let new = if value.is_null() { Vec::new() } else { answered(link_id, value)? };
        let place = place.min(items.len());
        items.splice(place..place, new);
    }
    Ok(())
}

/// The items that answer a question.
fn answered(link_id: &str, value: &Value) -> Result<Vec<Value>, String> {
    let item = |link_id: &str, value: &Value| Ok::<_, String>(json!({"linkId": link_id, "answer": [answer_of(link_id, value)?]}));
    if link_id != Question::PriorInjection.link_id() {
        return Ok(vec![item(link_id, value)?]);
    }
    let repetitions = value.as_array().ok_or_else(|| format!("`{link_id}` takes a list"))?;
    let group = |repetition: &Value| {
        let members = repetition.as_object().into_iter().flatten();
        let items = members.map(|(link_id, value)| item(link_id, value)).collect::<Result<Vec<_>, _>>()?;
        Ok(json!({"linkId": link_id, "item": items}))
    };
    repetitions.iter().map(group).collect()
}

/// An answer, typed by its question; an object is used as is.
fn answer_of(link_id: &str, value: &Value) -> Result<Value, String> {
    let number = |name: &str| json!({ name: value });
    let typed = match (link_id, value) {
        (_, Value::Object(_)) => value.clone(),
        (_, Value::Bool(_)) => json!({"valueBoolean": value}),
        ("definitive-therapy-reason", Value::String(_)) => json!({"valueString": value}),
        ("adls-limited-since" | "pain-onset-date" | "injection-date", Value::String(_)) => json!({"valueDate": value}),
        (_, Value::String(_)) => json!({"valueCoding": {"code": value}}),
        ("relief-percent" | "relief-duration-months", Value::Number(_)) => number("valueDecimal"),
        (_, Value::Number(weeks)) if weeks.is_f64() => number("valueDecimal"),
        (_, Value::Number(_)) => number("valueInteger"),
        (_, Value::Null | Value::Array(_)) => return Err(format!("`{link_id}` has no answer of such a type")),
    };
    Ok(typed)
}

const TERMINOLOGY: &str = "http://terminology.hl7.org/CodeSystem";

/// Short names of code systems in a patch.
const SYSTEMS: [(&str, &str); 16] = [
    ("cpt", "http://www.ama-assn.org/go/cpt"),
    ("hcpcs", "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"),
    ("icd10", "http://hl7.org/fhir/sid/icd-10-cm"),
    ("snomed", SNOMED),
    ("rxnorm", "http://www.nlm.nih.gov/research/umls/rxnorm"),
    ("loinc", "http://loinc.org"),
    ("nucc", "http://nucc.org/provider-taxonomy"),
    ("finding", "urn:sij-cds:findings"),
    ("local", "urn:ehr:codes"),
    ("degree", "http://terminology.hl7.org/CodeSystem/v2-0360"),
    ("clinical", "http://terminology.hl7.org/CodeSystem/condition-clinical"),
    ("verification", "http://terminology.hl7.org/CodeSystem/condition-ver-status"),
    ("category-code", "http://terminology.hl7.org/CodeSystem/condition-category"),
    ("allergy-clinical", "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"),
    ("allergy-verification", "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"),
    ("flag", "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"),
];

const SNOMED: &str = "http://snomed.info/sct";

/// Short names of sides in a patch, as SNOMED CT codes.
const SIDES: [(&str, &str); 3] = [("left", "7771000"), ("right", "24028007"), ("both", "51440002")];

/// Expands the codes of a patch: `{"cpt": "97110"}` becomes a CPT coding.
fn codes(patch: &Value) -> Value {
    match patch {
        Value::Array(items) => items.iter().map(codes).collect(),
        Value::Object(members) => {
            let (mut codings, mut others) = (Vec::new(), Map::new());
            for (name, value) in members {
                match system_of(name) {
                    Some(system) => codings.extend(listed(value).map(|code| coding(system, name, code))),
                    None => _ = others.insert(name.clone(), codes(value)),
                }
            }
            if !codings.is_empty() {
                others.insert("coding".to_owned(), Value::Array(codings));
            }
            Value::Object(others)
        }
        plain => plain.clone(),
    }
}

fn system_of(name: &str) -> Option<&'static str> {
    if name == "side" {
        return Some(SNOMED);
    }
    SYSTEMS.iter().find(|(short, _)| *short == name).map(|(_, system)| *system)
}

fn listed(value: &Value) -> impl Iterator<Item = &Value> {
    let one = Some(value).filter(|value| !value.is_array());
    one.into_iter().chain(value.as_array().into_iter().flatten())
}

fn coding(system: &str, name: &str, code: &Value) -> Value {
    let side = SIDES.iter().find(|(side, _)| name == "side" && code == side);
    json!({"system": system, "code": side.map_or_else(|| code.clone(), |(_, code)| json!(code))})
}

/// JSON Merge Patch (RFC 7396).
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Some(target) = target.as_object_mut() else { return };
    for (name, value) in members {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

fn object<'r>(value: &'r mut Value, name: &str) -> Result<&'r mut Map<String, Value>, String> {
    value.get_mut(name).and_then(Value::as_object_mut).ok_or_else(|| format!("`{name}` is not an object"))
}

fn object_list<'r>(value: &'r mut Value, name: &str) -> Result<&'r mut Vec<Value>, String> {
    let members = value.as_object_mut().ok_or_else(|| "not an object".to_owned())?;
    let list = members.entry(name).or_insert_with(|| json!([]));
    list.as_array_mut().ok_or_else(|| format!("`{name}` is not a list"))
}

fn entries(bundle: &mut Value) -> Result<&mut Vec<Value>, String> {
    object_list(bundle, "entry")
}

fn drafts(request: &mut Value) -> Result<&mut Value, String> {
    request.pointer_mut("/context/draftOrders").ok_or_else(|| "`context.draftOrders` is missing".to_owned())
}

/// The prefetch Bundle for a resource type; created if missing.
fn list_of<'r>(request: &'r mut Value, kind: &str) -> Result<&'r mut Value, String> {
    let key = match kind {
        "Condition" => "conditions",
        "Procedure" => "procedures",
        "MedicationStatement" | "Medication" => "medicationStatements",
        "MedicationRequest" => "medicationRequests",
        "Observation" => "observations",
        "AllergyIntolerance" => "allergies",
        "ServiceRequest" => "serviceRequests",
        "QuestionnaireResponse" => "questionnaireResponses",
        "Practitioner" | "PractitionerRole" => "practitioners",
        other => return Err(format!("no prefetch key is known for `{other}`")),
    };
    let empty = || json!({"resourceType": "Bundle", "type": "searchset"});
    Ok(object(request, "prefetch")?.entry(key).or_insert_with(empty))
}
