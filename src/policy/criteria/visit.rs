//! Criteria on the order and its visit: its code, one procedure, performed by a physician.

use super::Assessment;
use crate::policy::case::{SiteCase, evidence};
use crate::policy::facts::{Label, Side};
use crate::policy::order_facts::{BillingLine, ServiceWindow, Standing};
use crate::policy::phrases::Phrase;
use crate::policy::reference::{OrderKind, Reference};
use crate::policy::rule::OrderedAsRule;
use crate::policy::value_sets::{Membership, ValueSet};
use crate::policy::verdict::Verdict;

/// Where another procedure was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherSource {
    /// Another draft order, by its index.
    Draft(usize),
    /// An active order in the record.
    ActiveOrder,
    /// A completed Procedure.
    Procedure,
}

/// Another invasive pain procedure that is, or may be, at the same visit.
pub(crate) struct OtherProcedure<'f, 'a> {
    pub reference: &'f Reference<'a>,
    pub label: &'f Label<'a>,
    pub source: OtherSource,
    /// `NotMet` if it is at the same visit, `Unknown` if it may be.
    pub verdict: Verdict,
}

/// The data that decides whether a procedure is distinct from the injection of the joint.
struct VisitCandidate<'f, 'a> {
    reference: &'f Reference<'a>,
    label: &'f Label<'a>,
    source: OtherSource,
    kind: Option<OrderKind>,
    sets: Membership,
    side: Side,
    billing: Option<BillingLine>,
    window: Option<ServiceWindow>,
}

/// The other procedures of the visit, definite ones first.
pub(crate) fn other_procedures<'e, 'a>(case: &SiteCase<'e, 'a>) -> Vec<OtherProcedure<'e, 'a>> {
    let candidates = drafts(case).chain(active_orders(case)).chain(procedures(case));
    let mut found: Vec<_> = candidates.filter(|other| is_another(case, other)).filter_map(|other| of_visit(case, &other)).collect();
    found.sort_by_key(|other| other.verdict.is_unknown());
    found
}

fn drafts<'c, 'e, 'a>(case: &'c SiteCase<'e, 'a>) -> impl Iterator<Item = VisitCandidate<'e, 'a>> + 'c {
    let order = case.order;
    let others = case.facts.orders.iter().filter(move |other| {
        other.standing == Standing::Stands
            && other.position != order.position
            && (other.reference != order.reference || other.reference.id().is_empty())
    });
    others.map(|other| VisitCandidate {
        reference: &other.reference,
        label: &other.label,
        source: OtherSource::Draft(other.position),
        kind: other.kind,
        sets: other.sets,
        side: other.side,
        billing: other.billing,
        window: other.window,
    })
}

fn active_orders<'c, 'e, 'a>(case: &'c SiteCase<'e, 'a>) -> impl Iterator<Item = VisitCandidate<'e, 'a>> + 'c {
    let others = case.facts.active_orders.iter().filter(|other| other.window.is_some() && case.dates.charted(other.authored));
    others.map(|other| VisitCandidate {
        reference: &other.reference,
        label: &other.label,
        source: OtherSource::ActiveOrder,
        kind: other.kind,
        sets: other.sets,
        side: other.side,
        billing: other.billing,
        window: other.window,
    })
}

fn procedures<'c, 'e, 'a>(case: &'c SiteCase<'e, 'a>) -> impl Iterator<Item = VisitCandidate<'e, 'a>> + 'c {
    let on_day = case.facts.pain_procedures.iter().filter(|other| other.performed == case.dates.service);
    on_day.map(|other| VisitCandidate {
        reference: &other.reference,
        label: &other.label,
        source: OtherSource::Procedure,
        kind: other.is_injection.then_some(OrderKind::Injection),
        sets: ValueSet::InvasivePainProcedure.into(),
        side: other.side,
        billing: other.billing,
        window: Some(ServiceWindow { first: other.performed, last: Some(other.performed) }),
    })
}

/// Whether it is an invasive pain procedure, and neither the other side of a bilateral procedure nor the other billing
/// line of the same injection.
fn is_another(case: &SiteCase<'_, '_>, other: &VisitCandidate<'_, '_>) -> bool {
    let is_invasive = other.sets.has(ValueSet::InvasivePainProcedure) || other.kind.is_some();
    is_invasive && !is_other_joint(case, other) && !is_other_line(case, other)
}

