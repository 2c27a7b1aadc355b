//! The hooks other than order-sign: which orders each asks about, and where they come from.
//! Not here: the answer for an order, which is the same for each hook ([`super::card_protocol`], [`super::coverage_information`]).

use serde_json::{Value, json};
use sij_cds::cds_hooks::Dialect;
use sij_cds::cds_hooks::Hook;

use crate::support::call::{bundle, cpt, icd10, order, procedure};
use crate::support::fhir_server::{FhirServer, register};
use crate::support::keeping::Keeping;
use crate::support::{Call, Evaluator, TestApp, story};

const INJECTION: &str = "27096";

/// For another joint.
const OTHER: &str = "20610";

fn injection(id: &str) -> Value {
    order(id, &cpt(INJECTION), "2026-03-09")
}

fn active(mut order: Value) -> Value {
    order["status"] = json!("active");
    order
}

/// A call of a hook with an empty chart and these orders under the key of active orders.
fn call(hook: &str, context: &Value, orders: impl IntoIterator<Item = Value>) -> Value {
    let mut call = Call::ordering([]).with("serviceRequests", orders).0;
    call["hook"] = json!(hook);
    call["context"] = context.clone();
    call
}

fn select(orders: &[Value], selections: &[&str]) -> Value {
    let context = json!({"userId": "Practitioner/d1", "patientId": "p1", "draftOrders": bundle(orders.to_vec()), "selections": selections});
    call("order-select", &context, [])
}

fn dispatch(references: &[&str], orders: impl IntoIterator<Item = Value>) -> Value {
    let context = json!({"patientId": "p1", "dispatchedOrders": references, "performer": "Organization/pain-clinic"});
    call("order-dispatch", &context, orders)
}

fn appointment(id: &str, more: &Value) -> Value {
    let actors = [json!({"actor": {"reference": "Patient/p1"}, "status": "accepted"}), json!({"actor": {"reference": "Practitioner/d1"}})];
    let mut appointment =
        json!({"resourceType": "Appointment", "id": id, "status": "proposed", "start": "2026-03-20T09:00:00Z", "participant": actors});
    for (name, value) in more.as_object().into_iter().flatten() {
        appointment[name] = value.clone();
    }
    appointment
}

fn book(appointments: impl IntoIterator<Item = Value>, orders: impl IntoIterator<Item = Value>) -> Value {
    call("appointment-book", &json!({"userId": "Practitioner/d1", "patientId": "p1", "appointments": bundle(appointments)}), orders)
}

