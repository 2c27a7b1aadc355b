//! No log line or fault contains patient data: no id, name, date, code display, reference or token of any fixture.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Answer, Case, Json, LogBuffer, SERVICE, TestApp, all_cases, post, stories, story};

/// Members whose strings are FHIR or CDS Hooks terms, the same in every call.
const STRUCTURAL: [&str; 9] = ["resourceType", "status", "intent", "hook", "type", "mode", "severity", "priority", "use"];

/// Every string of a call that could identify or describe a person.
fn telling_texts(call: &Json, found: &mut BTreeSet<String>) {
    call.each("", &mut |name, value| {
        if let Some(text) = value.text().filter(|text| text.chars().count() >= 4 && !STRUCTURAL.contains(&name)) {
            found.insert(text);
        }
    });
}

fn all_telling_texts(cases: &[Case]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for case in cases {
        telling_texts(&case.json(), &mut found);
    }
    found
}

/// Marks the calls of this test in the log, which all tests share.
const REQUEST_ID: &str = "7d1f3b52-9c4e-4a6b-8f2d-5e7c9a1b3d4f";

/// Words of the service's own messages that also occur in a fixture.
const OWN_WORDS: [&str; 1] = ["none"];

/// The log lines of this test's calls, without the service's own measurements: times and durations.
fn log_lines() -> Vec<String> {
    let own = ["timestamp", "latency_microseconds", "request_id"];
    let text = LogBuffer::of_this_run().text();
    let line = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        strip(&mut line, &own);
        line.to_string()
    };
    text.lines().filter(|text| text.contains(REQUEST_ID)).map(line).collect()
}

/// Makes a call that can be found in the log.
async fn send(app: &TestApp, path: &str, body: impl Into<String>) -> Answer {
    let mut request = post(path, body.into());
    request.headers_mut().insert("x-request-id", REQUEST_ID.parse().unwrap());
    app.send(request).await
}

fn strip(value: &mut Value, own: &[&str]) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !own.contains(&name.as_str()));
            members.values_mut().for_each(|value| strip(value, own));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| strip(value, own)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Calls that contain a whole story and each produce a fault.
fn faulty_calls() -> Vec<String> {
    let good = story("epic-shape").json();
    let text = good.to_string();
    let changed = |path: &str, value: &str| {
        let mut call = good.clone();
        *call.at_mut(path) = Json::read(value);
        call.to_string()
    };
    vec![
        text[..text.len() / 2].to_owned(),
        format!("{text},"),
        changed("hook", r#""Jane Roe""#),
        changed("context.userId", r#"{"name":"Jane Roe"}"#),
        changed("context.patientId", r#""somebody-else""#),
        changed("context.draftOrders.entry", r#"{"name":"Jane Roe"}"#),
        changed("context.draftOrders.entry.0.resource.subject", r#"{"reference":"Patient/somebody-else"}"#),
        changed("prefetch", r#""Jane Roe, born 1960-02-03""#),
        changed("prefetch", r#"{"Jane Roe":{"resourceType":"Basic","code":"born 1960-02-03"}}"#),
        changed("fhirServer", r#"["Jane Roe"]"#),
    ]
}

/// Data in the faulty calls besides the story.
const PLANTED: [&str; 3] = ["Jane Roe", "1960-02-03", "somebody-else"];

async fn faults(app: &TestApp) -> Vec<Answer> {
    let mut answers = Vec::new();
    for call in faulty_calls() {
        answers.push(send(app, SERVICE, call).await);
    }
    let feedback = json!({"feedback": [{"card": "Jane Roe", "outcome": "Jane Roe", "overrideReason": {"userComment": "Jane Roe"}}]});
    answers.push(send(app, &format!("{SERVICE}/feedback"), feedback.to_string()).await);
    answers.push(send(app, "/patients/Jane%20Roe?birthdate=1960-02-03", "").await);
    answers.push(send(app, "/cds-services/somebody-else", "{}").await);
    answers
}

#[tokio::test]
async fn nothing_of_any_call_reaches_the_log() {
    let app = TestApp::on_the_day_of_the_fixtures();
    let cases: Vec<_> = all_cases();
    for case in &cases {
        send(&app, SERVICE, case.request.as_str()).await;
    }
    faults(&app).await;
    let feedback = json!({"feedback": [{"card": "0b8e5fe1-5d2c-4b3f-8e3e-1a7d1f2c9e55", "outcome": "overridden", "overrideReason":
        {"reason": {"code": "patientPays", "display": "Jane Roe pays"}, "userComment": "somebody-else"}}]});
    send(&app, &format!("{SERVICE}/feedback"), feedback.to_string()).await;

    let lines = log_lines();
    let decided = lines.iter().filter(|line| line.contains("decided")).count();
    assert!(decided >= 500, "the log is not that of the run: {decided} decisions");
    let log = lines.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join("\n");
    let telling = all_telling_texts(&cases);
    assert!(telling.len() > 2_000, "only {} texts", telling.len());
    let found: Vec<_> =
        telling.iter().map(String::as_str).chain(PLANTED).filter(|text| log.contains(text) && !OWN_WORDS.contains(text)).collect();
    assert_eq!(found, Vec::<&str>::new());
}

#[tokio::test]
async fn no_fault_repeats_a_value_of_its_call() {
    let telling = all_telling_texts(&[story("epic-shape")]);
    for answer in faults(&TestApp::on_the_day_of_the_fixtures()).await {
        let text = answer.text();
        assert!(answer.status.as_u16() >= 400, "{text}");
        assert_eq!(answer.json()["resourceType"], "OperationOutcome");
        let found: Vec<_> = telling.iter().map(String::as_str).chain(PLANTED).filter(|value| text.contains(value)).collect();
        assert_eq!(found, Vec::<&str>::new(), "{text}");
    }
}

#[tokio::test]
async fn a_token_goes_nowhere_not_even_into_an_answer() {
    let token = "a-token-to-be-kept-9f3c";
    let app = TestApp::on_the_day_of_the_fixtures();
    for story in stories() {
        let mut call = story.json();
        call.set("fhirServer", Json::from("https://ehr.example.org/fhir"));
        call.set("fhirAuthorization", Json::of(&json!({"access_token": token, "token_type": "Bearer", "subject": "client"})));
        let mut request = post(SERVICE, call.to_string());
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        assert!(!app.send(request).await.text().contains(token), "{}", story.name);
    }
    assert!(!LogBuffer::of_this_run().text().contains(token));
}
