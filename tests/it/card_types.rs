//! The types of answer that CRD 2.0.1 asks a server to show (requirements 247 to 249 of Inferno's CRD test kit), under the configuration that
//! `docs/integration.md` gives for the kit, and the card that links to a plan's policy.
//! Not here: which determination has which topic ([`super::card_kinds`]).

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sij_cds::config::Config;
use sij_cds::crd::COVERAGE_INFORMATION;
use toml::Table;

use crate::support::call::{cpt, order};
use crate::support::callers::{EC_KEY, Token, ehr, let_in_the_ehr};
use crate::support::markdown::{blocks, document};
use crate::support::{Call, Case, Json, TestApp, bearing, post, stories, story, violations};

/// Every criterion is met.
const SUPPORTED: &str = "therapy-from-procedures-only";

/// Nothing is documented.
const UNDOCUMENTED: &str = "nothing-documented";

const POLICY: &str = "https://plan.example/policies/sacroiliac-joint-interventions";

/// A type of card, as the kit tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum CardType {
    ExternalReference,
    Instructions,
    LaunchSmartApp,
    Other,
}

fn card_type(card: &Value) -> CardType {
    let links: Vec<&Value> = card["links"].as_array().into_iter().flatten().map(|link| &link["type"]).collect();
    let all_are = |kind: &str| !links.is_empty() && links.iter().all(|link| *link == kind);
    let has_suggestions = card["suggestions"].as_array().is_some_and(|suggestions| !suggestions.is_empty());
    match (all_are("absolute"), all_are("smart"), links.is_empty() && !has_suggestions) {
        (true, ..) => CardType::ExternalReference,
        (_, true, _) => CardType::LaunchSmartApp,
        (_, _, true) => CardType::Instructions,
        (false, false, false) => CardType::Other,
    }
}

fn cards(answer: &Value) -> Vec<Value> {
    answer["cards"].as_array().unwrap().clone()
}

fn types(answer: &Value) -> Vec<CardType> {
    cards(answer).iter().map(card_type).collect()
}

/// The resource types that an answer writes coverage information on.
fn annotated(answer: &Value) -> BTreeSet<String> {
    let actions = answer["systemActions"].as_array().cloned().unwrap_or_default();
    let is_written =
        |resource: &Value| resource["extension"].as_array().unwrap().iter().any(|extension| extension["url"] == COVERAGE_INFORMATION);
    assert!(actions.iter().all(|action| action["type"] == "update" && is_written(&action["resource"])), "{answer}");
    actions.iter().map(|action| action["resource"]["resourceType"].as_str().unwrap().to_owned()).collect()
}

/// The block of the documents for the kit.
fn documented() -> Table {
    let block = blocks(&document("docs/integration.md")).into_iter().find(|block| block.text.contains("name = \"inferno\""));
    block.unwrap().text.parse().unwrap()
}

fn section<T: DeserializeOwned>(table: &Table, names: &[&str]) -> T {
    let value = names.iter().fold(toml::Value::Table(table.clone()), |value, name| value[*name].clone());
    value.try_into().unwrap()
}

/// The service as documented, but with the keys of the tests.
fn documented_service() -> TestApp {
    let table = documented();
    TestApp::on_the_day_of_the_fixtures_with(|config| {
        let_in_the_ehr(config);
        config.plan = section(&table, &["plan"]);
        config.clients = section(&table, &["clients"]);
        config.clients[0].jwks_file = ehr().jwks_file;
        config.fhir_servers = section(&table, &["fhir_servers"]);
        config.smart.ehrs = section(&table, &["smart", "ehrs"]);
    })
}

