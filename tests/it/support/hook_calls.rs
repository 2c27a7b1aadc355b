//! A story as a call of each hook that CRD has, as an EHR would make it.

use serde_json::{Value, json};
use sij_cds::cds_hooks::Hook;

use super::Case;
use super::call::bundle;

/// The hooks of CRD 2.0.1 and 2.2.1.
pub(crate) const CRD_HOOKS: [Hook; 6] =
    [Hook::AppointmentBook, Hook::EncounterStart, Hook::EncounterDischarge, Hook::OrderSelect, Hook::OrderDispatch, Hook::OrderSign];

/// The versions of CRD, as requested in a call.
pub(crate) const CRD_VERSIONS: [&str; 2] = ["2.0", "2.2"];

/// Who performs what is dispatched or booked.
const PERFORMER: &str = "Practitioner/practitioner-1";

/// An order in scope, and the day it is for.
struct OrderInScope {
    reference: String,
    resource: Value,
    day: String,
}

/// The calls of a hook about a story's orders in scope. A dispatch names one order, as hook version 1.0 asks. Appointments are booked for the
/// orders, and in a call of their own for what the orders say. Every other hook has one call.
pub(crate) fn hook_calls(story: &Case, hook: Hook, version: &str) -> Vec<Value> {
    let mut call: Value = serde_json::from_str(&story.request).unwrap();
    let orders = orders_in_scope(story, &call);
    call["hook"] = json!(hook.as_str());
    call["extension"]["davinci-crd.requestedVersion"] = json!(version);
    match hook {
        Hook::OrderSign | Hook::PatientView => vec![call],
        Hook::OrderSelect => vec![selecting(call, &orders)],
        Hook::OrderDispatch => orders.iter().map(|order| dispatching(call.clone(), order)).collect(),
        Hook::AppointmentBook => vec![booking_orders(call.clone(), &orders), booking_alone(call, &orders)],
        Hook::EncounterStart | Hook::EncounterDischarge => vec![meeting(call)],
    }
}

fn orders_in_scope(story: &Case, call: &Value) -> Vec<OrderInScope> {
    let drafts = call["context"]["draftOrders"]["entry"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let expected = story.expected["orders"].as_array().unwrap().iter();
    let found = expected.map(|order| {
        let (reference, day) = (text(&order["order"]), text(&order["serviceDate"]));
        let id = reference.strip_prefix("ServiceRequest/").unwrap();
        let is_it = |entry: &&Value| entry["resource"]["resourceType"] == "ServiceRequest" && entry["resource"]["id"] == id;
        let resource = drafts.iter().find(is_it).unwrap()["resource"].clone();
        OrderInScope { reference, resource, day }
    });
    found.collect()
}

fn selecting(mut call: Value, orders: &[OrderInScope]) -> Value {
    call["context"]["selections"] = orders.iter().map(|order| order.reference.clone()).collect();
    call
}

fn active(order: &OrderInScope) -> Value {
    let mut order = order.resource.clone();
    order["status"] = json!("active");
    order
}

fn dispatching(mut call: Value, order: &OrderInScope) -> Value {
    call["context"] = json!({"patientId": call["context"]["patientId"], "order": order.reference, "performer": PERFORMER});
    call["prefetch"]["dispatchedOrders"] = bundle([active(order)]);
    call
}

fn booking_orders(mut call: Value, orders: &[OrderInScope]) -> Value {
    call["prefetch"]["orders"] = bundle(orders.iter().map(active));
    booking(call, orders, |order| json!({"basedOn": [{"reference": order.reference}]}))
}

/// Appointments that have no order and say themselves what is to be done.
fn booking_alone(call: Value, orders: &[OrderInScope]) -> Value {
    booking(call, orders, |order| {
        let mut said = json!({"serviceType": [order.resource["code"]]});
        for name in ["reasonCode", "reasonReference"] {
            if let Some(reasons) = order.resource.get(name) {
                said[name] = reasons.clone();
            }
        }
        said
    })
}

fn booking(mut call: Value, orders: &[OrderInScope], said: impl Fn(&OrderInScope) -> Value) -> Value {
    let patient = format!("Patient/{}", call["context"]["patientId"].as_str().unwrap());
    let participant: Vec<_> =
        [patient.as_str(), PERFORMER].iter().map(|actor| json!({"actor": {"reference": actor}, "status": "accepted"})).collect();
    let appointments = orders.iter().enumerate().map(|(place, order)| {
        let mut appointment = json!({
            "resourceType": "Appointment", "id": format!("appointment-{place}"), "status": "proposed",
            "start": format!("{}T15:00:00Z", order.day), "end": format!("{}T15:30:00Z", order.day), "participant": participant,
        });
        appointment.as_object_mut().unwrap().extend(said(order).as_object().unwrap().clone());
        appointment
    });
    let appointments = bundle(appointments);
    call["context"] = json!({"userId": call["context"]["userId"], "patientId": call["context"]["patientId"], "appointments": appointments});
    call
}

fn meeting(mut call: Value) -> Value {
    call["context"] = json!({"userId": call["context"]["userId"], "patientId": call["context"]["patientId"], "encounterId": "encounter-1"});
    call
}
