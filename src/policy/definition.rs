//! The policy as the engine uses it: thresholds, parameters, criteria, code notes, value sets and wording.
//! Not here: reading it from its files ([`super::definition_file`]).

use std::collections::HashMap;

use chrono::NaiveDate;

use super::criterion_id::CriterionId;
use super::evaluation::Plan;
use super::facts::Side;
use super::questionnaire_file::FormFile;
use super::value_sets::ValueSets;
use super::wording::Wording;
use super::words::Phrases;

/// One version of the policy, validated.
#[derive(Debug)]
pub struct Policy {
    /// `sacroiliac-joint-interventions`
    pub id: String,
    /// `2019-08`
    pub version: String,
    /// The policy's title.
    pub title: String,
    /// The first service date it holds for.
    pub effective_from: NaiveDate,
    /// The last service date it holds for; `None` while in force.
    pub effective_to: Option<NaiveDate>,
    /// The day its next review is due, where it names one; what is said by it may not hold after that.
    pub next_review: Option<NaiveDate>,
    /// What the policy's text fixes.
    pub thresholds: Thresholds,
    /// What the policy leaves open (⚙).
    pub parameters: Parameters,
    pub(crate) criteria: HashMap<CriterionId, CriterionText>,
    pub(crate) retired_codes: Vec<RetiredCode>,
    pub(crate) modifier_sides: HashMap<String, Side>,
    pub(crate) words: WordLists,
    pub(crate) plan_notes: HashMap<Plan, String>,
    /// Its value sets.
    pub value_sets: ValueSets,
    /// Its words.
    pub wording: Wording,
    /// Its documentation form.
    pub form: FormFile,
}

impl Policy {
    /// A criterion's title and citation.
    #[must_use]
    pub fn criterion(&self, id: CriterionId) -> Option<&CriterionText> {
        self.criteria.get(&id)
    }

    /// How many criteria it has.
    #[must_use]
    pub fn criterion_count(&self) -> usize {
        self.criteria.len()
    }

    /// The policy's own note for a line of business.
    #[must_use]
    pub fn plan_note(&self, plan: Plan) -> Option<&str> {
        self.plan_notes.get(&plan).map(String::as_str)
    }

    /// The side a CPT or HCPCS modifier names.
    #[must_use]
    pub fn side_of_modifier(&self, modifier: &str) -> Side {
        let sides = self.modifier_sides.iter();
        sides.filter(|(known, _)| known.eq_ignore_ascii_case(modifier)).map(|(_, side)| *side).next().unwrap_or_default()
    }

    /// Whether the policy holds on a service date.
    #[must_use]
    pub fn holds_on(&self, service_date: NaiveDate) -> bool {
        self.effective_from <= service_date && self.effective_to.is_none_or(|last| service_date <= last)
    }
}

/// A criterion's words.
#[derive(Clone, Debug)]
pub struct CriterionText {
    /// A few words.
    pub title: String,
    /// How it reads when it is not met.
    pub not_met: String,
    /// Section and sentence of the policy, paraphrased.
    pub citation: String,
}

/// What the policy's text fixes.
#[derive(Clone, Copy, Debug, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// I.A.1: months of pain.
    pub pain_duration_months: u32,
    /// I.A.3: positive provocation tests, of five.
    pub positive_tests: usize,
    /// I.A.4.a: weeks of exercise therapy.
    pub exercise_therapy_weeks: u32,
    /// I.A.4.b: weeks of NSAIDs.
    pub nsaid_weeks: u32,
    /// I.A.4.c: weeks of activity modification.
    pub activity_modification_weeks: u32,
    /// I.B: days after the first injection.
    pub second_injection_days: u32,
    /// I.C.1 and II: percent of the pain relieved.
    pub relief_percent: u32,
    /// I.C.1: months the relief lasted.
    pub relief_months: u32,
    /// I.C.3: months between injections.
    pub interval_months: u32,
    /// I.C.4: therapeutic injections that are too many.
    pub therapeutic_limit: usize,
    /// I.C.4: months in which they are counted.
    pub therapeutic_window_months: u32,
    /// III: months after the first injection.
    pub continuation_months: u32,
}

/// What the policy leaves open; every one is named in an evaluation's `assumptions` when it decided something.
#[derive(Clone, Copy, Debug, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Days a form or finding stays valid.
    pub attestation_valid_days: u32,
    /// Months before the service date in which therapy and medication count.
    pub evidence_lookback_months: u32,
    /// Days between sessions of one course of therapy.
    pub session_gap_days: u32,
    /// Days between intervals of one course of medication.
    pub medication_gap_days: u32,
    /// Months without an injection that end an episode.
    pub episode_gap_months: u32,
    /// Days before an injection in which its baseline pain score was taken.
    pub baseline_window_days: u32,
    /// Days before the cutoff in which therapy counts as concurrent.
    pub adjunct_window_days: u32,
    /// Days for which the diagnosis of a visit still stands for an active problem.
    pub encounter_diagnosis_days: u32,
    /// Days by which the facility's record of an injection may follow the physician's.
    pub facility_record_days: u32,
    /// Whether I.C.4 counts a first injection that relieved the pain.
    pub first_injection_is_therapeutic: bool,
    /// Whether left and right of one day are one procedure of the visit.
    pub bilateral_is_one_procedure: bool,
    /// Whether a physician performs it where nothing says who does.
    pub performer_presumed_physician: bool,
}

/// The words that are looked for in texts and displays.
#[derive(Clone, Debug)]
pub(crate) struct WordLists {
    pub sacroiliac_joint: Phrases,
    pub injection: Phrases,
    pub radiofrequency: Phrases,
    pub disc_or_facet: Phrases,
    /// Each side's words.
    pub sides: [(Side, Phrases); 3],
    /// Those of the sides, and those that say nothing beside them.
    pub side_only: Phrases,
    pub region: Phrases,
    pub drug_indication: Phrases,
    pub drug_pain: Phrases,
    pub not_pain_beside: Phrases,
    pub medicare: Phrases,
    pub medicaid: Phrases,
}

/// A code that stopped being billable.
#[derive(Clone, Debug)]
pub struct RetiredCode {
    /// The code.
    pub code: String,
    /// The first day it was not billable.
    pub since: NaiveDate,
    /// What took its place.
    pub replaced_by: Vec<String>,
}
