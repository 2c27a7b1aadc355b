//! The call's draft orders: what each asks for, for which joint, when, and why.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use super::chart::{Chart, Coded, date, id, label, text};
use super::index::id_in;
use super::resource::view;
use super::subject::Subject;
use super::views::{ConceptView, ConditionView, ServiceRequestView};
use crate::policy::{DateInterval, Order, Reason, Reference, TherapyOrder, ValueSet};

/// What an order of a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DraftKind {
    /// An order.
    ServiceRequest,
    /// An appointment that is for no order, and says itself what is to be done.
    Appointment,
}

/// One `ServiceRequest` among the call's orders, or an `Appointment` in its place.
#[derive(Debug)]
pub struct DraftOrder<'a> {
    kind: DraftKind,
    pub(crate) view: ServiceRequestView<'a>,
    /// Its place among the Bundle's entries.
    pub position: usize,
    /// The client's own JSON.
    pub raw: &'a RawValue,
    /// Whether the call asks about it; another one is there for the others' sake.
    pub is_asked: bool,
    /// Whether the day it is judged for is not the order's own.
    pub is_due_elsewhere: bool,
}

impl<'a> DraftOrder<'a> {
    pub(crate) fn new(kind: DraftKind, view: ServiceRequestView<'a>, position: usize, raw: &'a RawValue) -> Self {
        Self { kind, view, position, raw, is_asked: true, is_due_elsewhere: false }
    }
}

impl DraftOrder<'_> {
    /// When the service is due, if the order says so.
    #[must_use]
    pub fn due(&self) -> Option<DateInterval> {
        due(&self.view)
    }

    /// Whether it is for this patient; one that names nobody is.
    #[must_use]
    pub fn is_for(&self, patient_id: &str) -> bool {
        Subject::new(patient_id).is(self.view.subject.as_ref())
    }

    /// Whether it is a `ServiceRequest`.
    #[must_use]
    pub fn is_order(&self) -> bool {
        self.kind == DraftKind::ServiceRequest
    }

    /// The order's id.
    #[must_use]
    pub fn id(&self) -> &str {
        text(self.view.id.as_ref())
    }

    /// What is ordered: the system and code of each coding, modifiers included.
    pub fn codes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.view.code.iter().flat_map(ConceptView::codings).map(|coding| (coding.system(), coding.code()))
    }
}

impl DraftKind {
    fn resource_type(self) -> &'static str {
        match self {
            Self::ServiceRequest => "ServiceRequest",
            Self::Appointment => "Appointment",
        }
    }
}

fn due(order: &ServiceRequestView<'_>) -> Option<DateInterval> {
    let timing = order.occurrence_timing.as_ref();
    let candidates = [
        order.occurrence_date_time.as_ref(),
        order.occurrence_period.as_ref().and_then(|period| period.start.as_ref()),
        timing.and_then(|timing| timing.event.as_ref()?.first()),
        timing.and_then(|timing| timing.repeat.as_ref()?.bounds_period.as_ref()?.start.as_ref()),
    ];
    candidates.into_iter().find_map(date)
}

