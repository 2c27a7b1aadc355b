//! Checks whether the policy lists the order's diagnosis, and finds codes that are no longer billable or that another code system has.
//! None of this changes the determination: the policy's list supports coverage but does not guarantee it.

use std::cmp::Reverse;

use super::case::OrderCase;
use super::criteria::active_in;
use super::definition::{RetiredCode, SnomedDiagnosis};
use super::evaluation::DiagnosisSupport;
use super::facts::{Condition, Label};
use super::phrases::Phrase;
use super::prose::each_once;
use super::reference::NamedResource;
use super::value_sets::{SystemKind, ValueSet};

/// The maximum number of notes on SNOMED CT diagnoses.
const MAX_SNOMED_NOTES: usize = 2;

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

/// A note for each of the order's codes that is not billable on the service date. If no diagnosis is listed, also a note for each
/// SNOMED CT diagnosis that corresponds to a listed one.
pub(crate) fn coding_notes(case: &OrderCase<'_, '_>, support: DiagnosisSupport) -> Vec<String> {
    let has = |code: &str| case.order.reasons.iter().any(|reason| reason.system == Some(SystemKind::Icd10Cm) && reason.label.code == code);
    let on_order = |retired: &&RetiredCode| has(&retired.code);
    let note = |retired: &RetiredCode| case.say(Phrase::CodingNote, &[&retired.code, &retired.since, &any_of(case, &retired.replaced_by)]);
    let retired = retired(case).filter(on_order).map(note);
    match support {
        DiagnosisSupport::OnOrder | DiagnosisSupport::OnProblemList => retired.collect(),
        DiagnosisSupport::NotFound | DiagnosisSupport::Unavailable => retired.chain(snomed_notes(case)).collect(),
    }
}

/// A note for each SNOMED CT diagnosis that corresponds to a listed code: of the order; of the problem list if the order names no diagnosis.
/// None if the order has an ICD-10-CM code, which is not listed then.
fn snomed_notes(case: &OrderCase<'_, '_>) -> Vec<String> {
    let reasons = &case.order.reasons;
    if reasons.iter().any(|reason| reason.system == Some(SystemKind::Icd10Cm)) {
        return Vec::new();
    }
    let known = |label: &Label<'_>| case.policy.snomed_diagnoses.iter().find(|known| known.code == label.code);
    let note = |label: &Label<'_>| {
        let known: &SnomedDiagnosis = known(label)?;
        Some(case.say(Phrase::CodingNoteSnomed, &[&any_of(case, &known.icd_10_cm), &label.clone().by_name()]))
    };
    let on_order = reasons.iter().filter(|reason| reason.system == Some(SystemKind::SnomedCt)).filter_map(|reason| note(&reason.label));
    let on_problem_list = active_in(case, ValueSet::SijPainDiagnoses).filter_map(|condition| note(&condition.label));
    let mut notes = if reasons.is_empty() { each_once(on_problem_list) } else { each_once(on_order) };
    notes.truncate(MAX_SNOMED_NOTES);
    notes
}

/// The codes as alternatives.
fn any_of(case: &OrderCase<'_, '_>, codes: &[String]) -> String {
    let or = case.say(Phrase::Or, &[]);
    match codes {
        [first @ .., last] if !first.is_empty() => format!("{}{or}{last}", first.join(", ")),
        codes => codes.join(&or),
    }
}
