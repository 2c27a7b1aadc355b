//! Coverage information on appointments: which appointments have it beside their orders, and what happens if the order cannot be had.
//! Not here: an appointment without an order ([`super::crd_answers`]).

use serde_json::{Value, json};
use sij_cds::crd::COVERAGE_INFORMATION;

use crate::support::call::{bundle, cpt, order};
use crate::support::fhir_server::{FhirServer, register};
use crate::support::keeping::Keeping;
use crate::support::{Call, TestApp};

const INJECTION: &str = "27096";

/// For another joint.
const OTHER: &str = "20610";

fn injection(id: &str) -> Value {
    let mut order = order(id, &cpt(INJECTION), "2026-12-01");
    order["status"] = json!("active");
    order
}

/// An appointment on 2026-12-20 for these orders.
fn appointment(id: &str, orders: &[&str]) -> Value {
    let based_on: Vec<_> = orders.iter().map(|order| json!({"reference": format!("ServiceRequest/{order}")})).collect();
    json!({"resourceType": "Appointment", "id": id, "status": "proposed", "start": "2026-12-20T09:00:00Z", "end": "2026-12-20T09:30:00Z",
        "basedOn": based_on, "x-unknown": 1.50, "participant": [{"actor": {"reference": "Patient/p1"}, "status": "accepted"}]})
}

fn with(mut resource: Value, name: &str, value: Value) -> Value {
    resource[name] = value;
    resource
}

fn coverage() -> Value {
    json!({"resourceType": "Coverage", "id": "c1", "status": "active", "beneficiary": {"reference": "Patient/p1"},
        "payor": [{"display": "A plan"}]})
}

/// A call that books these appointments, for a client of this CRD version.
fn booking(version: &str, appointments: &[Value], orders: &[Value]) -> Value {
    let mut call = Call::ordering([]).with("coverage", [coverage()]).with("serviceRequests", orders.to_vec()).0;
    call["hook"] = json!("appointment-book");
    call["context"] = json!({"userId": "Practitioner/d1", "patientId": "p1", "appointments": bundle(appointments.to_vec())});
    call["extension"] = json!({"davinci-crd.requestedVersion": version});
    call
}

/// The resources that an answer writes coverage information on.
async fn written(call: &Value) -> Vec<Value> {
    let answer = TestApp::on_the_day_of_the_fixtures().sign(call).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let actions = answer.json()["systemActions"].as_array().cloned().unwrap_or_default();
    actions.into_iter().map(|action| action["resource"].clone()).collect()
}

fn references(resources: &[Value]) -> Vec<String> {
    let text = |resource: &Value, name: &str| resource[name].as_str().unwrap_or_default().to_owned();
    resources.iter().map(|resource| format!("{}/{}", text(resource, "resourceType"), text(resource, "id"))).collect()
}

/// The values of a part of a resource's coverage information.
fn parts(resource: &Value, url: &str) -> Vec<Value> {
    let ours = resource["extension"].as_array().unwrap().iter().filter(|extension| extension["url"] == COVERAGE_INFORMATION);
    let parts = ours.flat_map(|extension| extension["extension"].as_array().unwrap()).filter(|part| part["url"] == url);
    parts
        .map(|part| part.as_object().unwrap().iter().find(|(name, _)| name.starts_with("value")).map_or(part, |(_, value)| value).clone())
        .collect()
}

#[tokio::test]
async fn an_order_and_its_appointment_bear_it_in_every_version() {
    let (order, booked) = (injection("a"), appointment("t", &["a"]));
    for version in ["2.0", "2.2"] {
        let resources = written(&booking(version, std::slice::from_ref(&booked), std::slice::from_ref(&order))).await;
        assert_eq!(references(&resources), ["ServiceRequest/a", "Appointment/t"], "{version}");
    }
    let undeclared = with(booking("2.0", &[booked], &[order]), "extension", json!({}));
    assert_eq!(references(&written(&undeclared).await), ["ServiceRequest/a", "Appointment/t"]);
}

