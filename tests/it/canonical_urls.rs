//! The canonical URLs of the form and the value sets come from the configuration, and the URLs of earlier versions are still understood.

use serde_json::{Value, json};
use sij_cds::config::Config;
use sij_cds::ledger::EntryKind;

use crate::support::call::{cpt, order};
use crate::support::callers::PUBLIC_URL;
use crate::support::fhir_server::{FhirServer, register};
use crate::support::keeping::Keeping;
use crate::support::{Call, Evaluator, TestApp, changed, post, stories, story};

const PLACEHOLDER: &str = "payer.example.org";
const FORM: &str = "Questionnaire/sij-injection-documentation";
const PACKAGE: &str = "/fhir/Questionnaire/$questionnaire-package";

fn public(config: &mut Config) {
    config.server.public_url = Some(PUBLIC_URL.parse().unwrap());
}

/// A story whose orders and Coverages do not have the placeholder, which answers would repeat.
fn without_placeholder(request: &str) -> String {
    request.replace("https://payer.example.org/member", "https://plan.example/member")
}

#[tokio::test]
async fn no_answer_to_a_call_has_the_placeholder() {
    for has_dtr in [true, false] {
        let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
            public(config);
            config.development.dtr = Some(has_dtr);
        });
        let mut forms = 0;
        for story in stories() {
            let answer = app.sign_text(&without_placeholder(&story.request)).await.text();
            assert!(!answer.contains(PLACEHOLDER), "{}: {answer}", story.name);
            forms += answer.matches(&format!("{PUBLIC_URL}/fhir/{FORM}|2.0.0")).count();
        }
        assert!(forms > 0, "no answer names the form");
    }
}

#[tokio::test]
async fn the_form_that_a_card_creates_has_the_configured_url() {
    let server = FhirServer::of(&story("nothing-documented")).await;
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
        public(config);
        register(config, &server.base());
        config.development.dtr = Some(false);
    });
    let case = changed("nothing-documented", |call| call["fhirServer"] = json!(server.base()));
    let answer = app.sign_text(&without_placeholder(&case.request)).await.text();
    assert!(answer.contains("\"resourceType\":\"Questionnaire\"") && !answer.contains(PLACEHOLDER), "{answer}");
}

#[tokio::test]
async fn nothing_published_has_the_placeholder() {
    let app = TestApp::with(public);
    for path in ["/fhir/Questionnaire", "/fhir/ValueSet", "/fhir/metadata", "/cds-services", "/openapi.json", "/fhir/ValueSet/nsaid"] {
        let text = app.get(path).await.text();
        assert!(!text.contains(PLACEHOLDER), "{path}");
    }
    for (path, url) in [(FORM, format!("{PUBLIC_URL}/fhir/{FORM}")), ("ValueSet/nsaid", format!("{PUBLIC_URL}/fhir/ValueSet/nsaid"))] {
        assert_eq!(app.get(&format!("/fhir/{path}")).await.json()["url"], url);
    }
}

/// The input for the package of an order, or of a form by its canonical URL.
fn package_input(parameter: &Value) -> String {
    let coverage = json!({"resourceType": "Coverage", "id": "c1", "status": "active", "beneficiary": {"reference": "Patient/p1"}});
    json!({"resourceType": "Parameters", "parameter": [{"name": "coverage", "resource": coverage}, parameter]}).to_string()
}

