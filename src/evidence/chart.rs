//! Reads the chart with the value sets of one policy version: conditions, allergies, and the context for reading all
//! facts. Not here: Procedures ([`super::procedures`]), drugs ([`super::medication`]), findings and scores
//! ([`super::observations`]), orders ([`super::orders`]) and the form ([`super::form`]).

use std::sync::{Arc, LazyLock};

use chrono::NaiveDate;

use super::code_map::LocalCodes;
use super::concepts::{CodeUse, words};
use super::index::Indices;
use super::patient_matcher::PatientMatcher;
use super::record::ChartResources;
use super::text::{id, text};
use super::views::{AllergyView, ConceptView, ConditionView};
use super::written::{DateElement, date};
use crate::policy::{Allergy, Condition, Policy, Reference, ValueSet};

/// Reads the chart with the value sets of one policy version.
pub(crate) struct ChartReader<'e, 'a> {
    pub policy: &'e Policy,
    pub record: &'e ChartResources<'a>,
    pub subject: PatientMatcher<'e>,
    /// The resources that references can name.
    pub(super) indices: Indices<'e, 'a>,
    /// The client's local codes, if any.
    pub local_codes: Option<&'e LocalCodes>,
    /// Additional canonical URLs of the documentation form.
    pub form_canonicals: &'e [String],
    /// The patient's full date of birth.
    pub birth_date: Option<NaiveDate>,
}

/// A client's configuration for reading its charts.
#[derive(Clone, Debug, Default)]
pub struct ReadingOptions {
    /// The client's local codes, if any.
    pub local_codes: Option<Arc<LocalCodes>>,
    /// Additional canonical URLs of the documentation form.
    pub form_canonicals: Arc<[String]>,
}

impl ReadingOptions {
    /// The options of a client without local codes or forms.
    #[must_use]
    pub fn none() -> &'static Self {
        static NONE: LazyLock<ReadingOptions> = LazyLock::new(ReadingOptions::default);
        &NONE
    }
}

impl<'e, 'a> ChartReader<'e, 'a> {
    pub(crate) fn new(
        policy: &'e Policy,
        record: &'e ChartResources<'a>,
        subject: PatientMatcher<'e>,
        options: &'e ReadingOptions,
    ) -> Self {
        let (local_codes, form_canonicals) = (options.local_codes.as_deref(), &*options.form_canonicals);
        let birth_date = record.birth_date(subject);
        Self { policy, record, subject, indices: Indices::new(record), local_codes, form_canonicals, birth_date }
    }
}

