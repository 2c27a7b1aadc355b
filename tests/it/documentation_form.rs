//! The documentation form as a FHIR Questionnaire: its questions, why what it omits changes nothing, what it prefills, and
//! what the profiles it claims require (SDC 4.0, DTR 2.2).

use std::collections::{BTreeMap, BTreeSet};

use fhir_sdk::r4b::resources::Questionnaire;
use serde_json::{Value, json};
use sij_cds::policy::Question;

use crate::support::Call;
use crate::support::call::{cpt, form, item, order, procedure};
use crate::support::fhirpath;
use crate::support::markdown::document;

const POLICY: &str = "cds-hooks/policies/sacroiliac-joint-interventions/2019-08";
const SDC: &str = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-";
const VARIABLE: &str = "http://hl7.org/fhir/StructureDefinition/variable";

/// Each question with its type, according to the policy's documentation.
const QUESTIONS: [(&str, &str); 28] = [
    ("prior-injection", "group"),
    ("injection-date", "date"),
    ("injection-side", "choice"),
    ("relief-percent", "decimal"),
    ("relief-duration-months", "decimal"),
    ("functional-improvement", "boolean"),
    ("injection-history-complete", "boolean"),
    ("pain-recurred", "boolean"),
    ("examined-side", "choice"),
    ("sij-tenderness", "boolean"),
    ("test-distraction", "choice"),
    ("test-compression", "choice"),
    ("test-thigh-thrust", "choice"),
    ("test-gaenslen", "choice"),
    ("test-sacral-thrust", "choice"),
    ("pain-below-l5-nonradicular", "boolean"),
    ("pain-interferes-adls", "boolean"),
    ("adls-limited-since", "date"),
    ("exercise-therapy-weeks", "integer"),
    ("nsaid-contraindicated", "boolean"),
    ("nsaid-weeks", "integer"),
    ("activity-modification-weeks", "integer"),
    ("conservative-care-failed", "boolean"),
    ("disc-or-facet-evidence", "boolean"),
    ("other-diagnosis-more-likely", "boolean"),
    ("adjunct-noninvasive-treatment", "boolean"),
    ("definitive-therapy-not-available", "boolean"),
    ("definitive-therapy-reason", "text"),
];

fn questionnaire() -> Value {
    serde_json::from_str(&document(&format!("{POLICY}/questionnaire.json"))).unwrap()
}

/// Every item with its ancestors, outermost first.
fn items(of: &Value) -> Vec<(Vec<String>, Value)> {
    let mut found = Vec::new();
    for item in of["item"].as_array().into_iter().flatten() {
        found.push((Vec::new(), item.clone()));
        let own = item["linkId"].as_str().unwrap().to_owned();
        found.extend(items(item).into_iter().map(|(mut above, item)| {
            above.insert(0, own.clone());
            (above, item)
        }));
    }
    found
}

fn by_link_id() -> BTreeMap<String, Value> {
    items(&questionnaire()).into_iter().map(|(_, item)| (item["linkId"].as_str().unwrap().to_owned(), item)).collect()
}

fn extensions<'e>(element: &'e Value, url: &str) -> Vec<&'e Value> {
    element["extension"].as_array().into_iter().flatten().filter(|extension| extension["url"] == url).collect()
}

/// Every expression attached to an element.
fn expressions(element: &Value) -> Vec<&Value> {
    element["extension"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|extension| &extension["valueExpression"])
        .filter(|it| it.is_object())
        .collect()
}

fn codes(set: &str) -> BTreeSet<String> {
    let set: Value = serde_json::from_str(&document(&format!("{POLICY}/valuesets/{set}.json"))).unwrap();
    let concepts = set["compose"]["include"].as_array().unwrap().iter().flat_map(|include| include["concept"].as_array().unwrap());
    concepts.map(|concept| concept["code"].as_str().unwrap().trim_end_matches('*').to_owned()).collect()
}

/// Whether two JSON values are equal, treating 50 and 50.0 as equal.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len() && left.iter().all(|(name, value)| right.get(name).is_some_and(|other| is_same(value, other)))
        }
        _ => left == right,
    }
}

