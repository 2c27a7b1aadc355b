//! Sections I.C, II and III: subsequent injections, the diagnostic response, the limit of twelve months.

use chrono::NaiveDate;

use super::Assessment;
use super::conservative_care::active_therapy_evidence;
use super::first_diagnostic::answered;
use crate::policy::case::{SiteCase, evidence};
use crate::policy::criterion_id::CriterionId;
use crate::policy::dates::{DateInterval, minus_days, minus_months, plus_months};
use crate::policy::evaluation::Criterion;
use crate::policy::facts::{Label, Span, Therapy};
use crate::policy::form::Question;
use crate::policy::history::Injection;
use crate::policy::order_facts::{ActiveOrder, Order, Standing};
use crate::policy::phrases::Phrase;
use crate::policy::reference::Reference;
use crate::policy::response::{improved, injection_evidence, recurrence, stated_relief, sustained};
use crate::policy::value_sets::ValueSet;
use crate::policy::verdict::Verdict;

/// I.C, and I.C.1 to I.C.4.
pub(crate) fn subsequent<'a>(case: &SiteCase<'_, 'a>) -> Vec<Criterion<'a>> {
    [
        (CriterionId::PainRecurred, pain_recurred(case)),
        (CriterionId::SustainedRelief, sustained_relief(case)),
        (CriterionId::WithOtherTreatment, with_other_treatment(case)),
        (CriterionId::TwoMonthsApart, two_months_apart(case)),
        (CriterionId::FewerThanFour, fewer_than_four(case)),
    ]
    .map(|(id, assessment)| assessment.into_criterion(id, case))
    .into()
}

/// The number of initial injections of an episode: their response decides what may follow.
const INITIAL_INJECTIONS: usize = 2;

/// II: a diagnostic injection of this episode relieved half the pain. An earlier episode counts against the order only
/// if forms state that neither of its first two injections did. `None` if no episode has two injections.
pub(crate) fn diagnostic_response<'a>(case: &SiteCase<'_, 'a>) -> Option<Criterion<'a>> {
    let is_long = |injections: &[Injection<'_, '_>]| injections.len() >= INITIAL_INJECTIONS;
    let earlier: Vec<_> = case.earlier.iter().filter(|episode| is_long(episode)).collect();
    if !is_long(&case.injections) && earlier.is_empty() {
        return None;
    }
    let current = if is_long(&case.injections) { either(case, [0, 1].into_iter(), improved) } else { Assessment::new(Verdict::Met) };
    let mut assessment = current;
    for episode in earlier {
        assessment = with_earlier_episode(case, assessment, episode);
    }
    Some(assessment.into_criterion(CriterionId::DiagnosticResponse, case))
}

fn with_earlier_episode<'a>(case: &SiteCase<'_, 'a>, assessment: Assessment<'a>, episode: &[Injection<'_, 'a>]) -> Assessment<'a> {
    let initial = episode.get(..INITIAL_INJECTIONS).unwrap_or_default();
    let threshold = f64::from(case.policy.thresholds.relief_percent);
    let failed = initial.iter().all(|injection| stated_relief(case, injection).is_some_and(|percent| percent < threshold));
    let dates: Vec<_> = initial.iter().map(|injection| injection.when.to_string()).collect();
    let phrase = if failed { Phrase::EarlierEpisodeFailed } else { Phrase::EarlierEpisodeNotFailed };
    let verdict = assessment.verdict.and(Verdict::from_bool(!failed));
    let evidence = initial.iter().flat_map(|injection| injection_evidence(case, injection));
    Assessment { verdict, ..assessment }.found(case.say(phrase, &[&dates.join(", ")])).resting_on(evidence.collect::<Vec<_>>())
}

/// I.C: the pain recurred, according to the form, or to scores after one injection.
fn pain_recurred<'a>(case: &SiteCase<'_, 'a>) -> Assessment<'a> {
    let question = Question::PainRecurred;
    match (case.answered(|answers| answers.pain_recurred), recurrence(case)) {
        (None, Some((evidence, date))) => {
            Assessment::new(Verdict::Met).found(case.say(Phrase::PainBackByScores, &[&date])).resting_on(evidence)
        }
        (answer, _) => {
            let assessment = Assessment::new(Verdict::from_answer(answer.map(|answer| answer.value))).remediable(true);
            answered(case, assessment, question, answer, (Phrase::PainBack, Phrase::PainNotBack))
        }
    }
}

/// The OR of the responses to several injections.
fn either<'a>(
    case: &SiteCase<'_, 'a>,
    places: impl Iterator<Item = usize>,
    did: fn(&SiteCase<'_, 'a>, usize) -> crate::policy::response::InjectionResponse<'a>,
) -> Assessment<'a> {
    let responses: Vec<_> = places.map(|place| did(case, place)).collect();
    let verdict = responses.iter().fold(Verdict::NotMet, |verdict, response| verdict.or(response.verdict));
    let deciding = responses.into_iter().filter(|response| !verdict.is_met() || response.verdict.is_met());
    deciding.fold(Assessment::new(verdict), Assessment::with_response)
}

/// I.C.1: sustained relief from the first injection, or from the second if the first is not known to have helped.
fn sustained_relief<'a>(case: &SiteCase<'_, 'a>) -> Assessment<'a> {
    let second = case.injections.len() > 1 && !improved(case, 0).verdict.is_met();
    either(case, 0..if second { 2 } else { 1 }, sustained)
}