/// Calls the service that discovery lists for the hook, as the kit does.
async fn answered(app: &TestApp, call: &Value) -> Value {
    let discovery = app.discovery().await.json();
    let mut services = discovery["services"].as_array().unwrap().iter();
    let service = services.find(|service| service["hook"] == call["hook"]).unwrap();
    let path = format!("/cds-services/{}", service["id"].as_str().unwrap());
    let client = documented()["clients"][0].clone();
    let token = Token::good().header("jku", json!(client["jwks_uri"].as_str()));
    let token = token.claim("iss", json!(client["iss"].as_str())).claim("aud", json!(format!("https://cds.plan.example{path}")));
    let answer = app.send(bearing(&token.signed_by(&EC_KEY), post(&path, call.to_string()))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// A story as a call of another hook, with its order where that hook has it.
fn on_hook(hook: &str, case: &Case) -> Value {
    let mut call: Value = serde_json::from_str(&case.request).unwrap();
    let order = call["context"]["draftOrders"]["entry"][0]["resource"].clone();
    let (patient, id) = (call["context"]["patientId"].clone(), order["id"].as_str().unwrap().to_owned());
    let reference = format!("ServiceRequest/{id}");
    call["hook"] = json!(hook);
    match hook {
        "order-select" => call["context"]["selections"] = json!([reference]),
        "order-dispatch" => call["context"] = json!({"patientId": patient, "order": reference, "performer": "Organization/o"}),
        "appointment-book" => {
            let appointment = json!({"resourceType": "Appointment", "id": "t", "status": "proposed", "start": order["occurrenceDateTime"],
                "basedOn": [{"reference": reference}]});
            let appointments = json!({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": appointment}]});
            call["context"] = json!({"userId": "Practitioner/d1", "patientId": patient, "appointments": appointments});
        }
        _ => {}
    }
    call["prefetch"]["order"] = order;
    call
}

#[tokio::test]
async fn the_documented_configuration_shows_every_type_of_answer_that_is_required() {
    use CardType::{ExternalReference, Instructions, LaunchSmartApp};
    let app = documented_service();
    for (hook, name, expected, on) in [
        ("order-sign", SUPPORTED, [Instructions, ExternalReference], &["ServiceRequest"][..]),
        ("order-sign", UNDOCUMENTED, [LaunchSmartApp, ExternalReference], &["ServiceRequest"]),
        ("order-select", SUPPORTED, [Instructions, ExternalReference], &[]),
        ("order-dispatch", SUPPORTED, [Instructions, ExternalReference], &["ServiceRequest"]),
        ("order-dispatch", UNDOCUMENTED, [LaunchSmartApp, ExternalReference], &["ServiceRequest"]),
        ("appointment-book", SUPPORTED, [Instructions, ExternalReference], &["Appointment", "ServiceRequest"]),
        ("appointment-book", UNDOCUMENTED, [LaunchSmartApp, ExternalReference], &["Appointment", "ServiceRequest"]),
    ] {
        let answer = answered(&app, &on_hook(hook, &story(name))).await;
        assert_eq!(types(&answer), expected, "{hook} {name}");
        assert_eq!(annotated(&answer), on.iter().map(|kind| (*kind).to_owned()).collect(), "{hook} {name}");
    }
}

/// With the card's policy link among the links to the app, a card would be of no type.
#[tokio::test]
async fn no_card_of_any_story_mixes_links_and_each_holds_to_the_protocol() {
    let (app, without_the_app) = (documented_service(), linking(|_| {}));
    for story in stories() {
        shown(&without_the_app, &story.request).await;
        let answer = answered(&app, &serde_json::from_str(&story.request).unwrap()).await;
        for card in cards(&answer) {
            let kinds: BTreeSet<_> = card["links"].as_array().into_iter().flatten().map(|link| link["type"].to_string()).collect();
            assert!(kinds.len() <= 1, "{}: {card}", story.name);
            assert!(card["source"]["url"].as_str().unwrap().starts_with(POLICY), "{}: {card}", story.name);
        }
    }
}

fn linking(change: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::on_the_day_of_the_fixtures_with(|config| {
        config.plan.policy_url = Some(format!("{POLICY}#{{section}}").parse().unwrap());
        config.plan.policy_card = true;
        change(config);
    })
}

async fn shown(app: &TestApp, call: &str) -> Value {
    let answer = app.sign_text(call).await;
    assert_eq!(violations(&answer.text(), &Json::read(call)), Vec::<String>::new());
    answer.json()
}

fn two_orders() -> Call {
    Call::ordering([order("left", &cpt("27096:LT"), "2026-12-01"), order("neurotomy", &cpt("64625"), "2026-12-08")])
}

#[tokio::test]
async fn the_policys_url_is_the_source_of_a_card_and_no_link_of_it() {
    let app = linking(|config| config.plan.policy_card = false);
    let table = [(SUPPORTED, POLICY.to_owned()), ("therapy-five-of-six-weeks", format!("{POLICY}#I.A.4.a"))];
    for (name, url) in table {
        let answer = shown(&app, &story(name).request).await;
        assert_eq!(cards(&answer).len(), 1, "{name}");
        assert_eq!((&answer["cards"][0]["source"]["url"], &answer["cards"][0]["links"]), (&json!(url), &Value::Null), "{name}");
    }
    let without = TestApp::on_the_day_of_the_fixtures();
    assert_eq!(shown(&without, &story(SUPPORTED).request).await["cards"][0]["source"].get("url"), None);
}

#[tokio::test]
async fn orders_of_one_policy_share_the_card_that_links_to_it() {
    let answer = shown(&linking(|_| {}), &two_orders().text()).await;
    assert_eq!(types(&answer)[2..], [CardType::ExternalReference]);
    let card = &answer["cards"][2];
    let topic = json!({"system": "http://terminology.hl7.org/CodeSystem/cdshooks-card-type", "code": "guideline", "display": "Guideline"});
    assert_eq!((&card["source"]["topic"], &card["source"]["url"], &card["indicator"]), (&topic, &json!(POLICY), &json!("info")));
    let about: Vec<_> =
        card["extension"]["davinci-crd.associated-resource"].as_array().unwrap().iter().map(|it| &it["reference"]).collect();
    assert_eq!(about, ["ServiceRequest/left", "ServiceRequest/neurotomy"]);
    let detail = card["detail"].as_str().unwrap();
    for order in &cards(&answer)[..2] {
        assert!(detail.contains(order["summary"].as_str().unwrap()), "{detail}");
    }
    insta::assert_json_snapshot!(card);
}

#[tokio::test]
async fn the_card_that_links_to_the_policy_fits_its_panel_whatever_the_number_of_orders() {
    let orders = (1..=20).map(|number| order(&format!("o{number}"), &cpt("27096:LT"), &format!("2026-12-{number:02}")));
    let answer = shown(&linking(|_| {}), &Call::ordering(orders).text()).await;
    let card = cards(&answer).pop().unwrap();
    assert!(card["source"]["topic"]["code"] == "guideline" && card["suggestions"].as_array().is_none_or(Vec::is_empty), "{card}");
    let detail = card["detail"].as_str().unwrap();
    assert!(detail.contains("and 14 more") && detail.chars().count() <= 1_200, "{detail}");
}

#[tokio::test]
async fn the_card_that_links_to_the_policy_is_shown_as_plan_and_client_want_it() {
    let asking = |configuration: Value| {
        let mut call = two_orders().0;
        call["extension"] = json!({"davinci-crd.configuration": configuration});
        call.to_string()
    };
    let on = linking(|_| {});
    let off = linking(|config| config.plan.policy_card = false);
    for (app, configuration, orders, policies) in [
        (&on, json!({}), 2, 1),
        (&off, json!({}), 2, 0),
        (&on, json!({"guideline": false}), 2, 0),
        (&on, json!({"max-cards": 2}), 2, 0),
        (&on, json!({"max-cards": 3}), 2, 1),
        (&on, json!({"max-cards": 0}), 0, 0),
        (&on, json!({"appropriate-use": false, "off-guideline": false}), 0, 0),
        (&on, json!({"off-guideline": false}), 1, 1),
    ] {
        let types = types(&shown(app, &asking(configuration.clone())).await);
        let links = types.iter().filter(|kind| **kind == CardType::ExternalReference).count();
        assert_eq!((types.len() - links, links), (orders, policies), "{configuration}");
    }
}
