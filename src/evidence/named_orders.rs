//! Orders that a call references but does not include in its context: dispatched orders, orders that appointments are
//! based on, and appointments without an order, which describe the service themselves.
//! Not here: fetching them; see [`crate::app`].

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::booked_appointments::{BookedAppointment, each_id};
use super::index::id_in;
use super::orders::{DraftKind, DraftOrder, UnreadDraft};
use super::patient_matcher::PatientMatcher;
use super::patient_record::PatientRecord;
use super::resource::{Resource, view};
use super::text::{Text, text};
use super::views::{AppointmentView, ConceptView, ParticipantView, ReferenceView, ServiceRequestView, TaskView};
use super::written::date;

/// Maximum nesting of Bundles: a batch response contains searchsets.
const DEEPEST_BUNDLE: usize = 3;

const ORDER: &str = "ServiceRequest";

/// The orders that a call references.
#[derive(Debug, Default)]
pub struct NamedOrders<'a> {
    orders: Vec<NamedOrder<'a>>,
    appointments: Vec<Appointment<'a>>,
    /// Malformed Appointments.
    unreadable: Vec<&'a RawValue>,
}

/// An order that a call references.
#[derive(Clone, Debug)]
struct NamedOrder<'a> {
    id: String,
    due: Due<'a>,
}

/// The date of service.
#[derive(Clone, Debug)]
enum Due<'a> {
    /// The order's own date.
    AsOrdered,
    /// This date, if the order has none.
    UnlessOrdered(Text<'a>),
    /// This date, which overrides the order's own.
    On(Text<'a>),
}

/// An appointment that is being booked.
#[derive(Debug)]
struct Appointment<'a> {
    position: usize,
    raw: &'a RawValue,
    view: AppointmentView<'a>,
}

impl<'a> NamedOrders<'a> {
    /// The dispatched orders, by their references. A Task supplies the date of service of an order that has none.
    #[must_use]
    pub fn dispatched(references: &[Cow<'a, str>], tasks: &[&'a RawValue]) -> Self {
        // One Task per order; any others are ignored.
        let tasks: Vec<TaskView<'a>> = tasks.iter().take(references.len()).filter_map(|raw| view(raw)).collect();
        let mut named = Self::default();
        for reference in references {
            named.add(reference, || due_by_task(&tasks, reference));
        }
        named
    }

    /// The appointments and the orders they are based on. `resources` are the entries of their Bundle, in order. Takes at most
    /// `most + 1` orders. If an order has several appointments, the earliest date counts.
    #[must_use]
    pub fn booked(resources: impl IntoIterator<Item = Option<&'a RawValue>>, most: usize) -> Self {
        let mut named = Self::default();
        for (position, raw) in resources.into_iter().enumerate() {
            let Some(raw) = raw.filter(|raw| type_of(raw).is_some_and(|name| name.as_str() == "Appointment")) else { continue };
            let Some(view) = view::<AppointmentView<'a>>(raw) else {
                named.unreadable.push(raw);
                continue;
            };
            let start = start(&view);
            if !is_called_off(&view) {
                for order in view
                    .based_on
                    .iter()
                    .flatten()
                    .filter_map(|order| order.reference.as_ref())
                    .take(most + 1 - named.orders.len().min(most + 1))
                {
                    named.add(order.as_str(), || start.clone().map_or(Due::AsOrdered, Due::On));
                }
            }
            named.appointments.push(Appointment { position, raw, view });
        }
        named
    }

    fn add(&mut self, reference: &str, due: impl FnOnce() -> Due<'a>) {
        let Some(id) = id_in(reference, ORDER) else { return };
        match self.orders.iter_mut().find(|order| order.id == id) {
            None => self.orders.push(NamedOrder { id: id.to_owned(), due: due() }),
            Some(order) => order.due = earlier(std::mem::replace(&mut order.due, Due::AsOrdered), due()),
        }
    }

    /// The number of orders and appointments.
    #[must_use]
    pub fn len(&self) -> usize {
        self.orders.len() + self.appointments.len()
    }

    /// Whether there are no orders and no appointments.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The Bundle entry position of the first appointment for another patient.
    #[must_use]
    pub fn of_another(&self, patient_id: &str) -> Option<usize> {
        let subject = PatientMatcher::new(patient_id);
        let other = |appointment: &&Appointment<'_>| {
            let mut patients = patients(&appointment.view).peekable();
            patients.peek().is_some() && !patients.any(|patient| subject.is(Some(patient)))
        };
        self.appointments.iter().find(other).map(|appointment| appointment.position)
    }

    /// Removes orders that are not looked for any longer.
    pub fn forget(&mut self, ids: &[String]) {
        self.orders.retain(|order| !ids.contains(&order.id));
    }

    /// The ids of the orders that were not found. An unreadable order is not missing.
    #[must_use]
    pub fn missing(&self, patient_record: &PatientRecord<'_>) -> Vec<String> {
        let missing = self.orders.iter().filter(|order| !patient_record.has_order(&order.id));
        missing.map(|order| order.id.clone()).collect()
    }
}

