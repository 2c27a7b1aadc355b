//! Criteria that dates decide: time since an injection, injections in a period, the limit after the first injection.

use chrono::NaiveDate;

use super::Assessment;
use super::responses::INITIAL_INJECTIONS;
use crate::policy::case::SiteCase;
use crate::policy::dates::{minus_months, plus_months};
use crate::policy::form::Question;
use crate::policy::history::Injection;
use crate::policy::phrases::Phrase;
use crate::policy::response::{helped_first, injection_evidence};
use crate::policy::rule::{ContinuationRule, CountOf, CountRule, IntervalRule, IntervalStart, Wait};
use crate::policy::verdict::Verdict;

/// Enough time since the first or the last injection.
pub(super) fn interval<'a>(case: &SiteCase<'_, 'a>, rule: &IntervalRule) -> Assessment<'a> {
    let injection = match rule.since {
        IntervalStart::First => case.injections.first(),
        IntervalStart::Last => case.injections.last(),
    };
    let Some(injection) = injection else { return Assessment::new(Verdict::Unknown) };
    let verdict = rule.wait.after(injection.when).on_or_before(case.dates.service);
    let from = rule.wait.over_from(injection.when);
    let wait = match rule.wait {
        Wait::Days(days) => case.say(Phrase::Days, &[&days]),
        Wait::Months(months) => case.say(Phrase::Months, &[&months]),
    };
    let phrase = match (rule.since, verdict) {
        (IntervalStart::First, Verdict::Met) => Phrase::FirstInjectionLongEnoughAgo,
        (IntervalStart::First, Verdict::NotMet) => Phrase::FirstInjectionTooRecent,
        (IntervalStart::First, Verdict::Unknown) => Phrase::FirstInjectionDateOpen,
        (IntervalStart::Last, Verdict::Met) => Phrase::LastInjectionLongEnoughAgo,
        (IntervalStart::Last, Verdict::NotMet) => Phrase::LastInjectionTooRecent,
        (IntervalStart::Last, Verdict::Unknown) => Phrase::LastInjectionDateOpen,
    };
    let found = case.say(phrase, &[&injection.when, &from, &wait]);
    Assessment::new(verdict)
        .found(found)
        .resting_on(injection_evidence(case, injection))
        .met_from(from)
        .settled_by(&[super::INJECTION_DATE])
}

/// Definite and possible injections.
type Counted<'c, 'e, 'a> = (Vec<&'c Injection<'e, 'a>>, Vec<&'c Injection<'e, 'a>>);

/// The episode's injections that a limit counts.
fn counted<'c, 'e, 'a>(case: &'c SiteCase<'e, 'a>, of: CountOf) -> Counted<'c, 'e, 'a> {
    match of {
        CountOf::Therapeutic => therapeutic(case),
        CountOf::All => (case.earlier.iter().flatten().chain(&case.injections).collect(), Vec::new()),
        CountOf::Sessions => case.sessions.iter().partition(|session| !session.is_possible()),
    }
}

/// The first injection is diagnostic, unless it helped and the parameter counts it; the second is diagnostic if the first did not help.
fn therapeutic<'c, 'e, 'a>(case: &'c SiteCase<'e, 'a>) -> Counted<'c, 'e, 'a> {
    let mut definite: Vec<_> = case.injections.iter().skip(INITIAL_INJECTIONS).collect();
    let mut possible = Vec::new();
    let helped = helped_first(case);
    if let Some(second) = case.injections.get(1) {
        match helped {
            Verdict::Met => definite.insert(0, second),
            Verdict::Unknown => possible.push(second),
            Verdict::NotMet => {}
        }
    }
    let counts_first = case.policy.parameters.first_injection_is_therapeutic && helped.is_met();
    if let Some(first) = case.injections.first().filter(|_| counts_first) {
        definite.insert(0, first);
    }
    (definite, possible)
}

