//! One pure function from facts to an evaluation; no clock, no I/O.

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::assumptions::assumptions;
use super::case::{OrderCase, SiteCase};
use super::criteria;
use super::definition::Policy;
use super::determination::{Outcome, of_order, of_site};
use super::diagnosis::{coding_notes, diagnosis};
use super::evaluation::{
    Determination, Evaluation, Named, OrderEvaluation, OrderKind, Pathway, PolicyVersion, PriorInjection, Reference, SecondProcedure, Site,
    SiteEvaluation,
};
use super::facts::{Facts, Order, Side};
use super::history::{History, history};
use super::response::{improved, sustained};
use super::value_sets::ValueSet;
use super::verdict::Verdict;

/// Whose facts they are, and the instant they are read at.
#[derive(Clone, Debug)]
pub struct Inquiry<'a> {
    /// `Patient/{id}`
    pub patient: Reference<'a>,
    /// The instant of evaluation.
    pub as_of: DateTime<Utc>,
}

/// Evaluates every in-scope order of a call that this version of the policy is for.
#[must_use]
pub fn evaluate<'a>(policy: &Policy, facts: &Facts<'a>, question: Inquiry<'a>) -> Evaluation<'a> {
    let today = question.as_of.date_naive();
    let in_scope = facts.orders.iter().filter_map(|order| Some((order, kind(order)?)));
    let orders = in_scope.map(|(order, kind)| evaluate_order(&OrderCase::of(policy, facts, order, today), kind)).collect();
    Evaluation {
        policy: PolicyVersion { id: policy.id.clone(), version: policy.version.clone() },
        as_of: question.as_of,
        patient: question.patient,
        orders,
        plan: facts.plan,
    }
}

/// What an order asks for, if it stands and the policy decides it.
#[must_use]
pub fn kind(order: &Order<'_>) -> Option<OrderKind> {
    if !order.stands {
        None
    } else if order.sets.has(ValueSet::SijRadiofrequencyNeurotomy) {
        Some(OrderKind::Neurotomy)
    } else if order.is_injection {
        Some(OrderKind::Injection)
    } else {
        None
    }
}

fn sites(side: Side) -> &'static [Site] {
    match side {
        Side::Left => &[Site::Left],
        Side::Right => &[Site::Right],
        Side::Both => &[Site::Left, Site::Right],
        Side::Unspecified => &[Site::Unspecified],
    }
}

fn evaluate_sites<'a>(
    case: &OrderCase<'_, 'a>,
    kind: OrderKind,
    assumed: &mut Vec<super::evaluation::Assumption>,
) -> Vec<SiteEvaluation<'a>> {
    let site = |site: &Site| match kind {
        OrderKind::Neurotomy => neurotomy(case, *site),
        OrderKind::Injection if !case.facts.procedures_available => undetermined(*site),
        OrderKind::Injection => injection(case, *site, assumed),
    };
    sites(case.order.side).iter().map(site).collect()
}

