//! Whether all injections of the joint are known. This decides which section applies.

use super::Assessment;
use crate::policy::case::{SiteCase, evidence};
use crate::policy::form::Question;
use crate::policy::history::Injection;
use crate::policy::phrases::Phrase;
use crate::policy::possible::{what, why};
use crate::policy::verdict::Verdict;

/// The maximum number of entries that a statement names.
const MAX_NAMED: usize = 10;

/// No entry could be a further injection, or the form names all injections.
pub(super) fn history_known<'a>(case: &SiteCase<'_, 'a>) -> Assessment<'a> {
    let named = case.open.iter().take(MAX_NAMED);
    let entries = named.clone().map(|entry| evidence(&entry.reference, entry.date(), what(case, entry)));
    match (case.has_complete_history(), case.open.is_empty()) {
        (_, true) => Assessment::new(Verdict::Met).found(case.say(Phrase::HistoryClear, &[])),
        (Some(answer), false) => Assessment::new(Verdict::Met)
            .found(case.say(Phrase::HistoryComplete, &[]))
            .resting_on([case.yes_no_evidence(Question::InjectionHistoryComplete, answer)]),
        (None, false) => Assessment::new(Verdict::Unknown)
            .found(case.say(Phrase::HistoryOpen, &[&named.map(|entry| entry_words(case, entry)).collect::<Vec<_>>().join(", ")]))
            .resting_on(entries)
            .settled_by(&[Question::InjectionHistoryComplete]),
    }
}

fn entry_words(case: &SiteCase<'_, '_>, entry: &Injection<'_, '_>) -> String {
    let date = entry.date().unwrap_or_else(|| case.say(Phrase::DateNotKnown, &[]));
    case.say(Phrase::PossibleEntry, &[&what(case, entry), &date, &why(case, entry)])
}
