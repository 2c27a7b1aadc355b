//! A pure function from facts to an evaluation: no clock, no I/O.

use std::cell::OnceCell;

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::assumptions::assumptions;
use super::case::{Dates, OrderCase, SiteCase};
use super::criteria::{self, OtherProcedure, OtherSource};
use super::criterion_id::PathwayId;
use super::definition::Policy;
use super::determination::{DatedDetermination, for_order, for_site};
use super::diagnosis::{coding_notes, diagnosis};
use super::evaluation::{
    Criterion, Determination, DiagnosisSupport, Evaluation, OrderEvaluation, PolicyVersion, PriorInjection, SecondProcedure, Site,
    SiteEvaluation,
};
use super::evaluation_notes::{Assumption, Note, NoteKind, PassedOver, PassedOverReason};
use super::facts::{Facts, Side};
use super::history::{Acts, acts, history};
use super::notes::{lacks_answer, notes, site_notes};
use super::order_facts::{Order, Standing, UnreadableOrder};
use super::pathway::{Pathway, UNDETERMINED};
use super::phrases::Phrase;
use super::possible::possible_injections;
use super::prose::extend_once;
use super::reference::{NamedResource, OrderKind, Reference};
use super::response::{helped_first, improved, sustained};

/// The patient whom the facts are about, and the instant of evaluation.
#[derive(Clone, Debug)]
pub struct Inquiry<'a> {
    /// `Patient/{id}`
    pub patient: Reference<'a>,
    /// The instant of evaluation.
    pub as_of: DateTime<Utc>,
}

/// Evaluates every in-scope order of a call with this version of the policy.
#[must_use]
pub fn evaluate<'a>(policy: &Policy, facts: &Facts<'a>, question: Inquiry<'a>) -> Evaluation<'a> {
    let today = question.as_of.date_naive();
    let in_scope = facts.orders.iter().filter_map(|order| Some((order, kind(order)?)));
    let readable = in_scope.map(|(order, kind)| evaluate_order(&OrderCase::new(policy, facts, order, today), kind));
    let unreadable = facts.unreadable_orders.iter().filter_map(|order| unreadable_order(policy, order, today));
    let mut orders: Vec<_> = readable.chain(unreadable).collect();
    orders.sort_by_key(|order| order.position);
    Evaluation {
        policy: PolicyVersion { id: policy.id.clone(), version: policy.version.clone() },
        as_of: question.as_of,
        patient: question.patient,
        orders,
        passed_over: facts.orders.iter().filter_map(passed_over).collect(),
        plan: facts.plan,
    }
}

/// The requested procedure, if the order requests a service in the policy's scope.
#[must_use]
pub fn kind(order: &Order<'_>) -> Option<OrderKind> {
    order.kind.filter(|_| order.standing == Standing::Stands)
}

/// Why an order gets no determination; `None` if it gets one.
#[must_use]
pub fn passed_over<'a>(order: &Order<'a>) -> Option<PassedOver<'a>> {
    let why = match (order.standing, order.kind) {
        (Standing::Stands, Some(_)) => return None,
        (Standing::Stands, None) => PassedOverReason::NotInScope,
        (Standing::Ended, _) => PassedOverReason::Status,
        (Standing::DoNotPerform, _) => PassedOverReason::DoNotPerform,
        (Standing::Option, _) => PassedOverReason::Option,
        (Standing::Replaced, _) => PassedOverReason::Replaced,
    };
    Some(PassedOver { order: order.reference.clone(), position: order.position, why, codes: order.codes.clone() })
}

/// Reports an unreadable order with an in-scope code as indeterminate, so that it never passes silently.
fn unreadable_order<'a>(policy: &Policy, order: &UnreadableOrder<'a>, today: NaiveDate) -> Option<OrderEvaluation<'a>> {
    let text = policy.wording.say(Phrase::OrderUnreadable, &[&order.problem]);
    Some(OrderEvaluation {
        order: order.reference.clone(),
        position: order.position,
        kind: order.kind?,
        service_date: Dates::within(policy, order.window, today).service,
        determination: Determination::Indeterminate,
        earliest_date: None,
        too_late: None,
        supported_from: None,
        diagnosis: DiagnosisSupport::Unavailable,
        supporting_condition: None,
        second_procedure: None,
        sites: Vec::new(),
        notes: vec![Note { kind: NoteKind::OrderUnreadable, text, resources: vec![order.reference.clone()] }],
        coding_notes: Vec::new(),
        assumptions: Vec::new(),
    })
}

