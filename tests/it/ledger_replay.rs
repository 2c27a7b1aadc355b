//! Replaying a recorded call gives the recorded answer, or reports the difference.

use serde_json::{Value, json};
use sij_cds::ledger::{EntryKind, OpenedRecord};
use sij_cds::service::{Replay, ReplayError};

use crate::support::fhir_server::{FhirServer, call_with_server, register};
use crate::support::keeping::{Keeping, content};
use crate::support::{PolicyFolder, all_cases, empty_sign_call, stories, story};

async fn calls(keeping: &Keeping) -> Vec<OpenedRecord> {
    keeping.records().await.into_iter().filter(|record| record.kind == EntryKind::Call).collect()
}

fn identical() -> Replay {
    Replay { differences: Vec::new(), changed_policies: Vec::new(), other_program: None }
}

#[tokio::test]
async fn every_request_is_replayed_identically() {
    let keeping = Keeping::new();
    let app = keeping.app().await;
    let mut answered = 0;
    for case in all_cases() {
        let status = app.http.sign_text(&case.request).await.status.as_u16();
        answered += usize::from(status == 200);
    }
    app.http.sign(&empty_sign_call()).await;
    app.ports.close().await;
    let (calls, replaying) = (calls(&keeping).await, keeping.replaying());
    assert_eq!(calls.len(), answered + 1);
    assert!(answered > 250, "{answered}");
    for call in calls {
        assert_eq!(replaying.hooks.replay(&call).unwrap(), identical(), "{}", String::from_utf8_lossy(&call.summary));
    }
}

#[tokio::test]
async fn what_was_fetched_is_replayed_without_the_server() {
    for story in stories() {
        let mut keeping = Keeping::new();
        let server = FhirServer::of(&story).await;
        register(&mut keeping.config, &server.base());
        let app = keeping.app().await;
        let call = call_with_server(&story, &server.base(), |key| key == "conditions");
        assert_eq!(app.http.sign_text(&call.to_string()).await.status, 200, "{}", story.name);
        app.ports.close().await;
        drop(server);
        let calls = calls(&keeping).await;
        assert!(content(&calls[0])["fetched"]["lists"].as_array().unwrap().len() > 5, "{}", story.name);
        assert_eq!(keeping.replaying().hooks.replay(&calls[0]).unwrap(), identical(), "{}", story.name);
    }
}

#[tokio::test]
async fn what_could_not_be_fetched_is_replayed_as_that() {
    let story = story("third-injection-at-seven-weeks");
    let mut keeping = Keeping::new();
    let server = FhirServer::of(&story).await;
    let server = server.answering("Procedure", wiremock::ResponseTemplate::new(403)).await;
    register(&mut keeping.config, &server.base());
    let app = keeping.app().await;
    let call = call_with_server(&story, &server.base(), |_| false);
    assert_eq!(app.http.sign_text(&call.to_string()).await.status, 200);
    app.ports.close().await;
    let calls = calls(&keeping).await;
    let lists = content(&calls[0])["fetched"]["lists"].clone();
    let missing: Vec<&Value> = lists.as_array().unwrap().iter().filter(|list| !list["missing"].is_null()).collect();
    assert_eq!(missing, [&json!({"type": "procedures", "pages": [], "missing": "not_granted"})]);
    assert_eq!(keeping.replaying().hooks.replay(&calls[0]).unwrap(), identical());
}

/// A call decided by the embedded policy.
async fn kept_call() -> (Keeping, OpenedRecord) {
    let keeping = Keeping::new();
    let app = keeping.app().await;
    app.http.sign_text(&story("second-diagnostic-day-10").request).await;
    app.ports.close().await;
    let call = calls(&keeping).await.remove(0);
    (keeping, call)
}

#[tokio::test]
async fn a_changed_policy_is_named_with_what_it_changes() {
    let (mut keeping, call) = kept_call().await;
    let folder = PolicyFolder::new();
    folder.change("policy.toml", "second_injection_days = 14", "second_injection_days = 7");
    keeping.config.policy.directory = Some(folder.path().into());
    let replay = keeping.replaying().hooks.replay(&call).unwrap();
    assert_eq!(replay.changed_policies, ["sacroiliac-joint-interventions|2019-08"]);
    let difference = replay.differences.iter().find(|difference| difference.at == "/evaluation/orders/0/determination").unwrap();
    assert_eq!((difference.recorded.as_deref(), difference.now.as_deref()), (Some("\"not-yet\""), Some("\"supported\"")));
}

#[tokio::test]
async fn a_later_version_does_not_change_what_an_earlier_one_decided() {
    let (mut keeping, call) = kept_call().await;
    let folder = PolicyFolder::new();
    folder.add_from("2026-11", "2026-11-01").change_in("2026-11", "policy.toml", "second_injection_days = 14", "second_injection_days = 7");
    keeping.config.policy.directory = Some(folder.path().into());
    assert_eq!(keeping.replaying().hooks.replay(&call).unwrap().differences, []);
}

#[tokio::test]
async fn a_policy_that_is_gone_is_named() {
    let (mut keeping, call) = kept_call().await;
    let folder = PolicyFolder::new();
    folder.change("policy.toml", "version = \"2019-08\"", "version = \"2019-09\"");
    keeping.config.policy.directory = Some(folder.path().into());
    let error = keeping.replaying().hooks.replay(&call).unwrap_err();
    assert!(matches!(&error, ReplayError::NoPolicy(name) if name == "sacroiliac-joint-interventions|2019-08"), "{error}");
}

#[tokio::test]
async fn the_plan_of_that_day_stands_on_the_replayed_card() {
    let (mut keeping, call) = kept_call().await;
    keeping.config.plan.name = "Another plan".to_owned();
    assert_eq!(keeping.replaying().hooks.replay(&call).unwrap(), identical());
}

#[tokio::test]
async fn only_a_call_is_replayed() {
    let (keeping, _) = kept_call().await;
    let start = keeping.records().await.remove(0);
    assert!(matches!(keeping.replaying().hooks.replay(&start), Err(ReplayError::NotACall)));
}
