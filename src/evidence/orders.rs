//! The call's draft orders (service, joint, date and reasons), and the record's active orders.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::chart::ChartReader;
use super::concepts::{CodeUse, Coded, RegionParts, label};
use super::index::id_in;
use super::patient_matcher::PatientMatcher;
use super::side::SideParts;
use super::text::{Text, id, text};
use super::unread::UnreadView;
use super::views::{ConceptView, Flag, PeriodView, ServiceRequestView, TimingView};
use super::written::date;
use crate::policy::{
    ActiveOrder, BillingLine, Membership, Order, OrderKind, OrderReason, Performer, Reference, ServiceWindow, Side, Standing,
    UnreadableOrder, ValueSet,
};

/// The resource type of a draft order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DraftKind {
    /// A `ServiceRequest`.
    ServiceRequest,
    /// An `Appointment` without an order, which describes the service itself.
    Appointment,
}

/// A draft `ServiceRequest` of the call, or an `Appointment` without an order.
#[derive(Debug)]
pub struct DraftOrder<'a> {
    pub(super) kind: DraftKind,
    pub(crate) view: ServiceRequestView<'a>,
    /// The `fullUrl` of its Bundle entry.
    pub(crate) full_url: Option<Text<'a>>,
    /// Its position among the Bundle's entries.
    pub position: usize,
    /// The client's own JSON.
    pub raw: &'a RawValue,
    /// Whether the call asks about this order; if not, it is only context for the others.
    pub is_asked: bool,
    /// Whether the date of service comes from outside the order.
    pub is_due_elsewhere: bool,
}

/// An unreadable draft `ServiceRequest`.
#[derive(Debug)]
pub struct UnreadDraft<'a> {
    pub(crate) view: UnreadView<'a>,
    /// Its position among the Bundle's entries.
    pub position: usize,
    /// Whether the call asks about this order.
    pub is_asked: bool,
}

impl<'a> UnreadDraft<'a> {
    /// An order with only the same id and insurance, to look up the Coverage that applies to it.
    pub(crate) fn insured(&self) -> Option<DraftOrder<'a>> {
        let nothing: ServiceRequestView<'a> = serde_json::from_str("{}").ok()?;
        let view = ServiceRequestView { id: self.view.id.clone(), insurance: self.view.part("insurance").read(), ..nothing };
        Some(DraftOrder::new(DraftKind::ServiceRequest, view, self.position, self.view.raw))
    }
}

impl UnreadDraft<'_> {
    /// The order's id.
    #[must_use]
    pub fn id(&self) -> &str {
        text(self.view.id.as_ref())
    }

    /// The client's own JSON.
    #[must_use]
    pub fn raw(&self) -> &RawValue {
        self.view.raw
    }
}

impl<'a> DraftOrder<'a> {
    pub(crate) fn new(kind: DraftKind, view: ServiceRequestView<'a>, position: usize, raw: &'a RawValue) -> Self {
        Self { kind, view, full_url: None, position, raw, is_asked: true, is_due_elsewhere: false }
    }
}

impl DraftOrder<'_> {
    /// The window in which the service is due, if the order states one.
    #[must_use]
    pub fn window(&self) -> Option<ServiceWindow> {
        window(&self.view)
    }

    /// The date of service: the day of the window nearest to `today`, or `today` without a window.
    #[must_use]
    pub fn service_date(&self, today: chrono::NaiveDate) -> chrono::NaiveDate {
        self.window().map_or(today, |window| window.nearest_to(today))
    }

    /// Whether the order is for this patient. An order without a subject is.
    #[must_use]
    pub fn is_for(&self, patient_id: &str) -> bool {
        PatientMatcher::new(patient_id).is(self.view.subject.as_ref())
    }

    /// Whether the order is a `ServiceRequest`.
    #[must_use]
    pub fn is_order(&self) -> bool {
        self.kind == DraftKind::ServiceRequest
    }

    /// The order's id.
    #[must_use]
    pub fn id(&self) -> &str {
        text(self.view.id.as_ref())
    }

    /// The system and code of each coding of the ordered service, modifiers included.
    pub fn codes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.view.code.iter().flat_map(ConceptView::codings).map(|coding| (coding.system(), coding.code()))
    }

    /// Whether the order is in effect, not considering replacement by other orders.
    fn own_standing(&self) -> Standing {
        if matches!(text(self.view.status.as_ref()), "revoked" | "completed" | "entered-in-error") {
            Standing::Ended
        } else if self.view.do_not_perform.is_some_and(|flag| flag.0) {
            Standing::DoNotPerform
        } else if text(self.view.intent.as_ref()) == "option" {
            Standing::Option
        } else {
            Standing::Stands
        }
    }
}