/// Fewer injections than the limit in the months up to the service date.
pub(super) fn count_in_window<'a>(case: &SiteCase<'_, 'a>, rule: &CountRule) -> Assessment<'a> {
    let (limit, months, service) = (rule.fewer_than, rule.months, case.dates.service);
    let start = minus_months(service, months);
    let within = |injection: &&&Injection<'_, '_>| injection.when.lo() > start && injection.when.hi() <= service;
    let touching = |injection: &&&Injection<'_, '_>| injection.when.hi() > start && injection.when.lo() <= service;
    let (definite, possible) = counted(case, rule.of);
    let least = definite.iter().filter(within).count();
    let counted: Vec<_> = definite.iter().chain(&possible).filter(touching).copied().collect();
    let most = counted.len();
    let evidence: Vec<_> = counted.iter().flat_map(|injection| injection_evidence(case, injection)).collect();
    // The form names the injections of this joint alone.
    let is_incomplete = rule.of == CountOf::Sessions && !case.facts.procedures_available;
    if most < limit && !is_incomplete {
        let all = case.injections.len();
        let diagnostic = all.saturating_sub(most);
        let found = if rule.of == CountOf::Therapeutic && diagnostic > 0 && most > 0 {
            case.say(Phrase::FewTherapeuticOfAll, &[&all, &diagnostic, &most, &months, &limit])
        } else {
            case.say(Phrase::FewTherapeutic, &[&most, &months, &limit])
        };
        return Assessment::new(Verdict::Met).found(found).resting_on(evidence);
    }
    if least < limit {
        let found = (most >= limit).then(|| case.say(Phrase::TherapeuticCountOpen, &[&least, &most, &months]));
        let open = Assessment::new(Verdict::Unknown).found(found).resting_on(evidence);
        return open.settled_by(match rule.of {
            CountOf::Therapeutic => &[Question::InjectionDate, Question::ReliefPercent],
            CountOf::All => &[Question::InjectionDate],
            CountOf::Sessions => &[Question::InjectionDate, Question::InjectionHistoryComplete],
        });
    }
    let mut dates: Vec<_> = definite.iter().map(|injection| injection.when.hi()).collect();
    dates.sort_unstable_by(|left, right| right.cmp(left));
    let from = dates.get(limit.saturating_sub(1)).map_or(service, |date| plus_months(*date, months));
    let found = case.say(Phrase::TooManyTherapeutic, &[&least, &from, &months, &limit]);
    Assessment::new(Verdict::NotMet).found(found).resting_on(evidence).met_from(from)
}

/// Not beyond the months after the first injection.
pub(super) fn within_continuation<'a>(case: &SiteCase<'_, 'a>, rule: &ContinuationRule) -> Assessment<'a> {
    let Some(first) = case.injections.first() else { return Assessment::new(Verdict::Unknown) };
    let months = rule.months;
    let until = plus_months(first.when.hi(), months);
    let verdict = continuation(rule, first, case.dates.service);
    let found = match verdict {
        Verdict::Met => case.say(Phrase::WithinContinuation, &[&first.when, &until, &months]),
        Verdict::NotMet => case.say(Phrase::BeyondContinuation, &[&first.when, &until, &months]),
        Verdict::Unknown => case.say(Phrase::ContinuationOpen, &[&first.when, &months]),
    };
    let open = Assessment::new(verdict).found(found).resting_on(injection_evidence(case, first));
    exception(case, rule, open.settled_by(&[super::INJECTION_DATE]))
}

/// Whether a service on `date` is within the months after an injection.
pub(crate) fn continuation(rule: &ContinuationRule, first: &Injection<'_, '_>, date: NaiveDate) -> Verdict {
    first.when.plus_months(rule.months).on_or_after(date)
}

/// Once the months are over, adds the form's ground for an exception or asks for it.
fn exception<'a>(case: &SiteCase<'_, 'a>, rule: &ContinuationRule, assessment: Assessment<'a>) -> Assessment<'a> {
    if !assessment.verdict.is_not_met() {
        return assessment;
    }
    match case.answered(|answers| answers.yes_no(rule.exception)) {
        Some(answer) if answer.value => {
            let evidence = case.yes_no_evidence(rule.exception, answer);
            assessment.found(case.say(Phrase::DefinitiveTherapyNotAvailable, &[])).resting_on([evidence])
        }
        Some(_) => assessment,
        None => assessment.excepted_by(rule.exception),
    }
}