/// The joints that an order for a side is about.
pub(super) fn sites(side: Side) -> &'static [Site] {
    match side {
        Side::Left => &[Site::Left],
        Side::Right => &[Site::Right],
        Side::Both => &[Site::Left, Site::Right],
        Side::Unspecified => &[Site::Unspecified],
    }
}

/// The evaluations of an order's joints, with their notes and assumptions.
#[derive(Default)]
struct Sites<'a> {
    evaluations: Vec<SiteEvaluation<'a>>,
    second_procedure: Option<SecondProcedure<'a>>,
    notes: Vec<Note<'a>>,
    assumptions: Vec<Assumption>,
}

fn evaluate_sites<'a>(case: &OrderCase<'_, 'a>, kind: OrderKind) -> Sites<'a> {
    let sites = sites(case.order.side);
    match kind {
        OrderKind::Neurotomy => excluded(case, sites),
        OrderKind::Injection if !case.facts.procedures_available && case.has_complete_history().is_none() => {
            all_of(sites, &PathwayId::from(UNDETERMINED), Determination::Indeterminate, Vec::new)
        }
        OrderKind::Injection => {
            let acts = acts(case);
            let mut all = Sites::default();
            for site in sites {
                injection(case, &acts, *site, &mut all);
            }
            all
        }
    }
}

/// The first and last day of service on which today's facts would support the order, starting at `first`; `None` if they would not
/// on that day. The search ends a year ahead, because evidence expires.
fn supported_from(case: &OrderCase<'_, '_>, kind: OrderKind, first: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    let is_supported = |day: NaiveDate| {
        let sites = evaluate_sites(&case.moved_to(day), kind).evaluations;
        for_order(&sites).determination == Determination::Supported
    };
    if !is_supported(first) {
        return None;
    }
    // The last day known to be supported, and the first day known (or assumed) not to be.
    let (mut last, mut beyond) = (first, first + Days::new(366));
    while let Some(middle) = between(last, beyond) {
        if is_supported(middle) {
            last = middle;
        } else {
            beyond = middle;
        }
    }
    Some((first, last))
}

/// The day midway between two days; `None` if they are adjacent.
fn between(first: NaiveDate, last: NaiveDate) -> Option<NaiveDate> {
    let half = (last - first).num_days() / 2;
    u64::try_from(half).ok().filter(|half| *half > 0).map(|half| first + Days::new(half))
}

fn evaluate_order<'a>(case: &OrderCase<'_, 'a>, kind: OrderKind) -> OrderEvaluation<'a> {
    let Sites { evaluations, second_procedure, notes: of_sites, assumptions } = evaluate_sites(case, kind);
    let DatedDetermination { determination, earliest_date, too_late } = for_order(&evaluations);
    let diagnosis = diagnosis(case);
    let is_open = has_unknown(&evaluations);
    let is_answer_missing = determination == Determination::Indeterminate || evaluations.iter().any(|site| lacks_answer(&site.criteria));
    OrderEvaluation {
        order: case.order.reference.clone(),
        position: case.order.position,
        kind,
        service_date: case.dates.service,
        determination,
        earliest_date,
        too_late,
        supported_from: earliest_date.filter(|_| !is_open).and_then(|first| supported_from(case, kind, first)),
        diagnosis: diagnosis.support,
        supporting_condition: diagnosis.condition,
        second_procedure,
        notes: notes(case, kind, of_sites, is_answer_missing),
        sites: evaluations,
        coding_notes: coding_notes(case, diagnosis.support),
        assumptions,
    }
}