/// The `replaces` references of drafts that are in effect. A draft replaces orders of its own patient only.
#[derive(Debug, Default)]
pub(crate) struct Replaced {
    of_patient: HashSet<String>,
    of_others: HashSet<String>,
}

impl Replaced {
    pub(crate) fn by(drafts: &[DraftOrder<'_>], patient_id: &str) -> Self {
        Self {
            of_patient: Self::references(drafts.iter().filter(|draft| draft.is_for(patient_id))),
            of_others: Self::references(drafts.iter().filter(|draft| !draft.is_for(patient_id))),
        }
    }

    fn references<'d, 'a: 'd>(drafts: impl Iterator<Item = &'d DraftOrder<'a>>) -> HashSet<String> {
        let standing = drafts.filter(|draft| draft.own_standing() == Standing::Stands);
        let references = standing.flat_map(|draft| {
            let own = draft.id();
            let references = draft.view.replaces.iter().flatten().map(|reference| text(reference.reference.as_ref()));
            // An order cannot replace itself.
            references.map(|reference| id_in(reference, ORDER).unwrap_or(reference)).filter(move |reference| *reference != own)
        });
        references.filter(|reference| !reference.is_empty()).map(str::to_owned).collect()
    }

    fn has(&self, is_of_patient: bool, id: &str, full_url: Option<&Text<'_>>) -> bool {
        let replaced = if is_of_patient { &self.of_patient } else { &self.of_others };
        !replaced.is_empty() && ((!id.is_empty() && replaced.contains(id)) || full_url.is_some_and(|url| replaced.contains(url.as_str())))
    }
}

const ORDER: &str = "ServiceRequest";

impl DraftKind {
    fn resource_type(self) -> &'static str {
        match self {
            Self::ServiceRequest => ORDER,
            Self::Appointment => "Appointment",
        }
    }
}

fn window(order: &ServiceRequestView<'_>) -> Option<ServiceWindow> {
    occurrence(order.occurrence_date_time.as_ref(), order.occurrence_period.as_ref(), order.occurrence_timing.as_ref())
}

/// The window for a service: its date, else its period, else the first event or the bounds of its timing.
fn occurrence(day: Option<&Text<'_>>, period: Option<&PeriodView<'_>>, timing: Option<&TimingView<'_>>) -> Option<ServiceWindow> {
    let event = || date(timing?.event.as_ref()?.first());
    let bounds = || timing?.repeat.as_ref()?.bounds_period.as_ref().and_then(window_of_period);
    let day = date(day).map(ServiceWindow::from);
    day.or_else(|| period.and_then(window_of_period)).or_else(|| event().map(ServiceWindow::from)).or_else(bounds)
}

fn window_of_period(period: &PeriodView<'_>) -> Option<ServiceWindow> {
    match (date(period.start.as_ref()), date(period.end.as_ref())) {
        (Some(start), None) => Some(ServiceWindow { first: start.lo(), last: None }),
        (Some(start), Some(end)) if end.hi() < start.lo() => Some(start.into()),
        (Some(start), Some(end)) => Some(ServiceWindow { first: start.lo(), last: Some(end.hi()) }),
        (None, end) => end.map(ServiceWindow::from),
    }
}

