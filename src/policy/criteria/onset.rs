//! Time since the pain began.

use super::Assessment;
use super::conditions::active_in;
use crate::policy::case::{Answered, OrderCase, evidence};
use crate::policy::dates::{DateInterval, plus_months};
use crate::policy::evaluation::Evidence;
use crate::policy::facts::Condition;
use crate::policy::phrases::Phrase;
use crate::policy::rule::OnsetRule;
use crate::policy::value_sets::ValueSet;
use crate::policy::verdict::Verdict;

/// By the form, else by the chart. Only the form can disprove it.
pub(super) fn onset_duration<'a>(case: &OrderCase<'_, 'a>, rule: &OnsetRule) -> Assessment<'a> {
    let Some(Answered { value: since, form }) = case.answered(|answers| answers.since(rule.question)) else {
        return charted_duration(case, rule).settled_by(&[rule.question]);
    };
    let verdict = since.plus_months(rule.months).on_or_before(case.dates.service);
    let from = plus_months(since.hi(), rule.months);
    let found = match verdict {
        Verdict::Met => case.say(Phrase::PainLongEnough, &[&since]),
        Verdict::NotMet => case.say(Phrase::PainTooShort, &[&since, &rule.months, &from]),
        Verdict::Unknown => case.say(Phrase::PainDurationOpen, &[&since, &rule.months]),
    };
    let evidence = case.answer_evidence(form, rule.question, &since);
    Assessment::new(verdict).found(found).resting_on([evidence]).met_from(from).settled_by(&[rule.question])
}

/// The duration from the active Conditions. An early enough onset proves it; a later one does not disprove it.
fn charted_duration<'a>(case: &OrderCase<'_, 'a>, rule: &OnsetRule) -> Assessment<'a> {
    let Some((onset, condition)) = earliest_onset(case, &rule.diagnoses) else { return Assessment::new(Verdict::Unknown) };
    let evidence = onset_evidence(case, condition);
    if plus_months(onset.hi(), rule.months) <= case.dates.service {
        Assessment::new(Verdict::Met).found(case.say(Phrase::PainLongEnough, &[&onset])).resting_on([evidence])
    } else {
        Assessment::new(Verdict::Unknown).found(case.say(Phrase::PainDurationOpen, &[&onset, &rule.months])).resting_on([evidence])
    }
}

/// The onset that counts, and its Condition: the earliest of the first set in which one has an onset.
pub(crate) fn earliest_onset<'e, 'a>(case: &OrderCase<'e, 'a>, sets: &[ValueSet]) -> Option<(DateInterval, &'e Condition<'a>)> {
    sets.iter().find_map(|set| {
        let dated = active_in(case, *set).filter_map(|condition| Some((onset(condition)?, condition)));
        dated.min_by(|(left, one), (right, other)| left.hi().cmp(&right.hi()).then_with(|| one.reference.cmp(&other.reference)))
    })
}

/// When a Condition began. The recorded date of an encounter diagnosis is not an onset.
pub(super) fn onset(condition: &Condition<'_>) -> Option<DateInterval> {
    condition.onset.or(condition.recorded_onset.filter(|_| !condition.is_encounter_diagnosis))
}

fn onset_evidence<'a>(case: &OrderCase<'_, 'a>, condition: &Condition<'a>) -> Evidence<'a> {
    let date = onset(condition).map(|onset| onset.to_string());
    let what = match &date {
        Some(onset) => case.say(Phrase::EvidenceOnset, &[&condition.label, onset]),
        None => condition.label.to_string(),
    };
    evidence(&condition.reference, date, what)
}
