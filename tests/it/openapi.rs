//! `/openapi.json` matches the service: every route, every answer, and examples that the service accepts.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use axum::body::Body;
use axum::http::Request;
use jsonschema::Validator;
use serde_json::{Value, json};
use sij_cds::config::Config;

use crate::support::callers::let_in_the_ehr;
use crate::support::markdown::document;
use crate::support::{Answer, SERVICE, TestApp, empty_sign_call, post, stories};

const HOOK: &str = "/cds-services/{id}";
const FEEDBACK: &str = "/cds-services/{id}/feedback";
const PACKAGE: &str = "/fhir/Questionnaire/$questionnaire-package";

/// Operations that only a known client may use.
const CALLS: [&str; 3] = ["POST /cds-services/{id}", "POST /cds-services/{id}/feedback", "POST /fhir/Questionnaire/$questionnaire-package"];

/// Operations that are public unless discovery is protected.
const PUBLISHED: [&str; 7] = [
    "GET /cds-services",
    "GET /fhir/Questionnaire",
    "GET /fhir/Questionnaire/{id}",
    "GET /fhir/ValueSet",
    "GET /fhir/ValueSet/{id}",
    "GET /fhir/{policy}/Questionnaire/{id}",
    "GET /fhir/{policy}/ValueSet/{id}",
];

async fn openapi(app: &TestApp) -> Value {
    let answer = app.get("/openapi.json").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/json")));
    answer.json()
}

