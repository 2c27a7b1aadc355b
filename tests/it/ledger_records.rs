//! The ledger records of calls, faults, refused callers and feedback; without a record, no call is answered.

use serde_json::{Value, json};
use sij_cds::ledger::{EntryKind, OpenedRecord};
use uuid::Uuid;

use crate::support::callers::{good_token, let_in_the_ehr};
use crate::support::fhir_server::TOKEN;
use crate::support::keeping::{Keeping, content, summary};
use crate::support::{SERVICE, empty_sign_call, post, story};

const STORY: &str = "second-diagnostic-day-10";

/// A story's call that includes a FHIR server and a token.
fn call_with_token() -> Value {
    let mut call: Value = serde_json::from_str(&story(STORY).request).unwrap();
    call["fhirServer"] = json!("https://ehr.example/fhir");
    call["fhirAuthorization"] =
        json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300, "scope": "user/*.read", "subject": "app"});
    call
}

fn of_kind(records: &[OpenedRecord], kind: EntryKind) -> Vec<&OpenedRecord> {
    records.iter().filter(|record| record.kind == kind).collect()
}

/// The only record of a kind.
#[track_caller]
fn one(records: &[OpenedRecord], kind: EntryKind) -> &OpenedRecord {
    let found = of_kind(records, kind);
    let [record] = found.as_slice() else { panic!("{} records of that kind", found.len()) };
    record
}

#[tokio::test]
async fn a_call_is_kept_with_what_was_asked_decided_and_answered() {
    let keeping = Keeping::new();
    let app = keeping.app().await;
    let call = call_with_token();
    let answer = app.http.sign(&call).await;
    app.ports.close().await;
    let records = keeping.records().await;
    let record = one(&records, EntryKind::Call);
    assert_eq!(record.hook.as_deref(), Some("order-sign"));
    assert_eq!((record.client.as_deref(), record.status), (Some("development"), Some(200)));
    assert_eq!(record.determination.as_deref(), Some("not-yet"));
    assert_eq!(record.policies.as_deref(), Some("sacroiliac-joint-interventions|2019-08"));
    assert_eq!(record.key_id, "first");
    let told = summary(record);
    assert_eq!(told["hookInstance"], call["hookInstance"]);
    assert_eq!(told["patient"], format!("Patient/{}", call["context"]["patientId"].as_str().unwrap()));
    assert_eq!(told["user"], call["context"]["userId"]);
    assert_eq!(told["orders"][0]["order"], "ServiceRequest/order-1");
    let verdicts = json!({"I.B.1": "met", "I.B.2": "not-met", "III": "met", "V": "met", "VI": "met", "history": "met"});
    assert_eq!(told["orders"][0]["sites"][0]["verdicts"], verdicts);
    let kept = content(record);
    assert_eq!(kept["answer"].to_string(), answer.json().to_string());
    assert_eq!(kept["evaluation"]["orders"][0]["determination"], "not-yet");
    let mut expected = call;
    expected["fhirAuthorization"].as_object_mut().unwrap().remove("access_token");
    assert_eq!(kept["request"], expected);
}

#[tokio::test]
async fn no_token_and_nothing_of_the_patient_stands_in_the_files() {
    let keeping = Keeping::new();
    let app = keeping.app().await;
    let call = call_with_token();
    let answer = app.http.sign(&call).await;
    let card = answer.json()["cards"][0]["uuid"].clone();
    app.http
        .feedback(&json!({"feedback": [{"card": card, "outcome": "overridden", "overrideReason": {"userComment": "a clinician's words"}}]}))
        .await;
    // Before shutdown, while the last records are in the write-ahead log.
    for end in [false, true] {
        if end {
            app.ports.close().await;
        }
        let mut bytes = std::fs::read(keeping.file("ledger.db")).unwrap();
        bytes.extend(std::fs::read(keeping.file("ledger.db-wal")).unwrap_or_default());
        assert!(bytes.len() > 10_000);
        let patient = call["context"]["patientId"].as_str().unwrap().to_owned();
        for secret in [TOKEN, &patient, "order-1", "a clinician's words", "Practitioner", "prefetch", "27096"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}, at the end: {end}");
        }
        assert!(bytes.windows(10).any(|window| window == b"order-sign"), "what stands in the clear is found");
    }
}

