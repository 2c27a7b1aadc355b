//! The context of a call: one type for the contexts of all hooks (HL7/cds-hooks-library, one page per hook).
//! Members that belong to other hooks are ignored; required members are checked once the hook is known.
//! Not here: the orders themselves; see [`crate::evidence`].

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::hook::Hook;
use super::json_error::JsonError;
use super::request::{Borrowed, optional_object, optional_objects};
use super::request_error::{RequestError, check_id};

/// The context of a call to any hook.
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
    /// The orders' member in drafts of order-sign and order-select.
    #[serde(borrow, default)]
    orders: Option<&'a RawValue>,
    #[serde(borrow, default)]
    selections: Option<&'a RawValue>,
    #[serde(borrow, default)]
    dispatched_orders: Option<&'a RawValue>,
    /// The dispatched order in order-dispatch version 1.0, which CRD 2.0.1 requires.
    #[serde(borrow, default)]
    order: Option<&'a RawValue>,
    #[serde(borrow, default)]
    fulfillment_tasks: Option<&'a RawValue>,
    /// The member's name in the example on the hook's page.
    #[serde(borrow, default, rename = "fulfillment-tasks")]
    hyphenated_tasks: Option<&'a RawValue>,
    /// The Task in order-dispatch version 1.0.
    #[serde(borrow, default)]
    task: Option<&'a RawValue>,
    #[serde(borrow, default)]
    appointments: Option<&'a RawValue>,
    #[serde(borrow, default)]
    encounter_id: Option<&'a RawValue>,
}

/// A Bundle of orders or appointments with unparsed entries.
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

/// A resource of a Bundle, with its `fullUrl` if the client gives one.
pub type Addressed<'a> = (Option<Cow<'a, str>>, Option<&'a RawValue>);

impl<'a> OrderBundle<'a> {
    fn entries(&self) -> impl Iterator<Item = Addressed<'a>> {
        self.entry.iter().flatten().map(|entry| (entry.full_url.as_ref().map(|url| url.0.clone()), entry.resource))
    }
}

