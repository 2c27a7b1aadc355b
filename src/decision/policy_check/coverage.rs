//! What a version's worked cases do not cover: verdicts of criteria, numbers that could change unnoticed, and phrases of statements.
//! Not here: whether the cases agree ([`super::check`]), and its texts ([`super::texts`]).

use std::collections::BTreeSet;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;

use super::cases::PolicyCase;
use super::check::{DecidedCase, decide_case};
use super::texts;
use crate::decision::policies::{CARDS_FILE, POLICY_FILE, Policies, PolicyFolder};
use crate::evidence::PrefetchKeys;
use crate::policy::{CriterionDefinition, CriterionRule, Policy, PolicyFile};

/// Something that no case covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uncovered {
    /// The file, within the version's folder.
    pub file: &'static str,
    /// The line, starting at 1.
    pub line: usize,
    /// What no case covers, in words.
    pub what: String,
}

/// A version with its cases, each with what the engine decides.
pub(super) struct CoverageInput<'c> {
    pub folder: &'c PolicyFolder,
    pub policy: &'c Policy,
    pub prefetch_keys: &'c PrefetchKeys,
    pub cases: Vec<(&'c PolicyCase, DecidedCase)>,
}

/// Everything that the cases do not cover, by file and line.
pub(super) fn uncovered(input: &CoverageInput<'_>) -> Vec<Uncovered> {
    let mut found: Vec<_> = criteria(input).chain(phrases(input)).collect();
    found.extend(numbers(input));
    found.extend(texts::faults(input.folder, input.policy));
    found.sort();
    found
}

/// The verdicts of criteria that no case has.
fn criteria<'c>(input: &'c CoverageInput<'_>) -> impl Iterator<Item = Uncovered> + 'c {
    let sites = || input.cases.iter().flat_map(|(_, decided)| decided.sites());
    let had: BTreeSet<(&str, &str)> =
        sites().flat_map(|site| &site.criteria).map(|(id, verdict)| (id.as_str(), verdict.as_str())).collect();
    input.policy.criteria().iter().flat_map(move |criterion| {
        let id = criterion.id.as_str();
        let missing: Vec<_> = verdicts(input.policy, criterion).iter().copied().filter(|verdict| !had.contains(&(id, verdict))).collect();
        let line = line_of(input.folder.text(POLICY_FILE), |line| line == format!("id = \"{id}\""));
        missing.into_iter().map(move |verdict| Uncovered {
            file: POLICY_FILE,
            line,
            what: format!("in no case is criterion {id} {}", verdict.replace('-', " ")),
        })
    })
}

/// The verdicts that a criterion can have.
fn verdicts(policy: &Policy, criterion: &CriterionDefinition) -> &'static [&'static str] {
    match criterion.rule {
        CriterionRule::Excluded => &["not-met"],
        CriterionRule::CompleteHistory => &["met", "unknown"],
        CriterionRule::OrderedAs(_) => &["met", "not-met"],
        CriterionRule::Performer if policy.parameters.performer_presumed_physician => &["met", "not-met"],
        _ => &["met", "not-met", "unknown"],
    }
}

/// The phrases of statements and notes that no case has. The cases were decided with this policy's own wording.
fn phrases<'c>(input: &'c CoverageInput<'_>) -> impl Iterator<Item = Uncovered> + 'c {
    let cards = input.folder.text(CARDS_FILE);
    input.policy.wording.unsaid().map(move |key| Uncovered {
        file: CARDS_FILE,
        line: line_of(cards, |line| line.starts_with(&format!("{key} ="))),
        what: format!("the phrase `{key}` stands in no case's statement"),
    })
}

/// One number or choice of the policy, and what it could be instead.
struct Change {
    line: usize,
    name: String,
    from: String,
    to: String,
}

/// The numbers and choices that could change without a case noticing.
fn numbers(input: &CoverageInput<'_>) -> Vec<Uncovered> {
    let changes = changes(input.folder.text(POLICY_FILE));
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let share = changes.len().div_ceil(workers).max(1);
    thread::scope(|scope| {
        let unnoticed = |changes: &[Change]| changes.iter().filter(|change| !is_noticed(input, change)).map(described).collect::<Vec<_>>();
        let running: Vec<_> = changes.chunks(share).map(|changes| scope.spawn(move || unnoticed(changes))).collect();
        running.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

fn described(change: &Change) -> Uncovered {
    let Change { line, name, from, to } = change;
    Uncovered { file: POLICY_FILE, line: *line, what: format!("no case would change if `{name}` were {to} instead of {from}") }
}

/// Each number one higher and one lower, and each choice reversed.
fn changes(policy: &str) -> Vec<Change> {
    let mut section = "";
    let mut changes = Vec::new();
    for (number, line) in (1..).zip(policy.lines()) {
        if line.starts_with('[') {
            section = line.trim();
        }
        let Some((name, value)) = line.split_once('=').filter(|_| matches!(section, "[thresholds]" | "[parameters]")) else { continue };
        let value = value.split('#').next().unwrap_or_default().trim();
        let others = match (value, value.parse::<u32>()) {
            (_, Ok(value)) => vec![value.saturating_add(1).to_string(), value.saturating_sub(1).to_string()],
            ("true", Err(_)) => vec!["false".to_owned()],
            ("false", Err(_)) => vec!["true".to_owned()],
            (_, Err(_)) => Vec::new(),
        };
        changes.extend(others.into_iter().map(|to| Change { line: number, name: name.trim().to_owned(), from: value.to_owned(), to }));
    }
    changes
}

/// Whether a case is decided otherwise with a change. A change that makes the policy invalid is noticed.
fn is_noticed(input: &CoverageInput<'_>, change: &Change) -> bool {
    let Ok(changed) = Policies::of_folder(&with_change(input.folder, change)) else { return true };
    input.cases.iter().any(|(case, decided)| decide_case(case, &changed, input.prefetch_keys).ok().as_ref() != Some(decided))
}

/// The folder without its cases, with a change in one line.
fn with_change(folder: &PolicyFolder, change: &Change) -> PolicyFolder {
    let files = folder.files.iter().filter(|file| !file.name.starts_with("cases/")).map(|file| PolicyFile {
        name: file.name.clone(),
        text: if file.name == POLICY_FILE { changed_line(&file.text, change) } else { file.text.clone() },
    });
    PolicyFolder { name: folder.name.clone(), files: files.collect() }
}

fn changed_line(text: &str, change: &Change) -> String {
    let lines = (1..).zip(text.lines());
    let changed =
        lines.map(|(number, line)| if number == change.line { format!("{} = {}", change.name, change.to) } else { line.to_owned() });
    changed.collect::<Vec<_>>().join("\n")
}

/// The first line for which `is_it` holds; the first of the file if there is none.
pub(super) fn line_of(text: &str, is_it: impl Fn(&str) -> bool) -> usize {
    text.lines().position(is_it).map_or(1, |place| place + 1)
}