/// The days of service, from one on, for which the order would be supported by what is known today; `None` if it would not be on that
/// day. Longer than a year ahead is not looked: what supports it then grows old.
fn supported_from(case: &OrderCase<'_, '_>, kind: OrderKind, first: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    let is_supported = |day: NaiveDate| {
        let sites = evaluate_sites(&case.moved_to(day), kind, &mut Vec::new());
        of_order(&sites).determination == Determination::Supported
    };
    if !is_supported(first) {
        return None;
    }
    // The last day known to be, and the first known not to be.
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

/// The day in the middle, if there is one.
fn between(first: NaiveDate, last: NaiveDate) -> Option<NaiveDate> {
    let half = (last - first).num_days() / 2;
    u64::try_from(half).ok().filter(|half| *half > 0).map(|half| first + Days::new(half))
}

fn evaluate_order<'a>(case: &OrderCase<'_, 'a>, kind: OrderKind) -> OrderEvaluation<'a> {
    let mut assumed = Vec::new();
    let sites = evaluate_sites(case, kind, &mut assumed);
    let Outcome { determination, earliest_date, too_late } = of_order(&sites);
    let diagnosis = diagnosis(case);
    OrderEvaluation {
        order: case.order.reference.clone(),
        position: case.order.position,
        kind,
        service_date: case.dates.service,
        determination,
        earliest_date,
        too_late,
        supported_from: earliest_date.filter(|_| !has_unknown(&sites)).and_then(|first| supported_from(case, kind, first)),
        diagnosis: diagnosis.support,
        supporting_condition: diagnosis.condition,
        second_procedure: second_procedure(case),
        sites,
        coding_notes: coding_notes(case),
        assumptions: assumed,
    }
}

fn has_unknown(sites: &[SiteEvaluation<'_>]) -> bool {
    sites.iter().flat_map(|site| &site.criteria).any(|criterion| criterion.verdict.is_unknown())
}

fn second_procedure<'a>(case: &OrderCase<'_, 'a>) -> Option<SecondProcedure<'a>> {
    let other = criteria::second_procedure(case)?;
    let order = Named { reference: other.reference.clone(), words: other.label.to_string() };
    Some(SecondProcedure { order, is_ours_to_remove: kind(other).is_none() || other.position > case.order.position })
}

fn neurotomy<'a>(case: &OrderCase<'_, 'a>, site: Site) -> SiteEvaluation<'a> {
    SiteEvaluation {
        site,
        pathway: Pathway::Neurotomy,
        determination: Determination::NotSupported,
        earliest_date: None,
        too_late: None,
        prior_injections: Vec::new(),
        criteria: vec![criteria::neurotomy(case)],
    }
}

fn undetermined<'a>(site: Site) -> SiteEvaluation<'a> {
    SiteEvaluation {
        site,
        pathway: Pathway::Undetermined,
        determination: Determination::Indeterminate,
        earliest_date: None,
        too_late: None,
        prior_injections: Vec::new(),
        criteria: Vec::new(),
    }
}

fn injection<'a>(order: &OrderCase<'_, 'a>, site: Site, assumed: &mut Vec<super::evaluation::Assumption>) -> SiteEvaluation<'a> {
    let History { episode, earlier } = history(order, site);
    let case = SiteCase { order, injections: episode };
    let pathway = pathway(&case);
    let criteria = criteria_of(&case, pathway);
    for assumption in assumptions(&case, &earlier, &criteria) {
        if !assumed.contains(&assumption) {
            assumed.push(assumption);
        }
    }
    let Outcome { determination, earliest_date, too_late } = of_site(&case, &criteria);
    SiteEvaluation { site, pathway, determination, earliest_date, too_late, prior_injections: prior_injections(&case), criteria }
}

fn pathway(case: &SiteCase<'_, '_>) -> Pathway {
    match case.injections.len() {
        0 => Pathway::FirstDiagnostic,
        1 => match improved(case, 0).verdict {
            Verdict::NotMet => Pathway::SecondDiagnostic,
            Verdict::Unknown => Pathway::SecondOrSubsequent,
            Verdict::Met => Pathway::Subsequent,
        },
        _ => Pathway::Subsequent,
    }
}

fn criteria_of<'a>(case: &SiteCase<'_, 'a>, pathway: Pathway) -> Vec<super::evaluation::Criterion<'a>> {
    let mut criteria = match pathway {
        Pathway::FirstDiagnostic => criteria::first_diagnostic(case),
        Pathway::SecondDiagnostic | Pathway::SecondOrSubsequent => criteria::second_diagnostic(case),
        Pathway::Subsequent => criteria::subsequent(case),
        Pathway::Neurotomy | Pathway::Undetermined => Vec::new(),
    };
    if pathway != Pathway::FirstDiagnostic {
        criteria.push(criteria::within_twelve_months(case));
    }
    criteria.push(criteria::one_procedure_per_visit(case));
    criteria
}

fn prior_injections<'a>(case: &SiteCase<'_, 'a>) -> Vec<PriorInjection<'a>> {
    let one = |(place, injection): (usize, &super::history::Injection<'_, 'a>)| PriorInjection {
        date: injection.date(),
        resource: injection.reference.clone(),
        source: injection.source,
        improved: improved(case, place).verdict,
        sustained: sustained(case, place).verdict,
    };
    case.injections.iter().enumerate().map(one).collect()
}