/// Every operation of the document, as `GET /path`.
fn operations(openapi: &Value) -> BTreeSet<String> {
    let paths = openapi["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))).collect()
}

/// Routes of the SMART app: pages for browsers, and its public keys for EHRs; other standards cover them.
const PAGES: [&str; 5] = [
    "GET /smart/launch",
    "GET /smart/callback/{ehr}",
    "GET /smart/app/{session}",
    "GET /smart/assets/{name}",
    "GET /.well-known/jwks.json",
];

/// Every route of the router for programs, read from its source.
fn routes() -> BTreeSet<String> {
    let source = document("src/http/router.rs");
    let routes = source.split(".route(").skip(1).map(|rest| {
        let path = rest.trim_start().split('"').nth(1).unwrap();
        let method = rest.split_once(',').unwrap().1.trim_start().split('(').next().unwrap();
        format!("{} {path}", method.to_uppercase())
    });
    let mut routes: BTreeSet<String> = routes.collect();
    assert!(PAGES.iter().all(|page| routes.remove(*page)));
    routes
}

#[tokio::test]
async fn every_route_is_described_and_nothing_else() {
    let described = operations(&openapi(&TestApp::new()).await);
    assert!(described.len() >= 7, "{described:?}");
    assert_eq!(described, routes());
}

#[tokio::test]
async fn every_documented_example_is_taken() {
    let app = TestApp::on_the_day_of_the_fixtures();
    let openapi = openapi(&app).await;
    let mut taken = 0;
    for (path, item) in openapi["paths"].as_object().unwrap() {
        let Some(example) = item.pointer("/post/requestBody/content/application~1json/example") else { continue };
        let answer = app.send(post(&path.replace("{id}", "sacroiliac-joint-interventions"), example.to_string())).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        taken += 1;
    }
    assert_eq!(taken, 3);
    let example = &openapi["paths"][HOOK]["post"]["requestBody"]["content"]["application/json"]["example"];
    assert_eq!(app.sign(example).await.json()["cards"].as_array().map(Vec::len), Some(1), "the example has an order in scope");
}

/// The requirements of a schema of the document, or of a part of it given by its pointer.
fn validator(openapi: &Value, pointer: &str) -> Validator {
    let mut schema = openapi.clone();
    let part = openapi.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"));
    schema["allOf"] = json!([part]);
    jsonschema::draft202012::new(&schema).unwrap()
}

/// Whether an answer matches one that the document describes for this operation.
#[track_caller]
fn assert_documented(openapi: &Value, operation: (&str, &str), answer: &Answer) {
    let (method, path) = operation;
    let status = answer.status.as_u16().to_string();
    let documented = &openapi["paths"][path][method]["responses"][&status];
    assert!(documented.is_object(), "{method} {path} is answered {status}: {}", answer.text());
    for (name, _) in documented["headers"].as_object().unwrap() {
        assert!(answer.header(name).is_some(), "{method} {path}: {status} without {name}");
    }
    let Some(content) = documented["content"].as_object() else {
        assert!(answer.body.is_empty(), "{method} {path}: {status} has a body");
        return;
    };
    let media_type = answer.header("content-type").unwrap().split(';').next().unwrap().to_owned();
    assert!(content.contains_key(&media_type), "{method} {path}: {status} is {media_type}");
    if media_type.ends_with("json") {
        let escaped = |text: &str| text.replace('/', "~1");
        let pointer = format!("/paths/{}/{method}/responses/{status}/content/{}/schema", escaped(path), escaped(&media_type));
        let faults: Vec<String> = validator(openapi, &pointer).iter_errors(&answer.json()).map(|error| error.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new(), "{method} {path}: {status}");
    }
}

#[tokio::test]
async fn every_storys_answer_is_as_the_document_says() {
    let app = TestApp::on_the_day_of_the_fixtures();
    let openapi = openapi(&app).await;
    for story in stories() {
        assert_documented(&openapi, ("post", HOOK), &app.sign_text(&story.request).await);
    }
    for path in [
        "/cds-services",
        "/fhir/metadata",
        "/fhir/Questionnaire",
        "/fhir/ValueSet",
        "/health/live",
        "/health/ready",
        "/openapi.json",
        "/metrics",
    ] {
        assert_documented(&openapi, ("get", path), &app.get(path).await);
    }
    assert_documented(&openapi, ("post", FEEDBACK), &app.feedback(&json!({"feedback": []})).await);
    for id in ["sij-tenderness", "unknown"] {
        assert_documented(&openapi, ("get", "/fhir/ValueSet/{id}"), &app.get(&format!("/fhir/ValueSet/{id}")).await);
    }
    for body in [openapi["paths"][PACKAGE]["post"]["requestBody"]["content"]["application/json"]["example"].to_string(), "{}".to_owned()] {
        assert_documented(&openapi, ("post", PACKAGE), &app.send(post(PACKAGE, body)).await);
    }
}

/// An injection for a patient with an empty chart, and the same for another patient.
fn order_for(patient: &str) -> Value {
    let mut call = empty_sign_call();
    let code = json!({"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "27096"}]});
    let order = json!({"resourceType": "ServiceRequest", "id": "o1", "status": "draft", "intent": "order",
        "subject": {"reference": format!("Patient/{patient}")}, "code": code, "occurrenceDateTime": "2026-03-09"});
    call["context"]["draftOrders"]["entry"] = json!([{"resource": order}]);
    call
}

#[tokio::test]
async fn every_fault_of_a_call_is_as_the_document_says() {
    let app = TestApp::with(|config| config.server.body_limit_bytes = NonZeroUsize::new(2_000).unwrap());
    let openapi = openapi(&app).await;
    let text = |body: &str| post(SERVICE, body.to_owned());
    let mut compressed = text("{}");
    compressed.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    for (request, status) in [
        (text("{"), 400),
        (post("/cds-services/other", "{}"), 404),
        (text(&order_for("example").to_string()), 412),
        (text(&" ".repeat(3_000)), 413),
        (compressed, 415),
        (text(&order_for("other").to_string()), 422),
    ] {
        let answer = app.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
        assert_documented(&openapi, ("post", HOOK), &answer);
    }
}

#[tokio::test]
async fn refusals_are_as_the_document_says_with_their_headers() {
    let app = TestApp::with(|config| {
        let_in_the_ehr(config);
        config.limits.calls_per_second = 1.try_into().unwrap();
    });
    assert_documented(&openapi(&app).await, ("post", HOOK), &app.sign(&empty_sign_call()).await);
    let crowded = TestApp::with(|config| config.limits.calls_per_second = 1.try_into().unwrap());
    let openapi = openapi(&crowded).await;
    let mut statuses = BTreeSet::new();
    for _ in 0..3 {
        let answer = crowded.sign(&empty_sign_call()).await;
        statuses.insert(answer.status.as_u16());
        assert_documented(&openapi, ("post", HOOK), &answer);
    }
    assert_eq!(statuses, BTreeSet::from([200, 429]));
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_as_the_document_says() {
    let app = TestApp::with(|config| config.server.deadline = std::time::Duration::from_millis(1));
    let endless = Body::from_stream(futures_util::stream::pending::<Result<axum::body::Bytes, std::convert::Infallible>>());
    let answer = app.send(post(SERVICE, endless)).await;
    assert_eq!(answer.status, 503);
    assert_documented(&openapi(&app).await, ("post", HOOK), &answer);
}

#[tokio::test]
async fn a_token_is_asked_for_where_the_document_says_so() {
    let protecting = |config: &mut Config| {
        let_in_the_ehr(config);
        config.auth.protect_discovery = true;
    };
    for (app, expected) in [
        (TestApp::new(), vec![]),
        (TestApp::with(let_in_the_ehr), CALLS.to_vec()),
        (TestApp::with(protecting), [CALLS.as_slice(), &PUBLISHED].concat()),
    ] {
        let openapi = openapi(&app).await;
        let mut secured = BTreeSet::new();
        for operation in operations(&openapi) {
            let (method, path) = operation.split_once(' ').unwrap();
            let described = &openapi["paths"][path][method.to_lowercase()];
            let id = "sacroiliac-joint-interventions";
            let request = Request::builder().method(method).uri(path.replace("{id}", id).replace("{policy}", id));
            let status = app.send(request.body(Body::empty()).unwrap()).await.status;
            assert_eq!(described["security"].is_array(), status == 401, "{operation}");
            assert_eq!(described["responses"]["401"].is_object(), status == 401, "{operation}");
            secured.extend((status == 401).then_some(operation));
        }
        assert_eq!(secured, expected.into_iter().map(str::to_owned).collect());
    }
}

#[tokio::test]
async fn the_document_names_the_public_address_and_the_services() {
    let openapi = openapi(&TestApp::with(let_in_the_ehr)).await;
    assert_eq!(openapi["servers"], json!([{"url": "https://cds.plan.example"}]));
    let id = &openapi["paths"][HOOK]["post"]["parameters"][0];
    let own = ["", "-order-select", "-order-dispatch", "-appointment-book"].map(|hook| format!("sacroiliac-joint-interventions{hook}"));
    assert_eq!(id["schema"], json!({"type": "string", "enum": own}));
    let ids = |kind: &str| openapi["paths"][format!("/fhir/{kind}/{{id}}")]["get"]["parameters"][0]["schema"]["enum"].clone();
    assert_eq!(ids("Questionnaire"), json!(["sij-injection-documentation"]));
    assert_eq!(ids("ValueSet").as_array().map(Vec::len), Some(36));
    let of_policy = &openapi["paths"]["/fhir/{policy}/ValueSet/{id}"]["get"]["parameters"];
    assert_eq!(of_policy[0]["schema"]["enum"], json!(["sacroiliac-joint-interventions"]));
    assert_eq!(of_policy[1]["schema"]["enum"], ids("ValueSet"));
}