impl<'a> PatientRecord<'a> {
    /// Reads each appointment without an order as a draft order, keeps the others beside their orders, and returns the named orders.
    #[must_use]
    pub fn of_appointments(named: NamedOrders<'a>, patient_id: &str) -> (Self, NamedOrders<'a>) {
        let NamedOrders { orders, appointments, unreadable } = named;
        // This records the malformed Appointments as unreadable.
        let mut patient_record = Self::of_orders(unreadable.into_iter().map(|raw| (None, Some(raw))));
        let (for_orders, others): (Vec<_>, Vec<_>) = appointments.into_iter().partition(|appointment| is_for_an_order(&appointment.view));
        for Appointment { position, raw, view } in others {
            patient_record.add_draft(DraftOrder::new(DraftKind::Appointment, as_order(view, patient_id), position, raw));
        }
        patient_record.booked = for_orders.into_iter().filter(|appointment| !is_called_off(&appointment.view)).map(booked).collect();
        (patient_record, NamedOrders { orders, ..NamedOrders::default() })
    }

    /// Adds the named orders found among `resources`, which may be Bundles.
    #[must_use]
    pub fn with_named(mut self, named: &NamedOrders<'a>, resources: impl IntoIterator<Item = &'a RawValue>) -> Self {
        let mut found = Vec::new();
        for resource in resources {
            collect(resource, 0, &mut found);
        }
        for order in &named.orders {
            let is_known = self.has_order(&order.id);
            let Some((_, raw)) = found.iter().find(|(id, _)| !is_known && id.as_str() == order.id) else { continue };
            // Orders follow the appointments, whose positions are lower.
            let position = FIRST_NAMED_POSITION + self.drafts().len() + self.unread_drafts().len();
            let view = match self.read_single(raw) {
                Resource::ServiceRequest(view) => view,
                Resource::Unread(view) => {
                    self.add_unread_draft(UnreadDraft { view: *view, position, is_asked: true });
                    continue;
                }
                _ => continue,
            };
            let stated = view.occurrence_date_time.is_some() || view.occurrence_period.is_some() || view.occurrence_timing.is_some();
            let is_due_elsewhere = match &order.due {
                Due::AsOrdered => false,
                Due::UnlessOrdered(_) => !stated,
                Due::On(_) => true,
            };
            let mut draft = DraftOrder::new(DraftKind::ServiceRequest, due_on(*view, &order.due), position, raw);
            draft.is_due_elsewhere = is_due_elsewhere;
            self.add_draft(draft);
        }
        self
    }
}

fn booked(appointment: Appointment<'_>) -> BookedAppointment<'_> {
    let Appointment { position, raw, view } = appointment;
    let orders = each_id(orders(&view));
    BookedAppointment { position, raw, day: date(start(&view).as_ref()), orders }
}

impl PatientRecord<'_> {
    /// Whether the drafts include an order with this id, readable or not.
    pub(super) fn has_order(&self, id: &str) -> bool {
        self.drafts().iter().any(|draft| draft.is_order() && draft.id() == id) || self.unread_drafts().iter().any(|draft| draft.id() == id)
    }
}

/// The first position of named orders among the drafts, above that of any Bundle entry a call can contain.
const FIRST_NAMED_POSITION: usize = usize::MAX / 2;

/// The earlier of two appointment dates.
fn earlier<'a>(one: Due<'a>, other: Due<'a>) -> Due<'a> {
    match (one, other) {
        (Due::On(one), Due::On(other)) => Due::On(one.min(other)),
        (Due::On(day), _) | (_, Due::On(day)) => Due::On(day),
        (one, Due::AsOrdered | Due::UnlessOrdered(_)) => one,
    }
}