#[tokio::test]
async fn of_a_call_of_a_hook_without_orders_the_prefetch_is_not_kept() {
    let mut keeping = Keeping::new();
    keeping.config.crd.hooks = serde_json::from_value(json!(["order-sign", "encounter-start", "encounter-discharge"])).unwrap();
    keeping.config.development.dialect = Some(sij_cds::cds_hooks::Dialect::Epic);
    let app = keeping.app().await;
    let hooks = ["encounter-start", "encounter-discharge", "patient-view"];
    for hook in hooks {
        let mut call: Value = serde_json::from_str(&story(STORY).request).unwrap();
        (call["hook"], call["context"]["encounterId"]) = (json!(hook), json!("e1"));
        assert_eq!(app.http.sign(&call).await.text(), r#"{"cards":[]}"#, "{hook}");
    }
    app.ports.close().await;
    let records = keeping.records().await;
    let calls = of_kind(&records, EntryKind::Call);
    assert_eq!(calls.len(), hooks.len());
    for call in calls {
        assert_eq!(content(call)["request"]["prefetch"], Value::Null, "{:?}", call.hook);
    }
}

#[tokio::test]
async fn of_a_call_with_nothing_in_scope_the_prefetch_is_not_kept() {
    let keeping = Keeping::new();
    let app = keeping.app().await;
    let mut call = empty_sign_call();
    call["prefetch"] = json!({"conditions": {"resourceType": "Bundle", "note": "not asked for"}});
    assert_eq!(app.http.sign(&call).await.text(), r#"{"cards":[]}"#);
    let text = empty_sign_call().to_string();
    let ahead = format!(r#"{{"prefetch":{{"conditions":{{"note":"not asked for"}}}},{}"#, text.strip_prefix('{').unwrap());
    assert_eq!(app.http.sign_text(&ahead).await.text(), r#"{"cards":[]}"#);
    app.ports.close().await;
    let records = keeping.records().await;
    let calls = of_kind(&records, EntryKind::Call);
    assert_eq!(content(calls[1])["request"]["prefetch"], Value::Null);
    let record = calls[0];
    assert_eq!((record.determination.as_deref(), record.policies.as_deref()), (None, None));
    let kept = content(record);
    assert_eq!(kept["request"]["prefetch"], Value::Null);
    assert_eq!(kept["request"]["context"], call["context"]);
    assert_eq!(kept["answer"], json!({"cards": []}));
}

#[tokio::test]
async fn a_fault_is_kept_by_its_name_without_the_body() {
    let keeping = Keeping::new();
    let app = keeping.app().await;
    app.http.sign_text("{").await.outcome(400, "structure");
    app.http.sign(&json!({"hook": "order-sign"})).await.outcome(400, "structure");
    app.http.send(post("/cds-services/none", "{}")).await.outcome(404, "not-found");
    app.http.send(post(SERVICE, " ".repeat(20_000_000))).await.outcome(413, "too-long");
    app.http.feedback(&json!({})).await.outcome(400, "structure");
    let mut call: Value = serde_json::from_str(&story(STORY).request).unwrap();
    call["prefetch"] = json!({});
    app.http.sign(&call).await.outcome(412, "incomplete");
    app.ports.close().await;
    let records = keeping.records().await;
    let faults: Vec<_> = of_kind(&records, EntryKind::Fault).iter().map(|fault| (fault.cause.clone().unwrap(), fault.status)).collect();
    let expected = [
        ("not_json", 400),
        ("member_missing", 400),
        ("unknown_service", 404),
        ("body_too_large", 413),
        ("member_missing", 400),
        ("no_data", 412),
    ];
    assert_eq!(faults, expected.map(|(cause, status)| (cause.to_owned(), Some(status))));
    assert!(of_kind(&records, EntryKind::Fault).iter().all(|fault| fault.content.is_none() && fault.summary == b"{}"));
    assert!(of_kind(&records, EntryKind::Call).is_empty());
}

#[tokio::test]
async fn a_refused_caller_is_kept_by_the_cause_alone() {
    let mut keeping = Keeping::new();
    let_in_the_ehr(&mut keeping.config);
    keeping.config.ledger.refusals_per_minute = 2.try_into().unwrap();
    let app = keeping.app().await;
    let call = empty_sign_call();
    let token = good_token();
    assert_eq!(app.http.sign_as(&token, &call).await.status, 200);
    app.http.sign_as(&token, &call).await.outcome(401, "login");
    for _ in 0..4 {
        app.http.sign(&call).await.outcome(401, "login");
    }
    app.ports.close().await;
    let records = keeping.records().await;
    let refusals = of_kind(&records, EntryKind::Refusal);
    let told: Vec<_> =
        refusals.iter().map(|refusal| (refusal.client.as_deref(), refusal.cause.as_deref().unwrap(), refusal.status)).collect();
    assert_eq!(told, [(Some("ehr"), "replayed", Some(401)), (None, "no_token", Some(401)), (None, "several", None)]);
    assert_eq!(summary(refusals[2]), json!({"count": 3}));
    assert!(refusals.iter().all(|refusal| refusal.content.is_none()));
    let record = one(&records, EntryKind::Call);
    assert_eq!((record.client.as_deref(), record.tenant.as_deref()), (Some("ehr"), None));
}

#[tokio::test]
async fn feedback_is_kept_with_the_call_that_showed_the_card() {
    let keeping = Keeping::new();
    let app = keeping.app().await;
    let answer = app.http.sign_text(&story(STORY).request).await;
    let card = answer.json()["cards"][0]["uuid"].as_str().unwrap().to_owned();
    let unknown = Uuid::from_u128(7);
    let told = json!({"card": card, "outcome": "overridden", "overrideReasons": [{"code": "x"}], "extension": {"com.epic": 1}});
    let feedback = json!({"feedback": [told, {"card": unknown, "outcome": "accepted"}, {"card": "not a uuid", "outcome": "accepted"}]});
    assert_eq!(app.http.feedback(&feedback).await.status, 200);
    app.ports.close().await;
    let records = keeping.records().await;
    let call = one(&records, EntryKind::Call);
    let kept = of_kind(&records, EntryKind::Feedback);
    let links: Vec<_> = kept.iter().map(|record| (record.card, record.about)).collect();
    assert_eq!(links, [(Some(card.parse().unwrap()), Some(call.id)), (Some(unknown), None), (None, None)]);
    assert_eq!(content(kept[0])["feedback"], told);
    let flags: Vec<Value> = kept.iter().map(|record| summary(record)["cardIsKnown"].clone()).collect();
    assert_eq!(flags, [true, false, false]);
    let archive = keeping.archive().await;
    assert_eq!(archive.find(card.parse().unwrap()).await.unwrap().unwrap().id, call.id);
    let found = archive.feedback_on(call).await.unwrap();
    assert_eq!(found.iter().map(|record| record.id).collect::<Vec<_>>(), [kept[0].id]);
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_answered() {
    let keeping = Keeping::new();
    let app = keeping.app().await;
    assert_eq!(app.http.get("/health/ready").await.json()["ledger"], "writable");
    keeping.tamper("DROP TABLE ledger_record").await;
    let call = story(STORY).request;
    for answer in [app.http.sign_text(&call).await, app.http.sign(&empty_sign_call()).await] {
        let told = answer.outcome(503, "transient");
        assert_eq!(told, "the call cannot be recorded at present, and nothing is answered unrecorded");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    app.http.feedback(&json!({"feedback": [{"card": Uuid::from_u128(7), "outcome": "accepted"}]})).await.outcome(503, "transient");
    app.http.sign_text("{").await.outcome(503, "transient");
    let reason = app.http.get("/health/ready").await.outcome(503, "transient");
    assert_eq!(reason, "the ledger cannot be written: the database reports an error; nothing is answered unrecorded");
}

#[tokio::test]
async fn readiness_tells_whether_anything_can_be_kept() {
    let keeping = Keeping::new();
    let app = keeping.app().await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(app.http.get("/health/ready").await.json()["ledger"], "writable");
    keeping.tamper("DROP TABLE ledger_probe").await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    app.http.get("/health/ready").await.outcome(503, "transient");
    assert_eq!(app.http.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn a_second_process_does_not_write_to_the_same_file() {
    let keeping = Keeping::new();
    let app = keeping.app().await;
    let clock = std::sync::Arc::new(sij_cds::clock::SystemClock);
    let second = sij_cds::ledger::Ledger::open(&keeping.config.ledger, clock.clone(), std::sync::Arc::new(sij_cds::ids::RandomIds)).await;
    let told = second.unwrap_err().to_string();
    assert!(told.starts_with("`ledger.url`: another process writes to `"), "{told}");
    app.ports.close().await;
    drop(app);
    let ids = std::sync::Arc::new(sij_cds::ids::RandomIds);
    assert!(sij_cds::ledger::Ledger::open(&keeping.config.ledger, clock, ids).await.is_ok());
}
