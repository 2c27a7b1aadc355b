//! Reads a policy version from its files and reports errors by file and line.
//! Not here: finding the files; the caller passes them as text.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use super::code_format;
use super::criterion_id::CriterionId;
use super::definition::{CriterionText, Parameters, Policy, RetiredCode, Thresholds, WordLists};
use super::evaluation::Plan;
use super::facts::Side;
use super::numbers::Numbers;
use super::questionnaire_file;
use super::value_set_file;
use super::value_sets::{SystemKind, ValueSet, ValueSets};
use super::wording::Wording;
use super::words::Phrases;

/// An error in a policy file.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{file}:{line}: {problem}")]
pub struct PolicyError {
    /// The file, relative to the policy's folder.
    pub file: String,
    /// The line, starting at 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl PolicyError {
    pub(crate) fn at(file: &str, text: &str, offset: usize, problem: impl Into<String>) -> Self {
        let line = text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1;
        Self { file: file.to_owned(), line, problem: problem.into() }
    }

    pub(crate) fn of_file(file: &str, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: 1, problem: problem.into() }
    }

    pub(crate) fn of_toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        Self::at(file, text, error.span().map_or(0, |span| span.start), error.message())
    }

    pub(crate) fn of_json(file: &str, error: &serde_json::Error) -> Self {
        Self { file: file.to_owned(), line: error.line().max(1), problem: error.to_string() }
    }
}

/// One file of a policy's folder.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// Its path within the folder, with `/`.
    pub name: String,
    /// Its text.
    pub text: String,
}

