//! Sections I.C, II and III: subsequent injections, the diagnostic response, the twelve months.

use chrono::NaiveDate;

use super::Assessment;
use super::conservative_care::active_therapy_evidence;
use crate::policy::case::{SiteCase, evidence};
use crate::policy::dates::{minus_days, minus_months, plus_months};
use crate::policy::evaluation::{Criterion, CriterionId};
use crate::policy::facts::{Span, Therapy};
use crate::policy::form::Question;
use crate::policy::history::Injection;
use crate::policy::phrases::Phrase;
use crate::policy::response::{improved, injection_evidence, sustained};
use crate::policy::value_sets::ValueSet;
use crate::policy::verdict::Verdict;

/// I.C.1 to I.C.4, and II from the second injection on.
pub(crate) fn subsequent<'a>(case: &SiteCase<'_, 'a>) -> Vec<Criterion<'a>> {
    let mut criteria = vec![
        (CriterionId::SustainedRelief, sustained_relief(case)),
        (CriterionId::WithOtherTreatment, with_other_treatment(case)),
        (CriterionId::TwoMonthsApart, two_months_apart(case)),
        (CriterionId::FewerThanFour, fewer_than_four(case)),
    ];
    if case.injections.len() > 1 {
        criteria.push((CriterionId::DiagnosticResponse, either(case, [0, 1].into_iter(), improved)));
    }
    criteria.into_iter().map(|(id, assessment)| assessment.into_criterion(id, case)).collect()
}

/// The OR of what several injections did.
fn either<'a>(
    case: &SiteCase<'_, 'a>,
    places: impl Iterator<Item = usize>,
    did: fn(&SiteCase<'_, 'a>, usize) -> crate::policy::response::Response<'a>,
) -> Assessment<'a> {
    let responses: Vec<_> = places.map(|place| did(case, place)).collect();
    let verdict = responses.iter().fold(Verdict::NotMet, |verdict, response| verdict.or(response.verdict));
    let deciding = responses.into_iter().filter(|response| !verdict.is_met() || response.verdict.is_met());
    deciding.fold(Assessment::new(verdict), Assessment::joined_by)
}

/// I.C.1: lasting relief from the first injection, or from the second when the first is not known to have helped.
fn sustained_relief<'a>(case: &SiteCase<'_, 'a>) -> Assessment<'a> {
    let second = case.injections.len() > 1 && !improved(case, 0).verdict.is_met();
    either(case, 0..if second { 2 } else { 1 }, sustained)
}

/// I.C.2: the form, another order, an active order in the record, or therapy just given.
fn with_other_treatment<'a>(case: &SiteCase<'_, 'a>) -> Assessment<'a> {
    let question = Question::AdjunctNoninvasiveTreatment;
    let answer = case.answers().and_then(|answers| answers.adjunct_noninvasive_treatment);
    if answer == Some(true) {
        let evidence = case.yes_no_evidence(question, true);
        return Assessment::new(Verdict::Met).found(case.say(Phrase::OtherTreatmentByForm, &[])).resting_on(evidence);
    }
    if let Some(met) = ordered_treatment(case).or_else(|| recent_treatment(case)) {
        return met;
    }
    let found = answer.map(|_| case.say(Phrase::NoOtherTreatmentByForm, &[]));
    let evidence = answer.and_then(|answer| case.yes_no_evidence(question, answer));
    Assessment::new(Verdict::of_answer(answer)).found(found).resting_on(evidence).settled_by(&[question]).remediable(true)
}

fn ordered_treatment<'a>(case: &SiteCase<'_, 'a>) -> Option<Assessment<'a>> {
    let drafts = case
        .facts
        .orders
        .iter()
        .filter(|order| order.stands && order.position != case.order.order.position && order.sets.has(ValueSet::ConservativeTherapy));
    let drafts = drafts.map(|order| (&order.reference, &order.label, None));
    let active = case.facts.therapy_orders.iter().filter(|order| case.dates.charted(order.authored));
    let active = active.map(|order| (&order.reference, &order.label, order.authored));
    let (reference, label, date) = drafts.chain(active).min_by_key(|(reference, ..)| *reference)?;
    let what = case.say(Phrase::EvidenceOrder, &[label]);
    let evidence = evidence(reference, date.map(|date| date.to_string()), what);
    Some(Assessment::new(Verdict::Met).found(case.say(Phrase::OtherTreatmentOrdered, &[label])).resting_on([evidence]))
}

fn recent_treatment<'a>(case: &SiteCase<'_, 'a>) -> Option<Assessment<'a>> {
    let cutoff = case.dates.cutoff;
    let oldest = minus_days(cutoff, case.policy.parameters.adjunct_window_days);
    let recent = |therapy: &Therapy<'a>| match therapy.span {
        Span::Days(first, last) => first <= last && first <= cutoff && last >= oldest,
        Span::Since(first) => first <= cutoff,
        Span::Unproven => false,
    };
    let therapies = case.facts.therapies.iter().filter(|therapy| therapy.sets.has(ValueSet::ConservativeTherapy) && recent(therapy));
    let therapy = therapies.max_by_key(|therapy| (last_day(therapy.span), &therapy.reference))?;
    let date = last_day(therapy.span).map(|date| date.to_string());
    let found = case.say(Phrase::OtherTreatmentGiven, &[&therapy.label, &date.as_deref().unwrap_or_default()]);
    Some(Assessment::new(Verdict::Met).found(found).resting_on([active_therapy_evidence(therapy, date)]))
}