impl<'a> ChartReader<'_, 'a> {
    /// This patient's draft orders, with their reasons.
    pub(crate) fn orders(&self, drafts: &[DraftOrder<'a>], replaced: &Replaced) -> Vec<Order<'a>> {
        let own = drafts.iter().filter(|draft| self.subject.is(draft.view.subject.as_ref()));
        own.map(|draft| Order {
            reasons: self.reasons(&draft.view),
            unclassified_reason: self.unclassified_reason(&draft.view),
            has_unread_reason: self.has_unread_reason(&draft.view),
            is_elsewhere: self.is_elsewhere(region(&draft.view)),
            performer: self.performer(&draft.view),
            ..self.order(draft, replaced)
        })
        .collect()
    }

    /// An order without its reasons, which is enough to decide whether it is in scope.
    pub(crate) fn order(&self, draft: &DraftOrder<'a>, replaced: &Replaced) -> Order<'a> {
        let order = &draft.view;
        let coded = self.coded(order.code.as_ref(), CodeUse::Procedure);
        let body_sites = order.body_site.as_deref().unwrap_or_default();
        let named = self.named_side(side_parts(order, coded.side));
        let is_of_patient = self.subject.is(order.subject.as_ref());
        let standing = match draft.own_standing() {
            Standing::Stands if replaced.has(is_of_patient, draft.id(), draft.full_url.as_ref()) => Standing::Replaced,
            standing => standing,
        };
        Order {
            reference: Reference::new(draft.kind.resource_type(), id(order.id.as_ref())),
            position: draft.position,
            standing,
            kind: self.kind(coded.sets, order.code.as_ref(), body_sites),
            billing: BillingLine::from_sets(coded.sets),
            sets: coded.sets,
            label: coded.label,
            codes: draft.codes().map(|(system, code)| format!("{system}|{code}")).collect(),
            side: if named.is_contradictory { Side::Unspecified } else { named.side },
            has_contradictory_side: named.is_contradictory,
            window: window(order),
            reasons: Vec::new(),
            unclassified_reason: None,
            has_unread_reason: false,
            is_elsewhere: false,
            performer: Performer::default(),
        }
    }

    /// This patient's unreadable draft orders, except those known not to be in effect.
    pub(crate) fn unreadable_orders(&self, drafts: &[UnreadDraft<'a>]) -> Vec<UnreadableOrder<'a>> {
        drafts.iter().filter_map(|draft| self.unreadable_order(draft)).collect()
    }

    pub(crate) fn unreadable_order(&self, draft: &UnreadDraft<'a>) -> Option<UnreadableOrder<'a>> {
        let view = &draft.view;
        let status = view.part::<Text<'a>>("status").read();
        let intent = view.part::<Text<'a>>("intent").read();
        let is_ended = matches!(text(status.as_ref()), "revoked" | "completed" | "entered-in-error");
        let is_denied = view.part::<Flag<'a>>("doNotPerform").read().is_some_and(|flag| flag.0);
        if is_ended || is_denied || text(intent.as_ref()) == "option" || !self.subject.is(view.subject().as_ref()) {
            return None;
        }
        let (day, period, timing) =
            (view.part("occurrenceDateTime").read(), view.part("occurrencePeriod").read(), view.part("occurrenceTiming").read());
        Some(UnreadableOrder {
            reference: Reference::new(ORDER, id(view.id.as_ref())),
            position: draft.position,
            kind: self.kind_within(view.raw),
            window: occurrence(day.as_ref(), period.as_ref(), timing.as_ref()),
            problem: view.problem.clone(),
        })
    }

    /// The kind of order, by any string value in a resource that equals a code.
    fn kind_within(&self, raw: &RawValue) -> Option<OrderKind> {
        let sets = strings_in(raw).into_iter().fold(Membership::NONE, |sets, text| {
            let found = self.policy.value_sets.find_procedure("", &text).sets;
            sets.union(found)
        });
        if sets.has(ValueSet::SijRadiofrequencyNeurotomy) {
            Some(OrderKind::Neurotomy)
        } else {
            sets.has(ValueSet::SijInjection).then_some(OrderKind::Injection)
        }
    }

    /// Whether a Condition that the order references as its reason was searched for and is unavailable.
    fn has_unread_reason(&self, order: &ServiceRequestView<'a>) -> bool {
        let mut references = order.reason_reference.iter().flatten().map(|reason| text(reason.reference.as_ref()));
        let unread = |reference: &str| id_in(reference, "Condition").is_some() && self.indices.conditions().named(reference).is_empty();
        self.record.reasons_unresolved.is_some() && references.any(unread)
    }

    fn reasons(&self, order: &ServiceRequestView<'a>) -> Vec<OrderReason<'a>> {
        let mut reasons = Vec::new();
        self.each_reason(order, &mut |concept| {
            for coding in concept.codings() {
                let found = self.lookup(coding, CodeUse::Other);
                reasons.push(OrderReason { sets: found.sets, label: label(coding, concept), system: found.system });
            }
        });
        reasons
    }

    /// The label of the first reason that has disc or facet words and no diagnosis code.
    fn unclassified_reason(&self, order: &ServiceRequestView<'a>) -> Option<String> {
        let mut found = None;
        self.each_reason(order, &mut |concept| {
            let is_open = found.is_none() && self.has_disc_or_facet_words(Some(concept));
            if is_open && !self.coded(Some(concept), CodeUse::Other).has_diagnosis_system {
                found = Some(self.coded(Some(concept), CodeUse::Other).label.to_string());
            }
        });
        found
    }

    /// Calls `read` with each reason of an order: its own reason codes, and the codes of the Conditions it references.
    fn each_reason(&self, order: &ServiceRequestView<'a>, read: &mut impl FnMut(&ConceptView<'a>)) {
        for concept in order.reason_code.iter().flatten() {
            read(concept);
        }
        let references = order.reason_reference.as_deref().unwrap_or_default();
        self.each_condition(references, order.contained.as_deref().unwrap_or_default(), &mut |condition| {
            self.own_code(condition).into_iter().for_each(&mut *read);
        });
    }

    /// The record's active orders, other than the drafts, for conservative therapy or an invasive procedure.
    pub(crate) fn active_orders(&self, drafts: &[DraftOrder<'a>], unread: &[UnreadDraft<'a>], replaced: &Replaced) -> Vec<ActiveOrder<'a>> {
        let known: HashSet<&str> =
            drafts.iter().map(DraftOrder::id).chain(unread.iter().map(UnreadDraft::id)).filter(|id| !id.is_empty()).collect();
        let active = self.record.service_requests.iter().filter(|order| {
            let id = text(order.id.as_ref());
            text(order.status.as_ref()) == "active"
                && !matches!(text(order.intent.as_ref()), "option" | "proposal" | "plan")
                && !order.do_not_perform.is_some_and(|flag| flag.0)
                && self.subject.is(order.subject.as_ref())
                && !known.contains(id)
                && !replaced.has(true, id, None)
        });
        active.filter_map(|order| self.active_order(order)).collect()
    }

    fn active_order(&self, order: &ServiceRequestView<'a>) -> Option<ActiveOrder<'a>> {
        let coded = self.coded(order.code.as_ref(), CodeUse::Procedure);
        let kind = self.kind(coded.sets, order.code.as_ref(), order.body_site.as_deref().unwrap_or_default());
        if kind.is_none() && !coded.sets.has_any(&[ValueSet::ConservativeTherapy, ValueSet::InvasivePainProcedure]) {
            return None;
        }
        let Coded { sets, label, side, .. } = coded;
        Some(ActiveOrder {
            reference: Reference::new(ORDER, id(order.id.as_ref())),
            billing: BillingLine::from_sets(sets),
            sets,
            label,
            kind,
            side: self.named_side(side_parts(order, side)).side,
            window: window(order),
            authored: date(order.authored_on.as_ref()),
            is_elsewhere: self.is_elsewhere(region(order)),
        })
    }

    /// The performer of an order, from its `performerType` and from the referenced performers that are in the call.
    fn performer(&self, order: &ServiceRequestView<'a>) -> Performer {
        let mut performer = Performer::default();
        self.add_performer(&mut performer, order.performer_type.as_ref());
        let references = order.performer.as_deref().unwrap_or_default();
        self.indices.each_performer(references, order.contained.as_deref().unwrap_or_default(), &mut |concept| {
            self.add_performer(&mut performer, Some(concept));
        });
        performer
    }

    fn add_performer(&self, performer: &mut Performer, concept: Option<&ConceptView<'a>>) {
        for (concept, coding) in concept.into_iter().flat_map(|concept| concept.codings().map(move |coding| (concept, coding))) {
            let sets = self.lookup(coding, CodeUse::Other).sets;
            performer.is_physician |= sets.has(ValueSet::PhysicianPerformer);
            if sets.has(ValueSet::NonPhysicianPerformer) && performer.non_physician.is_none() {
                performer.non_physician = Some(label(coding, concept).by_name().to_string());
            }
        }
    }
}

fn side_parts<'r, 'a>(order: &'r ServiceRequestView<'a>, by_code: Side) -> SideParts<'r, 'a> {
    SideParts {
        code: order.code.as_ref(),
        body_sites: order.body_site.as_deref().unwrap_or_default(),
        extensions: order.extension.as_deref().unwrap_or_default(),
        by_code,
    }
}

fn region<'r, 'a>(order: &'r ServiceRequestView<'a>) -> RegionParts<'r, 'a> {
    RegionParts {
        body_sites: order.body_site.as_deref().unwrap_or_default(),
        reason_codes: order.reason_code.as_deref().unwrap_or_default(),
        reason_references: order.reason_reference.as_deref().unwrap_or_default(),
        contained: order.contained.as_deref().unwrap_or_default(),
        is_drug: false,
    }
}

/// Every string value in a JSON text; none if it nests deeper than the parser's recursion limit.
fn strings_in(raw: &RawValue) -> Vec<String> {
    fn collect(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) => found.push(text.clone()),
            serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            serde_json::Value::Object(members) => members.values().for_each(|member| collect(member, found)),
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
        }
    }
    let mut found = Vec::new();
    if let Ok(value) = serde_json::from_str(raw.get()) {
        collect(&value, &mut found);
    }
    found
}
