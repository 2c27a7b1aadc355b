//! Reads a policy version from its files and reports errors by file and line.
//! Not here: finding the files; the caller passes them as text.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde::Deserialize;
use toml::Spanned;

use super::code_format;
use super::definition::{Parameters, Policy, RetiredCode, SnomedDiagnosis, WordLists};
use super::facts::Side;
use super::numbers::{Numbers, ThresholdsToml};
use super::outcomes::OutcomeArguments;
use super::phrases::{CardText, Phrase};
use super::policy_file::{PolicyError, PolicyFile};
use super::questionnaire_file;
use super::reference::PlanKind;
use super::rule::CriterionRule;
use super::rule_file::RuleSource;
use super::rule_toml::{CriterionToml, PathwayToml, ResponseToml};
use super::value_set_file;
use super::value_sets::{SystemKind, ValueSet, ValueSets};
use super::wording::Wording;
use super::words::Phrases;

const POLICY: &str = "policy.toml";
const CARDS: &str = "cards.toml";
const QUESTIONNAIRE: &str = "questionnaire.json";
/// The largest number of days or months of a parameter.
const MAX_PARAMETER: u64 = 1000;

/// The parameters for which 0 means the same day, or no day between.
const MAY_BE_ZERO: [&str; 6] = [
    "session_gap_days",
    "medication_gap_days",
    "baseline_window_days",
    "adjunct_window_days",
    "encounter_diagnosis_days",
    "facility_record_days",
];