/// The evaluated orders of a call, each with its date.
fn judged(call: &Value) -> Vec<(String, String)> {
    let evaluation = Evaluator::new().evaluate(&call.to_string());
    let orders = evaluation["orders"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    orders.iter().map(|order| (text(&order["order"]), text(&order["serviceDate"]))).collect()
}

fn on(order: &str, date: &str) -> (String, String) {
    (order.to_owned(), date.to_owned())
}

#[tokio::test]
async fn of_the_draft_orders_only_the_selected_are_judged() {
    let orders = [injection("a"), injection("b"), order("c", &cpt(OTHER), "2026-03-09")];
    for (selections, expected) in [
        (vec!["ServiceRequest/b"], vec![on("ServiceRequest/b", "2026-03-09")]),
        (vec!["b"], vec![on("ServiceRequest/b", "2026-03-09")]),
        (vec!["https://ehr.example/fhir/ServiceRequest/a"], vec![on("ServiceRequest/a", "2026-03-09")]),
        (vec!["ServiceRequest/c", "MedicationRequest/a"], vec![]),
        (vec![], vec![]),
    ] {
        assert_eq!(judged(&select(&orders, &selections)), expected, "{selections:?}");
    }
}

#[tokio::test]
async fn an_order_that_is_not_selected_still_counts_as_planned_for_the_visit() {
    let evaluation = Evaluator::new().evaluate(&select(&[injection("a"), injection("b")], &["ServiceRequest/a"]).to_string());
    let criteria = evaluation["orders"][0]["sites"][0]["criteria"].as_array().unwrap().clone();
    assert_eq!(criteria.iter().find(|criterion| criterion["id"] == "V").unwrap()["verdict"], "not-met");
}

#[tokio::test]
async fn dispatched_orders_are_found_in_the_prefetch_whatever_its_key() {
    let elsewhere = |key: &str| {
        let mut call = dispatch(&["ServiceRequest/a"], []);
        call["prefetch"][key] = active(injection("a"));
        call
    };
    for call in [dispatch(&["ServiceRequest/a"], [active(injection("a")), active(injection("b"))]), elsewhere("theOrder")] {
        assert_eq!(judged(&call), [on("ServiceRequest/a", "2026-03-09")]);
    }
}

#[tokio::test]
async fn a_dispatch_of_hook_version_1_0_is_judged_as_one_of_1_1() {
    let task = json!({"resourceType": "Task", "id": "t", "status": "draft", "intent": "order", "focus": {"reference": "ServiceRequest/a"},
        "restriction": {"period": {"start": "2026-03-20"}}});
    let mut undated = active(injection("a"));
    undated.as_object_mut().unwrap().remove("occurrenceDateTime");
    let context = json!({"patientId": "p1", "order": "ServiceRequest/a", "performer": "Organization/pain-clinic", "task": task});
    assert_eq!(judged(&call("order-dispatch", &context, [undated.clone()])), [on("ServiceRequest/a", "2026-03-20")]);
    let mut current = dispatch(&["ServiceRequest/a"], [undated]);
    current["context"]["fulfillmentTasks"] = json!([task]);
    assert_eq!(judged(&current), [on("ServiceRequest/a", "2026-03-20")]);
}

#[tokio::test]
async fn a_dispatch_without_orders_is_refused_by_the_names_of_both_versions() {
    let app = TestApp::on_the_day_of_the_fixtures();
    let answer = app.sign(&call("order-dispatch", &json!({"patientId": "p1"}), [])).await;
    let said = answer.outcome(400, "structure");
    assert_eq!(said, "`context.dispatchedOrders` is missing, and so is `context.order` of hook version 1.0");
    assert_eq!(answer.json()["issue"][0]["expression"][0], "context.dispatchedOrders");
}

#[tokio::test]
async fn a_dispatched_order_is_answered_with_a_card_and_without_a_user() {
    let app = TestApp::on_the_day_of_the_fixtures();
    let answer = app.sign(&dispatch(&["ServiceRequest/a"], [active(injection("a"))])).await;
    assert_eq!(answer.json()["cards"].as_array().map(Vec::len), Some(1), "{}", answer.text());
    let answer = app.sign(&dispatch(&["MedicationRequest/m"], [])).await;
    assert_eq!(answer.text(), r#"{"cards":[]}"#);
}

#[tokio::test]
async fn dispatched_orders_are_read_from_the_clients_server() {
    let server = FhirServer::without_entries().await.holding(active(injection("a")));
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| register(config, &server.base()));
    let mut call = dispatch(&["ServiceRequest/a"], []);
    call["fhirServer"] = json!(server.base());
    assert_eq!(app.sign(&call).await.json()["cards"].as_array().map(Vec::len), Some(1));
    let searched = server.parameters("ServiceRequest").await;
    assert_eq!(searched.iter().filter(|parameters| parameters.get("_id").is_some_and(|id| id == "a")).count(), 1, "{searched:?}");
}

#[tokio::test]
async fn an_order_out_of_scope_is_read_and_nothing_else() {
    let server = FhirServer::without_entries().await.holding(active(order("a", &cpt(OTHER), "2026-03-09")));
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| register(config, &server.base()));
    let mut call = dispatch(&["ServiceRequest/a"], []);
    call.as_object_mut().unwrap().remove("prefetch");
    call["fhirServer"] = json!(server.base());
    assert_eq!(app.sign(&call).await.text(), r#"{"cards":[]}"#);
    assert_eq!(server.types_asked().await, ["ServiceRequest"]);
}

#[tokio::test]
async fn dispatched_orders_that_cannot_be_had_are_412() {
    let app = TestApp::on_the_day_of_the_fixtures();
    let said = app.sign(&dispatch(&["ServiceRequest/a"], [active(injection("b"))])).await.outcome(412, "incomplete");
    assert!(said.starts_with("none of the orders that the call names"), "{said}");
    let some = dispatch(&["ServiceRequest/a", "ServiceRequest/b"], [active(injection("b"))]);
    assert_eq!(app.sign(&some).await.json()["cards"].as_array().map(Vec::len), Some(1), "what is there is judged");
}

#[tokio::test]
async fn a_task_says_when_an_order_is_carried_out_that_does_not_say_so_itself() {
    let mut undated = active(injection("a"));
    undated.as_object_mut().unwrap().remove("occurrenceDateTime");
    let task = |order: &str| {
        json!({"resourceType": "Task", "status": "draft", "intent": "order", "focus": {"reference": format!("ServiceRequest/{order}")},
            "restriction": {"period": {"start": "2026-04-01"}}})
    };
    let mut call = dispatch(&["ServiceRequest/a", "ServiceRequest/b"], [undated, active(injection("b"))]);
    call["context"]["fulfillmentTasks"] = json!([task("a"), task("b"), 7]);
    assert_eq!(judged(&call), [on("ServiceRequest/a", "2026-04-01"), on("ServiceRequest/b", "2026-03-09")]);
}

#[tokio::test]
async fn an_appointment_is_judged_by_its_order_on_its_own_day() {
    let based = appointment("t", &json!({"basedOn": [{"reference": "ServiceRequest/a"}]}));
    assert_eq!(judged(&book([based], [active(injection("a"))])), [on("ServiceRequest/a", "2026-03-20")]);
}

#[tokio::test]
async fn an_appointment_without_an_order_is_judged_by_what_it_says() {
    let alone = appointment("t", &json!({"serviceType": [cpt(INJECTION)], "reasonCode": [icd10("M46.1")]}));
    let call = book([alone, appointment("u", &json!({"serviceType": [cpt(OTHER)]}))], []);
    assert_eq!(judged(&call), [on("Appointment/t", "2026-03-20")]);
    let evaluation = Evaluator::new().evaluate(&call.to_string());
    assert_eq!(evaluation["orders"][0]["diagnosis"], "on-order");
    let mut cancelled = appointment("t", &json!({"serviceType": [cpt(INJECTION)]}));
    cancelled["status"] = json!("cancelled");
    assert_eq!(judged(&book([cancelled], [])), []);
}

#[tokio::test]
async fn an_order_or_appointment_of_another_patient_is_422() {
    let app = TestApp::on_the_day_of_the_fixtures();
    let mut others = active(injection("a"));
    others["subject"]["reference"] = json!("Patient/p2");
    let mut booked = appointment("t", &json!({"serviceType": [cpt(INJECTION)]}));
    booked["participant"][0]["actor"]["reference"] = json!("Patient/p2");
    for (call, expression) in [
        (dispatch(&["ServiceRequest/a"], [others.clone()]), "context.dispatchedOrders"),
        (book([appointment("t", &json!({"basedOn": [{"reference": "ServiceRequest/a"}]}))], [others.clone()]), "context.appointments"),
        (book([booked], []), "context.appointments.entry[0].resource.participant"),
        (select(&[others], &["ServiceRequest/a"]), "context.draftOrders.entry[0].resource.subject"),
    ] {
        let answer = app.sign(&call).await;
        answer.outcome(422, "business-rule");
        assert_eq!(answer.json()["issue"][0]["expression"][0], expression);
    }
}

#[tokio::test]
async fn another_patients_order_on_the_clients_server_is_422_too() {
    let mut others = active(injection("a"));
    others["subject"]["reference"] = json!("Patient/p2");
    let server = FhirServer::without_entries().await.holding(others);
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| register(config, &server.base()));
    let mut call = dispatch(&["ServiceRequest/a"], []);
    call["fhirServer"] = json!(server.base());
    app.sign(&call).await.outcome(422, "business-rule");
}

