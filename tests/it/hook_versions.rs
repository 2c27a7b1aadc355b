//! The versions of the hooks' definitions (HL7/cds-hooks-library, "Change Log" of each page): which are understood, and in which words the others
//! are refused. Not here: what each hook is answered ([`super::hooks`]).

use serde_json::{Value, json};

use crate::support::call::{bundle, cpt, order};
use crate::support::{Call, TestApp};

fn active(id: &str) -> Value {
    let mut order = order(id, &cpt("27096"), "2026-12-01");
    order["status"] = json!("active");
    order
}

/// A call of a hook, with two active orders in its prefetch.
fn call(hook: &str, context: &Value) -> Value {
    let mut call = Call::ordering([]).with("serviceRequests", [active("a"), active("b")]).0;
    call["hook"] = json!(hook);
    call["context"] = context.clone();
    call
}

/// The orders that an answer has cards for.
async fn judged(call: &Value) -> Vec<String> {
    let answer = TestApp::on_the_day_of_the_fixtures().sign(call).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cards = answer.json()["cards"].as_array().unwrap().clone();
    let about = cards.iter().map(|card| card["extension"]["davinci-crd.associated-resource"][0]["reference"].clone());
    about.map(|reference| reference.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_version_of_a_dispatch_decides_between_its_orders_and_else_the_members_do() {
    let single = json!({"patientId": "p1", "performer": "Organization/o", "order": "ServiceRequest/a"});
    let list = json!({"patientId": "p1", "performer": "Organization/o", "dispatchedOrders": ["ServiceRequest/b"]});
    let mut both = single.clone();
    both["dispatchedOrders"] = list["dispatchedOrders"].clone();
    for (version, context, expected) in [
        (json!("1.0"), &both, "ServiceRequest/a"),
        (json!("1.0.0"), &both, "ServiceRequest/a"),
        (json!("1.1"), &both, "ServiceRequest/b"),
        (Value::Null, &both, "ServiceRequest/b"),
        (json!(1.0), &both, "ServiceRequest/b"),
        (json!({"x": 1}), &both, "ServiceRequest/b"),
        (json!("1.0"), &single, "ServiceRequest/a"),
        (json!("1.1"), &single, "ServiceRequest/a"),
        (Value::Null, &single, "ServiceRequest/a"),
        (json!("1.0"), &list, "ServiceRequest/b"),
    ] {
        let mut call = call("order-dispatch", context);
        call["hookVersion"] = version.clone();
        assert_eq!(judged(&call).await, [expected], "{version} {context}");
    }
}

#[tokio::test]
async fn appointments_are_a_bundle_or_a_list_as_in_the_hooks_examples() {
    let appointment = json!({"resourceType": "Appointment", "id": "t", "status": "proposed", "start": "2026-12-01T09:00:00Z",
        "basedOn": [{"reference": "ServiceRequest/a"}], "participant": [{"actor": {"reference": "Patient/p1"}, "status": "accepted"}]});
    let context = |appointments: Value| json!({"userId": "Practitioner/d1", "patientId": "p1", "appointments": appointments});
    for appointments in [bundle([appointment.clone()]), json!([appointment]), json!([7, appointment])] {
        assert_eq!(judged(&call("appointment-book", &context(appointments.clone()))).await, ["ServiceRequest/a"], "{appointments}");
    }
    assert_eq!(judged(&call("appointment-book", &context(json!([])))).await, Vec::<String>::new());
    let mut others = appointment.clone();
    others["participant"][0]["actor"]["reference"] = json!("Patient/p2");
    for (appointments, expression) in [
        (bundle([appointment.clone(), others.clone()]), "context.appointments.entry[1].resource.participant"),
        (json!([appointment, others]), "context.appointments[1].participant"),
    ] {
        let answer = TestApp::on_the_day_of_the_fixtures().sign(&call("appointment-book", &context(appointments))).await;
        answer.outcome(422, "business-rule");
        assert_eq!(answer.json()["issue"][0]["expression"][0], expression);
    }
}

#[tokio::test]
async fn the_orders_of_a_draft_of_a_hook_are_refused_by_the_version_that_is_understood() {
    let app = TestApp::on_the_day_of_the_fixtures();
    for hook in ["order-sign", "order-select"] {
        let context = json!({"userId": "Practitioner/d1", "patientId": "p1", "selections": ["a"], "orders": bundle([active("a")])});
        let answer = app.sign(&call(hook, &context)).await;
        let said = answer.outcome(400, "structure");
        assert_eq!(said, "`context.draftOrders` is missing; `context.orders` is from a draft of the hook, and version 1.0 is understood");
        assert_eq!(answer.json()["issue"][0]["expression"][0], "context.draftOrders");
    }
}

#[tokio::test]
async fn a_deprecated_hook_is_refused_by_the_name_of_what_replaces_it() {
    let app = TestApp::on_the_day_of_the_fixtures();
    for (hook, successor) in [
        ("order-review", "; order-sign replaces order-review"),
        ("medication-prescribe", "; order-select and order-sign replace medication-prescribe"),
        ("patient-view", ""),
        ("problem-list-item-create", ""),
    ] {
        let said = app.sign(&call(hook, &json!({"userId": "u", "patientId": "p1"}))).await.outcome(400, "structure");
        assert_eq!(said, format!("this service answers order-sign, order-select, order-dispatch and appointment-book{successor}"));
    }
}
