//! The middleware of every request: ids, security headers, cross-origin rules, the log.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::opened_app::at_work;
use crate::support::{Answer, LogBuffer, SERVICE, TestApp, empty_sign_call, post};

const EHR: &str = "https://ehr.example";

async fn get_with(app: &TestApp, path: &str, header: (&str, &str)) -> Answer {
    app.send(Request::get(path).header(header.0, header.1).body(Body::empty()).unwrap()).await
}

fn preflight(path: &str, origin: &str) -> Request<Body> {
    let request = Request::options(path).header("origin", origin).header("access-control-request-method", "POST");
    request.header("access-control-request-headers", "authorization,content-type").body(Body::empty()).unwrap()
}

fn for_the_ehr_only() -> TestApp {
    TestApp::with(|config| config.cors.allowed_origins = vec![EHR.to_owned()])
}

#[tokio::test]
async fn discovery_is_json_that_lists_services() {
    let answer = TestApp::new().discovery().await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("application/json")));
    assert!(!answer.json()["services"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_call_that_signs_nothing_gets_no_cards() {
    let answer = TestApp::new().sign(&empty_sign_call()).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("application/json")));
    assert_eq!(answer.json()["cards"], json!([]));
}

#[tokio::test]
async fn feedback_is_answered_200() {
    let answer = TestApp::new().feedback(&json!({ "feedback": [] })).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn the_service_is_live_and_ready() {
    let app = TestApp::new();
    assert_eq!(app.get("/health/live").await.json(), json!({ "status": "live" }));
    assert_eq!(app.get("/health/ready").await.json()["status"], "ready");
}

#[tokio::test]
async fn a_request_is_given_an_id() {
    let answer = TestApp::new().discovery().await;
    assert_eq!(answer.header("x-request-id"), Some("00000000-0000-0000-0000-000000000001"));
}

#[tokio::test]
async fn a_callers_own_request_id_is_kept_if_it_is_a_uuid() {
    let own = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea";
    let answer = get_with(&TestApp::new(), "/cds-services", ("x-request-id", own)).await;
    assert_eq!(answer.header("x-request-id"), Some(own));
}

#[tokio::test]
async fn a_request_id_that_could_say_anything_is_replaced() {
    let answer = get_with(&TestApp::new(), "/cds-services", ("x-request-id", "jane-roe")).await;
    assert_eq!(answer.header("x-request-id"), Some("00000000-0000-0000-0000-000000000001"));
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let app = TestApp::new();
    for answer in [app.discovery().await, app.get("/nowhere").await, app.get(SERVICE).await, app.send(preflight(SERVICE, EHR)).await] {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.header("x-request-id").is_some());
    }
}

