//! Describes the entries that may or may not be an injection of the joint.

use super::case::SiteCase;
use super::evaluation::{PossibleInjection, Site};
use super::facts::InjectionDoubt;
use super::history::Injection;
use super::phrases::Phrase;
use super::response::injection_words;

/// The entries that make a joint's history uncertain.
pub(crate) fn possible_injections<'a>(case: &SiteCase<'_, 'a>) -> Vec<PossibleInjection<'a>> {
    let one = |entry: &Injection<'_, 'a>| PossibleInjection {
        date: entry.date(),
        resource: entry.reference.clone(),
        words: what(case, entry),
        why: why(case, entry),
    };
    case.open.iter().map(one).collect()
}

/// The name of an entry.
pub(crate) fn what(case: &SiteCase<'_, '_>, entry: &Injection<'_, '_>) -> String {
    if entry.doubt == Some(InjectionDoubt::NoCode) { case.say(Phrase::NamelessProcedure, &[]) } else { injection_words(case, entry) }
}

/// Why it is uncertain whether the entry is an injection of the joint.
pub(crate) fn why(case: &SiteCase<'_, '_>, entry: &Injection<'_, '_>) -> String {
    match &entry.doubt {
        Some(InjectionDoubt::NoCode) => case.say(Phrase::WhyNoCode, &[]),
        Some(InjectionDoubt::Words) => case.say(Phrase::WhyWords, &[]),
        Some(InjectionDoubt::Status(status)) => case.say(Phrase::WhyStatus, &[status]),
        Some(InjectionDoubt::NoStatus) => case.say(Phrase::WhyNoStatus, &[]),
        Some(InjectionDoubt::NoDate) => case.say(Phrase::WhyNoDate, &[]),
        Some(InjectionDoubt::Unreadable) => case.say(Phrase::WhyUnreadable, &[]),
        None if case.site == Site::Unspecified => case.say(Phrase::WhyOrderSide, &[]),
        None => case.say(Phrase::WhySide, &[]),
    }
}