impl<'a> Context<'a> {
    /// `Practitioner/d1`; empty if the call does not say.
    #[must_use]
    pub fn user_id(&self) -> Cow<'a, str> {
        self.user_id.as_ref().map(|user| user.0.clone()).unwrap_or_default()
    }

    /// The draft orders with their `fullUrl`, by position.
    pub fn order_resources(&self) -> impl Iterator<Item = Addressed<'a>> {
        self.draft_orders.iter().flat_map(OrderBundle::entries)
    }

    /// The appointments with their `fullUrl`, by position. The examples on the hook's page have a list in place of the Bundle.
    ///
    /// # Errors
    /// If `appointments` is missing, or neither a Bundle nor a list.
    pub fn appointment_resources(&self) -> Result<Vec<Addressed<'a>>, RequestError> {
        if self.lists_appointments() {
            let list: Vec<&'a RawValue> = member(self.appointments, "context.appointments")?;
            return Ok(list.into_iter().map(|appointment| (None, Some(appointment))).collect());
        }
        let bundle: OrderBundle<'a> = member(self.appointments, "context.appointments")?;
        if bundle.resource_type != "Bundle" {
            return Err(JsonError::WrongType { path: "context.appointments.resourceType".to_owned() }.into());
        }
        Ok(bundle.entries().collect())
    }

    /// JSON path of the appointment at a position.
    #[must_use]
    pub fn appointment_path(&self, position: usize) -> String {
        let entry = if self.lists_appointments() { format!("[{position}]") } else { format!(".entry[{position}].resource") };
        format!("context.appointments{entry}")
    }

    fn lists_appointments(&self) -> bool {
        self.appointments.is_some_and(|appointments| appointments.get().starts_with('['))
    }

    /// References to the orders newly selected in order-select: `ServiceRequest/{id}`.
    ///
    /// # Errors
    /// If they are missing or not a list of strings.
    pub fn selections(&self) -> Result<Vec<Cow<'a, str>>, RequestError> {
        texts(self.selections, "context.selections")
    }

    /// References to the dispatched orders: `ServiceRequest/{id}`. Version 1.0 of the hook has a single `order`, version 1.1 has
    /// `dispatchedOrders`. If both are present, `hook_version` decides, and without one `dispatchedOrders` takes precedence.
    ///
    /// # Errors
    /// If both members are missing, or the one that counts has the wrong type.
    pub fn dispatched_orders(&self, hook_version: Option<&str>) -> Result<Vec<Cow<'a, str>>, RequestError> {
        match self.single_order(hook_version) {
            Some(order) => {
                let Borrowed(order) = member(Some(order), "context.order")?;
                check_id(&order, "context.order")?;
                Ok(vec![order])
            }
            None if present(self.dispatched_orders).is_some() => texts(self.dispatched_orders, "context.dispatchedOrders"),
            None => Err(RequestError::NoDispatchedOrders),
        }
    }

    /// The `order` of hook version 1.0, if it counts.
    fn single_order(&self, hook_version: Option<&str>) -> Option<&'a RawValue> {
        let is_the_only_one = present(self.dispatched_orders).is_none();
        present(self.order).filter(|_| is_the_only_one || hook_version.is_some_and(is_first_version))
    }

    /// The Tasks of the dispatched orders; empty if there are none or they do not match the hook's page. Version 1.0 has a single `task`,
    /// which is chosen as the orders are.
    #[must_use]
    pub fn fulfillment_tasks(&self, hook_version: Option<&str>) -> Vec<&'a RawValue> {
        let (single, several) = (present(self.task), present(self.fulfillment_tasks).or(present(self.hyphenated_tasks)));
        match (single, several) {
            (Some(task), Some(_)) if hook_version.is_some_and(is_first_version) => vec![task],
            (_, Some(tasks)) => serde_json::from_str(tasks.get()).unwrap_or_default(),
            (single, None) => single.into_iter().collect(),
        }
    }

    /// The encounter's id, if the call names one.
    #[must_use]
    pub fn encounter_id(&self) -> Option<Cow<'a, str>> {
        let id: Option<Borrowed<'a>> = serde_json::from_str(self.encounter_id?.get()).ok()?;
        id.map(|id| id.0).filter(|id| !id.is_empty())
    }

    /// Checks that the hook's required members are present.
    pub(super) fn check(&self, hook: Hook, hook_version: Option<&str>) -> Result<(), RequestError> {
        if self.patient_id.is_empty() {
            return Err(missing("context.patientId"));
        }
        check_id(&self.patient_id, "context.patientId")?;
        check_id(&self.user_id(), "context.userId")?;
        check_id(&self.encounter_id().unwrap_or_default(), "context.encounterId")?;
        if self.user_id.is_none() && needs_user(hook) {
            return Err(missing("context.userId"));
        }
        match hook {
            Hook::OrderSign => self.check_drafts(),
            Hook::OrderSelect => self.check_drafts().and_then(|()| self.selections().map(drop)),
            Hook::OrderDispatch => self.dispatched_orders(hook_version).map(drop),
            Hook::AppointmentBook => self.appointment_resources().map(drop),
            Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => Ok(()),
        }
    }

    fn check_drafts(&self) -> Result<(), RequestError> {
        match &self.draft_orders {
            None if present(self.orders).is_some() => Err(RequestError::OrdersOfDraftHook),
            None => Err(RequestError::NoOrders),
            Some(bundle) if bundle.resource_type != "Bundle" => {
                Err(JsonError::WrongType { path: "context.draftOrders.resourceType".to_owned() }.into())
            }
            Some(_) => Ok(()),
        }
    }
}

/// order-dispatch has no user in its context; all other hooks require one.
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

/// Whether it is version 1.0 of a hook, with or without a patch number.
fn is_first_version(version: &str) -> bool {
    version == "1.0" || version.starts_with("1.0.")
}

fn missing(path: &str) -> RequestError {
    JsonError::Missing { path: path.to_owned() }.into()
}

/// The member, unless it is `null`.
fn present(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| raw.get() != "null")
}

