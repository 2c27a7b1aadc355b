//! `/fhir/metadata`, and the form and the value sets as FHIR resources: read by id, and searched by URL and version.

use axum::body::Body;
use axum::http::Request;
use fhir_sdk::r4b::resources::{CapabilityStatement, Questionnaire, ValueSet};
use serde_json::{Value, json};

use crate::support::callers::{EC_KEY, Token, let_in_the_ehr};
use crate::support::markdown::document;
use crate::support::{PolicyFolder, TestApp};

const POLICY: &str = "cds-hooks/policies/sacroiliac-joint-interventions/2019-08";
const FORM: &str = "/fhir/Questionnaire/sij-injection-documentation";
const FORM_URL: &str = "http://payer.example.org/fhir/Questionnaire/sij-injection-documentation";

/// A file of the policy version, with its placeholders for numbers filled in.
fn file(name: &str) -> Value {
    let policy: toml::Table = document(&format!("{POLICY}/policy.toml")).parse().unwrap();
    let numbers = ["thresholds", "parameters"].into_iter().flat_map(|table| policy[table].as_table().unwrap());
    let text = numbers
        .fold(document(&format!("{POLICY}/{name}")), |text, (number, value)| text.replace(&format!("{{{number}}}"), &value.to_string()));
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn the_capability_statement_says_what_is_served() {
    let answer = TestApp::with(let_in_the_ehr).get("/fhir/metadata").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/fhir+json")));
    serde_json::from_str::<CapabilityStatement>(&answer.text()).unwrap();
    let statement = answer.json();
    assert_eq!(statement["resourceType"], "CapabilityStatement");
    assert_eq!([&statement["fhirVersion"], &statement["kind"], &statement["status"]], ["4.0.1", "instance", "active"]);
    assert_eq!(statement["date"], "2026-03-02T09:30:00Z");
    assert_eq!(statement["implementation"]["url"], "https://cds.plan.example/fhir");
    let rest = &statement["rest"][0];
    assert_eq!(rest["mode"], "server");
    let types: Vec<&Value> = rest["resource"].as_array().unwrap().iter().map(|resource| &resource["type"]).collect();
    assert_eq!(types, ["Questionnaire", "ValueSet"]);
    for resource in rest["resource"].as_array().unwrap() {
        assert_eq!(resource["interaction"], json!([{"code": "read"}, {"code": "search-type"}]));
    }
    let operation = json!([{"name": "questionnaire-package",
        "definition": "http://hl7.org/fhir/us/davinci-dtr/OperationDefinition/questionnaire-package"}]);
    assert_eq!(rest["resource"][0]["operation"], operation);
}

#[tokio::test]
async fn the_capability_statement_names_no_address_where_none_is_configured() {
    let statement = TestApp::new().get("/fhir/metadata").await.json();
    assert_eq!(statement["implementation"]["url"], Value::Null);
    assert!(statement["rest"][0]["security"]["description"].as_str().unwrap().contains("not authenticated"), "{statement}");
}

#[tokio::test]
async fn a_resource_is_served_as_its_file_has_it_without_white_space() {
    let app = TestApp::new();
    for (path, name) in [(FORM, "questionnaire.json"), ("/fhir/ValueSet/nsaid", "valuesets/nsaid.json")] {
        let answer = app.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/fhir+json")));
        assert_eq!(answer.json(), file(name));
        assert!(!answer.text().contains('\n'), "{path}");
    }
    serde_json::from_str::<Questionnaire>(&app.get(FORM).await.text()).unwrap();
    serde_json::from_str::<ValueSet>(&app.get("/fhir/ValueSet/nsaid").await.text()).unwrap();
}

#[tokio::test]
async fn every_value_set_of_the_policy_is_served() {
    let found = TestApp::new().get("/fhir/ValueSet").await.json();
    assert_eq!(found["total"], 36);
    assert_eq!(found["entry"].as_array().map(Vec::len), Some(36));
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    let app = TestApp::new();
    for path in
        ["/fhir/Questionnaire/other", "/fhir/ValueSet/sij-injection-documentation", "/fhir/ValueSet/%FF", "/fhir/ValueSet/..%2Fcards"]
    {
        let diagnostics = app.get(path).await.outcome(404, "not-found");
        assert_eq!(diagnostics, "there is no resource of this type and id; what there is says `/fhir/metadata`", "{path}");
    }
    for path in ["/fhir", "/fhir/", "/fhir/Patient/1", "/fhir/Questionnaire/a/b"] {
        assert!(app.get(path).await.outcome(404, "not-found").starts_with("there is nothing at this path"), "{path}");
    }
}

#[tokio::test]
async fn a_search_finds_by_url_and_version() {
    let app = TestApp::with(let_in_the_ehr);
    let encoded = FORM_URL.replace('/', "%2F");
    for (query, total) in [
        (String::new(), 1),
        (format!("?url={FORM_URL}"), 1),
        (format!("?url={encoded}&version=2.0.0"), 1),
        (format!("?url={encoded}%7C2.0.0"), 1),
        (format!("?url={encoded}&version=1"), 0),
        ("?url=http://payer.example.org/fhir/ValueSet/nsaid".to_owned(), 0),
        ("?version=2.0.0&name=unknown".to_owned(), 1),
        ("?url=".to_owned(), 0),
    ] {
        let answer = app.get(&format!("/fhir/Questionnaire{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/fhir+json")));
        let bundle = answer.json();
        assert_eq!([&bundle["resourceType"], &bundle["type"]], ["Bundle", "searchset"]);
        assert_eq!(bundle["total"], total, "{query}");
        assert_eq!(bundle["entry"].as_array().map_or(0, Vec::len), total, "{query}");
        assert_eq!(bundle["link"][0]["relation"], "self");
    }
    let bundle = app.get(&format!("/fhir/Questionnaire?url={encoded}&_format=json")).await.json();
    assert_eq!(bundle["entry"][0]["fullUrl"], "https://cds.plan.example/fhir/Questionnaire/sij-injection-documentation");
    assert_eq!(bundle["entry"][0]["resource"]["url"], "https://cds.plan.example/fhir/Questionnaire/sij-injection-documentation");
    let link = "https://cds.plan.example/fhir/Questionnaire?url=http%3A%2F%2Fpayer.example.org%2Ffhir%2FQuestionnaire%2Fsij-injection-documentation";
    assert_eq!(bundle["link"][0]["url"], link);
}