#[tokio::test]
async fn the_appointment_says_what_its_order_does_and_keeps_every_other_member() {
    let booked = appointment("t", &["a"]);
    let call = booking("2.0", std::slice::from_ref(&booked), &[injection("a")]);
    let answer = TestApp::on_the_day_of_the_fixtures().sign(&call).await;
    let text = booked.to_string();
    assert!(answer.text().contains(text.trim_end_matches('}')), "letter for letter");
    let actions = answer.json()["systemActions"].as_array().unwrap().clone();
    let told: Vec<_> = actions.iter().map(|action| action["description"].as_str().unwrap().split(':').next().unwrap().to_owned()).collect();
    assert_eq!(told, ["Coverage information put on the order", "Coverage information put on the appointment"]);
    let [on_order, mut on_appointment] = [0, 1].map(|place: usize| actions[place]["resource"].clone());
    for url in ["coverage", "covered", "billingCode", "coverage-assertion-id", "questionnaire", "reason", "date"] {
        assert_eq!(parts(&on_appointment, url), parts(&on_order, url), "{url}");
    }
    assert_eq!(parts(&on_appointment, "billingCode").len(), 1, "the order's, for the appointment has no code");
    let has_period = |resource: &Value| resource.to_string().contains("allowed-period");
    assert_eq!((has_period(&on_order), has_period(&on_appointment)), (true, false), "the appointment states its day itself");
    on_appointment.as_object_mut().unwrap().remove("extension");
    assert_eq!(on_appointment, booked);
}

#[tokio::test]
async fn nothing_is_sent_where_order_and_appointment_say_it_already() {
    let call = booking("2.0", &[appointment("t", &["a"])], &[injection("a")]);
    let resources = written(&call).await;
    for (orders, appointments, expected) in [
        (resources[0].clone(), resources[1].clone(), vec![]),
        (resources[0].clone(), appointment("t", &["a"]), vec!["Appointment/t"]),
        (injection("a"), resources[1].clone(), vec!["ServiceRequest/a"]),
    ] {
        assert_eq!(references(&written(&booking("2.0", &[appointments], &[orders])).await), expected);
    }
}

#[tokio::test]
async fn an_appointment_has_it_only_for_its_only_order_on_the_day_that_was_judged() {
    let (a, b, other) = (injection("a"), injection("b"), with(injection("x"), "code", cpt(OTHER)));
    let later = with(appointment("later", &["a"]), "start", json!("2027-01-20T09:00:00Z"));
    let same_day = with(appointment("same", &["a"]), "start", json!("2026-12-20T15:00:00Z"));
    let undated = with(appointment("undated", &["a"]), "start", Value::Null);
    let contained =
        with(with(a.clone(), "insurance", json!([{"reference": "#own"}])), "contained", json!([with(coverage(), "id", json!("own"))]));
    let t = || appointment("t", &["a"]);
    for (name, appointments, orders, expected) in [
        ("the earliest counts", vec![later, t()], vec![a.clone()], vec!["Appointment/t"]),
        ("two on one day", vec![t(), same_day], vec![a.clone()], vec!["Appointment/t", "Appointment/same"]),
        ("no day", vec![undated], vec![a.clone()], vec!["Appointment/undated"]),
        ("two decided orders", vec![appointment("t", &["a", "b"])], vec![a.clone(), b], vec![]),
        ("the same order twice", vec![appointment("t", &["a", "a"])], vec![a.clone()], vec!["Appointment/t"]),
        ("one of two is out of scope", vec![appointment("t", &["a", "x"])], vec![a.clone(), other.clone()], vec!["Appointment/t"]),
        ("out of scope", vec![appointment("t", &["x"])], vec![other], vec![]),
        ("cancelled", vec![with(t(), "status", json!("cancelled")), appointment("u", &["a"])], vec![a.clone()], vec!["Appointment/u"]),
        ("no id", vec![with(t(), "id", Value::Null)], vec![a], vec![]),
        ("a Coverage contained in the order", vec![t()], vec![contained], vec![]),
    ] {
        let written = references(&written(&booking("2.0", &appointments, &orders)).await);
        let on_appointments: Vec<_> = written.iter().filter(|reference| reference.starts_with("Appointment/")).collect();
        assert_eq!(on_appointments, expected, "{name}: {written:?}");
    }
}

#[tokio::test]
async fn an_appointment_whose_order_cannot_be_had_is_judged_by_its_own_contents() {
    let own = |code: &str| with(appointment("t", &["a"]), "serviceType", json!([cpt(code)]));
    for version in ["2.0", "2.2"] {
        assert_eq!(references(&written(&booking(version, &[own(INJECTION)], &[])).await), ["Appointment/t"], "{version}");
        let resources = written(&booking(version, &[own(INJECTION)], &[injection("a")])).await;
        assert_eq!(references(&resources)[0], "ServiceRequest/a", "an order that is there counts");
    }
    for appointment in [own(OTHER), appointment("t", &["a"])] {
        let call = booking("2.0", &[appointment], &[]);
        let said = TestApp::on_the_day_of_the_fixtures().sign(&call).await.outcome(412, "incomplete");
        assert!(said.starts_with("none of the orders that the call names"), "{said}");
    }
    let beside = booking("2.0", &[own(INJECTION), appointment("u", &["b"])], &[with(injection("b"), "occurrenceDateTime", Value::Null)]);
    let resources = references(&written(&beside).await);
    assert_eq!(resources, ["Appointment/t", "ServiceRequest/b", "Appointment/u"]);
}