fn last_day(span: Span) -> Option<NaiveDate> {
    match span {
        Span::Days(_, last) => Some(last),
        Span::Since(first) => Some(first),
        Span::Unproven => None,
    }
}

/// I.C.3: two months since the last injection.
fn two_months_apart<'a>(case: &SiteCase<'_, 'a>) -> Assessment<'a> {
    let Some(last) = case.injections.last() else { return Assessment::new(Verdict::Unknown) };
    let months = case.policy.thresholds.interval_months;
    let verdict = last.when.plus_months(months).on_or_before(case.dates.service);
    let from = plus_months(last.when.hi(), months);
    let found = match verdict {
        Verdict::Met => case.say(Phrase::LastInjectionLongEnoughAgo, &[&last.when, &from]),
        Verdict::NotMet => case.say(Phrase::LastInjectionTooRecent, &[&last.when, &from]),
        Verdict::Unknown => case.say(Phrase::LastInjectionDateOpen, &[&last.when]),
    };
    Assessment::new(verdict).found(found).resting_on(injection_evidence(case, last)).met_from(from).settled_by(&[super::INJECTION_DATE])
}

/// The episode's therapeutic injections: surely so, and possibly so.
fn therapeutic<'c, 'e, 'a>(case: &'c SiteCase<'e, 'a>) -> (Vec<&'c Injection<'e, 'a>>, Vec<&'c Injection<'e, 'a>>) {
    let mut definite: Vec<_> = case.injections.iter().skip(2).collect();
    let mut possible = Vec::new();
    if let Some(second) = case.injections.get(1) {
        match improved(case, 0).verdict {
            Verdict::Met => definite.insert(0, second),
            Verdict::Unknown => possible.push(second),
            Verdict::NotMet => {}
        }
    }
    (definite, possible)
}

/// I.C.4: fewer than four therapeutic injections in the twelve months up to the service date.
fn fewer_than_four<'a>(case: &SiteCase<'_, 'a>) -> Assessment<'a> {
    let thresholds = &case.policy.thresholds;
    let (limit, months) = (thresholds.therapeutic_limit, thresholds.therapeutic_window_months);
    let service = case.dates.service;
    let start = minus_months(service, months);
    let within = |injection: &&&Injection<'_, '_>| injection.when.lo() > start && injection.when.hi() <= service;
    let touching = |injection: &&&Injection<'_, '_>| injection.when.hi() > start && injection.when.lo() <= service;
    let (definite, possible) = therapeutic(case);
    let least = definite.iter().filter(within).count();
    let counted: Vec<_> = definite.iter().chain(&possible).filter(touching).copied().collect();
    let most = counted.len();
    let evidence: Vec<_> = counted.iter().flat_map(|injection| injection_evidence(case, injection)).collect();
    if most < limit {
        return Assessment::new(Verdict::Met).found(case.say(Phrase::FewTherapeutic, &[&most])).resting_on(evidence);
    }
    if least < limit {
        let found = case.say(Phrase::TherapeuticCountOpen, &[&least, &most]);
        let open = Assessment::new(Verdict::Unknown).found(found).resting_on(evidence);
        return open.settled_by(&[Question::InjectionDate, Question::ReliefPercent]);
    }
    let mut dates: Vec<_> = definite.iter().map(|injection| injection.when.hi()).collect();
    dates.sort_unstable_by(|left, right| right.cmp(left));
    let from = dates.get(limit.saturating_sub(1)).map_or(service, |date| plus_months(*date, months));
    Assessment::new(Verdict::NotMet).found(case.say(Phrase::TooManyTherapeutic, &[&least, &from])).resting_on(evidence).met_from(from)
}

/// III: not beyond twelve months after the first injection.
pub(crate) fn within_twelve_months<'a>(case: &SiteCase<'_, 'a>) -> Criterion<'a> {
    let assessment = match case.injections.first() {
        None => Assessment::new(Verdict::Unknown),
        Some(first) => {
            let until = plus_months(first.when.hi(), case.policy.thresholds.continuation_months);
            let verdict = continuation(case, first, case.dates.service);
            let found = match verdict {
                Verdict::Met => case.say(Phrase::WithinContinuation, &[&first.when, &until]),
                Verdict::NotMet => case.say(Phrase::BeyondContinuation, &[&first.when, &until]),
                Verdict::Unknown => case.say(Phrase::ContinuationOpen, &[&first.when]),
            };
            let open = Assessment::new(verdict).found(found).resting_on(injection_evidence(case, first));
            exception(case, open.settled_by(&[super::INJECTION_DATE]))
        }
    };
    assessment.into_criterion(CriterionId::WithinTwelveMonths, case)
}

/// Whether a service on `date` is within the twelve months after an injection.
pub(crate) fn continuation(case: &SiteCase<'_, '_>, first: &Injection<'_, '_>, date: NaiveDate) -> Verdict {
    first.when.plus_months(case.policy.thresholds.continuation_months).on_or_after(date)
}

/// Names the form's ground for an exception, when the twelve months are over.
fn exception<'a>(case: &SiteCase<'_, 'a>, assessment: Assessment<'a>) -> Assessment<'a> {
    let claimed = case.answers().and_then(|answers| answers.definitive_therapy_not_available) == Some(true);
    if claimed && assessment.verdict.is_not_met() {
        let evidence = case.yes_no_evidence(Question::DefinitiveTherapyNotAvailable, true);
        assessment.found(case.say(Phrase::DefinitiveTherapyNotAvailable, &[])).resting_on(evidence)
    } else {
        assessment
    }
}
