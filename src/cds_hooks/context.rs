//! What a call is about: the contexts of the hooks (HL7/cds-hooks-library, one page a hook), read as one.
//! Members that a call's own hook does not have are ignored; those it must have are checked once the hook is known.
//! Not here: the orders themselves; see [`crate::evidence`].

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::hook::Hook;
use super::request::{Borrowed, optional_object, optional_objects};
use super::request_error::RequestError;

/// The context of a call, whatever its hook.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context<'a> {
    #[serde(borrow, default)]
    user_id: Option<Borrowed<'a>>,
    /// The patient's id.
    #[serde(borrow)]
    pub patient_id: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "optional_object")]
    draft_orders: Option<OrderBundle<'a>>,
    #[serde(borrow, default)]
    selections: Option<&'a RawValue>,
    #[serde(borrow, default)]
    dispatched_orders: Option<&'a RawValue>,
    /// The dispatched order as version 1.0 of order-dispatch has it, which CRD 2.0.1 asks for.
    #[serde(borrow, default)]
    order: Option<&'a RawValue>,
    #[serde(borrow, default)]
    fulfillment_tasks: Option<&'a RawValue>,
    /// What the example of the hook's page calls them.
    #[serde(borrow, default, rename = "fulfillment-tasks")]
    hyphenated_tasks: Option<&'a RawValue>,
    /// The Task as version 1.0 of order-dispatch has it.
    #[serde(borrow, default)]
    task: Option<&'a RawValue>,
    #[serde(borrow, default)]
    appointments: Option<&'a RawValue>,
    #[serde(borrow, default)]
    encounter_id: Option<&'a RawValue>,
}

/// A Bundle of orders or appointments, its entries still raw.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderBundle<'a> {
    #[serde(borrow)]
    resource_type: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "optional_objects")]
    entry: Option<Vec<OrderEntry<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderEntry<'a> {
    #[serde(borrow, default)]
    full_url: Option<Borrowed<'a>>,
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
}

/// A resource of a Bundle, and its address where the client gives one.
pub type Addressed<'a> = (Option<Cow<'a, str>>, Option<&'a RawValue>);

impl<'a> OrderBundle<'a> {
    fn entries(&self) -> impl Iterator<Item = Addressed<'a>> {
        self.entry.iter().flatten().map(|entry| (entry.full_url.as_ref().map(|url| url.0.clone()), entry.resource))
    }
}

