//! The call's draft orders: what each asks for, for which joint, when, and why.

use serde_json::value::RawValue;

use super::chart::{Chart, Coded, date, id, is_reference_to, label, text};
use super::resource::view;
use super::subject::Subject;
use super::views::{ConceptView, ConditionView, ReferenceView, ServiceRequestView};
use crate::policy::{DateInterval, Order, Reason, Reference, TherapyOrder, ValueSet};

/// One `ServiceRequest` among the call's draft orders.
#[derive(Debug)]
pub struct DraftOrder<'a> {
    pub(crate) view: ServiceRequestView<'a>,
    /// Its place among the Bundle's entries.
    pub position: usize,
    /// The client's own JSON.
    pub raw: &'a RawValue,
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

    /// The order's id.
    #[must_use]
    pub fn id(&self) -> &str {
        text(self.view.id.as_ref())
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
    pub(crate) fn orders(&self, drafts: &[DraftOrder<'a>]) -> Vec<Order<'a>> {
        drafts.iter().map(|draft| self.order(draft)).collect()
    }

    fn order(&self, draft: &DraftOrder<'a>) -> Order<'a> {
        let order = &draft.view;
        let Coded { sets, label, side } = self.coded(order.code.as_ref());
        let (body_side, is_joint) = self.body_site(order.body_site.as_ref());
        let ended = matches!(text(order.status.as_ref()), "revoked" | "completed" | "entered-in-error");
        Order {
            reference: Reference::new("ServiceRequest", id(order.id.as_ref())),
            position: draft.position,
            stands: !ended && !order.do_not_perform.is_some_and(|flag| flag.0),
            sets,
            label,
            is_injection: Self::is_injection(sets, is_joint),
            side: side.joined(body_side),
            due: due(order),
            reasons: self.reasons(order),
        }
    }

    fn reasons(&self, order: &ServiceRequestView<'a>) -> Vec<Reason<'a>> {
        let mut reasons = Vec::new();
        for concept in order.reason_code.iter().flatten() {
            self.add_reasons(concept, None, &mut reasons);
        }
        for reference in order.reason_reference.iter().flatten() {
            self.add_referenced(order, reference, &mut reasons);
        }
        reasons
    }

    fn add_reasons(&self, concept: &ConceptView<'a>, condition: Option<&Reference<'a>>, reasons: &mut Vec<Reason<'a>>) {
        for coding in concept.codings() {
            reasons.push(Reason {
                sets: self.policy.value_sets.of(coding.system(), coding.code()),
                label: label(coding, concept),
                is_icd10cm: self.policy.value_sets.is_same_system(coding.system(), ICD10CM),
                condition: condition.cloned(),
            });
        }
    }

    /// The codes of the Condition a reason refers to: contained in the order, among the drafts, or in the record.
    fn add_referenced(&self, order: &ServiceRequestView<'a>, reason: &ReferenceView<'a>, reasons: &mut Vec<Reason<'a>>) {
        let reference = text(reason.reference.as_ref());
        if let Some(local) = reference.strip_prefix('#') {
            let contained = order.contained.iter().flatten().filter_map(|raw| view::<ConditionView<'a>>(raw));
            for condition in contained.filter(|condition| text(condition.id.as_ref()) == local) {
                self.add_condition(&condition, reasons);
            }
            return;
        }
        let known = self.record.conditions.iter().chain(&self.record.drafted_conditions);
        let named = |condition: &&ConditionView<'a>| is_reference_to(reference, "Condition", text(condition.id.as_ref()));
        for condition in known.filter(named).filter(|condition| self.subject.is(condition.subject.as_ref())) {
            self.add_condition(condition, reasons);
        }
    }

    fn add_condition(&self, condition: &ConditionView<'a>, reasons: &mut Vec<Reason<'a>>) {
        let reference = Reference::new("Condition", id(condition.id.as_ref()));
        if let Some(code) = &condition.code {
            self.add_reasons(code, Some(&reference), reasons);
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
