//! Which parameters (⚙) decided something the policy's text leaves open, and what they did.

use super::case::SiteCase;
use super::course::Course;
use super::criteria::{nsaid_courses, therapy_courses};
use super::dates::{DateInterval, minus_days, minus_months};
use super::evaluation::{Assumption, Criterion, CriterionId};
use super::facts::Span;
use super::history::Injection;
use super::phrases::Phrase;
use super::response::{improved, sustained};
use super::value_sets::ValueSet;
use super::verdict::Verdict;

/// The parameters that decided something at a joint.
pub(crate) fn assumptions<'a>(case: &SiteCase<'_, 'a>, earlier: &[Injection<'_, 'a>], criteria: &[Criterion<'a>]) -> Vec<Assumption> {
    let verdict = |id| criteria.iter().find(|criterion| criterion.id == id).map(|criterion| criterion.verdict);
    [earlier_episode(case, earlier), old_form(case), old_finding(case, &verdict), baseline(case), adjunct(case, criteria)]
        .into_iter()
        .flatten()
        .chain(outside_lookback(case, &verdict))
        .chain(therapy_gaps(case, &verdict))
        .chain(medication_gaps(case, &verdict))
        .collect()
}

fn earlier_episode(case: &SiteCase<'_, '_>, earlier: &[Injection<'_, '_>]) -> Option<Assumption> {
    let dates: Vec<_> = earlier.iter().map(|injection| injection.when.to_string()).collect();
    (!dates.is_empty()).then(|| Assumption {
        parameter: "episode_gap_months",
        value: case.policy.parameters.episode_gap_months,
        effect: case.say(Phrase::EffectEarlierEpisode, &[&dates.join(", ")]),
    })
}

fn old_form(case: &SiteCase<'_, '_>) -> Option<Assumption> {
    let oldest = oldest_attestation(case);
    let old = case.facts.forms.iter().filter(|form| form.authored_on < oldest).max_by_key(|form| form.authored)?;
    case.form.is_none().then(|| attestation(case, case.say(Phrase::EffectFormTooOld, &[&old.authored_on])))
}

fn old_finding(case: &SiteCase<'_, '_>, verdict: &impl Fn(CriterionId) -> Option<Verdict>) -> Option<Assumption> {
    let open = [CriterionId::Tenderness, CriterionId::ProvocationTests].into_iter().any(|id| verdict(id) == Some(Verdict::Unknown));
    let oldest = oldest_attestation(case);
    let dates = case.facts.findings.iter().filter_map(|finding| finding.date.map(DateInterval::lo)).filter(|date| *date < oldest);
    let latest = dates.max()?;
    open.then(|| attestation(case, case.say(Phrase::EffectFindingTooOld, &[&latest])))
}

fn oldest_attestation(case: &SiteCase<'_, '_>) -> chrono::NaiveDate {
    minus_days(case.dates.today, case.policy.parameters.attestation_valid_days)
}

fn attestation(case: &SiteCase<'_, '_>, effect: String) -> Assumption {
    Assumption { parameter: "attestation_valid_days", value: case.policy.parameters.attestation_valid_days, effect }
}

fn baseline(case: &SiteCase<'_, '_>) -> Option<Assumption> {
    let by_scores = |place: &usize| improved(case, *place).by_scores || sustained(case, *place).by_scores;
    let injection = (0..case.injections.len().min(2)).find(by_scores).and_then(|place| case.injections.get(place))?;
    Some(Assumption {
        parameter: "baseline_window_days",
        value: case.policy.parameters.baseline_window_days,
        effect: case.say(Phrase::EffectBaseline, &[&injection.when]),
    })
}

/// Concurrent treatment proved by a Procedure rests on the window.
fn adjunct(case: &SiteCase<'_, '_>, criteria: &[Criterion<'_>]) -> Option<Assumption> {
    let criterion = criteria.iter().find(|criterion| criterion.id == CriterionId::WithOtherTreatment && criterion.verdict.is_met())?;
    let given = criterion.evidence.iter().find(|evidence| evidence.resource.kind() == "Procedure")?;
    Some(Assumption {
        parameter: "adjunct_window_days",
        value: case.policy.parameters.adjunct_window_days,
        effect: case.say(Phrase::EffectAdjunct, &[&given.date.as_deref().unwrap_or_default()]),
    })
}

/// Therapy and medication that ended before the time that counts, when a criterion on them is not met for it.
fn outside_lookback(case: &SiteCase<'_, '_>, verdict: &impl Fn(CriterionId) -> Option<Verdict>) -> Option<Assumption> {
    let open = |id| verdict(id).is_some_and(|verdict| !verdict.is_met());
    let first = minus_months(case.dates.service, case.policy.parameters.evidence_lookback_months);
    let ended = |span: &Span| matches!(span, Span::Days(_, last) if *last < first);
    let therapies = case.facts.therapies.iter().filter(|_| open(CriterionId::ExerciseTherapy) || open(CriterionId::ActivityModification));
    let nsaids = case.facts.nsaids.iter().filter(|_| open(CriterionId::Nsaids));
    let spans = therapies.map(|therapy| therapy.span).chain(nsaids.map(|taken| taken.span));
    let count = spans.filter(|span| ended(span)).count();
    (count > 0).then(|| Assumption {
        parameter: "evidence_lookback_months",
        value: case.policy.parameters.evidence_lookback_months,
        effect: case.say(Phrase::EffectOutsideLookback, &[&count]),
    })
}

fn therapy_gaps(case: &SiteCase<'_, '_>, verdict: &impl Fn(CriterionId) -> Option<Verdict>) -> Option<Assumption> {
    let gap = Gap {
        parameter: "session_gap_days",
        value: case.policy.parameters.session_gap_days,
        apart: Phrase::EffectSessionsApart,
        joined: Phrase::EffectSessionsJoined,
    };
    let by_set = [
        (CriterionId::ExerciseTherapy, ValueSet::ConservativeTherapy),
        (CriterionId::ActivityModification, ValueSet::ActivityModification),
    ];
    by_set.into_iter().find_map(|(id, set)| gap.decided(case, verdict(id)?, &therapy_courses(case, set)))
}

fn medication_gaps(case: &SiteCase<'_, '_>, verdict: &impl Fn(CriterionId) -> Option<Verdict>) -> Option<Assumption> {
    let gap = Gap {
        parameter: "medication_gap_days",
        value: case.policy.parameters.medication_gap_days,
        apart: Phrase::EffectMedicationApart,
        joined: Phrase::EffectMedicationJoined,
    };
    gap.decided(case, verdict(CriterionId::Nsaids)?, &nsaid_courses(case))
}

/// A parameter that joins intervals or keeps them apart.
struct Gap {
    parameter: &'static str,
    value: u32,
    apart: Phrase,
    joined: Phrase,
}

impl Gap {
    fn decided<T>(&self, case: &SiteCase<'_, '_>, verdict: Verdict, courses: &[Course<T>]) -> Option<Assumption> {
        let (phrase, first, last) = if verdict.is_met() {
            let course = courses.iter().filter(|course| course.joined).max_by_key(|course| course.days())?;
            (self.joined, course.first, course.last)
        } else {
            let (earlier, later) = courses.iter().zip(courses.iter().skip(1)).next_back()?;
            (self.apart, earlier.last, later.first)
        };
        Some(Assumption { parameter: self.parameter, value: self.value, effect: case.say(phrase, &[&first, &last]) })
    }
}