const POLICY: &str = "policy.toml";
const CARDS: &str = "cards.toml";
const QUESTIONNAIRE: &str = "questionnaire.json";
const VALUE_SETS: &str = "valuesets/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyToml {
    id: String,
    version: String,
    title: String,
    effective_from: Spanned<String>,
    effective_to: Option<Spanned<String>>,
    next_review: Option<Spanned<String>>,
    thresholds: Thresholds,
    parameters: Parameters,
    systems: Vec<SystemToml>,
    modifiers: HashMap<String, Spanned<String>>,
    code_lists: HashMap<String, HashMap<String, Vec<Spanned<String>>>>,
    words: WordsToml,
    criteria: Vec<CriterionToml>,
    #[serde(default)]
    retired_codes: Vec<RetiredToml>,
    plan_notes: HashMap<String, Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SystemToml {
    uri: Spanned<String>,
    format: Spanned<String>,
    #[serde(default)]
    aliases: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WordsToml {
    sacroiliac_joint: Spanned<Vec<String>>,
    injection: Spanned<Vec<String>>,
    radiofrequency: Spanned<Vec<String>>,
    disc_or_facet: Spanned<Vec<String>>,
    left: Spanned<Vec<String>>,
    right: Spanned<Vec<String>>,
    both: Spanned<Vec<String>>,
    side_only: Spanned<Vec<String>>,
    region: Spanned<Vec<String>>,
    drug_indication: Spanned<Vec<String>>,
    drug_pain: Spanned<Vec<String>>,
    not_pain_beside: Spanned<Vec<String>>,
    medicare: Spanned<Vec<String>>,
    medicaid: Spanned<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CriterionToml {
    id: Spanned<String>,
    title: String,
    not_met: String,
    citation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RetiredToml {
    code: String,
    since: Spanned<String>,
    replaced_by: Vec<String>,
}

impl Policy {
    /// Reads and validates one policy version from the files of its folder.
    ///
    /// # Errors
    /// The first error, with its file and line.
    pub fn read(files: &[PolicyFile]) -> Result<Self, PolicyError> {
        let text = file_text(files, POLICY)?;
        let read: PolicyToml = toml::from_str(text).map_err(|error| PolicyError::of_toml(POLICY, text, &error))?;
        let source = Source { text };
        let mut value_sets = ValueSets::default();
        let mut formats = HashMap::new();
        for system in &read.systems {
            let format = code_format::of_name(system.format.get_ref())
                .ok_or_else(|| source.fault(&system.format, format!("unknown code format `{}`", system.format.get_ref())))?;
            formats.insert(system.uri.get_ref().clone(), format);
            value_sets.add_system(system.uri.get_ref(), &system.aliases, kind_of_format(system.format.get_ref()), format);
        }
        value_set_file::read_all(files, VALUE_SETS, &formats, &mut value_sets)?;
        source.code_lists(&read.code_lists, &formats, &mut value_sets)?;
        let numbers = Numbers::new(&read.thresholds, &read.parameters);
        let wording = Wording::read(CARDS, &numbers.fill(file_text(files, CARDS)?))?;
        let form = questionnaire_file::read(QUESTIONNAIRE, &numbers.fill(file_text(files, QUESTIONNAIRE)?))?;
        Ok(Self {
            effective_from: source.date(&read.effective_from)?,
            effective_to: read.effective_to.as_ref().map(|date| source.date(date)).transpose()?,
            next_review: read.next_review.as_ref().map(|date| source.date(date)).transpose()?,
            criteria: source.criteria(read.criteria, &numbers)?,
            retired_codes: source.retired_codes(read.retired_codes)?,
            modifier_sides: source.modifiers(read.modifiers)?,
            plan_notes: source.plan_notes(read.plan_notes)?,
            words: source.words(&read.words)?,
            id: read.id,
            version: read.version,
            title: read.title,
            thresholds: read.thresholds,
            parameters: read.parameters,
            value_sets,
            wording,
            form,
        })
    }
}

/// The system kind for a code format.
fn kind_of_format(format: &str) -> SystemKind {
    match format {
        "cpt" | "hcpcs" => SystemKind::Procedure,
        "snomed-ct" => SystemKind::SnomedCt,
        "icd-10-cm" => SystemKind::Icd10Cm,
        "icd-10-pcs" => SystemKind::Icd10Pcs,
        _ => SystemKind::Other,
    }
}

fn file_text<'f>(files: &'f [PolicyFile], name: &str) -> Result<&'f str, PolicyError> {
    files
        .iter()
        .find(|file| file.name == name)
        .map(|file| file.text.as_str())
        .ok_or_else(|| PolicyError::of_file(name, "the file is missing"))
}

struct Source<'t> {
    text: &'t str,
}