#[tokio::test]
async fn more_orders_than_a_call_is_about_are_422() {
    let names: Vec<_> = (0..101).map(|number| format!("ServiceRequest/o{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let app = TestApp::on_the_day_of_the_fixtures();
    let said = app.sign(&dispatch(&names, [])).await.outcome(422, "business-rule");
    assert_eq!(said, "more than 100 entries in `context.dispatchedOrders`");
}

#[tokio::test]
async fn the_history_counts_for_every_hook() {
    let earlier = [procedure("i1", &cpt("27096:50"), "2026-02-27")];
    let mut call = dispatch(&["ServiceRequest/a"], [active(injection("a"))]);
    call["prefetch"]["procedures"] = bundle(earlier);
    let evaluation = Evaluator::new().evaluate(&call.to_string());
    assert_eq!(evaluation["orders"][0]["determination"], "not-yet");
}

#[tokio::test]
async fn discovery_lists_one_service_for_each_hook() {
    let discovery = TestApp::on_the_day_of_the_fixtures().discovery().await.json();
    let services = discovery["services"].as_array().unwrap().clone();
    let hooks: Vec<_> = services.iter().map(|service| service["hook"].as_str().unwrap()).collect();
    assert_eq!(hooks, ["order-sign", "order-select", "order-dispatch", "appointment-book"]);
    for service in &services {
        assert_eq!(service["extension"]["davinci-crd.version"], json!(["2.0", "2.2"]));
    }
}

#[tokio::test]
async fn a_hook_that_is_not_offered_is_400() {
    let app = TestApp::on_the_day_of_the_fixtures();
    for hook in [Hook::EncounterStart.as_str(), "patient-view"] {
        let call = call(hook, &json!({"userId": "Practitioner/d1", "patientId": "p1"}), []);
        let said = app.sign(&call).await.outcome(400, "structure");
        assert_eq!(said, "this service answers order-sign, order-select, order-dispatch and appointment-book");
    }
}

#[tokio::test]
async fn epics_other_triggers_are_told_that_there_is_nothing_to_say() {
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| config.development.dialect = Some(Dialect::Epic));
    let call = call("patient-view", &json!({"userId": "Practitioner/d1", "patientId": "p1"}), [active(injection("a"))]);
    assert_eq!(app.sign(&call).await.text(), r#"{"cards":[]}"#);
    assert!(!app.discovery().await.text().contains("patient-view"));
}

#[tokio::test]
async fn encounters_are_answered_where_that_is_configured() {
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
        config.crd.hooks = serde_json::from_value(json!(["order-sign", "encounter-start", "encounter-discharge"])).unwrap();
    });
    for hook in ["encounter-start", "encounter-discharge"] {
        let context = json!({"userId": "Practitioner/d1", "patientId": "p1", "encounterId": "e1", "draftOrders": bundle([injection("a")])});
        assert_eq!(app.sign(&call(hook, &context, [])).await.text(), r#"{"cards":[]}"#);
    }
    app.sign(&dispatch(&["ServiceRequest/a"], [active(injection("a"))])).await.outcome(400, "structure");
    let discovery = app.discovery().await.json();
    let hooks: Vec<_> = discovery["services"].as_array().unwrap().iter().map(|service| service["hook"].clone()).collect();
    assert_eq!(json!(hooks), json!(["order-sign", "encounter-start", "encounter-discharge"]));
}

#[tokio::test]
async fn a_call_that_named_its_orders_is_replayed_without_the_server() {
    let server = FhirServer::without_entries().await.holding(active(injection("a"))).holding(active(order("b", &cpt(OTHER), "2026-03-09")));
    let mut keeping = Keeping::new();
    register(&mut keeping.config, &server.base());
    let app = keeping.app().await;
    for order in ["ServiceRequest/a", "ServiceRequest/b"] {
        let mut call = dispatch(&[order], []);
        call["fhirServer"] = json!(server.base());
        assert_eq!(app.http.sign(&call).await.status, 200);
    }
    app.http.sign_text(&story("nothing-documented").request).await;
    app.ports.close().await;
    let replaying = keeping.replaying();
    let calls: Vec<_> = keeping.records().await.into_iter().filter(|record| record.hook.is_some()).collect();
    assert_eq!(calls.len(), 3);
    for call in calls {
        let replay = replaying.hooks.replay(&call).unwrap();
        assert!(replay.differences.is_empty(), "{:?}", replay.differences);
    }
}

/// The hook decides which orders are asked about, and whether the prefetch is read.
#[tokio::test]
async fn a_call_that_names_two_hooks_is_400() {
    let call = crate::support::story("second-diagnostic-day-10").request;
    let body = call.trim().strip_prefix('{').unwrap();
    for (first, second) in
        [("order-select", "order-sign"), ("order-sign", "order-select"), ("order-sign", "order-dispatch"), ("order-sign", "order-sign")]
    {
        let text = format!(r#"{{"hook":"{first}",{}"#, body.replacen(r#""order-sign""#, &format!(r#""{second}""#), 1));
        TestApp::on_the_day_of_the_fixtures().sign_text(&text).await.outcome(400, "structure");
    }
}
