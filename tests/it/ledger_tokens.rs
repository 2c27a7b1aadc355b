//! The access token of a call in its record: a secret is never there, and a token that equals a value of the call blanks nothing.

use serde_json::{Value, json};
use sij_cds::ledger::{EntryKind, OpenedRecord, Wanted};
use sij_cds::service::Replay;

use crate::support::fhir_server::{FhirServer, call_with_server, register};
use crate::support::keeping::{Keeping, content, summary};
use crate::support::story;

const STORY: &str = "second-diagnostic-day-10";
const SECRET: &str = "s3cret-token-of-the-call";

/// The only record of a call, after it was answered.
async fn recorded(call: &str) -> (Keeping, OpenedRecord) {
    let keeping = Keeping::new();
    let app = keeping.app().await;
    assert_eq!(app.http.sign_text(call).await.status, 200, "{call}");
    app.ports.close().await;
    let mut calls = keeping.records().await.into_iter().filter(|record| record.kind == EntryKind::Call);
    let record = calls.next().unwrap();
    (keeping, record)
}

fn is_replayed(keeping: &Keeping, record: &OpenedRecord) -> bool {
    let identical = Replay { differences: Vec::new(), changed_policies: Vec::new(), other_program: None };
    keeping.replaying().hooks.replay(record).unwrap() == identical
}

fn asking() -> Value {
    serde_json::from_str(&story(STORY).request).unwrap()
}

fn granting(mut call: Value, token: &str) -> Value {
    call["fhirServer"] = json!("https://ehr.example/fhir");
    call["fhirAuthorization"] = json!({"access_token": token, "token_type": "Bearer", "scope": "user/*.read"});
    call
}

/// Values of the call with which its record would be worthless, if they were left out.
const VALUES: [&str; 17] = [
    "b1e51764-sij",
    "Patient/b1e51764-sij",
    "order-1",
    "ServiceRequest/order-1",
    "27096",
    "http://www.ama-assn.org/go/cpt",
    "order-sign",
    "ServiceRequest",
    "resourceType",
    "procedure-1",
    "Practitioner/practitioner-1",
    "sij-cds 0.1.0",
    "active",
    "",
    "a",
    "\",\"code\":\"",
    "a/b\\c\"d\u{1}",
];

#[tokio::test]
async fn a_token_that_equals_a_value_of_its_call_blanks_nothing_and_the_call_is_replayed() {
    let (_, plain) = recorded(&granting(asking(), "nothing-like-it-1234").to_string()).await;
    let (plain_content, plain_summary) = (content(&plain), summary(&plain));
    for token in VALUES {
        let (keeping, record) = recorded(&granting(asking(), token).to_string()).await;
        assert!(is_replayed(&keeping, &record), "{token}");
        let (content, summary) = (content(&record), summary(&record));
        assert_eq!(summary["patient"], plain_summary["patient"], "{token}");
        assert_eq!((&summary["orders"], &summary["user"]), (&plain_summary["orders"], &plain_summary["user"]), "{token}");
        assert_eq!(content["request"]["context"]["patientId"], plain_content["request"]["context"]["patientId"], "{token}");
        assert_eq!(content["request"]["context"]["draftOrders"], plain_content["request"]["context"]["draftOrders"], "{token}");
        assert_eq!(content["evaluation"], plain_content["evaluation"], "{token}");
        assert_eq!(content["request"]["fhirAuthorization"], json!({"token_type": "Bearer", "scope": "user/*.read"}), "{token}");
        let wanted = Wanted { patient: Some("Patient/b1e51764-sij".to_owned()), ..Wanted::default() };
        assert_eq!(keeping.exported(&wanted).await.records.len(), 1, "{token}");
    }
}