#[test]
fn every_question_is_there_with_its_type() {
    let items = by_link_id();
    for (link_id, kind) in QUESTIONS {
        assert_eq!(items[link_id]["type"], kind, "{link_id}");
    }
    let listed: BTreeSet<&str> = QUESTIONS.iter().map(|(link_id, _)| *link_id).collect();
    // Other policies can ask for this test.
    let known = Question::ALL.iter().filter(|question| **question != Question::TestFaber);
    assert_eq!(listed, known.map(|question| question.link_id()).collect());
    assert_eq!(items["prior-injection"]["repeats"], true);
}

#[test]
fn nothing_is_lost_when_the_form_is_read_as_r4_and_written_again() {
    let text = document(&format!("{POLICY}/questionnaire.json"));
    let read: Questionnaire = serde_json::from_str(&text).unwrap();
    let written = fhir_json::to_json(&read.into()).unwrap();
    assert!(is_same(&written, &questionnaire()), "{written:#}");
}

#[test]
fn what_is_not_asked_rests_on_questions_that_are_there_and_near() {
    let all = items(&questionnaire());
    let place = |link_id: &str| all.iter().find(|(_, item)| item["linkId"] == link_id).unwrap_or_else(|| panic!("no {link_id}"));
    let mut seen = 0;
    for (above, item) in &all {
        let conditions = item["enableWhen"].as_array().cloned().unwrap_or_default();
        seen += conditions.len();
        for condition in &conditions {
            let (others_above, other) = place(condition["question"].as_str().unwrap());
            assert_eq!(others_above, above, "{}: an item of a repeating group is judged by its own repetition", item["linkId"]);
            let answer = condition.as_object().unwrap().keys().find(|name| name.starts_with("answer")).unwrap();
            let expected = match (condition["operator"].as_str().unwrap(), other["type"].as_str().unwrap()) {
                ("exists", _) | ("=", "boolean") => "answerBoolean",
                (">=", "decimal") => "answerDecimal",
                other => panic!("{other:?}"),
            };
            assert_eq!(answer, expected, "{}", item["linkId"]);
        }
        if !conditions.is_empty() {
            assert!(conditions.len() == 1 || item["enableBehavior"] == "any");
            let unanswered = |condition: &Value| condition["operator"] == "exists" && condition["answerBoolean"] == false;
            // The reason for an exception is not a question if no exception is claimed.
            let is_reason = item["linkId"] == "definitive-therapy-reason";
            assert!(is_reason || conditions.iter().any(unanswered), "{} is asked while the other question is open", item["linkId"]);
        }
    }
    assert_eq!(seen, 7);
}

/// An evaluation without the form's wording: determinations and verdicts.
fn verdicts(items: impl IntoIterator<Item = Value>, injections: &[&str]) -> Value {
    let call = Call::ordering([order("o1", &cpt("27096:LT"), "2026-12-01")])
        .with("procedures", injections.iter().map(|date| procedure(date, &cpt("27096:LT"), date)))
        .with("questionnaireResponses", [form("q1", items)]);
    let site = call.site();
    let criteria = site["criteria"].as_array().unwrap().iter().map(|criterion| json!([criterion["id"], criterion["verdict"]]));
    json!([site["determination"], criteria.collect::<Vec<_>>()])
}

#[test]
fn weeks_of_nsaids_are_moot_where_they_are_contraindicated() {
    let answers = |weeks: Option<u32>| {
        let weeks = weeks.map(|weeks| item("nsaid-weeks", &json!({"valueInteger": weeks})));
        verdicts([item("nsaid-contraindicated", &json!({"valueBoolean": true}))].into_iter().chain(weeks), &[])
    };
    let unanswered = answers(None);
    for weeks in [0, 2, 3, 50] {
        assert_eq!(answers(Some(weeks)), unanswered, "{weeks}");
    }
}