#[tokio::test]
async fn any_origin_may_call_by_default() {
    let answer = get_with(&TestApp::new(), "/cds-services", ("origin", EHR)).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn credentials_are_never_allowed() {
    for app in [TestApp::new(), for_the_ehr_only()] {
        assert_eq!(get_with(&app, "/cds-services", ("origin", EHR)).await.header("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn a_listed_origin_may_call_and_read_faults() {
    let app = for_the_ehr_only();
    for path in ["/cds-services", SERVICE, "/cds-services/nowhere/at/all", "/fhir/metadata", "/fhir/nowhere"] {
        let answer = get_with(&app, path, ("origin", EHR)).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(EHR), "{path}");
    }
}

#[tokio::test]
async fn another_origin_is_not_told_that_it_may() {
    let answer = get_with(&for_the_ehr_only(), "/cds-services", ("origin", "https://other.example")).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_preflight_is_answered_on_every_path_of_cds_hooks_and_fhir() {
    for path in ["/cds-services", SERVICE, "/cds-services/any/feedback", "/fhir/Questionnaire/$questionnaire-package", "/fhir/nowhere"] {
        let answer = for_the_ehr_only().send(preflight(path, EHR)).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header("access-control-allow-methods"), Some("GET,POST"));
        assert!(answer.header("access-control-allow-headers").unwrap().contains("authorization"));
    }
}

#[tokio::test]
async fn no_other_path_is_shared_across_origins() {
    let work = at_work().await;
    let launch = format!("/smart/launch?iss={}", work.ehr.iss());
    let paths = [
        &*launch,
        "/smart/callback/main?state=s&code=c",
        "/smart/app/unknown",
        "/smart/assets/page.css",
        "/.well-known/jwks.json",
        "/metrics",
        "/health/live",
        "/favicon.ico",
        "/openapi.json",
        "/nowhere",
        "/cds-services-of-others",
        "/fhirx/metadata",
    ];
    for path in paths {
        let get = Request::get(path).header("origin", EHR).body(Body::empty()).unwrap();
        let mut posted = post(path, "x=y");
        posted.headers_mut().insert("origin", EHR.parse().unwrap());
        for request in [get, posted, preflight(path, EHR)] {
            let method = request.method().clone();
            let answer = work.app.http.send(request).await;
            let shared = |name: &str| name.starts_with("access-control-") || name == "vary";
            let found: Vec<_> = answer.headers.keys().filter(|name| shared(name.as_str())).collect();
            assert!(found.is_empty(), "{method} {path}: {found:?}");
            assert!(method != "OPTIONS" || answer.status.is_client_error(), "{path}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn nothing_the_caller_wrote_reaches_the_log() {
    let mut request = post("/cds-services/secret-id?patient=secret-query", r#"{"hook":"secret-body"}"#);
    request.headers_mut().insert("authorization", "Bearer secret-token".parse().unwrap());
    request.headers_mut().insert("x-request-id", "secret-request".parse().unwrap());
    TestApp::new().send(request).await;
    let log = LogBuffer::of_this_run().text();
    assert!(!log.is_empty() && !log.contains("secret"), "{log}");
}

#[tokio::test]
async fn methods_are_logged_from_a_closed_list() {
    for (number, (method, expected)) in [
        ("GET", "GET"),
        ("HEAD", "HEAD"),
        ("POST", "POST"),
        ("PUT", "PUT"),
        ("DELETE", "DELETE"),
        ("OPTIONS", "OPTIONS"),
        ("PATCH", "PATCH"),
        ("TRACE", "TRACE"),
        ("CONNECT", "CONNECT"),
        ("get", "other"),
        ("PROPFIND", "other"),
        ("MARIA-OF-THE-METHOD-TEST", "other"),
        (&"LONG-OF-THE-METHOD-TEST".repeat(100), "other"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("00000000-0000-4000-9000-{number:0>12}");
        let request = Request::builder().method(method).uri("/nowhere").header("x-request-id", &id).body(Body::empty()).unwrap();
        TestApp::new().send(request).await;
        let log = LogBuffer::of_this_run().text();
        let line: Value = serde_json::from_str(log.lines().find(|line| line.contains(&id)).expect("a line")).unwrap();
        assert_eq!(line["span"]["method"], expected, "{method}");
        assert!(!log.contains("OF-THE-METHOD-TEST"), "{method}");
    }
}

#[tokio::test]
async fn a_call_leaves_one_line_that_tells_its_route_and_outcome() {
    let id = "0190f5a4-4d0e-7b5e-8d3a-0c8e9a1b2c3d";
    get_with(&TestApp::new(), SERVICE, ("x-request-id", id)).await;
    let log = LogBuffer::of_this_run().text();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(id)).collect();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["status"], 405);
    assert_eq!((&line["span"]["method"], &line["span"]["path"]), (&json!("GET"), &json!("/cds-services/{id}")));
}

#[tokio::test]
async fn browsers_get_the_icon_that_they_ask_every_site_for() {
    let answer = TestApp::new().get("/favicon.ico").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("image/x-icon")));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=86400"));
    // The head of a file with one icon of 16 by 16 pixels.
    assert_eq!(answer.body[..8], [0, 0, 1, 0, 1, 0, 16, 16]);
    assert!(answer.body.len() < 2_000, "{}", answer.body.len());
}
