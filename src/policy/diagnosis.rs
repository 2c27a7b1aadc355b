//! Checks whether the policy lists the order's diagnosis, and finds codes that are no longer billable. Neither changes
//! the determination: the policy's list supports coverage but does not guarantee it.

use std::cmp::Reverse;

use super::case::OrderCase;
use super::criteria::active_in;
use super::definition::RetiredCode;
use super::evaluation::DiagnosisSupport;
use super::facts::Condition;
use super::phrases::Phrase;
use super::reference::NamedResource;
use super::value_sets::ValueSet;

/// Whether the diagnosis is listed, and a listed active Condition that the order could name.
#[derive(Debug)]
pub(crate) struct Diagnosis<'a> {
    pub support: DiagnosisSupport,
    pub condition: Option<NamedResource<'a>>,
}

pub(crate) fn diagnosis<'a>(case: &OrderCase<'_, 'a>) -> Diagnosis<'a> {
    if case.order.reasons.iter().any(|reason| reason.sets.has(ValueSet::CoveredDiagnoses)) {
        return Diagnosis { support: DiagnosisSupport::OnOrder, condition: None };
    }
    let listed: Vec<_> = active_in(case, ValueSet::CoveredDiagnoses).collect();
    let support = match listed.as_slice() {
        [_, ..] => DiagnosisSupport::OnProblemList,
        [] if case.facts.conditions_available && !case.order.has_unread_reason => DiagnosisSupport::NotFound,
        [] => DiagnosisSupport::Unavailable,
    };
    let billable = listed.into_iter().filter(|condition| !retired(case).any(|retired| condition.label.code == retired.code));
    let condition = billable.min_by_key(|condition| (Reverse(condition.label.code.len()), &condition.reference));
    let named = |condition: &Condition<'a>| NamedResource { reference: condition.reference.clone(), words: condition.label.to_string() };
    Diagnosis { support, condition: condition.map(named) }
}

/// The codes that are not billable on the service date.
fn retired<'e>(case: &OrderCase<'e, '_>) -> impl Iterator<Item = &'e RetiredCode> {
    let service = case.dates.service;
    case.policy.retired_codes.iter().filter(move |retired| retired.since <= service)
}

/// A note for each of the order's codes that is not billable on the service date.
pub(crate) fn coding_notes(case: &OrderCase<'_, '_>) -> Vec<String> {
    let on_order = |retired: &&RetiredCode| case.order.reasons.iter().any(|reason| reason.is_icd10cm && reason.label.code == retired.code);
    let or = case.say(Phrase::Or, &[]);
    let replacements = |codes: &[String]| match codes {
        [first @ .., last] if !first.is_empty() => format!("{}{or}{last}", first.join(", ")),
        codes => codes.join(&or),
    };
    retired(case)
        .filter(on_order)
        .map(|retired| case.say(Phrase::CodingNote, &[&retired.code, &retired.since, &replacements(&retired.replaced_by)]))
        .collect()
}
