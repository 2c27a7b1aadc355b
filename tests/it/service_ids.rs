//! Under which ids the services are listed, called and given feedback, and for which URLs a caller's token may be.
//! Not here: what each hook is answered ([`super::hooks`]).

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sij_cds::cds_hooks::ServiceIds;

use crate::support::callers::{EC_KEY, Token, let_in_the_ehr};
use crate::support::{TestApp, bearing, post, story};

const SHARED: &str = "sacroiliac-joint-interventions";

/// Each offered hook with the id of its service.
const OWN: [(&str, &str); 4] = [
    ("order-sign", SHARED),
    ("order-select", "sacroiliac-joint-interventions-order-select"),
    ("order-dispatch", "sacroiliac-joint-interventions-order-dispatch"),
    ("appointment-book", "sacroiliac-joint-interventions-appointment-book"),
];

fn sharing() -> TestApp {
    TestApp::on_the_day_of_the_fixtures_with(|config| config.crd.service_ids = ServiceIds::Shared)
}

/// Each listed hook with its id.
async fn listed(app: &TestApp) -> Vec<(String, String)> {
    let discovery = app.discovery().await.json();
    let text = |service: &Value, name: &str| service[name].as_str().unwrap().to_owned();
    discovery["services"].as_array().unwrap().iter().map(|service| (text(service, "hook"), text(service, "id"))).collect()
}

fn selected() -> Value {
    let mut call: Value = serde_json::from_str(&story("therapy-from-procedures-only").request).unwrap();
    call["hook"] = json!("order-select");
    call["context"]["selections"] = json!([call["context"]["draftOrders"]["entry"][0]["resource"]["id"]]);
    call
}

#[tokio::test]
async fn each_hook_has_an_id_of_its_own_unless_they_share_one() {
    let own: Vec<_> = OWN.iter().map(|(hook, id)| ((*hook).to_owned(), (*id).to_owned())).collect();
    assert_eq!(listed(&TestApp::on_the_day_of_the_fixtures()).await, own);
    let shared: Vec<_> = OWN.iter().map(|(hook, _)| ((*hook).to_owned(), SHARED.to_owned())).collect();
    assert_eq!(listed(&sharing()).await, shared);
}

/// As a client does that keys services by their URL.
#[tokio::test]
async fn a_client_that_keys_services_by_address_and_id_finds_each_hook() {
    let ids: BTreeSet<_> = listed(&TestApp::on_the_day_of_the_fixtures()).await.into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids.len(), OWN.len());
}

#[tokio::test]
async fn every_id_takes_every_hook_and_feedback() {
    let signed = story("therapy-from-procedures-only").request;
    let feedback = json!({"feedback": [{"card": "9d0f1b1e-6a3c-4c11-9c7f-0a8f5f7d8e21", "outcome": "accepted",
        "outcomeTimestamp": "2026-11-24T10:00:00Z"}]});
    for app in [TestApp::on_the_day_of_the_fixtures(), sharing()] {
        let ask = async |path: &str, body: String| app.send(post(path, body)).await;
        let (at_sign, at_select) = (app.sign_text(&signed).await.text(), app.sign(&selected()).await.text());
        assert!(at_sign.contains("systemActions") && !at_select.contains("systemActions"));
        for (hook, id) in OWN {
            let path = format!("/cds-services/{id}");
            let (signing, selecting) = (ask(&path, signed.clone()).await, ask(&path, selected().to_string()).await);
            assert!(signing.status == 200 && selecting.status == 200, "{hook}");
            assert_eq!(signing.json()["cards"][0]["summary"], serde_json::from_str::<Value>(&at_sign).unwrap()["cards"][0]["summary"]);
            assert!(signing.text().contains("systemActions"), "{hook}");
            assert!(!selecting.text().contains("systemActions"), "the hook of the body decides, not the id of {hook}");
            assert_eq!(ask(&format!("{path}/feedback"), feedback.to_string()).await.status, 200, "{hook}");
        }
    }
}

#[tokio::test]
async fn the_id_of_a_hook_that_is_not_offered_is_unknown_and_the_shared_one_is_not() {
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
        config.crd.hooks = serde_json::from_value(json!(["order-select"])).unwrap();
    });
    let status = async |id: &str| app.send(post(&format!("/cds-services/{id}"), selected().to_string())).await.status;
    assert_eq!(status(SHARED).await, 200);
    assert_eq!(status("sacroiliac-joint-interventions-order-select").await, 200);
    for id in ["sacroiliac-joint-interventions-order-dispatch", "sacroiliac-joint-interventions-encounter-start", "order-sign"] {
        assert_eq!(status(id).await, 404, "{id}");
    }
}

#[tokio::test]
async fn a_token_may_be_for_the_url_of_any_id_unless_a_client_has_audiences_of_its_own() {
    let signed = story("therapy-from-procedures-only").request;
    let status = async |app: &TestApp, id: &str, suffix: &str, body: &str| {
        let path = format!("/cds-services/{id}{suffix}");
        let token = Token::good().claim("aud", json!(format!("https://cds.plan.example{path}"))).signed_by(&EC_KEY);
        app.send(bearing(&token, post(&path, body.to_owned()))).await.status
    };
    let feedback = r#"{"feedback":[{"card":"a","outcome":"accepted","outcomeTimestamp":"2026-11-24T10:00:00Z"}]}"#;
    for listed_by in [ServiceIds::PerHook, ServiceIds::Shared] {
        let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
            let_in_the_ehr(config);
            config.crd.service_ids = listed_by;
        });
        for (_, id) in OWN {
            assert_eq!(status(&app, id, "", &signed).await, 200, "{id}");
            assert_eq!(status(&app, id, "/feedback", feedback).await, 200, "{id}");
        }
    }
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
        let_in_the_ehr(config);
        config.clients[0].audiences = vec![format!("https://cds.plan.example/cds-services/{SHARED}")];
    });
    assert_eq!(status(&app, SHARED, "", &signed).await, 200);
    assert_eq!(status(&app, OWN[1].1, "", &signed).await, 401, "its own audiences are all that it may use");
}