#[tokio::test]
async fn a_package_has_the_configured_url_for_an_old_one_too() {
    let app = TestApp::with(public);
    let injection = json!({"name": "order", "resource": order("o1", &cpt("27096:LT"), "2026-12-01")});
    let by_url = |url: &str| json!({"name": "questionnaire", "valueCanonical": url});
    for asked in [
        injection,
        by_url(&format!("http://payer.example.org/fhir/{FORM}")),
        by_url(&format!("http://payer.example.org/fhir/{FORM}|2.0.0")),
        by_url(&format!("{PUBLIC_URL}/fhir/{FORM}|2.0.0")),
    ] {
        let output = app.send(post(PACKAGE, package_input(&asked))).await;
        assert!(!output.text().contains(PLACEHOLDER), "{asked}");
        let entry = &output.json()["parameter"][0]["resource"]["entry"];
        assert_eq!(entry[0]["resource"]["url"], format!("{PUBLIC_URL}/fhir/{FORM}"), "{asked}");
        assert_eq!(entry[1]["resource"]["questionnaire"], format!("{PUBLIC_URL}/fhir/{FORM}|2.0.0"));
    }
}

#[tokio::test]
async fn what_is_published_is_found_by_its_old_url() {
    let app = TestApp::with(public);
    for (kind, id) in [("Questionnaire", "sij-injection-documentation"), ("ValueSet", "nsaid")] {
        for (base, total) in [("http://payer.example.org/fhir", 1), ("https://cds.plan.example/fhir", 1), ("https://other.example/fhir", 0)]
        {
            let found = app.get(&format!("/fhir/{kind}?url={base}/{kind}/{id}")).await.json();
            assert_eq!(found["total"], total, "{base} {kind}");
            if total == 1 {
                assert_eq!(found["entry"][0]["resource"]["url"], format!("{PUBLIC_URL}/fhir/{kind}/{id}"));
            }
        }
    }
}

#[test]
fn a_response_to_the_form_counts_under_its_old_and_its_new_url() {
    let (development, configured) = (Evaluator::new(), Evaluator::with(public));
    let old = story("second-diagnostic-day-10").request;
    let new = old.replace("http://payer.example.org/fhir/Questionnaire", &format!("{PUBLIC_URL}/fhir/Questionnaire"));
    assert_ne!(old, new);
    let expected = development.evaluate(&old)["orders"].clone();
    assert_eq!(configured.evaluate(&old)["orders"], expected);
    assert_eq!(configured.evaluate(&new)["orders"], expected);
}

#[tokio::test]
async fn a_configured_base_comes_before_the_public_url() {
    let app = TestApp::with(|config| {
        public(config);
        config.policy.canonical_base = Some("https://plan.example/canonical/".parse().unwrap());
    });
    assert_eq!(app.get(&format!("/fhir/{FORM}")).await.json()["url"], format!("https://plan.example/canonical/{FORM}"));
    assert_eq!(app.get("/fhir/ValueSet/nsaid").await.json()["url"], "https://plan.example/canonical/ValueSet/nsaid");
    // The resources are still served here.
    let found = app.get(&format!("/fhir/Questionnaire?url=https://plan.example/canonical/{FORM}")).await.json();
    assert_eq!(found["entry"][0]["fullUrl"], format!("{PUBLIC_URL}/fhir/{FORM}"));
}

#[tokio::test]
async fn without_configuration_the_url_is_that_of_development() {
    let answer = TestApp::new().sign(&Call::ordering([order("o1", &cpt("27096:LT"), "2026-12-01")]).0).await;
    assert_eq!(answer.status, 200);
    assert_eq!(TestApp::new().get(&format!("/fhir/{FORM}")).await.json()["url"], format!("http://payer.example.org/fhir/{FORM}"));
}

#[tokio::test]
async fn a_call_is_replayed_whatever_the_base_is_today() {
    let mut keeping = Keeping::new();
    keeping.config.development.dtr = Some(false);
    let app = keeping.app().await;
    let answer = app.http.sign_text(&story("nothing-documented").request).await.text();
    assert!(answer.contains(&format!("http://payer.example.org/fhir/{FORM}")), "{answer}");
    app.ports.close().await;
    let call = keeping.records().await.into_iter().find(|record| record.kind == EntryKind::Call).unwrap();
    public(&mut keeping.config);
    let replay = keeping.replaying().hooks.replay(&call).unwrap();
    assert_eq!(replay.differences, []);
}
