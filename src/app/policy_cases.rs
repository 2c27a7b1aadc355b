//! The worked cases of a policy version: base charts, and the few lines that each case changes in one. The format is
//! described in `docs/policy.md`, "Worked cases".
//! Not here: running them ([`super::policy_check`]).

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::policy::{PolicyFile, Question};

const CASES: &str = "cases/";
const CHARTS: &str = "cases/charts/";

/// The form that a new response of a case answers.
const FORM_CANONICAL: &str = "http://payer.example.org/fhir/Questionnaire/sij-injection-documentation|2.0.0";

/// A case with its whole request and everything that is expected of it.
#[derive(Clone, Debug)]
pub struct PolicyCase {
    /// The file, within the version's folder.
    pub file: String,
    /// Unique among all cases.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// The instant it is judged at.
    pub as_of: DateTime<Utc>,
    /// A CDS Hooks request.
    pub request: Value,
    /// `orders`, as the evaluation contract has them, without words.
    pub expected: Value,
}

/// A case that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{problem}")]
pub struct CaseError {
    /// The file, within the version's folder.
    pub file: String,
    /// The case's name; empty where the whole file is meant.
    pub name: String,
    /// What is wrong.
    pub problem: String,
}

/// The cases of a policy version's files, by file: base charts first, each of which is a case itself.
#[must_use]
pub fn policy_cases(files: &[PolicyFile]) -> Vec<Result<PolicyCase, CaseError>> {
    let is_case = |file: &&PolicyFile| file.name.starts_with(CASES) && file.name.ends_with(".json");
    let (charts, sections): (Vec<_>, Vec<_>) = files.iter().filter(is_case).partition(|file| file.name.starts_with(CHARTS));
    let read: Vec<_> = charts.into_iter().map(read_chart).collect();
    let known: BTreeMap<&str, &Chart> = read.iter().flatten().map(|(name, chart)| (name.as_str(), chart)).collect();
    let mut cases: Vec<_> = read.iter().map(|chart| chart.as_ref().map(as_case).map_err(Clone::clone)).collect();
    for file in sections {
        match serde_json::from_str::<Section>(&file.text) {
            Ok(section) => cases.extend(section.cases.iter().map(|case| expand(&file.name, case, &known))),
            Err(error) => cases.push(Err(CaseError { file: file.name.clone(), name: String::new(), problem: error.to_string() })),
        }
    }
    with_unique_names(cases)
}

fn with_unique_names(cases: Vec<Result<PolicyCase, CaseError>>) -> Vec<Result<PolicyCase, CaseError>> {
    let mut names = HashSet::new();
    let check = |case: Result<PolicyCase, CaseError>| {
        let case = case?;
        if names.insert(case.name.clone()) {
            return Ok(case);
        }
        Err(CaseError { problem: format!("a case named `{}` exists already", case.name), file: case.file, name: case.name })
    };
    cases.into_iter().map(check).collect()
}

/// A base chart.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Chart {
    title: String,
    #[serde(rename = "about")]
    _about: String,
    as_of: DateTime<Utc>,
    request: Value,
    expected: Value,
}

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    #[serde(rename = "title")]
    _title: String,
    cases: Vec<Members>,
}

/// The members of an object in the order they are written in.
#[derive(Clone, Debug, Default)]
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

fn read_chart(file: &PolicyFile) -> Result<(String, Chart), CaseError> {
    let name = file.name.trim_start_matches(CHARTS).trim_end_matches(".json").to_owned();
    match serde_json::from_str(&file.text) {
        Ok(chart) => Ok((name, chart)),
        Err(error) => Err(CaseError { file: file.name.clone(), name, problem: error.to_string() }),
    }
}

fn as_case((name, chart): &(String, Chart)) -> PolicyCase {
    PolicyCase {
        file: format!("{CHARTS}{name}.json"),
        name: format!("chart-{name}"),
        title: chart.title.clone(),
        as_of: chart.as_of,
        request: chart.request.clone(),
        expected: chart.expected.clone(),
    }
}

/// The members that every case has, and what is to be done to its chart.
#[derive(Default)]
struct Parts<'c> {
    name: &'c str,
    title: &'c str,
    chart: &'c str,
    has_reason: bool,
    changes: Option<&'c Value>,
    /// By the form's id.
    answers: Vec<(&'c str, &'c Value)>,
    expected: Option<&'c Value>,
}

fn expand(file: &str, case: &Members, charts: &BTreeMap<&str, &Chart>) -> Result<PolicyCase, CaseError> {
    let mut parts = Parts::default();
    let read = parts.read(case);
    let fault = |problem| CaseError { file: file.to_owned(), name: parts.name.to_owned(), problem };
    read.map_err(fault)?;
    let chart = charts.get(parts.chart).ok_or_else(|| fault(format!("no chart `{}`", parts.chart)))?;
    let mut request = chart.request.clone();
    parts.apply(&mut request).map_err(fault)?;
    let expected = parts.expected.ok_or_else(|| fault("`expected` is missing".to_owned()))?;
    Ok(PolicyCase {
        file: file.to_owned(),
        name: parts.name.to_owned(),
        title: parts.title.to_owned(),
        as_of: chart.as_of,
        request,
        expected: json!({ "orders": expected_orders(expected, &chart.expected).map_err(fault)? }),
    })
}

