//! What is wrong with a version's texts although they can be used: summaries that are too long, and numbers that are spelled out.
//! Not here: texts that cannot be used, which reading the policy reports.

use super::coverage::{Uncovered, line_of};
use crate::decision::policies::{CARDS_FILE, POLICY_FILE, PolicyFolder};
use crate::policy::{CriterionDefinition, CriterionRole, CriterionRule, OutcomeArguments, OutcomeKind, Policy, Remedy};

/// The most characters of a card's summary (CDS Hooks 2.0, Card Attributes).
const MAX_SUMMARY_CHARS: usize = 140;

/// The longest names of an injection and of an excluded procedure.
const INJECTION: &str = "SI joint injection, both sides, 2026-12-01";
const NEUROTOMY: &str = "SI joint radiofrequency neurotomy, both sides, 2026-12-01";

/// The keys of a criterion's texts in `policy.toml`. A citation names sections, so it may have numbers.
const TEXTS: [&str; 11] =
    ["title", "judged_as", "not_met", "met", "missing", "act", "when_yes", "when_no", "when_none", "when_positive", "when_negative"];

/// The faults of the texts, by file and line.
pub(super) fn faults(folder: &PolicyFolder, policy: &Policy) -> Vec<Uncovered> {
    long_summaries(folder, policy).chain(spelled_numbers(folder)).collect()
}

fn long_summaries<'c>(folder: &'c PolicyFolder, policy: &'c Policy) -> impl Iterator<Item = Uncovered> + 'c {
    let cards = folder.text(CARDS_FILE);
    OutcomeKind::ALL.iter().filter_map(move |kind| {
        let criteria = policy.criteria().iter().filter(|criterion| can_decide(*kind, criterion));
        let longest = criteria.map(|criterion| summary_chars(policy, *kind, &criterion.not_met)).max()?;
        let what = format!("the summary of `{}` can have {longest} characters; it is cut after {MAX_SUMMARY_CHARS}", kind.key());
        let line = line_of(cards, |line| line == format!("[determinations.{}]", kind.key()));
        (longest > MAX_SUMMARY_CHARS).then_some(Uncovered { file: CARDS_FILE, line, what })
    })
}

/// Whether a criterion that is not met can be the one that an outcome names.
fn can_decide(kind: OutcomeKind, criterion: &CriterionDefinition) -> bool {
    let is_excluded = matches!(criterion.rule, CriterionRule::Excluded);
    match kind {
        OutcomeKind::NotYetFrom | OutcomeKind::WaitIsOver | OutcomeKind::NotSupportedLate => criterion.remedy == Remedy::Time,
        OutcomeKind::NotYet | OutcomeKind::OneSideReady => criterion.remedy != Remedy::None,
        OutcomeKind::BeyondContinuation | OutcomeKind::IndividualConsideration => criterion.rule.role() == CriterionRole::Continuation,
        OutcomeKind::Excluded => is_excluded,
        _ => !is_excluded,
    }
}

/// The length of an outcome's summary for an order with that criterion.
fn summary_chars(policy: &Policy, kind: OutcomeKind, criterion: &str) -> usize {
    let order = if kind == OutcomeKind::Excluded { NEUROTOMY } else { INJECTION };
    let arguments = OutcomeArguments {
        order: order.to_owned(),
        criterion: criterion.to_owned(),
        service_date: "2026-12-01".to_owned(),
        earliest_date: "2026-12-01".to_owned(),
        ready: "right".to_owned(),
        waiting: "right".to_owned(),
        ..OutcomeArguments::default()
    };
    policy.wording.outcome(kind).map_or(0, |texts| texts.summary(&arguments).chars().count())
}

/// Numbers in a criterion's texts that would not follow a changed threshold.
fn spelled_numbers(folder: &PolicyFolder) -> impl Iterator<Item = Uncovered> {
    (1..).zip(folder.text(POLICY_FILE).lines()).filter_map(|(line, written)| {
        let (key, value) = written.split_once('=')?;
        let number = Some(value).filter(|_| TEXTS.contains(&key.trim())).and_then(spelled_number)?;
        let what = format!("`{}` states the number {number}; name a threshold in braces, so that it stays true", key.trim());
        Some(Uncovered { file: POLICY_FILE, line, what })
    })
}

/// The first word of a text that is a number.
fn spelled_number(text: &str) -> Option<&str> {
    let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    words.into_iter().find(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()))
}