#[tokio::test]
async fn a_token_that_is_the_hook_instance_is_a_digest_wherever_it_is() {
    let call = asking();
    let instance = call["hookInstance"].as_str().unwrap().to_owned();
    let (keeping, record) = recorded(&granting(call, &instance).to_string()).await;
    assert!(is_replayed(&keeping, &record));
    let digest = summary(&record)["hookInstance"].as_str().unwrap().to_owned();
    assert!(digest.starts_with("redacted-token-") && digest.len() == 47, "{digest}");
    assert_eq!(content(&record)["request"]["hookInstance"], digest, "equal values stay equal");
}

/// A call that repeats its token where an EHR might.
fn repeating() -> Value {
    let mut call = granting(asking(), SECRET);
    call["fhirAuthorization"]["scope"] = json!(SECRET);
    call["extension"] = json!({"com.example.token": SECRET, "com.example.header": format!("Bearer {SECRET}")});
    call["context"]["token"] = json!(SECRET);
    call["prefetch"]["theirs"] = json!({"resourceType": "Basic", "id": SECRET, "text": {"div": format!("<b>{SECRET}</b>")}});
    let order = &mut call["context"]["draftOrders"]["entry"][0]["resource"];
    order["extension"] = json!([{"url": "https://ehr.example/token", "valueString": SECRET}]);
    order["note"] = json!([{"text": format!("Sent with {SECRET}.")}]);
    call
}

#[tokio::test]
async fn a_secret_token_is_nowhere_in_the_record_and_the_call_is_replayed() {
    let escaped = SECRET.replace('s', "\\u0073").replace('-', "\\u002d");
    for call in [repeating().to_string(), repeating().to_string().replace(SECRET, &escaped)] {
        let (keeping, record) = recorded(&call).await;
        let whole = [record.summary.clone(), record.content.clone().unwrap()].concat();
        let text = serde_json::from_slice::<Value>(&record.content.clone().unwrap()).unwrap().to_string();
        assert!(!text.contains(SECRET) && !String::from_utf8(whole).unwrap().contains(&escaped), "{text}");
        assert!(text.matches("redacted-token-").count() > 7, "{text}");
        assert!(is_replayed(&keeping, &record));
    }
}

#[tokio::test]
async fn a_secret_token_in_what_was_fetched_is_not_in_the_record() {
    let story = story(STORY);
    let mut keeping = Keeping::new();
    let server = FhirServer::of(&story).await;
    let page = json!({"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": [], "meta": {"tag": [{"display": SECRET}]}});
    let server = server.answering("Procedure", wiremock::ResponseTemplate::new(200).set_body_json(page)).await;
    register(&mut keeping.config, &server.base());
    let app = keeping.app().await;
    let mut call: Value = serde_json::from_str(&call_with_server(&story, &server.base(), |_| false).to_string()).unwrap();
    call["fhirAuthorization"]["access_token"] = json!(SECRET);
    assert_eq!(app.http.sign(&call).await.status, 200);
    app.ports.close().await;
    let record = keeping.records().await.into_iter().find(|record| record.kind == EntryKind::Call).unwrap();
    let text = content(&record).to_string();
    assert!(text.contains("redacted-token-") && !text.contains(SECRET), "{text}");
    assert!(is_replayed(&keeping, &record));
}

#[tokio::test]
async fn a_token_that_stands_twice_or_in_two_grants_is_refused() {
    let keeping = Keeping::new();
    let app = keeping.app().await;
    let once = granting(asking(), SECRET).to_string();
    let member = format!(r#""access_token":"{SECRET}""#);
    for call in [
        once.replace(&member, &format!("{member},{member}")),
        once.replace(&member, &format!(r#"{member},"access\u005ftoken":"other""#)),
        once.replacen(r#""fhirServer""#, r#""fhirAuthorization":{"access_token":"x"},"fhirServer""#, 1),
    ] {
        assert_eq!(app.http.sign_text(&call).await.status, 400, "{call}");
    }
    app.ports.close().await;
    assert!(keeping.records().await.iter().all(|record| record.content.is_none()));
}
