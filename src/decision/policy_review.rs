//! A policy version as a reviewer reads it: sections of entries, and what differs between two versions.
//! Not here: printing, which the command line does.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use super::policies::{CARDS_FILE, FORM_FILE, POLICY_FILE, Policies, PoliciesError, PolicyFolder, folders, shown};
use crate::policy::{CriterionDefinition, OutlineLine, Pathway, Policy};

/// A version: its name, and its parts in the order in which they are read.
#[derive(Debug)]
pub struct PolicyReview {
    /// The policy's title.
    pub title: String,
    /// `sacroiliac-joint-interventions 2019-08, in effect from 2019-08-01`
    pub version: String,
    /// The parts.
    pub sections: Vec<ReviewSection>,
}

/// A part of a version.
#[derive(Debug)]
pub struct ReviewSection {
    /// Its heading.
    pub title: &'static str,
    /// Its entries.
    pub entries: Vec<ReviewEntry>,
}

/// A number, a criterion, a list of words, a value set, a text.
#[derive(Debug)]
pub struct ReviewEntry {
    /// Its name in the files, which stays the same from version to version.
    pub key: String,
    /// What it says.
    pub lines: Vec<OutlineLine>,
}

/// An entry that differs between two versions.
#[derive(Debug, PartialEq, Eq)]
pub struct ReviewDifference {
    /// The section's heading.
    pub section: &'static str,
    /// The entry's name.
    pub key: String,
    /// The lines that only the first version has.
    pub before: Vec<String>,
    /// The lines that only the second version has.
    pub after: Vec<String>,
}

/// A value set's codes with their displays.
#[derive(Deserialize)]
struct DisplayedValueSet {
    id: String,
    compose: ComposedCodes,
}

#[derive(Deserialize)]
struct ComposedCodes {
    include: Vec<SystemCodes>,
}

#[derive(Deserialize)]
struct SystemCodes {
    system: String,
    concept: Vec<DisplayedCode>,
}

#[derive(Deserialize)]
struct DisplayedCode {
    code: String,
    #[serde(default)]
    display: String,
}

/// Reads the versions below `directory`, or the embedded ones, the oldest first.
///
/// # Errors
/// The first unreadable or invalid file, with its line.
pub fn review_policies(directory: Option<&Path>) -> Result<Vec<PolicyReview>, PoliciesError> {
    let root = shown(directory);
    let review = |folder: &PolicyFolder| {
        let policies = Policies::of_folder(folder)?;
        Ok((policies.newest().effective_from, review(folder, policies.newest())))
    };
    let mut reviews = folders(directory)?.iter().map(review).collect::<Result<Vec<_>, PoliciesError>>()?;
    if reviews.is_empty() {
        return Err(PoliciesError::None(root));
    }
    reviews.sort_by_key(|(effective_from, _)| *effective_from);
    Ok(reviews.into_iter().map(|(_, review)| review).collect())
}

/// The entries that differ, in the order of the first version.
#[must_use]
pub fn differences(first: &PolicyReview, second: &PolicyReview) -> Vec<ReviewDifference> {
    let none = ReviewEntry { key: String::new(), lines: Vec::new() };
    let mut found = Vec::new();
    for (before, after) in first.sections.iter().zip(&second.sections) {
        let keys = before.entries.iter().chain(&after.entries).map(|entry| &entry.key);
        let mut seen = BTreeSet::new();
        for key in keys.filter(|key| seen.insert(key.as_str())) {
            let of = |section: &'_ ReviewSection| section.entries.iter().position(|entry| entry.key == *key);
            let [old, new] = [before, after].map(|section| of(section).and_then(|place| section.entries.get(place)).unwrap_or(&none));
            if old.lines != new.lines {
                let (gone, mut come) = (only_in(&old.lines, &new.lines), only_in(&new.lines, &old.lines));
                if gone.is_empty() && come.is_empty() {
                    come.push("the same lines in another order, or repeated".to_owned());
                }
                found.push(ReviewDifference { section: before.title, key: key.clone(), before: gone, after: come });
            }
        }
    }
    found
}

/// The lines of one entry that another does not have.
fn only_in(lines: &[OutlineLine], other: &[OutlineLine]) -> Vec<String> {
    lines.iter().filter(|line| !other.contains(line)).map(|line| line.text.clone()).collect()
}

fn review(folder: &PolicyFolder, policy: &Policy) -> PolicyReview {
    let toml = |name| folder.text(name).parse::<toml::Table>().unwrap_or_default();
    let (definition, cards) = (toml(POLICY_FILE), toml(CARDS_FILE));
    let table = |name: &str| flat(name, definition.get(name));
    let tables = |names: &[&str]| names.iter().flat_map(|name| table(name)).collect();
    let until = policy.effective_to.map(|last| format!(" to {last}")).unwrap_or_default();
    let section = |title, entries| ReviewSection { title, entries };
    PolicyReview {
        title: policy.title.clone(),
        version: format!("{} {}, in effect from {}{until}", policy.id, policy.version, policy.effective_from),
        sections: vec![
            section("Numbers of the policy", tables(&["thresholds", "response"])),
            section("Where the policy is silent", table("parameters")),
            section("Indications, the first that fits", policy.pathways().iter().zip(1..).map(pathway).collect()),
            section("Criteria", policy.criteria().iter().map(criterion).collect()),
            section("Every setting of the criteria", settings(&definition)),
            section("Words that are looked for", table("words")),
            section(
                "Codes",
                tables(&["systems", "modifiers", "code_lists", "retired_codes", "snomed_diagnoses"])
                    .into_iter()
                    .chain(value_sets(folder))
                    .collect(),
            ),
            section("Texts", flat("", Some(&toml::Value::Table(cards))).into_iter().chain(table("plan_notes")).collect()),
            section("The form", form(folder)),
        ],
    }
}