fn due_by_task<'a>(tasks: &[TaskView<'a>], reference: &str) -> Due<'a> {
    let is_its = |task: &&TaskView<'a>| {
        task.focus.as_ref().is_some_and(|focus| id_in(text(focus.reference.as_ref()), ORDER) == id_in(reference, ORDER))
    };
    let period = |task: &TaskView<'a>| {
        let asked = task.restriction.as_ref().and_then(|restriction| restriction.period.as_ref()).or(task.execution_period.as_ref());
        asked.and_then(|period| period.start.clone())
    };
    tasks.iter().find(is_its).and_then(period).map_or(Due::AsOrdered, Due::UnlessOrdered)
}

fn due_on<'a>(view: ServiceRequestView<'a>, due: &Due<'a>) -> ServiceRequestView<'a> {
    let says = view.occurrence_date_time.is_some() || view.occurrence_period.is_some() || view.occurrence_timing.is_some();
    match due {
        Due::UnlessOrdered(date) if !says => ServiceRequestView { occurrence_date_time: Some(date.clone()), ..view },
        Due::AsOrdered | Due::UnlessOrdered(_) => view,
        Due::On(date) => {
            ServiceRequestView { occurrence_date_time: Some(date.clone()), occurrence_period: None, occurrence_timing: None, ..view }
        }
    }
}

/// Converts an appointment to an order: its service, date, patient and reasons.
pub(super) fn as_order<'a>(view: AppointmentView<'a>, patient_id: &str) -> ServiceRequestView<'a> {
    let (ended, start) = (is_called_off(&view), start(&view));
    let mut patients: Vec<_> =
        view.participant.into_iter().flatten().filter_map(|participant| participant.actor).filter(is_patient).collect();
    // For a group visit, use the patient of the call.
    let own = patients.iter().position(|patient| PatientMatcher::new(patient_id).is(Some(patient))).unwrap_or_default();
    let subject = (!patients.is_empty()).then(|| patients.swap_remove(own));
    let codings: Vec<_> = view.service_type.into_iter().flatten().flat_map(|concept| concept.coding.unwrap_or_default()).collect();
    ServiceRequestView {
        id: view.id,
        status: ended.then_some(Text(Cow::Borrowed("revoked"))),
        subject,
        code: Some(ConceptView { coding: Some(codings.into()), text: None, extension: None }),
        occurrence_date_time: start,
        reason_code: view.reason_code,
        reason_reference: view.reason_reference,
        contained: view.contained,
        ..ServiceRequestView::default()
    }
}

/// Whether it does not take place, or no longer.
pub(super) fn is_called_off(view: &AppointmentView<'_>) -> bool {
    matches!(text(view.status.as_ref()), "cancelled" | "noshow" | "entered-in-error" | "fulfilled")
}

fn start<'a>(view: &AppointmentView<'a>) -> Option<Text<'a>> {
    let requested = || view.requested_period.as_ref()?.first()?.start.clone();
    view.start.clone().or_else(requested)
}

fn is_for_an_order(view: &AppointmentView<'_>) -> bool {
    orders(view).next().is_some()
}

/// The ids of the orders it is based on.
fn orders<'v>(view: &'v AppointmentView<'_>) -> impl Iterator<Item = &'v str> {
    view.based_on.iter().flatten().filter_map(|order| id_in(text(order.reference.as_ref()), ORDER))
}

fn patients<'v, 'a>(view: &'v AppointmentView<'a>) -> impl Iterator<Item = &'v ReferenceView<'a>> {
    let actors = view.participant.iter().flatten().filter_map(|ParticipantView { actor }| actor.as_ref());
    actors.filter(|actor| is_patient(actor))
}

fn is_patient(actor: &ReferenceView<'_>) -> bool {
    id_in(text(actor.reference.as_ref()), "Patient").is_some()
}

/// The elements that identify a resource, and the entries of a Bundle.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceHeader<'a> {
    #[serde(borrow, default)]
    resource_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    entry: Option<Vec<GlancedEntry<'a>>>,
}

#[derive(Deserialize)]
struct GlancedEntry<'a> {
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
}

fn type_of(raw: &RawValue) -> Option<Text<'_>> {
    serde_json::from_str::<ResourceHeader<'_>>(raw.get()).ok()?.resource_type
}