impl<'a> ChartReader<'_, 'a> {
    pub(crate) fn conditions(&self) -> Vec<Condition<'a>> {
        self.record.conditions.iter().filter_map(|condition| self.condition(condition)).collect()
    }

    /// The number of unreadable Conditions of this patient.
    pub(crate) fn unreadable_conditions(&self) -> usize {
        let unread = self.record.unread.iter().filter(|unread| unread.kind == "Condition");
        unread.filter(|unread| self.subject.is(unread.subject().as_ref())).count()
    }

    fn condition(&self, condition: &ConditionView<'a>) -> Option<Condition<'a>> {
        let coded = self.coded(condition.code.as_ref(), CodeUse::Other);
        let has_unclassified_words = !coded.has_diagnosis_system && self.has_disc_or_facet_words(condition.code.as_ref());
        let says_something = !coded.sets.is_empty() || has_unclassified_words;
        if !says_something || !self.subject.is(condition.subject.as_ref()) || is_retracted(condition.verification_status.as_ref()) {
            return None;
        }
        let period = condition.onset_period.as_ref().and_then(|period| period.start.as_ref());
        let onset = |text| DateElement::read_after(text, self.birth_date).date();
        Some(Condition {
            reference: Reference::new("Condition", id(condition.id.as_ref())),
            sets: coded.sets,
            label: coded.label,
            is_active: is_active(condition),
            is_encounter_diagnosis: is_encounter_diagnosis(condition),
            onset: onset(condition.onset_date_time.as_ref()).or_else(|| onset(period)),
            recorded_onset: onset(condition.recorded_date.as_ref()),
            recorded: date(condition.recorded_date.as_ref()),
            has_unclassified_words,
        })
    }

    /// Whether a concept has a disc or facet word.
    pub(crate) fn has_disc_or_facet_words(&self, concept: Option<&ConceptView<'a>>) -> bool {
        concept.into_iter().flat_map(words).any(|words| self.policy.words.disc_or_facet.are_in(&words))
    }

    pub(crate) fn allergies(&self) -> Vec<Allergy<'a>> {
        self.record.allergies.iter().filter_map(|allergy| self.allergy(allergy)).collect()
    }

    fn allergy(&self, allergy: &AllergyView<'a>) -> Option<Allergy<'a>> {
        let coded = self.coded(allergy.code.as_ref(), CodeUse::Other);
        let is_active = clinical_status(allergy.clinical_status.as_ref(), &ALLERGY_STATUSES).is_none_or(|status| status == "active");
        let counts = is_active && !is_retracted(allergy.verification_status.as_ref()) && self.subject.is(allergy.patient.as_ref());
        (coded.sets.has(ValueSet::NsaidAllergy) && counts).then(|| Allergy {
            reference: Reference::new("AllergyIntolerance", id(allergy.id.as_ref())),
            label: coded.label.by_name(),
            recorded: date(allergy.recorded_date.as_ref()),
        })
    }
}

/// FHIR's codes for `Condition.clinicalStatus`, active ones first. If there are several codings, the first match here decides.
const CONDITION_STATUSES: [&str; 6] = ["active", "recurrence", "relapse", "inactive", "remission", "resolved"];

/// The number of active codes in [`CONDITION_STATUSES`].
const ACTIVE_STATUSES: usize = 3;

/// FHIR's codes for `AllergyIntolerance.clinicalStatus`.
const ALLERGY_STATUSES: [&str; 3] = ["active", "inactive", "resolved"];

/// Whether a verification status is refuted or entered in error.
fn is_retracted(status: Option<&ConceptView<'_>>) -> bool {
    clinical_status(status, &["refuted", "entered-in-error"]).is_some()
}

/// The first known code that a status has. If no coding has a code, the text is read as one.
fn clinical_status<'k>(status: Option<&ConceptView<'_>>, known: &[&'k str]) -> Option<&'k str> {
    let status = status?;
    let codes: Vec<&str> = status.codings().map(|coding| coding.code().trim()).filter(|code| !code.is_empty()).collect();
    let text = text(status.text.as_ref()).trim();
    let is_code = |known: &&&str| {
        let mut codes = codes.iter();
        if codes.len() == 0 { known.eq_ignore_ascii_case(text) } else { codes.any(|code| known.eq_ignore_ascii_case(code)) }
    };
    known.iter().find(is_code).copied()
}

fn is_active(condition: &ConditionView<'_>) -> bool {
    let has_abated = DateElement::read(condition.abatement_date_time.as_ref()) != DateElement::Absent
        || condition.abatement_age.is_some()
        || condition.abatement_period.is_some()
        || condition.abatement_range.is_some()
        || condition.abatement_string.is_some();
    let status = clinical_status(condition.clinical_status.as_ref(), &CONDITION_STATUSES);
    let is_active = |status: &str| CONDITION_STATUSES.iter().take(ACTIVE_STATUSES).any(|active| *active == status);
    !has_abated && status.is_none_or(is_active)
}

/// Whether there is at least one category, and every category is `encounter-diagnosis`.
fn is_encounter_diagnosis(condition: &ConditionView<'_>) -> bool {
    let is_one =
        |category: &ConceptView<'_>| category.codings().any(|coding| coding.code().trim().eq_ignore_ascii_case("encounter-diagnosis"));
    let categories = condition.category.as_deref().unwrap_or_default();
    !categories.is_empty() && categories.iter().all(is_one)
}