impl<'c> Parts<'c> {
    fn read(&mut self, case: &'c Members) -> Result<(), String> {
        for (member, value) in &case.0 {
            let text = || value.as_str().ok_or_else(|| format!("`{member}` is not a text"));
            match member.as_str() {
                "name" => self.name = text()?,
                "title" => self.title = text()?,
                "why" => self.has_reason = !text()?.is_empty(),
                "chart" => self.chart = text()?,
                "changes" => self.changes = Some(value),
                "answers" => self.answers.push(("form1", value)),
                "expected" => self.expected = Some(value),
                other => match other.strip_prefix("answers:") {
                    Some(form) => self.answers.push((form, value)),
                    None => return Err(format!("unknown member `{other}`")),
                },
            }
        }
        let is_complete = !self.name.is_empty() && !self.title.is_empty() && self.has_reason;
        if is_complete { Ok(()) } else { Err("`name`, `title` or `why` is missing".to_owned()) }
    }

    fn apply(&self, request: &mut Value) -> Result<(), String> {
        for (key, patch) in self.changes.and_then(Value::as_object).into_iter().flatten() {
            change(request, key, patch)?;
        }
        for (form, answers) in &self.answers {
            answer(request, form, answers)?;
        }
        Ok(())
    }
}

/// Applies one entry of `changes`.
fn change(request: &mut Value, key: &str, patch: &Value) -> Result<(), String> {
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

/// Removes or patches a resource that is there; `false` if it is not.
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
    // The context stands before the prefetch, by the alphabet too.
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

/// What a new resource says without being told.
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
fn answer(request: &mut Value, form: &str, answers: &Value) -> Result<(), String> {
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

/// An answer by the type of its question; an object is the answer itself.
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

/// The code systems that a patch names in short.
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

/// The sides that a patch names in short, as SNOMED CT.
const SIDES: [(&str, &str); 3] = [("left", "7771000"), ("right", "24028007"), ("both", "51440002")];

/// A patch with its codes written out: `{"cpt": "97110"}` is a coding of CPT.
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
fn merge(target: &mut Value, patch: &Value) {
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

/// The prefetch Bundle of a type, which is made where there is none.
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

/// What a case expects, written out over what its chart expects.
fn expected_orders(expected: &Value, chart: &Value) -> Result<Vec<Value>, String> {
    let base = chart.get("orders").and_then(Value::as_array).cloned().unwrap_or_default();
    let first = base.first().ok_or_else(|| "the chart expects no order".to_owned())?;
    match expected.get("orders") {
        Some(orders) => orders.as_object().into_iter().flatten().map(|(id, order)| expected_order(id, order, &base, first)).collect(),
        None => {
            let id = text_of(first, "order").trim_start_matches("ServiceRequest/").to_owned();
            Ok(vec![expected_order(&id, expected, &base, first)?])
        }
    }
}

fn expected_order(id: &str, own: &Value, all: &[Value], first: &Value) -> Result<Value, String> {
    let reference = format!("ServiceRequest/{id}");
    let base = all.iter().find(|order| text_of(order, "order") == reference).unwrap_or(first);
    let mut order = json!({"order": reference, "determination": own.get("determination")});
    if own.get("determination").is_none() {
        return Err(format!("`expected` of {reference} has no determination"));
    }
    for member in ["kind", "serviceDate", "diagnosis"] {
        put(&mut order, member, own.get(member).or_else(|| base.get(member)));
    }
    put(&mut order, "earliestDate", own.get("earliestDate"));
    let known = base.get("sites").and_then(Value::as_array).cloned().unwrap_or_default();
    let site_of =
        |name: &str| known.iter().find(|site| text_of(site, "site") == name).or_else(|| known.first()).cloned().unwrap_or_default();
    let sites: Vec<Value> = match (own.get("sites").and_then(Value::as_object), known.as_slice()) {
        (Some(sites), _) => sites.iter().map(|(name, site)| expected_site(name, site, &site_of(name))).collect(),
        (None, [only]) => {
            let name = own.get("site").and_then(Value::as_str).unwrap_or_else(|| text_of(only, "site"));
            vec![expected_site(name, own, only)]
        }
        (None, _) => return Err(format!("`expected` of {reference} needs `sites`")),
    };
    put(&mut order, "sites", Some(&Value::Array(sites)));
    Ok(order)
}

fn expected_site(name: &str, own: &Value, base: &Value) -> Value {
    let mut site = json!({"site": name});
    for member in ["pathway", "determination"] {
        put(&mut site, member, own.get(member).or_else(|| base.get(member)));
    }
    put(&mut site, "earliestDate", own.get("earliestDate"));
    let own_criteria = own.get("criteria").cloned().unwrap_or_else(|| json!({}));
    let mut criteria = if own.get("pathway").is_some() { json!({}) } else { base.get("criteria").cloned().unwrap_or_else(|| json!({})) };
    merge(&mut criteria, &own_criteria);
    put(&mut site, "criteria", Some(&criteria));
    site
}

fn put(target: &mut Value, member: &str, value: Option<&Value>) {
    if let (Some(target), Some(value)) = (target.as_object_mut(), value) {
        target.insert(member.to_owned(), value.clone());
    }
}

fn text_of<'v>(value: &'v Value, member: &str) -> &'v str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}
