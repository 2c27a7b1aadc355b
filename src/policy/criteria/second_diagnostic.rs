//! Section I.B: the second diagnostic injection.

use super::Assessment;
use crate::policy::case::SiteCase;
use crate::policy::criterion_id::CriterionId;
use crate::policy::dates::plus_days;
use crate::policy::evaluation::Criterion;
use crate::policy::phrases::Phrase;
use crate::policy::response::{improved, injection_evidence};
use crate::policy::verdict::Verdict;

/// I.B.1 and I.B.2.
pub(crate) fn second_diagnostic<'a>(case: &SiteCase<'_, 'a>) -> Vec<Criterion<'a>> {
    [(CriterionId::FirstDidNotHelp, first_did_not_help(case)), (CriterionId::TwoWeeksPassed, two_weeks_passed(case))]
        .map(|(id, assessment)| assessment.into_criterion(id, case))
        .into()
}

fn first_did_not_help<'a>(case: &SiteCase<'_, 'a>) -> Assessment<'a> {
    let assessment = Assessment::from_response(improved(case, 0));
    Assessment { verdict: !assessment.verdict, ..assessment }
}

fn two_weeks_passed<'a>(case: &SiteCase<'_, 'a>) -> Assessment<'a> {
    let Some(first) = case.injections.first() else { return Assessment::new(Verdict::Unknown) };
    let days = case.policy.thresholds.second_injection_days;
    let verdict = first.when.plus_days(days).on_or_before(case.dates.service);
    let from = plus_days(first.when.hi(), days);
    let found = match verdict {
        Verdict::Met => case.say(Phrase::FirstInjectionLongEnoughAgo, &[&first.when, &from]),
        Verdict::NotMet => case.say(Phrase::FirstInjectionTooRecent, &[&first.when, &from]),
        Verdict::Unknown => case.say(Phrase::FirstInjectionDateOpen, &[&first.when]),
    };
    Assessment::new(verdict).found(found).resting_on(injection_evidence(case, first)).met_from(from).settled_by(&[super::INJECTION_DATE])
}