impl<'a> Chart<'_, 'a> {
    /// This patient's draft orders, with their reasons.
    pub(crate) fn orders(&self, drafts: &[DraftOrder<'a>]) -> Vec<Order<'a>> {
        let own = drafts.iter().filter(|draft| self.subject.is(draft.view.subject.as_ref()));
        own.map(|draft| Order {
            reasons: self.reasons(&draft.view),
            has_unread_reason: self.has_unread_reason(&draft.view),
            ..self.order(draft)
        })
        .collect()
    }

    /// An order without its reasons: enough to tell whether it is in scope.
    pub(crate) fn order(&self, draft: &DraftOrder<'a>) -> Order<'a> {
        let order = &draft.view;
        let Coded { sets, label, side } = self.coded(order.code.as_ref());
        let (body_side, is_joint) = self.body_site(order.body_site.as_ref());
        let ended = matches!(text(order.status.as_ref()), "revoked" | "completed" | "entered-in-error");
        Order {
            reference: Reference::new(draft.kind.resource_type(), id(order.id.as_ref())),
            position: draft.position,
            stands: !ended && !order.do_not_perform.is_some_and(|flag| flag.0),
            sets,
            label,
            is_injection: Self::is_injection(sets, is_joint),
            side: side.joined(body_side),
            due: due(order),
            reasons: Vec::new(),
            has_unread_reason: false,
        }
    }

    /// Whether a Condition it names as its reason was looked for and could not be had.
    fn has_unread_reason(&self, order: &ServiceRequestView<'a>) -> bool {
        let mut references = order.reason_reference.iter().flatten().map(|reason| text(reason.reference.as_ref()));
        let unread = |reference: &str| id_in(reference, "Condition").is_some() && self.indices.conditions().named(reference).is_empty();
        self.record.reasons_unresolved.is_some() && references.any(unread)
    }

    fn reasons(&self, order: &ServiceRequestView<'a>) -> Vec<Reason<'a>> {
        let mut reasons = Vec::new();
        for concept in order.reason_code.iter().flatten() {
            self.add_reasons(concept, &mut reasons);
        }
        let references: BTreeSet<_> = order.reason_reference.iter().flatten().map(|reason| text(reason.reference.as_ref())).collect();
        let (local, others): (Vec<_>, Vec<_>) = references.into_iter().partition(|reference| reference.starts_with('#'));
        if !local.is_empty() {
            self.add_contained(order, &local, &mut reasons);
        }
        for condition in others.into_iter().flat_map(|reference| self.indices.conditions().named(reference)) {
            self.add_condition(condition, &mut reasons);
        }
        reasons
    }

    /// The Conditions contained in the order that its reasons name as `#id`.
    fn add_contained(&self, order: &ServiceRequestView<'a>, named: &[&str], reasons: &mut Vec<Reason<'a>>) {
        let contained = order.contained.iter().flatten().filter_map(|raw| view::<ConditionView<'a>>(raw));
        for condition in contained {
            let id = text(condition.id.as_ref());
            if named.binary_search(&format!("#{id}").as_str()).is_ok() {
                self.add_condition(&condition, reasons);
            }
        }
    }

    fn add_reasons(&self, concept: &ConceptView<'a>, reasons: &mut Vec<Reason<'a>>) {
        for coding in concept.codings() {
            reasons.push(Reason {
                sets: self.policy.value_sets.of(coding.system(), coding.code()),
                label: label(coding, concept),
                is_icd10cm: self.policy.value_sets.is_same_system(coding.system(), ICD10CM),
            });
        }
    }

    fn add_condition(&self, condition: &ConditionView<'a>, reasons: &mut Vec<Reason<'a>>) {
        if let Some(code) = condition.code.as_ref().filter(|_| self.subject.is(condition.subject.as_ref())) {
            self.add_reasons(code, reasons);
        }
    }

    /// Active orders for conservative therapy that the record holds beside the drafts.
    pub(crate) fn therapy_orders(&self) -> Vec<TherapyOrder<'a>> {
        let active = self.record.service_requests.iter().filter(|order| {
            text(order.status.as_ref()) == "active"
                && !order.do_not_perform.is_some_and(|flag| flag.0)
                && self.subject.is(order.subject.as_ref())
        });
        active.filter_map(|order| self.therapy_order(order)).collect()
    }

    fn therapy_order(&self, order: &ServiceRequestView<'a>) -> Option<TherapyOrder<'a>> {
        let coded = self.coded(order.code.as_ref());
        coded.sets.has(ValueSet::ConservativeTherapy).then(|| TherapyOrder {
            reference: Reference::new("ServiceRequest", id(order.id.as_ref())),
            label: coded.label,
            authored: date(order.authored_on.as_ref()),
        })
    }
}

const ICD10CM: &str = "http://hl7.org/fhir/sid/icd-10-cm";
