//! The wording of coverage information, from `cards.toml`. Each reason names its aspect (CRD 2.2.1, covinfo-2) and quotes the
//! criterion's own statement.
//! Not here: which reasons a determination gives ([`super::mapping`]).

use std::fmt::Display;

use super::super::presentation::CardCase;
use super::line;
use super::repetition::{CoverageReason, ReasonCode};
use crate::policy::{CardText, Criterion, CriterionRole, NoteKind, SiteEvaluation, Verdict, each_once};

/// Two joints have about twenty criteria together, which is too many to read on an order.
const MAX_REASONS: usize = 10;

/// A reason for the coverage assertion.
pub(super) fn of_coverage(case: &CardCase<'_, '_, '_>, words: &dyn Display) -> CoverageReason {
    about(case, CardText::AboutCoverage, words)
}

/// A reason for the prior authorization assertion.
pub(super) fn of_authorization(case: &CardCase<'_, '_, '_>, text: CardText) -> CoverageReason {
    about(case, CardText::AboutAuthorization, &case.say(text, &[]))
}

/// One reason for the coverage assertion per unmet criterion. `framed` is the wording that explains how the deciding criteria affect
/// coverage.
pub(super) fn of_unmet(case: &CardCase<'_, '_, '_>, framed: Option<CardText>) -> Vec<CoverageReason> {
    let reason = |found: Found| match framed.filter(|_| found.has_decided) {
        Some(frame) => of_coverage(case, &case.say(frame, &[&found.words])),
        None => of_coverage(case, &found.words),
    };
    distinct(criteria(case, Verdict::NotMet).map(reason))
}

/// One reason for the requested documentation per unknown criterion.
pub(super) fn of_undocumented(case: &CardCase<'_, '_, '_>) -> Vec<CoverageReason> {
    distinct(criteria(case, Verdict::Unknown).map(|found| about(case, CardText::AboutDocumentation, &found.words)))
}

/// The reason for a missing decision: what could not be read.
pub(super) fn technical(case: &CardCase<'_, '_, '_>) -> CoverageReason {
    let sources = case.presentation.unavailable.iter().map(|(reason, lists)| {
        let names: Vec<_> = lists.iter().map(|list| case.policy.wording.source(list)).collect();
        case.say(CardText::SourceUnavailable, &[&names.join(", "), reason])
    });
    let unreadable = case.order.notes.iter().filter(|note| note.kind == NoteKind::OrderUnreadable).map(|note| format!("{}.", note.text));
    let unread: Vec<_> = unreadable.chain(sources).collect();
    let unread = if unread.is_empty() { lead(case) } else { unread.join(" ") };
    let reason = of_coverage(case, &case.say(CardText::CoverageUnread, &[&unread]));
    CoverageReason { code: Some(ReasonCode::Technical), ..reason }
}

/// The first sentence of the determination.
pub(super) fn lead(case: &CardCase<'_, '_, '_>) -> String {
    let words = case.words();
    words.texts().map(|texts| texts.lead(&words.arguments())).unwrap_or_default()
}

fn about(case: &CardCase<'_, '_, '_>, aspect: CardText, words: &dyn Display) -> CoverageReason {
    CoverageReason { code: None, text: line(&case.say(aspect, &[words])) }
}

/// The statement of a criterion, and whether its joint decided the order.
struct Found {
    words: String,
    has_decided: bool,
}

/// The criteria with a verdict; those of the deciding joints come first.
fn criteria(case: &CardCase<'_, '_, '_>, verdict: Verdict) -> impl Iterator<Item = Found> {
    let has_decided = |site: &SiteEvaluation<'_>| site.determination == case.order.determination;
    let mut sites: Vec<_> = case.order.sites.iter().collect();
    sites.sort_by_key(|site| !has_decided(site));
    let found = sites.into_iter().flat_map(|site| site.criteria.iter().map(move |criterion| (site, criterion)));
    let mut found: Vec<_> = found.filter(move |(_, criterion)| criterion.verdict == verdict).collect();
    // The criterion that decides which section applies comes before the others.
    found.sort_by_key(|(site, criterion)| (!has_decided(site), criterion.role != CriterionRole::History));
    let found = found.into_iter();
    found.map(move |(site, criterion)| Found { words: words(case, site, criterion), has_decided: has_decided(site) })
}

fn words(case: &CardCase<'_, '_, '_>, site: &SiteEvaluation<'_>, criterion: &Criterion<'_>) -> String {
    let outcome = case.words().outcome(&criterion.id, criterion.verdict);
    if case.order.sites.len() > 1 {
        format!("{}: {outcome}: {}", case.words().site(site.site), criterion.statement)
    } else {
        format!("{outcome}: {}", criterion.statement)
    }
}

fn distinct(reasons: impl Iterator<Item = CoverageReason>) -> Vec<CoverageReason> {
    let mut found = each_once(reasons);
    found.truncate(MAX_REASONS);
    found
}