fn member<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>, path: &str) -> Result<T, RequestError> {
    let raw = present(raw).ok_or_else(|| missing(path))?;
    serde_json::from_str(raw.get()).map_err(|_| JsonError::WrongType { path: path.to_owned() }.into())
}

fn texts<'a>(raw: Option<&'a RawValue>, path: &'static str) -> Result<Vec<Cow<'a, str>>, RequestError> {
    let texts: Vec<Borrowed<'a>> = member(raw, path)?;
    texts.iter().try_for_each(|text| check_id(&text.0, path))?;
    Ok(texts.into_iter().map(|text| text.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(hook: Hook, context: &str) -> Result<(), String> {
        let context: Context<'_> = serde_json::from_str(context).expect("a context");
        context.check(hook, None).map_err(|error| error.expression().unwrap_or_default())
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
            (Hook::AppointmentBook, r#"{"userId":"u","patientId":"p","appointments":[]}"#, Ok(())),
            (Hook::AppointmentBook, r#"{"userId":"u","patientId":"p","appointments":"a"}"#, Err("context.appointments")),
            (Hook::OrderSign, r#"{"userId":"u","patientId":"p","orders":B}"#, Err("context.draftOrders")),
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
        let one = r#""order":"ServiceRequest/a","task":{}"#;
        let several = r#""dispatchedOrders":["ServiceRequest/b","ServiceRequest/c"],"fulfillmentTasks":[{},{}]"#;
        let both = format!("{one},{several}");
        for (version, members, orders, tasks) in [
            (None, one, &["ServiceRequest/a"][..], 1),
            (None, r#""order":"ServiceRequest/a""#, &["ServiceRequest/a"], 0),
            (None, r#""order":"ServiceRequest/a","task":null"#, &["ServiceRequest/a"], 0),
            (None, several, &["ServiceRequest/b", "ServiceRequest/c"], 2),
            (None, both.as_str(), &["ServiceRequest/b", "ServiceRequest/c"], 2),
            (None, r#""dispatchedOrders":["ServiceRequest/b"],"fulfillmentTasks":null,"task":{}"#, &["ServiceRequest/b"], 1),
            (Some("1.0"), one, &["ServiceRequest/a"], 1),
            (Some("1.0"), both.as_str(), &["ServiceRequest/a"], 1),
            (Some("1.0.1"), both.as_str(), &["ServiceRequest/a"], 1),
            (Some("1.0"), several, &["ServiceRequest/b", "ServiceRequest/c"], 2),
            (Some("1.1"), one, &["ServiceRequest/a"], 1),
            (Some("1.1"), both.as_str(), &["ServiceRequest/b", "ServiceRequest/c"], 2),
            (Some("1.01"), both.as_str(), &["ServiceRequest/b", "ServiceRequest/c"], 2),
        ] {
            let context = format!(r#"{{"patientId":"p",{members}}}"#);
            let context: Context<'_> = serde_json::from_str(&context).expect("a context");
            assert_eq!(context.dispatched_orders(version).expect("orders"), orders, "{version:?} {members}");
            assert_eq!(context.fulfillment_tasks(version).len(), tasks, "{version:?} {members}");
        }
    }

    #[test]
    fn a_dispatch_without_orders_names_them_as_both_versions_do() {
        let context: Context<'_> = serde_json::from_str(r#"{"patientId":"p"}"#).expect("a context");
        let error = context.check(Hook::OrderDispatch, None).expect_err("no orders");
        assert_eq!(error.to_string(), "`context.dispatchedOrders` is missing, and so is `context.order` of hook version 1.0");
    }

    #[test]
    fn tasks_are_read_by_either_of_their_names() {
        for name in ["fulfillmentTasks", "fulfillment-tasks"] {
            let context = format!(r#"{{"patientId":"p","{name}":[{{"resourceType":"Task"}}]}}"#);
            let context: Context<'_> = serde_json::from_str(&context).expect("a context");
            assert_eq!(context.fulfillment_tasks(None).len(), 1);
        }
    }
}
