//! What a call says at length comes back in its answer, and stands in its record, no more often than it has to.

use serde_json::{Value, json};

use crate::support::keeping::Keeping;
use crate::support::{TestApp, story};

/// The length of a text that is long, and short enough for every limit on bodies.
const LONG: usize = 20_000;

/// A path to a string of a document.
type Path = Vec<String>;

fn strings(value: &Value, path: &mut Path, found: &mut Vec<Path>) {
    match value {
        Value::String(_) => found.push(path.clone()),
        Value::Array(items) => items.iter().enumerate().for_each(|(place, item)| {
            path.push(place.to_string());
            strings(item, path, found);
            path.pop();
        }),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            path.push(name.clone());
            strings(member, path, found);
            path.pop();
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The call with a text in place of the string at a path.
fn with(call: &Value, path: &Path, text: String) -> Value {
    let mut changed = call.clone();
    *changed.pointer_mut(&format!("/{}", path.join("/"))).unwrap() = text.into();
    changed
}

fn call() -> Value {
    serde_json::from_str(&story("first-injection-fully-documented").request).unwrap()
}

/// The paths to all strings of a call outside of its orders.
fn chart_strings(call: &Value) -> Vec<Path> {
    let mut paths = Vec::new();
    strings(call, &mut Path::new(), &mut paths);
    paths.retain(|path| !path.iter().any(|name| name == "draftOrders"));
    assert!(paths.len() > 100, "{}", paths.len());
    paths
}

/// Text that does not compress.
fn noise(length: usize) -> String {
    let letter = |state: &mut u64| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some(char::from(b'A' + u8::try_from(*state >> 59).unwrap()))
    };
    (0..length).scan(7, |state, _| letter(state)).map(|letter| if letter == '\\' { 'a' } else { letter }).collect()
}

#[tokio::test]
async fn a_long_text_of_a_chart_does_not_come_back() {
    let (app, call) = (TestApp::on_the_day_of_the_fixtures(), call());
    let plain = app.sign(&call).await.text().len();
    for path in chart_strings(&call) {
        let answer = app.sign(&with(&call, &path, noise(LONG))).await.text();
        assert!(answer.len() < plain + LONG / 2, "{}: {}", path.join("."), answer.len());
    }
}

#[tokio::test]
async fn a_long_text_of_a_chart_stands_in_its_record_once() {
    let (keeping, call) = (Keeping::new(), call());
    let app = keeping.app().await;
    let paths: Vec<_> = chart_strings(&call).into_iter().step_by(4).collect();
    for path in &paths {
        app.http.sign(&with(&call, path, noise(LONG))).await;
    }
    let grown: usize = keeping.records().await.iter().filter_map(|record| record.content.as_ref()).map(Vec::len).sum();
    let (plain, calls) = (call.to_string().len(), paths.len());
    assert!(grown < calls * (LONG * 3 / 2 + 8 * plain), "{grown} bytes for {calls} calls");
}

#[tokio::test]
async fn an_id_is_of_a_length_that_servers_have() {
    let app = TestApp::on_the_day_of_the_fixtures();
    for (path, expression, most) in [
        ("/hookInstance", "hookInstance", 256),
        ("/context/userId", "context.userId", 256),
        ("/context/patientId", "context.patientId", 256),
        ("/context/encounterId", "context.encounterId", 256),
        ("/context/draftOrders/entry/0/resource/id", "context.draftOrders", 256),
        ("/context/draftOrders/entry/0/fullUrl", "context.draftOrders", 2_048),
        ("/prefetch/conditions/entry/0/resource/id", "prefetch", 256),
        ("/prefetch/procedures/entry/0/resource/id", "prefetch", 256),
        ("/prefetch/conditions/entry/0/fullUrl", "prefetch", 2_048),
    ] {
        for (length, is_accepted) in [(190, true), (most, true), (most + 1, false), (200_000, false)] {
            let mut call = call();
            let (parent, name) = path.rsplit_once('/').unwrap();
            call.pointer_mut(parent).unwrap()[name] = "é".repeat(length).into();
            let answer = app.sign(&call).await;
            if is_accepted {
                assert!(!answer.text().contains("longer than"), "{path} {length}: {}", answer.text());
                continue;
            }
            assert!(answer.outcome(422, "business-rule").contains("longer than 256 characters"), "{path}");
            assert_eq!(answer.json()["issue"][0]["expression"][0], expression);
        }
    }
}

#[tokio::test]
async fn orders_are_as_large_as_an_answer_may_repeat() {
    let app = TestApp::on_the_day_of_the_fixtures();
    for (note, status) in [(100_000, 200), (300_000, 422)] {
        for broken in [false, true] {
            let mut call = call();
            let order = &mut call["context"]["draftOrders"]["entry"][0]["resource"];
            order["note"] = json!([{ "text": noise(note) }]);
            if broken {
                order["occurrenceDateTime"] = json!(7);
            }
            let answer = app.sign(&call).await;
            assert_eq!(answer.status.as_u16(), status, "{note} {broken}: {}", answer.text());
            if status == 422 {
                assert_eq!(answer.json()["issue"][0]["expression"][0], "context.draftOrders");
            }
        }
    }
}