#[tokio::test]
async fn the_order_is_asked_for_first_and_a_replay_judges_alike() {
    let server = FhirServer::without_entries().await;
    let mut keeping = Keeping::new();
    register(&mut keeping.config, &server.base());
    let app = keeping.app().await;
    let own = with(appointment("t", &["a"]), "serviceType", json!([cpt(INJECTION)]));
    for named in [Some(server.base()), None] {
        let call = with(booking("2.0", std::slice::from_ref(&own), &[]), "fhirServer", json!(named));
        let answer = app.http.sign(&call).await.json();
        assert_eq!(answer["systemActions"][0]["resource"]["id"], "t", "{answer}");
    }
    let call = booking("2.0", &[appointment("t", &["a"])], &[injection("a")]);
    assert_eq!(app.http.sign(&call).await.json()["systemActions"].as_array().map(Vec::len), Some(2));
    assert!(server.parameters("ServiceRequest").await.iter().any(|parameters| parameters.get("_id").is_some_and(|id| id == "a")));
    app.ports.close().await;
    let replaying = keeping.replaying();
    let calls: Vec<_> = keeping.records().await.into_iter().filter(|record| record.hook.is_some()).collect();
    assert_eq!(calls.len(), 3);
    for call in calls {
        let replay = replaying.hooks.replay(&call).unwrap();
        assert!(replay.differences.is_empty(), "{:?}", replay.differences);
    }
}

/// An answer repeats the appointments of decided orders.
#[tokio::test]
async fn large_appointments_count_as_large_orders_do() {
    let large = |order: &str| with(appointment("t", &[order]), "comment", json!("x".repeat(300 * 1024)));
    let app = TestApp::on_the_day_of_the_fixtures();
    let said = app.sign(&booking("2.0", &[large("a")], &[injection("a")])).await.outcome(422, "business-rule");
    assert_eq!(said, "the orders for the sacroiliac joint in `context.appointments` are larger than 262144 bytes");
    let other = with(injection("x"), "code", cpt(OTHER));
    assert_eq!(app.sign(&booking("2.0", &[large("x")], &[other])).await.text(), r#"{"cards":[]}"#);
}

/// An appointment that does not say its day in full has the judged day as the days its assertion is for.
#[tokio::test]
async fn an_appointment_without_a_day_says_for_which_day_it_was_judged() {
    let dated = appointment("t", &["a"]);
    let mut undated = appointment("u", &["a"]);
    undated.as_object_mut().unwrap().retain(|name, _| !["start", "end"].contains(&name.as_str()));
    let mut partly = undated.clone();
    partly["id"] = json!("m");
    partly["requestedPeriod"] = json!([{"start": "2026-12"}]);
    for (booked, expected) in [
        (vec![dated, undated], vec![("ServiceRequest/a", true), ("Appointment/t", false), ("Appointment/u", true)]),
        (vec![partly], vec![("ServiceRequest/a", true), ("Appointment/m", true)]),
    ] {
        let resources = written(&booking("2.2", &booked, &[injection("a")])).await;
        let (references, has_period) = (references(&resources), |resource: &Value| resource.to_string().contains("allowed-period"));
        let found: Vec<_> = references.iter().map(String::as_str).zip(resources.iter().map(has_period)).collect();
        assert_eq!(found, expected);
    }
}

/// Two appointments for one order that cannot be had: the one that says itself what is in scope is judged, and the order of the other is
/// still looked for.
#[tokio::test]
async fn an_order_that_another_appointment_names_is_still_looked_for() {
    let injected = json!([{"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "27096"}]}]);
    let judged = with(appointment("t", &["gone"]), "serviceType", injected);
    let server = FhirServer::without_entries().await;
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| register(config, &server.base()));
    let mut call = booking("2.2", &[judged, appointment("u", &["gone"])], &[]);
    call["fhirServer"] = json!(server.base());
    call["fhirAuthorization"] = json!({"access_token": "t", "token_type": "Bearer"});
    let answer = app.sign(&call).await;
    assert_eq!(answer.json()["cards"].as_array().map(Vec::len), Some(1), "{}", answer.text());
}