fn line(depth: usize, text: impl Into<String>) -> OutlineLine {
    OutlineLine { depth, text: text.into() }
}

fn pathway((pathway, place): (&Pathway, usize)) -> ReviewEntry {
    let criteria: Vec<_> = pathway.criteria.iter().map(ToString::to_string).collect();
    ReviewEntry {
        key: pathway.id.to_string(),
        lines: vec![
            line(0, format!("{place}. {}", pathway.title)),
            line(0, pathway.history_words()),
            line(0, format!("judged as {}", pathway.judged_as)),
            line(0, format!("criteria: {}", criteria.join(", "))),
        ],
    }
}

/// The settings of every criterion as they are written, by its id.
fn settings(definition: &toml::Table) -> Vec<ReviewEntry> {
    let criteria = definition.get("criteria").and_then(toml::Value::as_array).into_iter().flatten();
    let of_one = |criterion: &toml::Value| flat(criterion.get("id").and_then(toml::Value::as_str).unwrap_or_default(), Some(criterion));
    criteria.flat_map(of_one).collect()
}

fn criterion(criterion: &CriterionDefinition) -> ReviewEntry {
    let mut lines = vec![line(0, &criterion.title), line(0, &criterion.citation), line(0, "met by")];
    lines.extend(criterion.rule.outline().into_iter().map(|part| line(part.depth + 1, part.text)));
    lines.push(line(0, format!("not met: {}", criterion.not_met)));
    lines.push(line(0, criterion.remedy.words()));
    lines.extend(criterion.act.iter().map(|act| line(0, format!("what to do: {act}"))));
    ReviewEntry { key: criterion.id.to_string(), lines }
}

/// The values of a table, and of the tables in it, each by its path behind `name`.
fn flat(name: &str, table: Option<&toml::Value>) -> Vec<ReviewEntry> {
    let mut entries = Vec::new();
    if let Some(table) = table {
        flatten(table, name.to_owned(), &mut entries);
    }
    entries
}

fn flatten(value: &toml::Value, path: String, entries: &mut Vec<ReviewEntry>) {
    let place = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(name, value)| flatten(value, place(name), entries)),
        toml::Value::Array(items) if items.iter().all(toml::Value::is_str) => {
            let words: Vec<_> = items.iter().filter_map(toml::Value::as_str).collect();
            entries.push(ReviewEntry { key: path, lines: words.into_iter().map(|word| line(0, word)).collect() });
        }
        toml::Value::Array(items) => items.iter().zip(1..).for_each(|(item, number)| flatten(item, place(&number.to_string()), entries)),
        toml::Value::String(text) => entries.push(ReviewEntry { key: path, lines: vec![line(0, text)] }),
        other => entries.push(ReviewEntry { key: path, lines: vec![line(0, other.to_string())] }),
    }
}

/// Each value set with its codes.
fn value_sets(folder: &PolicyFolder) -> impl Iterator<Item = ReviewEntry> {
    folder.files.iter().filter(|file| file.name.starts_with("valuesets/")).filter_map(|file| {
        let set: DisplayedValueSet = serde_json::from_str(&file.text).ok()?;
        let codes = set.compose.include.iter().flat_map(|include| {
            let system = &include.system;
            include.concept.iter().map(move |concept| line(0, format!("{} {} ({system})", concept.code, concept.display)))
        });
        Some(ReviewEntry { key: set.id, lines: codes.collect() })
    })
}

/// The form's items by linkId, each with its members but for the items in it.
fn form(folder: &PolicyFolder) -> Vec<ReviewEntry> {
    let form: serde_json::Map<String, serde_json::Value> = serde_json::from_str(folder.text(FORM_FILE)).unwrap_or_default();
    let mut entries = Vec::new();
    write_items("form", &form, &mut entries);
    entries
}

fn write_items(key: &str, members: &serde_json::Map<String, serde_json::Value>, entries: &mut Vec<ReviewEntry>) {
    let own = members.iter().filter(|(name, _)| name.as_str() != "item");
    entries.push(ReviewEntry { key: key.to_owned(), lines: own.map(|(name, value)| line(0, format!("{name}: {value}"))).collect() });
    let items = members.get("item").and_then(serde_json::Value::as_array).into_iter().flatten();
    for item in items.filter_map(serde_json::Value::as_object) {
        write_items(item.get("linkId").and_then(serde_json::Value::as_str).unwrap_or_default(), item, entries);
    }
}