/// Collects the orders in a resource or Bundle: id and raw JSON.
fn collect<'a>(raw: &'a RawValue, depth: usize, found: &mut Vec<(Text<'a>, &'a RawValue)>) {
    let Ok(ResourceHeader { resource_type: Some(kind), id, entry }) = serde_json::from_str::<ResourceHeader<'a>>(raw.get()) else { return };
    match (kind.as_str(), id) {
        (ORDER, Some(id)) => found.push((id, raw)),
        ("Bundle", _) if depth < DEEPEST_BUNDLE => {
            entry.into_iter().flatten().filter_map(|entry| entry.resource).for_each(|resource| collect(resource, depth + 1, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).expect("JSON")
    }

    fn due(drafts: &[DraftOrder<'_>]) -> Vec<(String, Option<String>)> {
        drafts.iter().map(|draft| (draft.id().to_owned(), draft.window().map(|window| window.first.to_string()))).collect()
    }

    const PAGE: &str = r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Bundle","entry":[
        {"resource":{"resourceType":"ServiceRequest","id":"a","occurrenceDateTime":"2026-01-01"}},
        {"resource":{"resourceType":"ServiceRequest","id":"b"}},{"resource":{"resourceType":"Patient","id":"a"}},{"x":1}]}}]}"#;

    #[test]
    fn dispatched_orders_are_found_wherever_they_lie_and_due_when_their_task_says() {
        let references = [
            "ServiceRequest/b",
            "https://ehr.example/fhir/ServiceRequest/a",
            "ServiceRequest/c",
            "MedicationRequest/m",
            "ServiceRequest/b",
        ];
        let tasks = [r#"{"focus":{"reference":"ServiceRequest/b"},"restriction":{"period":{"start":"2026-03-01"}}}"#, "7"].map(raw);
        let named = NamedOrders::dispatched(&references.map(Cow::Borrowed), &tasks);
        let patient_record = PatientRecord::of_orders([]).with_named(&named, [raw(PAGE)]);
        let expected = [("b".to_owned(), Some("2026-03-01".to_owned())), ("a".to_owned(), Some("2026-01-01".to_owned()))];
        assert_eq!(due(patient_record.drafts()), expected);
        assert_eq!(named.missing(&patient_record), ["c"]);
    }

    #[test]
    fn an_order_that_was_found_and_cannot_be_read_is_not_missing() {
        let unreadable = r#"{"resourceType":"ServiceRequest","id":"u","status":7,"code":{"coding":[{"code":"27096"}]}}"#;
        let named = NamedOrders::dispatched(&["ServiceRequest/u", "ServiceRequest/c"].map(Cow::Borrowed), &[]);
        let patient_record = PatientRecord::of_orders([]).with_named(&named, [raw(unreadable)]).with_named(&named, [raw(unreadable)]);
        assert!(patient_record.drafts().is_empty());
        assert_eq!(patient_record.unread_drafts().len(), 1);
        assert_eq!(named.missing(&patient_record), ["c"]);
    }

    #[test]
    fn an_appointment_gives_its_order_the_day() {
        let appointment =
            r#"{"resourceType":"Appointment","id":"t","start":"2026-05-01T10:00:00Z","basedOn":[{"reference":"ServiceRequest/a"}]}"#;
        let (patient_record, named) = PatientRecord::of_appointments(NamedOrders::booked([Some(raw(appointment))], 9), "p");
        let patient_record = patient_record.with_named(&named, [raw(PAGE)]);
        assert_eq!(due(patient_record.drafts()), [("a".to_owned(), Some("2026-05-01".to_owned()))]);
    }

    #[test]
    fn an_appointment_without_an_order_says_itself_what_is_done() {
        let appointment = r#"{"resourceType":"Appointment","id":"t","requestedPeriod":[{"start":"2026-05-02"}],
            "participant":[{"actor":{"reference":"Practitioner/d"}},{"actor":{"reference":"Patient/p"}}]}"#;
        let named = NamedOrders::booked([None, Some(raw("7")), Some(raw(r#"{"resourceType":"Slot"}"#)), Some(raw(appointment))], 9);
        assert_eq!((named.of_another("p"), named.of_another("q")), (None, Some(3)));
        let (patient_record, _) = PatientRecord::of_appointments(named, "p");
        assert_eq!(due(patient_record.drafts()), [("t".to_owned(), Some("2026-05-02".to_owned()))]);
        assert!(patient_record.drafts().iter().all(|draft| draft.is_for("p") && !draft.is_for("q") && !draft.is_order()));
    }

    #[test]
    fn an_appointment_that_does_not_take_place_asks_for_nothing() {
        let appointment = r#"{"resourceType":"Appointment","id":"t","status":"cancelled","basedOn":[{"reference":"ServiceRequest/a"}]}"#;
        let (patient_record, named) = PatientRecord::of_appointments(NamedOrders::booked([Some(raw(appointment))], 9), "p");
        assert!(patient_record.with_named(&named, [raw(PAGE)]).drafts().is_empty());
    }
}
