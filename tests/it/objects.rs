//! A list in place of a protocol object is rejected: its elements are not read as the object's members in order.

use serde_json::{Value, json};

use crate::support::{SERVICE, TestApp, empty_sign_call, post};

/// The call that signs nothing, with one member added or replaced.
fn with(pointer: &str, value: &Value) -> Value {
    let mut call = empty_sign_call();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    call.pointer_mut(parent).unwrap()[name] = value.clone();
    call
}

#[tokio::test]
async fn a_list_in_place_of_an_object_is_400_and_its_place_is_named() {
    let app = TestApp::new();
    for (pointer, value, path) in [
        ("/context", json!(["Practitioner/example", "example", null]), Some("context")),
        ("/context/draftOrders", json!(["Bundle", []]), Some("context.draftOrders")),
        ("/context/draftOrders/entry", json!([[null, null]]), Some("context.draftOrders.entry[0]")),
        ("/fhirAuthorization", json!(["token"]), None),
    ] {
        let answer = app.sign(&with(pointer, &value)).await;
        answer.outcome(400, "structure");
        if let Some(path) = path {
            assert_eq!(answer.json()["issue"][0]["expression"], json!([path]), "{pointer}");
        }
    }
}

#[tokio::test]
async fn feedback_is_an_object_of_objects() {
    let app = TestApp::new();
    for body in [json!([[]]), json!({"feedback": [["0b8e5fe1-5d2c-4b3f-8e3e-1a7d1f2c9e55", "accepted"]]})] {
        app.send(post(&format!("{SERVICE}/feedback"), body.to_string())).await.outcome(400, "structure");
    }
}