#[test]
fn how_relief_lasted_is_moot_where_there_was_none() {
    let answers = |below: Vec<Value>| {
        let date = item("injection-date", &json!({"valueDate": "2026-06-01"}));
        let percent = item("relief-percent", &json!({"valueDecimal": 49.9}));
        let below: Vec<Value> = [date, percent].into_iter().chain(below).collect();
        verdicts([json!({"linkId": "prior-injection", "item": below})], &["2026-06-01", "2026-08-03"])
    };
    let unanswered = answers(Vec::new());
    assert!(unanswered.to_string().contains("I.C.1"), "{unanswered}");
    for months in [0.0, 2.0, 12.0] {
        for improved in [false, true] {
            let below = [
                item("relief-duration-months", &json!({"valueDecimal": months})),
                item("functional-improvement", &json!({"valueBoolean": improved})),
            ];
            assert_eq!(answers(below.to_vec()), unanswered, "{months} {improved}");
        }
    }
}

#[test]
fn the_forms_numbers_are_the_policys() {
    let policy: toml::Table = document(&format!("{POLICY}/policy.toml")).parse().unwrap();
    let relief = policy["thresholds"]["relief_percent"].as_integer();
    for link_id in ["relief-duration-months", "functional-improvement"] {
        assert_eq!(by_link_id()[link_id]["enableWhen"][1]["answerDecimal"].as_i64(), relief, "{link_id}");
    }
    let days = policy["parameters"]["attestation_valid_days"].as_integer().unwrap();
    let form = questionnaire();
    let queries: Vec<&str> = expressions(&form).iter().map(|expression| expression["expression"].as_str().unwrap()).collect();
    assert!(queries.iter().any(|query| query.contains(&format!("today() - {days} days"))), "{queries:?}");
}

#[test]
fn every_expression_is_well_formed_and_names_what_is_declared() {
    let form = questionnaire();
    let name = |expression: &Value| expression["name"].as_str().map(str::to_owned);
    let mut known: BTreeSet<String> = expressions(&form).into_iter().filter_map(name).collect();
    known.extend(["patient", "questionnaire"].map(str::to_owned));
    let mut seen = 0;
    for (above, item) in items(&form) {
        let mut here = known.clone();
        let elements = above.iter().map(|link_id| by_link_id()[link_id].clone()).chain([item.clone()]);
        elements.for_each(|element| here.extend(expressions(&element).into_iter().filter_map(name)));
        for expression in expressions(&item) {
            assert_eq!(expression["language"], "text/fhirpath");
            let named =
                fhirpath::read(expression["expression"].as_str().unwrap()).unwrap_or_else(|fault| panic!("{}: {fault}", item["linkId"]));
            let unknown: Vec<&String> = named.variables.difference(&here).collect();
            assert_eq!(unknown, Vec::<&String>::new(), "{}", item["linkId"]);
            seen += 1;
        }
    }
    assert!(seen > 15, "only {seen} expressions");
}

#[test]
fn every_query_asks_for_this_patient_with_well_formed_parts() {
    let form = questionnaire();
    let queries = expressions(&form);
    assert_eq!(queries.len(), 3);
    for query in queries {
        assert_eq!(query["language"], "application/x-fhir-query");
        let text = query["expression"].as_str().unwrap();
        assert!(text.contains("?patient={{%patient.id}}"), "{text}");
        for part in text.split("{{").skip(1) {
            fhirpath::read(part.split_once("}}").unwrap().0).unwrap();
        }
    }
}