/// I.C.2: the form, another order, an active order in the record, or recent therapy.
fn with_other_treatment<'a>(case: &SiteCase<'_, 'a>) -> Assessment<'a> {
    let question = Question::AdjunctNoninvasiveTreatment;
    let answer = case.answered(|answers| answers.adjunct_noninvasive_treatment);
    let drafted = drafted_treatment(case);
    match (answer, drafted.or_else(|| charted_treatment(case).filter(|_| answer.is_none()))) {
        (Some(answer), _) if answer.value => {
            let evidence = case.yes_no_evidence(question, answer);
            Assessment::new(Verdict::Met).found(case.say(Phrase::OtherTreatmentByForm, &[])).resting_on([evidence])
        }
        (_, Some(met)) => met,
        (None, None) => Assessment::new(Verdict::Unknown).settled_by(&[question]),
        (Some(answer), None) => {
            let evidence = case.yes_no_evidence(question, answer);
            let denied = Assessment::new(Verdict::NotMet).found(case.say(Phrase::NoOtherTreatmentByForm, &[])).resting_on([evidence]);
            match charted_treatment(case) {
                None => denied.remediable(true),
                Some(charted) => {
                    let found: Vec<_> = charted.found.iter().map(|found| case.say(Phrase::ChartSaysOtherwise, &[found])).collect();
                    let open = Assessment { verdict: Verdict::Unknown, ..denied };
                    found.into_iter().fold(open, Assessment::found).resting_on(charted.evidence).settled_by(&[question])
                }
            }
        }
    }
}

/// Other treatment that the call or the chart shows, regardless of the form.
pub(crate) fn charted_other_treatment<'a>(case: &SiteCase<'_, 'a>) -> Option<Assessment<'a>> {
    drafted_treatment(case).or_else(|| charted_treatment(case))
}

/// Another draft order for conservative therapy.
fn drafted_treatment<'a>(case: &SiteCase<'_, 'a>) -> Option<Assessment<'a>> {
    let is_one = |order: &&Order<'_>| {
        order.standing == Standing::Stands
            && order.position != case.order.position
            && order.sets.has(ValueSet::ConservativeTherapy)
            && !order.is_elsewhere
    };
    let order = case.facts.orders.iter().filter(is_one).min_by_key(|order| &order.reference)?;
    Some(ordered(case, &order.reference, &order.label, None))
}

/// An active order in the record for conservative therapy, or recent conservative therapy.
fn charted_treatment<'a>(case: &SiteCase<'_, 'a>) -> Option<Assessment<'a>> {
    let is_one = |order: &&ActiveOrder<'_>| {
        order.sets.has(ValueSet::ConservativeTherapy) && case.dates.charted(order.authored) && !order.is_elsewhere
    };
    let order = case.facts.active_orders.iter().filter(is_one).min_by_key(|order| &order.reference);
    order.map(|order| ordered(case, &order.reference, &order.label, order.authored)).or_else(|| recent_treatment(case))
}

fn ordered<'a>(case: &SiteCase<'_, 'a>, reference: &Reference<'a>, label: &Label<'a>, date: Option<DateInterval>) -> Assessment<'a> {
    let what = case.say(Phrase::EvidenceOrder, &[label]);
    let evidence = evidence(reference, date.map(|date| date.to_string()), what);
    Assessment::new(Verdict::Met).found(case.say(Phrase::OtherTreatmentOrdered, &[label])).resting_on([evidence])
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

/// The episode's definite and possible therapeutic injections. The first injection is diagnostic, unless it helped and the
/// parameter counts it; the second is diagnostic if the first did not help.
fn therapeutic<'c, 'e, 'a>(case: &'c SiteCase<'e, 'a>) -> (Vec<&'c Injection<'e, 'a>>, Vec<&'c Injection<'e, 'a>>) {
    let mut definite: Vec<_> = case.injections.iter().skip(INITIAL_INJECTIONS).collect();
    let mut possible = Vec::new();
    let helped = improved(case, 0).verdict;
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
        let all = case.injections.len();
        let diagnostic = all.saturating_sub(most);
        let found = if diagnostic > 0 && most > 0 {
            case.say(Phrase::FewTherapeuticOfAll, &[&all, &diagnostic, &most])
        } else {
            case.say(Phrase::FewTherapeutic, &[&most])
        };
        return Assessment::new(Verdict::Met).found(found).resting_on(evidence);
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

/// Once the twelve months are over, adds the form's ground for an exception or asks for it.
fn exception<'a>(case: &SiteCase<'_, 'a>, assessment: Assessment<'a>) -> Assessment<'a> {
    if !assessment.verdict.is_not_met() {
        return assessment;
    }
    match case.answered(|answers| answers.definitive_therapy_not_available) {
        Some(answer) if answer.value => {
            let evidence = case.yes_no_evidence(Question::DefinitiveTherapyNotAvailable, answer);
            assessment.found(case.say(Phrase::DefinitiveTherapyNotAvailable, &[])).resting_on([evidence])
        }
        Some(_) => assessment,
        None => assessment.excepted_by(Question::DefinitiveTherapyNotAvailable),
    }
}
