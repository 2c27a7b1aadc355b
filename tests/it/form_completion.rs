//! Clients without DTR are offered the documentation form as a Task: CRD's Questionnaire Task, created once.

use std::collections::BTreeMap;

use fhir_sdk::r4b::resources::Task;
use serde_json::{Value, json};
use sij_cds::cds_hooks::Dialect;
use sij_cds::crd::FormOffer;
use url::form_urlencoded;

use crate::support::showing::{FORM, Showing, form, suggestions};
use crate::support::{stories, story};

fn showing() -> Showing {
    Showing { form: Some(form()), ..Showing::default() }
}

/// The actions of the suggestion that includes the form.
fn actions(card: &Value) -> Vec<Value> {
    let offered = suggestions(card).into_iter().find(|suggestion| suggestion["label"] == "Complete the documentation form");
    offered.and_then(|suggestion| suggestion["actions"].as_array().cloned()).unwrap_or_default()
}

fn query(action: &Value) -> BTreeMap<String, String> {
    let text = action["extension"]["davinci-crd.if-none-exist"].as_str().unwrap();
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"=&%+-._*".contains(&byte)), "{text}");
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

#[test]
fn the_task_is_as_the_profile_has_it() {
    let actions = actions(&showing().card(&story("nothing-documented")));
    let task = &actions.last().unwrap()["resource"];
    let coding = |code: &str| json!([{"system": "http://hl7.org/fhir/uv/sdc/CodeSystem/temp", "code": code}]);
    let expected = json!({
        "resourceType": "Task",
        "status": "ready",
        "intent": "order",
        "code": {"coding": coding("complete-questionnaire")},
        "description": "Complete the documentation form for SI joint injection, right",
        "basedOn": [{"reference": "ServiceRequest/order-1"}],
        "for": {"reference": task["for"]["reference"]},
        "encounter": {"reference": "Encounter/e1"},
        "authoredOn": "2026-11-22T10:00:00Z",
        "requester": {"reference": "Organization/payer", "type": "Organization", "display": "Example Health Plan"},
        "reasonCode": {"text": "Example Health Plan asks for documentation of SI joint injection, right"},
        "input": [
            {"type": {"coding": coding("questionnaire"), "text": "questionnaire"}, "valueCanonical": FORM},
            {
                "type": {"coding": [{"system": "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp", "code": "after-completion-action"}]},
                "valueCodeableConcept": {"text": "Keep the completed form in the patient's record"},
            },
        ],
    });
    assert_eq!(*task, expected);
    assert!(task["for"]["reference"].as_str().unwrap().starts_with("Patient/"), "{task}");
    serde_json::from_value::<Task>(task.clone()).expect("a Task");
}

#[test]
fn the_form_and_its_task_are_made_once() {
    let card = showing().card(&story("nothing-documented"));
    let actions = actions(&card);
    assert_eq!(actions.iter().map(|action| action["resource"]["resourceType"].clone()).collect::<Vec<_>>(), ["Questionnaire", "Task"]);
    let (url, version) = FORM.split_once('|').unwrap();
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(query(&actions[0]), pairs(&[("url", url), ("version", version)]));
    let patient = actions[1]["resource"]["for"]["reference"].as_str().unwrap().to_owned();
    let code = "http://hl7.org/fhir/uv/sdc/CodeSystem/temp|complete-questionnaire";
    let task = [("patient", patient.as_str()), ("code", code), ("based-on", "ServiceRequest/order-1"), ("status", "ready")];
    assert_eq!(query(&actions[1]), pairs(&task));
    assert!(card["detail"].as_str().unwrap().contains("(complete the documentation form)"), "{card}");
}

#[test]
fn a_client_that_has_the_form_is_not_sent_it() {
    let form = FormOffer { resource: None, ..form() };
    let actions = actions(&Showing { form: Some(form), ..Showing::default() }.card(&story("nothing-documented")));
    assert_eq!(actions.iter().map(|action| action["resource"]["resourceType"].clone()).collect::<Vec<_>>(), ["Task"]);
}

#[test]
fn a_payer_the_client_has_no_organization_of_is_named_in_words() {
    let form = FormOffer { requester: None, requester_name: "A [Plan]", encounter: None, ..form() };
    let task = actions(&Showing { form: Some(form), ..Showing::default() }.card(&story("nothing-documented"))).pop().unwrap();
    assert_eq!(task["resource"]["requester"], json!({"type": "Organization", "display": "A (Plan)"}));
    assert_eq!(task["resource"]["encounter"], Value::Null);
}

#[test]
fn the_form_is_offered_where_something_is_to_be_documented_and_nowhere_else() {
    for story in stories() {
        let card = showing().card(&story);
        let order = &story.expected["orders"][0];
        let sites = order["sites"].as_array().unwrap();
        let is_open = sites.iter().any(|site| site["criteria"].as_object().is_some_and(|all| all.values().any(|one| one == "unknown")));
        // Includes possible grounds for an exception of section III, and the injections of a history that could not be read.
        let expected = match order["determination"].as_str().unwrap() {
            "needs-documentation" | "individual-consideration" | "indeterminate" => true,
            "not-yet" => is_open,
            _ => story.name == "beyond-twelve-months",
        };
        assert_eq!(!actions(&card).is_empty(), expected, "{}", story.name);
        assert_eq!(actions(&Showing::default().card(&story)), Vec::<Value>::new(), "{}", story.name);
    }
}

#[test]
fn epic_is_told_to_take_the_form_by_hand() {
    let card = Showing { form: Some(form()), ..Showing::in_dialect(Dialect::Epic) }.card(&story("nothing-documented"));
    assert_eq!(actions(&card), Vec::<Value>::new());
    assert!(card["detail"].as_str().unwrap().contains("(complete the documentation form)"), "{card}");
}