impl<'a> Context<'a> {
    /// `Practitioner/d1`; nothing where the call does not say.
    #[must_use]
    pub fn user_id(&self) -> Cow<'a, str> {
        self.user_id.as_ref().map(|user| user.0.clone()).unwrap_or_default()
    }

    /// The resources among the draft orders with their addresses, by place.
    pub fn order_resources(&self) -> impl Iterator<Item = Addressed<'a>> {
        self.draft_orders.iter().flat_map(OrderBundle::entries)
    }

    /// The resources among the appointments with their addresses, by place.
    ///
    /// # Errors
    /// That they are no Bundle.
    pub fn appointment_resources(&self) -> Result<Vec<Addressed<'a>>, RequestError> {
        let bundle: OrderBundle<'a> = member(self.appointments, "context.appointments")?;
        if bundle.resource_type != "Bundle" {
            return Err(RequestError::WrongType { path: "context.appointments.resourceType".to_owned() });
        }
        Ok(bundle.entries().collect())
    }

    /// What order-select's newly chosen orders are called: `ServiceRequest/{id}`.
    ///
    /// # Errors
    /// That they are missing, or no list of texts.
    pub fn selections(&self) -> Result<Vec<Cow<'a, str>>, RequestError> {
        texts(self.selections, "context.selections")
    }

    /// What the dispatched orders are called: `ServiceRequest/{id}`. Version 1.0 of the hook has one, as `order`; `dispatchedOrders` of
    /// version 1.1 goes before it.
    ///
    /// # Errors
    /// That they are missing under either name, no list of texts, or no text.
    pub fn dispatched_orders(&self) -> Result<Vec<Cow<'a, str>>, RequestError> {
        if present(self.dispatched_orders).is_some() {
            return texts(self.dispatched_orders, "context.dispatchedOrders");
        }
        let order = present(self.order).ok_or(RequestError::NoDispatchedOrders)?;
        member(Some(order), "context.order").map(|Borrowed(order)| vec![order])
    }

    /// The Tasks of the dispatched orders, the one of version 1.0 included; none where there are none, or not as the hook's page has them.
    #[must_use]
    pub fn fulfillment_tasks(&self) -> Vec<&'a RawValue> {
        match present(self.fulfillment_tasks).or(present(self.hyphenated_tasks)) {
            Some(tasks) => serde_json::from_str(tasks.get()).unwrap_or_default(),
            None => present(self.task).into_iter().collect(),
        }
    }

    /// The encounter's id, where the call names one.
    #[must_use]
    pub fn encounter_id(&self) -> Option<Cow<'a, str>> {
        let id: Option<Borrowed<'a>> = serde_json::from_str(self.encounter_id?.get()).ok()?;
        id.map(|id| id.0).filter(|id| !id.is_empty())
    }

    /// Checks that what a hook must bring is there.
    pub(super) fn check(&self, hook: Hook) -> Result<(), RequestError> {
        if self.patient_id.is_empty() {
            return Err(missing("context.patientId"));
        }
        if self.user_id.is_none() && needs_user(hook) {
            return Err(missing("context.userId"));
        }
        match hook {
            Hook::OrderSign => self.check_drafts(),
            Hook::OrderSelect => self.check_drafts().and_then(|()| self.selections().map(drop)),
            Hook::OrderDispatch => self.dispatched_orders().map(drop),
            Hook::AppointmentBook => self.appointment_resources().map(drop),
            Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => Ok(()),
        }
    }

    fn check_drafts(&self) -> Result<(), RequestError> {
        match &self.draft_orders {
            None => Err(RequestError::NoOrders),
            Some(bundle) if bundle.resource_type != "Bundle" => {
                Err(RequestError::WrongType { path: "context.draftOrders.resourceType".to_owned() })
            }
            Some(_) => Ok(()),
        }
    }
}

/// order-dispatch has no user in its context.
fn needs_user(hook: Hook) -> bool {
    match hook {
        Hook::OrderDispatch => false,
        Hook::OrderSign
        | Hook::OrderSelect
        | Hook::AppointmentBook
        | Hook::EncounterStart
        | Hook::EncounterDischarge
        | Hook::PatientView => true,
    }
}

fn missing(path: &str) -> RequestError {
    RequestError::Missing { path: path.to_owned() }
}

/// A member that is not null.
fn present(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| raw.get() != "null")
}

fn member<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>, path: &str) -> Result<T, RequestError> {
    let raw = present(raw).ok_or_else(|| missing(path))?;
    serde_json::from_str(raw.get()).map_err(|_| RequestError::WrongType { path: path.to_owned() })
}

