//! The notes on a card beyond the criteria: what could change the decision, and what the clinician must know.
//! Not here: how many notes fit ([`super::detail`]).

use serde_json::Value;

use super::plain_text::plain;
use super::presentation::CardCase;
use crate::cds_hooks::OrderJson;
use crate::policy::{CardText, Determination, DiagnosisSupport, NoteKind};

/// Code system of the diagnoses that a policy lists.
const ICD_10_CM: &str = "http://hl7.org/fhir/sid/icd-10-cm";

/// Maximum number of the order's codes in a note.
const MAX_CODES: usize = 4;

/// The notes, the most urgent first.
pub(super) fn notes(case: &CardCase<'_, '_, '_>) -> Vec<String> {
    let order = case.order;
    // While the user selects orders, notes do not mention documentation. The next step already covers problems with the order.
    let is_shown = |kind: NoteKind| kind != NoteKind::OrderUnreadable && !(case.is_choosing() && kind == NoteKind::FormNotCounted);
    let of_order = order.notes.iter().filter(|note| is_shown(note.kind)).map(|note| plain(&note.text));
    let is_contradictory = order.notes.iter().any(|note| note.kind == NoteKind::ContradictorySide);
    let side = (case.lacks_side() && !is_contradictory).then(|| case.say(CardText::SideNotStated, &[]));
    let sources = case.presentation.unavailable.iter().map(|(reason, lists)| {
        let names: Vec<_> = lists.iter().map(|list| case.policy.wording.source(list)).collect();
        case.say(CardText::SourceUnavailable, &[&names.join(", "), reason])
    });
    let unreadable = case.presentation.unreadable;
    let entries = (unreadable > 0 && !order.sites.is_empty()).then(|| case.say(CardText::UnreadableEntries, &[&unreadable]));
    let coverage = case.presentation.coverage_note.map(plain);
    let coding = order.coding_notes.iter().map(|note| format!("{}.", plain(note)));
    side.into_iter().chain(of_order).chain(sources).chain(diagnosis(case)).chain(coverage).chain(entries).chain(coding).collect()
}

/// Whether the diagnosis is listed. It does not change the determination, so the note is omitted if the order is not supported.
fn diagnosis(case: &CardCase<'_, '_, '_>) -> Option<String> {
    if case.order.determination == Determination::NotSupported || case.order.sites.is_empty() {
        return None;
    }
    match case.order.diagnosis {
        DiagnosisSupport::OnOrder => None,
        DiagnosisSupport::OnProblemList => Some(case.words().diagnosis_on_problem_list(plain)),
        // A coding note says which code to use.
        DiagnosisSupport::NotFound if !case.order.coding_notes.is_empty() => None,
        DiagnosisSupport::NotFound => Some(diagnosis_not_found(case)),
        DiagnosisSupport::Unavailable => Some(case.say(CardText::DiagnosisUnavailable, &[])),
    }
}

/// The diagnosis codes on the order and those the policy lists.
fn diagnosis_not_found(case: &CardCase<'_, '_, '_>) -> String {
    let listed = case.say(CardText::ListedDiagnoses, &[]);
    let reasons = reason_codes(case);
    let codes: Vec<_> = reasons.iter().take(MAX_CODES).map(|(_, code)| plain(code)).collect();
    let is_icd_10_cm = |(system, _): &(String, String)| case.policy.value_sets.is_same_system(system, ICD_10_CM);
    match reasons.as_slice() {
        [] => case.say(CardText::DiagnosisNotFoundListed, &[&listed]),
        reasons if reasons.iter().any(is_icd_10_cm) => case.say(CardText::DiagnosisNotListed, &[&codes.join(", "), &listed]),
        [_, ..] => case.say(CardText::DiagnosisNotIcd10Cm, &[&codes.join(", "), &listed]),
    }
}

/// System and code of each reason on the order itself.
fn reason_codes(case: &CardCase<'_, '_, '_>) -> Vec<(String, String)> {
    let order = case.presentation.order(case.order.position).and_then(OrderJson::read);
    let reasons = order.and_then(|order| serde_json::from_str::<Value>(order.get("reasonCode")?).ok());
    let codings = reasons.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(|reason| reason.get("coding")?.as_array());
    let text = |coding: &Value, name: &str| coding.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let codes = codings.flatten().map(|coding| (text(coding, "system"), text(coding, "code")));
    codes.filter(|(_, code)| !code.is_empty()).collect()
}
