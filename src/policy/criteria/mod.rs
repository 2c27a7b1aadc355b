//! Decides a rule of the policy: one file for each group of its kinds. Each yields an [`Assessment`].

mod answers;
mod assessment;
mod conditions;
mod courses;
mod excluded;
mod findings;
mod history_known;
mod intervals;
mod onset;
mod other_treatment;
mod responses;
mod visit;

pub(crate) use assessment::Assessment;
pub(crate) use conditions::{active_in, not_tolerated};
pub(crate) use courses::{CoursePart, medication_courses, therapy_courses};
pub(crate) use excluded::excluded;
pub(crate) use findings::{has_examination, latest_finding};
pub(crate) use intervals::continuation;
pub(crate) use onset::earliest_onset;
pub(crate) use other_treatment::charted_other_treatment;
pub(crate) use visit::{OtherProcedure, OtherSource, other_procedures};

use crate::policy::case::SiteCase;
use crate::policy::definition::CriterionDefinition;
use crate::policy::evaluation::Criterion;
use crate::policy::form::Question;
use crate::policy::rule::CriterionRule;
use crate::policy::verdict::Verdict;

/// The question that resolves a missing or partial injection date.
const INJECTION_DATE: Question = Question::InjectionDate;

/// Decides a criterion; `None` if it does not apply to the joint's history. `others` are the other procedures of the visit.
pub(crate) fn decide<'a>(
    case: &SiteCase<'_, 'a>,
    definition: &CriterionDefinition,
    others: &[OtherProcedure<'_, 'a>],
) -> Option<Criterion<'a>> {
    let assessment = assess(case, &definition.rule, others)?;
    Some(conditions::with_mentions(case, definition, assessment).into_criterion(definition, case))
}

fn assess<'a>(case: &SiteCase<'_, 'a>, rule: &CriterionRule, others: &[OtherProcedure<'_, 'a>]) -> Option<Assessment<'a>> {
    Some(match rule {
        CriterionRule::All(parts) => return all(parts.iter().filter_map(|part| assess(case, part, others)).collect()),
        CriterionRule::Any(parts) => return any(parts.iter().filter_map(|part| assess(case, part, others)).collect()),
        CriterionRule::Not(part) => {
            let part = assess(case, part, others)?;
            Assessment { verdict: !part.verdict, met_from: None, lacking_weeks: None, ..part }
        }
        CriterionRule::Answer(rule) => answers::answer(case, rule),
        CriterionRule::Findings(rule) => findings::findings(case, rule),
        CriterionRule::OnsetDuration(rule) => onset::onset_duration(case, rule),
        CriterionRule::TherapyCourse(rule) => courses::therapy_course(case, rule),
        CriterionRule::MedicationCourse(rule) => courses::medication_course(case, rule),
        CriterionRule::ValueSetPresent(rule) => conditions::present(case, rule),
        CriterionRule::ValueSetAbsent(rule) => conditions::absent(case, rule),
        CriterionRule::Response(rule) => return responses::response(case, rule),
        CriterionRule::Recurrence(rule) => responses::recurrence(case, rule),
        CriterionRule::OtherTreatment(rule) => other_treatment::other_treatment(case, rule),
        CriterionRule::Interval(rule) => intervals::interval(case, rule),
        CriterionRule::CountInWindow(rule) => intervals::count_in_window(case, rule),
        CriterionRule::Continuation(rule) => intervals::within_continuation(case, rule),
        CriterionRule::OneProcedureAVisit => visit::one_procedure(case, others),
        CriterionRule::Performer => visit::performer(case),
        CriterionRule::OrderedAs(rule) => visit::ordered_as(case, rule),
        CriterionRule::Excluded => excluded::never_covered(case),
        CriterionRule::CompleteHistory => history_known::history_known(case),
    })
}

/// Kleene's AND of the parts, with all that was found. It is met from a day only if nothing but time is in the way.
fn all(parts: Vec<Assessment<'_>>) -> Option<Assessment<'_>> {
    let verdict = parts.iter().map(|part| part.verdict).reduce(Verdict::and)?;
    let waits: Option<Vec<_>> = parts.iter().filter(|part| part.verdict.is_not_met()).map(|part| part.met_from).collect();
    let met_from = waits.and_then(|waits| waits.into_iter().max());
    let lacking_weeks = parts.iter().find_map(|part| part.lacking_weeks);
    Some(Assessment { met_from, lacking_weeks, ..parts.into_iter().fold(Assessment::new(verdict), Assessment::with_part) })
}

/// Kleene's OR of the parts. Once it is met, the parts that are not met are left out.
fn any(parts: Vec<Assessment<'_>>) -> Option<Assessment<'_>> {
    let verdict = parts.iter().map(|part| part.verdict).reduce(Verdict::or)?;
    let met_from = parts.iter().filter_map(|part| part.met_from).min().filter(|_| verdict.is_not_met());
    let lacking_weeks = parts.iter().find_map(|part| part.lacking_weeks).filter(|_| !verdict.is_met());
    let deciding = parts.into_iter().filter(|part| !verdict.is_met() || part.verdict.is_met());
    Some(Assessment { met_from, lacking_weeks, ..deciding.fold(Assessment::new(verdict), Assessment::with_part) })
}
