//! Criteria on the relief from earlier injections, and on the return of the pain.

use super::Assessment;
use super::answers::with_answer;
use crate::policy::case::SiteCase;
use crate::policy::history::Injection;
use crate::policy::phrases::Phrase;
use crate::policy::response::{InjectionResponse, improved, injection_evidence, recurred, stated_relief, sustained};
use crate::policy::rule::{RecurrenceRule, ResponseOf, ResponseRule};
use crate::policy::verdict::Verdict;

/// The number of initial injections of an episode: their response decides what may follow.
pub(super) const INITIAL_INJECTIONS: usize = 2;

/// Relief from the injections that the rule names; `None` if it does not apply to the history.
pub(super) fn response<'a>(case: &SiteCase<'_, 'a>, rule: &ResponseRule) -> Option<Assessment<'a>> {
    match rule.of {
        ResponseOf::First => Some(Assessment::from_response(helped(case, 0, rule))),
        ResponseOf::Initial => {
            let second = case.injections.len() > 1 && !improved(case, 0, rule.percent).verdict.is_met();
            Some(either(case, if second { INITIAL_INJECTIONS } else { 1 }, rule))
        }
        ResponseOf::Diagnostic => diagnostic_response(case, rule),
        ResponseOf::EachDiagnostic => (case.injections.len() >= INITIAL_INJECTIONS).then(|| each(case, rule)),
        ResponseOf::LastTherapeutic => {
            let last = case.injections.len().checked_sub(1).filter(|last| *last >= INITIAL_INJECTIONS);
            last.map(|place| Assessment::from_response(helped(case, place, rule)))
        }
    }
}

fn helped<'a>(case: &SiteCase<'_, 'a>, place: usize, rule: &ResponseRule) -> InjectionResponse<'a> {
    match rule.months {
        Some(months) => sustained(case, place, rule.percent, months),
        None => improved(case, place, rule.percent),
    }
}

/// The OR of the responses to the first injections.
fn either<'a>(case: &SiteCase<'_, 'a>, number: usize, rule: &ResponseRule) -> Assessment<'a> {
    let responses: Vec<_> = (0..number).map(|place| helped(case, place, rule)).collect();
    let verdict = responses.iter().fold(Verdict::NotMet, |verdict, response| verdict.or(response.verdict));
    let deciding = responses.into_iter().filter(|response| !verdict.is_met() || response.verdict.is_met());
    deciding.fold(Assessment::new(verdict), Assessment::with_response)
}

/// The AND of the responses to the first injections.
fn each<'a>(case: &SiteCase<'_, 'a>, rule: &ResponseRule) -> Assessment<'a> {
    let responses: Vec<_> = (0..INITIAL_INJECTIONS).map(|place| helped(case, place, rule)).collect();
    let verdict = responses.iter().fold(Verdict::Met, |verdict, response| verdict.and(response.verdict));
    responses.into_iter().fold(Assessment::new(verdict), Assessment::with_response)
}

/// A diagnostic injection of this episode helped. An earlier episode counts against the order only if forms state that neither of its
/// first two injections did. `None` if no episode has two injections.
fn diagnostic_response<'a>(case: &SiteCase<'_, 'a>, rule: &ResponseRule) -> Option<Assessment<'a>> {
    let is_long = |injections: &[Injection<'_, '_>]| injections.len() >= INITIAL_INJECTIONS;
    let mut earlier = case.earlier.iter().filter(|episode| is_long(episode)).peekable();
    if !is_long(&case.injections) && earlier.peek().is_none() {
        return None;
    }
    let current = if is_long(&case.injections) { either(case, INITIAL_INJECTIONS, rule) } else { Assessment::new(Verdict::Met) };
    Some(earlier.fold(current, |assessment, episode| with_earlier_episode(case, assessment, episode, rule.percent)))
}

fn with_earlier_episode<'a>(
    case: &SiteCase<'_, 'a>,
    assessment: Assessment<'a>,
    episode: &[Injection<'_, 'a>],
    percent: u32,
) -> Assessment<'a> {
    let initial = episode.get(..INITIAL_INJECTIONS).unwrap_or_default();
    let is_less = |injection| stated_relief(case, injection).is_some_and(|stated| stated < f64::from(percent));
    let failed = initial.iter().all(is_less);
    let dates: Vec<_> = initial.iter().map(|injection| injection.when.to_string()).collect();
    let found = if failed {
        case.say(Phrase::EarlierEpisodeFailed, &[&dates.join(", "), &percent])
    } else {
        case.say(Phrase::EarlierEpisodeNotFailed, &[&dates.join(", ")])
    };
    let verdict = assessment.verdict.and(Verdict::from_bool(!failed));
    let evidence = initial.iter().flat_map(|injection| injection_evidence(case, injection));
    Assessment { verdict, ..assessment }.found(found).resting_on(evidence.collect::<Vec<_>>())
}

/// The pain recurred, according to the form, or to scores after one injection.
pub(super) fn recurrence<'a>(case: &SiteCase<'_, 'a>, rule: &RecurrenceRule) -> Assessment<'a> {
    match (case.answered(|answers| answers.yes_no(rule.question)), recurred(case, rule.percent)) {
        (None, Some((evidence, date))) => {
            Assessment::new(Verdict::Met).found(case.say(Phrase::PainBackByScores, &[&date, &rule.percent])).resting_on(evidence)
        }
        (answer, _) => {
            let assessment = Assessment::new(Verdict::from_answer(answer.map(|answer| answer.value)));
            with_answer(case, assessment, rule.question, answer, &rule.texts)
        }
    }
}