impl Source<'_> {
    fn fault(&self, at: &Spanned<String>, problem: impl Into<String>) -> PolicyError {
        PolicyError::at(POLICY, self.text, at.span().start, problem)
    }

    fn date(&self, text: &Spanned<String>) -> Result<NaiveDate, PolicyError> {
        NaiveDate::parse_from_str(text.get_ref(), "%Y-%m-%d")
            .map_err(|_| self.fault(text, format!("`{}` is not a date (YYYY-MM-DD)", text.get_ref())))
    }

    fn criteria(&self, read: Vec<CriterionToml>, numbers: &Numbers) -> Result<HashMap<CriterionId, CriterionText>, PolicyError> {
        let mut criteria = HashMap::new();
        for criterion in read {
            let id = CriterionId::from_id(criterion.id.get_ref());
            let Some(id) = id else {
                return Err(self.fault(&criterion.id, format!("unknown criterion `{}`", criterion.id.get_ref())));
            };
            let [title, not_met, citation] = [criterion.title, criterion.not_met, criterion.citation].map(|text| numbers.fill(&text));
            let text = CriterionText { title, not_met, citation };
            if criteria.insert(id, text).is_some() {
                return Err(self.fault(&criterion.id, format!("criterion `{}` stands twice", criterion.id.get_ref())));
            }
        }
        match CriterionId::ALL.iter().find(|id| !criteria.contains_key(id)) {
            Some(missing) => Err(PolicyError::of_file(POLICY, format!("criterion `{}` is missing", missing.as_str()))),
            None => Ok(criteria),
        }
    }

    fn code_lists(
        &self,
        read: &HashMap<String, HashMap<String, Vec<Spanned<String>>>>,
        formats: &HashMap<String, code_format::CodeFormat>,
        value_sets: &mut ValueSets,
    ) -> Result<(), PolicyError> {
        for set in ValueSet::LISTED {
            let missing = || PolicyError::of_file(POLICY, format!("`{}` is missing in [code_lists]", set.id()));
            for (system, codes) in read.get(set.id()).ok_or_else(missing)? {
                for code in codes {
                    let format = formats.get(system).ok_or_else(|| self.fault(code, format!("unknown code system `{system}`")))?;
                    if !format(code.get_ref()) {
                        return Err(self.fault(code, format!("`{}` is not a code of {system}", code.get_ref())));
                    }
                    value_sets.add_code(set, system, code.get_ref());
                }
            }
        }
        match read.keys().find(|id| !ValueSet::LISTED.iter().any(|set| set.id() == id.as_str())) {
            Some(unknown) => Err(PolicyError::of_file(POLICY, format!("unknown list `{unknown}` in [code_lists]"))),
            None => Ok(()),
        }
    }

    fn words(&self, read: &WordsToml) -> Result<WordLists, PolicyError> {
        let phrases = |lists: &[&Spanned<Vec<String>>]| {
            let all = lists.iter().flat_map(|list| list.get_ref()).map(String::as_str);
            Phrases::parse(all)
                .map_err(|problem| PolicyError::at(POLICY, self.text, lists.first().map_or(0, |list| list.span().start), problem))
        };
        Ok(WordLists {
            sacroiliac_joint: phrases(&[&read.sacroiliac_joint])?,
            injection: phrases(&[&read.injection])?,
            radiofrequency: phrases(&[&read.radiofrequency])?,
            disc_or_facet: phrases(&[&read.disc_or_facet])?,
            sides: [(Side::Left, phrases(&[&read.left])?), (Side::Right, phrases(&[&read.right])?), (Side::Both, phrases(&[&read.both])?)],
            side_only: phrases(&[&read.side_only, &read.left, &read.right, &read.both])?,
            region: phrases(&[&read.region])?,
            drug_indication: phrases(&[&read.drug_indication])?,
            drug_pain: phrases(&[&read.drug_pain])?,
            not_pain_beside: phrases(&[&read.not_pain_beside])?,
            medicare: phrases(&[&read.medicare])?,
            medicaid: phrases(&[&read.medicaid])?,
        })
    }

    fn retired_codes(&self, read: Vec<RetiredToml>) -> Result<Vec<RetiredCode>, PolicyError> {
        read.into_iter()
            .map(|code| Ok(RetiredCode { since: self.date(&code.since)?, code: code.code, replaced_by: code.replaced_by }))
            .collect()
    }

    fn modifiers(&self, read: HashMap<String, Spanned<String>>) -> Result<HashMap<String, Side>, PolicyError> {
        read.into_iter()
            .map(|(modifier, word)| {
                let side = Side::from_word(word.get_ref());
                let fault = || self.fault(&word, format!("`{}` is not a side (left, right, both)", word.get_ref()));
                Ok((modifier, side.ok_or_else(fault)?))
            })
            .collect()
    }

    fn plan_notes(&self, read: HashMap<String, Spanned<String>>) -> Result<HashMap<Plan, String>, PolicyError> {
        read.into_iter()
            .map(|(plan, note)| match plan.as_str() {
                "medicaid" => Ok((Plan::Medicaid, note.into_inner())),
                "medicare" => Ok((Plan::Medicare, note.into_inner())),
                "commercial" => Ok((Plan::Commercial, note.into_inner())),
                other => Err(self.fault(&note, format!("`{other}` is not a plan (medicaid, medicare, commercial)"))),
            })
            .collect()
    }
}