fn is_other_joint(case: &SiteCase<'_, '_>, other: &VisitCandidate<'_, '_>) -> bool {
    let is_opposite = !other.side.compatible(case.site.side());
    case.policy.parameters.bilateral_is_one_procedure && other.kind == Some(OrderKind::Injection) && is_opposite
}

fn is_other_line(case: &SiteCase<'_, '_>, other: &VisitCandidate<'_, '_>) -> bool {
    let lines = (case.order.billing, other.billing);
    let is_pair = matches!(
        lines,
        (Some(BillingLine::Professional), Some(BillingLine::Facility)) | (Some(BillingLine::Facility), Some(BillingLine::Professional))
    );
    is_pair && other.side.compatible(case.site.side())
}

/// Whether it is, or may be, on the day of service; `None` if it is not.
fn of_visit<'f, 'a>(case: &SiteCase<'_, 'a>, other: &VisitCandidate<'f, 'a>) -> Option<OtherProcedure<'f, 'a>> {
    let verdict = match other.window {
        Some(window) if window.is_day(case.dates.service) => Verdict::NotMet,
        Some(window) if !window.holds(case.dates.service) => return None,
        Some(_) | None => Verdict::Unknown,
    };
    Some(OtherProcedure { reference: other.reference, label: other.label, source: other.source, verdict })
}

/// No other invasive pain procedure planned for the same visit.
pub(super) fn one_procedure<'a>(case: &SiteCase<'_, 'a>, others: &[OtherProcedure<'_, 'a>]) -> Assessment<'a> {
    let unread = case.facts.unreadable_orders.len() + case.facts.orders_missing;
    let is_certain = others.first().is_some_and(|other| other.verdict.is_not_met());
    let verdict = match (is_certain, others.is_empty() && unread == 0) {
        (true, _) => Verdict::NotMet,
        (false, true) => Verdict::Met,
        (false, false) => Verdict::Unknown,
    };
    let mut assessment = Assessment::new(verdict);
    for other in others.iter().filter(|other| !is_certain || other.verdict.is_not_met()) {
        let phrase = match (other.source, other.verdict.is_unknown()) {
            (OtherSource::Draft(_), false) => Phrase::SecondProcedure,
            (OtherSource::ActiveOrder, false) => Phrase::SecondProcedureOnRecord,
            (OtherSource::Procedure, _) => Phrase::SecondProcedureDone,
            (OtherSource::Draft(_) | OtherSource::ActiveOrder, true) => Phrase::SecondProcedureOpen,
        };
        let date = Some(case.dates.service.to_string()).filter(|_| other.verdict.is_not_met());
        let what = case.say(Phrase::EvidenceOrder, &[other.label]);
        assessment = assessment.found(case.say(phrase, &[other.label])).resting_on([evidence(other.reference, date, what)]);
    }
    let none = verdict.is_met().then(|| case.say(Phrase::OneProcedure, &[]));
    let unreadable = (verdict.is_unknown() && unread > 0).then(|| case.say(Phrase::OrdersUnread, &[&unread]));
    assessment.found(none).found(unreadable)
}

/// Performed by a physician.
pub(super) fn performer<'a>(case: &SiteCase<'_, 'a>) -> Assessment<'a> {
    let performer = &case.order.performer;
    match (&performer.non_physician, performer.is_physician) {
        (Some(other), false) => Assessment::new(Verdict::NotMet)
            .found(case.say(Phrase::PerformedByOther, &[other]))
            .resting_on([evidence(&case.order.reference, None, case.say(Phrase::EvidencePerformer, &[other]))]),
        (_, true) => Assessment::new(Verdict::Met).found(case.say(Phrase::PerformedByPhysician, &[])),
        (None, false) => {
            let presumed = case.policy.parameters.performer_presumed_physician;
            let phrase = if presumed { Phrase::PhysicianPresumed } else { Phrase::PerformerNotStated };
            Assessment::new(if presumed { Verdict::Met } else { Verdict::Unknown }).found(case.say(phrase, &[]))
        }
    }
}

/// Ordered under a code of one of the rule's value sets.
pub(super) fn ordered_as<'a>(case: &SiteCase<'_, 'a>, rule: &OrderedAsRule) -> Assessment<'a> {
    let order = case.order;
    let is_one = order.sets.has_any(&rule.codes);
    let evidence = evidence(&order.reference, None, case.say(Phrase::EvidenceOrder, &[&order.label]));
    Assessment::new(Verdict::from_bool(is_one)).found(rule.texts.text_for(is_one).to_owned()).resting_on([evidence])
}