#[test]
fn prefilling_looks_for_the_codes_of_the_value_sets() {
    let items = by_link_id();
    let texts = |link_id: &str| -> BTreeSet<String> {
        let texts = expressions(&items[link_id])
            .into_iter()
            .flat_map(|expression| fhirpath::read(expression["expression"].as_str().unwrap()).unwrap().texts);
        texts.collect()
    };
    let is_code = |text: &&String| {
        text.chars().next().is_some_and(|first| first.is_ascii_digit() || first.is_uppercase()) && *text != "NEG" && *text != "POS"
    };
    let coded =
        |link_id: &str| texts(link_id).iter().filter(is_code).map(|text| text.trim_end_matches(':').to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(coded("adls-limited-since"), codes("sij-specific-diagnoses"));
    let injections = ["sij-injection", "joint-injection", "sacroiliac-joint-structure"];
    assert_eq!(coded("prior-injection"), injections.into_iter().flat_map(codes).collect());
    assert_eq!(coded("injection-side"), ["side-left", "side-right", "side-both"].into_iter().flat_map(codes).collect());
}

#[test]
fn an_item_has_the_code_of_the_finding_it_asks_for_and_no_other() {
    for (_, item) in items(&questionnaire()) {
        let link_id = item["linkId"].as_str().unwrap();
        let is_finding = link_id == "sij-tenderness" || link_id.starts_with("test-");
        assert_eq!(item["code"].is_array(), is_finding, "{link_id}");
        if is_finding {
            let set: Value = serde_json::from_str(&document(&format!("{POLICY}/valuesets/{link_id}.json"))).unwrap();
            let (include, code) = (&set["compose"]["include"][0], &item["code"][0]);
            assert_eq!((&code["system"], &code["code"]), (&include["system"], &include["concept"][0]["code"]));
        }
    }
}

/// SDC 4.0 `sdc-questionnaire` and `sdc-questionnaire-pop-exp`, DTR 2.2 `dtr-std-questionnaire`.
#[test]
fn the_form_has_what_the_profiles_it_claims_demand() {
    let form = questionnaire();
    let profiles = form["meta"]["profile"].as_array().unwrap();
    assert_eq!(profiles.len(), 3);
    assert_eq!(form["subjectType"], json!(["Patient"]));
    assert!(form["url"].is_string() && form["version"].is_string());
    let algorithm = extensions(&form, "http://hl7.org/fhir/StructureDefinition/artifact-versionAlgorithm");
    assert_eq!(algorithm[0]["valueCoding"]["code"], "semver");
    let context = extensions(&form, &format!("{SDC}launchContext"));
    assert_eq!((context.len(), &context[0]["extension"][0]["valueCoding"]["code"]), (1, &json!("patient")));
    let dtr = |name: &str| extensions(&form, &format!("http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/{name}"))[0].clone();
    assert_eq!(dtr("questionnaireAudience")["valueCode"], "clinical");
    let times: BTreeSet<String> = dtr("estimated-completion-time")["extension"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["url"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(times, ["clinicalTime", "totalTime"].map(str::to_owned).into(), "clinical forms give the clinical time");
}

#[test]
fn every_item_has_what_the_profiles_it_claims_demand() {
    let all = items(&questionnaire());
    let ids: BTreeSet<&str> = all.iter().map(|(_, item)| item["linkId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), all.len(), "linkIds are unique");
    for (_, item) in &all {
        let link_id = item["linkId"].as_str().unwrap();
        assert!(item["text"].is_string(), "{link_id}");
        assert_eq!(item["type"] == "choice", item["answerOption"].is_array(), "{link_id}");
        assert!(item["type"] != "group" || item["item"].is_array(), "{link_id}: a group has items");
        assert!(item["type"] != "display" || item["item"].is_null(), "{link_id}: a display text has none");
        assert!(item["initial"].is_null() || extensions(item, &format!("{SDC}initialExpression")).is_empty(), "{link_id}");
        for option in item["answerOption"].as_array().into_iter().flatten() {
            assert!(option["valueCoding"]["system"].is_string() && option["valueCoding"]["code"].is_string(), "{link_id}");
        }
        for variable in extensions(item, VARIABLE) {
            assert!(variable["valueExpression"]["name"].is_string(), "{link_id}");
        }
    }
}

#[test]
fn numbers_have_units_and_bounds_and_questions_that_need_it_have_help() {
    for (link_id, kind) in QUESTIONS {
        let item = &by_link_id()[link_id];
        let has = |url: &str| !extensions(item, &format!("http://hl7.org/fhir/StructureDefinition/{url}")).is_empty();
        let is_number = matches!(kind, "integer" | "decimal");
        assert_eq!([has("questionnaire-unit"), has("maxValue")], [is_number; 2], "{link_id}");
        assert!(!is_number || item["item"][0]["linkId"] == format!("{link_id}-help"), "{link_id}");
    }
}