fn has_unknown(sites: &[SiteEvaluation<'_>]) -> bool {
    sites.iter().flat_map(|site| &site.criteria).any(|criterion| criterion.verdict.is_unknown())
}

/// The other draft order that is definitely a second procedure of the visit.
fn second_procedure<'a>(case: &SiteCase<'_, 'a>, others: &[OtherProcedure<'_, 'a>]) -> Option<SecondProcedure<'a>> {
    others.iter().filter(|other| other.verdict.is_not_met()).find_map(|other| {
        let OtherSource::Draft(position) = other.source else { return None };
        let is_ours = case.facts.orders.iter().find(|order| order.position == position).is_none_or(|order| kind(order).is_none());
        let order = NamedResource { reference: other.reference.clone(), words: other.label.to_string() };
        Some(SecondProcedure { order, position, is_ours_to_remove: is_ours || position > case.order.position })
    })
}

/// Evaluates joints whose injection history is irrelevant.
fn all_of<'a>(sites: &[Site], pathway: &PathwayId, determination: Determination, criteria: impl Fn() -> Vec<Criterion<'a>>) -> Sites<'a> {
    let one = |site: &Site| SiteEvaluation {
        site: *site,
        pathway: pathway.clone(),
        determination,
        earliest_date: None,
        too_late: None,
        prior_injections: Vec::new(),
        possible_injections: Vec::new(),
        criteria: criteria(),
    };
    Sites { evaluations: sites.iter().map(one).collect(), ..Sites::default() }
}

fn injection<'a>(order: &OrderCase<'_, 'a>, acts: &Acts<'_, 'a>, site: Site, all: &mut Sites<'a>) {
    let case = SiteCase::new(order, site, history(order, acts, site));
    // Every history has a pathway: reading the policy checks that.
    let Some(pathway) = pathway(&case) else {
        let unknown = all_of(&[site], &PathwayId::from(UNDETERMINED), Determination::Indeterminate, Vec::new);
        return all.evaluations.extend(unknown.evaluations);
    };
    let others = criteria::other_procedures(&case);
    let criteria: Vec<_> = pathway.criteria.iter().filter_map(|id| criteria::decide(&case, case.policy.criterion(id)?, &others)).collect();
    extend_once(&mut all.assumptions, assumptions(&case, &criteria));
    extend_once(&mut all.notes, site_notes(&case, &criteria));
    all.second_procedure = all.second_procedure.take().or_else(|| second_procedure(&case, &others));
    let DatedDetermination { determination, earliest_date, too_late } = for_site(&case, &criteria);
    let (prior_injections, possible_injections) = (prior_injections(&case), possible_injections(&case));
    all.evaluations.push(SiteEvaluation {
        site,
        pathway: pathway.id.clone(),
        determination,
        earliest_date,
        too_late,
        prior_injections,
        possible_injections,
        criteria,
    });
}

/// The first pathway that is for the joint's history.
fn pathway<'e>(case: &SiteCase<'e, '_>) -> Option<&'e Pathway> {
    let (number, helped) = (case.injections.len(), OnceCell::new());
    let helped = || *helped.get_or_init(|| helped_first(case));
    case.policy.pathways_of(OrderKind::Injection).find(|pathway| pathway.history.holds(number, helped))
}

/// Evaluates joints for a procedure that the policy never covers.
fn excluded<'a>(case: &OrderCase<'_, 'a>, sites: &[Site]) -> Sites<'a> {
    let pathway = case.policy.pathways_of(OrderKind::Neurotomy).next();
    let id = pathway.map_or_else(|| PathwayId::from(UNDETERMINED), |pathway| pathway.id.clone());
    let ids = pathway.map_or(&[][..], |pathway| &pathway.criteria);
    let criteria = || ids.iter().filter_map(|id| Some(criteria::excluded(case, case.policy.criterion(id)?))).collect();
    all_of(sites, &id, Determination::NotSupported, criteria)
}

fn prior_injections<'a>(case: &SiteCase<'_, 'a>) -> Vec<PriorInjection<'a>> {
    let needed = case.policy.response;
    let one = |(place, injection): (usize, &super::history::Injection<'_, 'a>)| PriorInjection {
        date: injection.date(),
        resource: injection.reference.clone(),
        source: injection.source,
        improved: improved(case, place, needed.percent).verdict,
        sustained: sustained(case, place, needed.percent, needed.months).verdict,
    };
    case.injections.iter().enumerate().map(one).collect()
}