fn texts<'a>(raw: Option<&'a RawValue>, path: &str) -> Result<Vec<Cow<'a, str>>, RequestError> {
    let texts: Vec<Borrowed<'a>> = member(raw, path)?;
    Ok(texts.into_iter().map(|text| text.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(hook: Hook, context: &str) -> Result<(), String> {
        let context: Context<'_> = serde_json::from_str(context).expect("a context");
        context.check(hook).map_err(|error| error.expression().unwrap_or_default())
    }

    #[test]
    fn each_hook_must_bring_its_own_members() {
        let bundle = r#"{"resourceType":"Bundle"}"#;
        for (hook, context, expected) in [
            (Hook::OrderSign, r#"{"patientId":"p","draftOrders":B}"#, Err("context.userId")),
            (Hook::OrderSign, r#"{"userId":"u","patientId":"","draftOrders":B}"#, Err("context.patientId")),
            (Hook::OrderSign, r#"{"userId":"u","patientId":"p","selections":7,"draftOrders":B}"#, Ok(())),
            (Hook::OrderSelect, r#"{"userId":"u","patientId":"p","draftOrders":B}"#, Err("context.selections")),
            (Hook::OrderSelect, r#"{"userId":"u","patientId":"p","draftOrders":B,"selections":"o1"}"#, Err("context.selections")),
            (Hook::OrderSelect, r#"{"userId":"u","patientId":"p","draftOrders":B,"selections":[]}"#, Ok(())),
            (Hook::OrderDispatch, r#"{"patientId":"p"}"#, Err("context.dispatchedOrders")),
            (Hook::OrderDispatch, r#"{"patientId":"p","dispatchedOrders":[7]}"#, Err("context.dispatchedOrders")),
            (Hook::OrderDispatch, r#"{"patientId":"p","dispatchedOrders":["ServiceRequest/a"],"performer":7}"#, Ok(())),
            (Hook::OrderDispatch, r#"{"patientId":"p","order":"ServiceRequest/a","performer":"Organization/o","task":{}}"#, Ok(())),
            (Hook::OrderDispatch, r#"{"patientId":"p","dispatchedOrders":null,"order":"ServiceRequest/a"}"#, Ok(())),
            (Hook::OrderDispatch, r#"{"patientId":"p","order":["ServiceRequest/a"]}"#, Err("context.order")),
            (Hook::OrderDispatch, r#"{"patientId":"p","order":null}"#, Err("context.dispatchedOrders")),
            (Hook::OrderDispatch, r#"{"patientId":"p","dispatchedOrders":7,"order":"ServiceRequest/a"}"#, Err("context.dispatchedOrders")),
            (Hook::AppointmentBook, r#"{"userId":"u","patientId":"p"}"#, Err("context.appointments")),
            (Hook::AppointmentBook, r#"{"userId":"u","patientId":"p","appointments":[]}"#, Err("context.appointments")),
            (
                Hook::AppointmentBook,
                r#"{"userId":"u","patientId":"p","appointments":{"resourceType":"List"}}"#,
                Err("context.appointments.resourceType"),
            ),
            (Hook::AppointmentBook, r#"{"userId":"u","patientId":"p","appointments":B}"#, Ok(())),
            (Hook::EncounterStart, r#"{"userId":"u","patientId":"p"}"#, Ok(())),
        ] {
            let context = context.replace('B', bundle);
            assert_eq!(checked(hook, &context), expected.map_err(str::to_owned), "{}: {context}", hook.as_str());
        }
    }

    #[test]
    fn dispatched_orders_and_tasks_are_read_in_both_versions_of_the_hook() {
        for (members, orders, tasks) in [
            (r#""order":"ServiceRequest/a","task":{"id":"t"}"#, &["ServiceRequest/a"][..], 1),
            (r#""order":"ServiceRequest/a""#, &["ServiceRequest/a"], 0),
            (r#""order":"ServiceRequest/a","task":null"#, &["ServiceRequest/a"], 0),
            (
                r#""order":"ServiceRequest/a","dispatchedOrders":["ServiceRequest/b","ServiceRequest/c"]"#,
                &["ServiceRequest/b", "ServiceRequest/c"],
                0,
            ),
            (r#""dispatchedOrders":["ServiceRequest/b"],"fulfillmentTasks":[{},{}],"task":{}"#, &["ServiceRequest/b"], 2),
            (r#""dispatchedOrders":["ServiceRequest/b"],"fulfillmentTasks":null,"task":{}"#, &["ServiceRequest/b"], 1),
        ] {
            let context = format!(r#"{{"patientId":"p",{members}}}"#);
            let context: Context<'_> = serde_json::from_str(&context).expect("a context");
            assert_eq!(context.dispatched_orders().expect("orders"), orders, "{members}");
            assert_eq!(context.fulfillment_tasks().len(), tasks, "{members}");
        }
    }

    #[test]
    fn a_dispatch_without_orders_names_them_as_both_versions_do() {
        let context: Context<'_> = serde_json::from_str(r#"{"patientId":"p"}"#).expect("a context");
        let error = context.check(Hook::OrderDispatch).expect_err("no orders");
        assert_eq!(error.to_string(), "`context.dispatchedOrders` is missing, and so is `context.order` of hook version 1.0");
    }

    #[test]
    fn tasks_are_read_by_either_of_their_names() {
        for name in ["fulfillmentTasks", "fulfillment-tasks"] {
            let context = format!(r#"{{"patientId":"p","{name}":[{{"resourceType":"Task"}}]}}"#);
            let context: Context<'_> = serde_json::from_str(&context).expect("a context");
            assert_eq!(context.fulfillment_tasks().len(), 1);
        }
    }
}