#[tokio::test]
async fn the_newest_version_of_the_policy_is_served() {
    let folder = PolicyFolder::new();
    folder.add_from("2027-01", "2027-01-01").change_in("2027-01", "questionnaire.json", "\"version\": \"2.0.0\"", "\"version\": \"2.1.0\"");
    let app = TestApp::with(|config| config.policy.directory = Some(folder.path().into()));
    assert_eq!(app.get(FORM).await.json()["version"], "2.1.0");
}

#[tokio::test]
async fn the_media_type_is_the_one_asked_for() {
    let app = TestApp::new();
    for (accept, expected) in
        [("application/json", "application/json"), ("application/fhir+json", "application/fhir+json"), ("*/*", "application/fhir+json")]
    {
        for path in ["/fhir/metadata", FORM, "/fhir/ValueSet?url=x"] {
            let answer = app.send(Request::get(path).header("accept", accept).body(Body::empty()).unwrap()).await;
            assert_eq!(answer.header("content-type"), Some(expected), "{path} {accept}");
        }
    }
}

#[tokio::test]
async fn what_is_published_is_protected_with_discovery() {
    let app = TestApp::with(|config| {
        let_in_the_ehr(config);
        config.auth.protect_discovery = true;
    });
    app.get(FORM).await.outcome(401, "login");
    assert_eq!(app.get("/fhir/metadata").await.status, 200);
    let token =
        || Token::good().claim("aud", json!("https://cds.plan.example/fhir")).claim("iat", json!(at())).claim("exp", json!(at() + 300));
    for path in [FORM, "/fhir/ValueSet", "/cds-services"] {
        assert_eq!(app.get_as(&token().signed_by(&EC_KEY), path).await.status, 200, "{path}");
    }
}

/// The current time of the service's clock.
fn at() -> i64 {
    "2026-03-02T09:30:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp()
}
