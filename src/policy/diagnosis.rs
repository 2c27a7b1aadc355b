//! Whether the order's diagnosis is one the policy lists, and codes that are no longer billable. Neither changes
//! the determination: the policy's list supports coverage and does not guarantee it.

use super::case::OrderCase;
use super::criteria::active_in;
use super::evaluation::{DiagnosisSupport, Named};
use super::facts::Condition;
use super::phrases::Phrase;
use super::value_sets::ValueSet;

/// The support, and a listed active Condition the order could name.
#[derive(Debug)]
pub(crate) struct Diagnosis<'a> {
    pub support: DiagnosisSupport,
    pub condition: Option<Named<'a>>,
}

pub(crate) fn diagnosis<'a>(case: &OrderCase<'_, 'a>) -> Diagnosis<'a> {
    if case.order.reasons.iter().any(|reason| reason.sets.has(ValueSet::CoveredDiagnoses)) {
        return Diagnosis { support: DiagnosisSupport::OnOrder, condition: None };
    }
    let listed = active_in(case, ValueSet::CoveredDiagnoses).min_by_key(|condition| &condition.reference);
    let support = match listed {
        Some(_) => DiagnosisSupport::OnProblemList,
        None if case.facts.conditions_available => DiagnosisSupport::NotFound,
        None => DiagnosisSupport::Unavailable,
    };
    let named = |condition: &Condition<'a>| Named { reference: condition.reference.clone(), words: condition.label.to_string() };
    Diagnosis { support, condition: listed.map(named) }
}

/// A note for each of the order's codes that is not billable on the service date.
pub(crate) fn coding_notes(case: &OrderCase<'_, '_>) -> Vec<String> {
    let retired = case.policy.retired_codes.iter().filter(|retired| {
        retired.since <= case.dates.service
            && case.order.reasons.iter().any(|reason| reason.is_icd10cm && reason.label.code == retired.code)
    });
    let or = case.say(Phrase::Or, &[]);
    let replacements = |codes: &[String]| match codes {
        [first @ .., last] if !first.is_empty() => format!("{}{or}{last}", first.join(", ")),
        codes => codes.join(&or),
    };
    retired.map(|retired| case.say(Phrase::CodingNote, &[&retired.code, &retired.since, &replacements(&retired.replaced_by)])).collect()
}