const ICD_10_CM: &str = "http://hl7.org/fhir/sid/icd-10-cm";
const SNOMED_CT: &str = "http://snomed.info/sct";
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
    thresholds: ThresholdsToml,
    response: ResponseToml,
    parameters: Parameters,
    systems: Vec<SystemToml>,
    modifiers: HashMap<String, Spanned<String>>,
    code_lists: HashMap<String, HashMap<String, Vec<Spanned<String>>>>,
    words: WordsToml,
    criteria: Vec<CriterionToml>,
    pathways: Vec<PathwayToml>,
    #[serde(default)]
    retired_codes: Vec<RetiredToml>,
    #[serde(default)]
    snomed_diagnoses: Vec<SnomedDiagnosisToml>,
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
struct RetiredToml {
    code: String,
    since: Spanned<String>,
    replaced_by: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SnomedDiagnosisToml {
    code: Spanned<String>,
    icd_10_cm: Vec<Spanned<String>>,
}

impl Policy {
    /// Reads and validates one policy version from the files of its folder.
    ///
    /// # Errors
    /// The first error, with its file and line.
    pub fn read(files: &[PolicyFile]) -> Result<Self, PolicyError> {
        let text = file_text(files, POLICY)?;
        let read: PolicyToml = toml::from_str(text).map_err(|error| PolicyError::of_toml(POLICY, text, &error))?;
        let source = PolicyText { text };
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
        let ids: Vec<_> = read.criteria.iter().map(CriterionToml::id).collect();
        let wording = Wording::read(CARDS, &numbers.fill(file_text(files, CARDS)?), &ids)?;
        let orderable = value_sets.find(&wording.therapy_order.system, &wording.therapy_order.code).sets;
        source.names_are_free(&read.thresholds, &read.parameters)?;
        source.parameters_are_sound(&read.parameters)?;
        let rules = RuleSource::new(POLICY, text, &read.thresholds, &numbers, orderable, &read.parameters);
        let criteria = rules.criteria(&read.criteria)?;
        let pathways = rules.pathways(&read.pathways, &criteria, &read.criteria)?;
        let asked = questionnaire_file::asked_by(&criteria);
        wording.has_asks_for(CARDS, &asked)?;
        let form = questionnaire_file::read(QUESTIONNAIRE, &numbers.fill(file_text(files, QUESTIONNAIRE)?), &asked)?;
        let response = rules.response(&read.response)?;
        rules.every_threshold_is_used()?;
        Ok(Self {
            effective_from: source.date(&read.effective_from)?,
            effective_to: source.last_day(&read)?,
            next_review: read.next_review.as_ref().map(|date| source.date(date)).transpose()?,
            response,
            counts_sessions: criteria.iter().any(|criterion| criterion.has(CriterionRule::counts_sessions)),
            criteria,
            pathways,
            retired_codes: source.retired_codes(read.retired_codes)?,
            snomed_diagnoses: source.snomed_diagnoses(read.snomed_diagnoses, &value_sets)?,
            modifier_sides: source.modifiers(read.modifiers)?,
            plan_notes: source.plan_notes(read.plan_notes, &numbers)?,
            words: source.words(&read.words)?,
            id: read.id,
            version: read.version,
            title: read.title,
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

struct PolicyText<'t> {
    text: &'t str,
}

impl PolicyText<'_> {
    fn fault(&self, at: &Spanned<String>, problem: impl Into<String>) -> PolicyError {
        PolicyError::at(POLICY, self.text, at.span().start, problem)
    }

    /// The last service date, which is not before the first.
    fn last_day(&self, read: &PolicyToml) -> Result<Option<NaiveDate>, PolicyError> {
        let Some(written) = &read.effective_to else { return Ok(None) };
        let last = self.date(written)?;
        if last < self.date(&read.effective_from)? {
            return Err(self.fault(written, "`effective_to` is before `effective_from`"));
        }
        Ok(Some(last))
    }

    fn date(&self, text: &Spanned<String>) -> Result<NaiveDate, PolicyError> {
        NaiveDate::parse_from_str(text.get_ref(), "%Y-%m-%d")
            .map_err(|_| self.fault(text, format!("`{}` is not a date (YYYY-MM-DD)", text.get_ref())))
    }

    /// Fails if a threshold's name means something else in braces: a parameter, or what the program fills into a text.
    fn names_are_free(&self, thresholds: &ThresholdsToml, parameters: &Parameters) -> Result<(), PolicyError> {
        let parameters = parameters.by_name();
        let is_argument = |name: &str| {
            let phrases = Phrase::ALL.iter().any(|phrase| phrase.arguments().contains(&name));
            phrases || CardText::ALL.iter().any(|text| text.arguments().contains(&name)) || OutcomeArguments::NAMES.contains(&name)
        };
        match thresholds.iter().find(|(name, _)| is_argument(name) || parameters.contains_key(name.as_str())) {
            Some((name, value)) => {
                let problem = format!("`{name}` means something else in texts; choose another name");
                Err(PolicyError::at(POLICY, self.text, value.span().start, problem))
            }
            None => Ok(()),
        }
    }

    /// Fails if a number of the parameters is out of its bounds.
    fn parameters_are_sound(&self, parameters: &Parameters) -> Result<(), PolicyError> {
        for (name, value) in parameters.by_name() {
            let least = u64::from(!MAY_BE_ZERO.contains(&name.as_str()));
            if value.as_u64().is_some_and(|value| value < least || value > MAX_PARAMETER) {
                let offset = self.text.find(&format!("\n{name} ")).map_or(0, |place| place + 1);
                let problem = format!("`{name}` is {value}; it has to be from {least} to {MAX_PARAMETER}");
                return Err(PolicyError::at(POLICY, self.text, offset, problem));
            }
        }
        Ok(())
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

    /// Each code has to be in a value set, so that none is made up.
    fn snomed_diagnoses(&self, read: Vec<SnomedDiagnosisToml>, value_sets: &ValueSets) -> Result<Vec<SnomedDiagnosis>, PolicyError> {
        let in_set = |code: &Spanned<String>, system: &str, set: ValueSet| {
            let is_in = value_sets.find(system, code.get_ref()).sets.has(set);
            let fault = || self.fault(code, format!("`{}` is not in {}", code.get_ref(), set.id()));
            if is_in { Ok(code.get_ref().clone()) } else { Err(fault()) }
        };
        let mut found: Vec<SnomedDiagnosis> = Vec::new();
        for SnomedDiagnosisToml { code, icd_10_cm } in read {
            if icd_10_cm.is_empty() {
                return Err(self.fault(&code, format!("`{}` has no ICD-10-CM code", code.get_ref())));
            }
            if found.iter().any(|known| known.code == *code.get_ref()) {
                return Err(self.fault(&code, format!("`{}` stands twice", code.get_ref())));
            }
            let listed = icd_10_cm.iter().map(|listed| in_set(listed, ICD_10_CM, ValueSet::CoveredDiagnoses)).collect::<Result<_, _>>()?;
            found.push(SnomedDiagnosis { code: in_set(&code, SNOMED_CT, ValueSet::SijPainDiagnoses)?, icd_10_cm: listed });
        }
        Ok(found)
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

    fn plan_notes(&self, read: HashMap<String, Spanned<String>>, numbers: &Numbers) -> Result<HashMap<PlanKind, String>, PolicyError> {
        let filled = |note: &Spanned<String>| numbers.fill(note.get_ref());
        read.into_iter()
            .map(|(plan, note)| match plan.as_str() {
                "medicaid" => Ok((PlanKind::Medicaid, filled(&note))),
                "medicare" => Ok((PlanKind::Medicare, filled(&note))),
                "commercial" => Ok((PlanKind::Commercial, filled(&note))),
                other => Err(self.fault(&note, format!("`{other}` is not a plan (medicaid, medicare, commercial)"))),
            })
            .collect()
    }
}
