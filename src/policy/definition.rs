//! The policy as the engine uses it: thresholds, parameters, criteria, code notes, value sets and wording.
//! Not here: reading it from its files ([`super::definition_file`]).

use std::collections::HashMap;

use chrono::NaiveDate;

use super::criterion_id::CriterionId;
use super::facts::Side;
use super::questionnaire_file::FormFile;
use super::reference::PlanKind;
use super::value_sets::ValueSets;
use super::wording::Wording;
use super::words::Phrases;

/// One validated version of the policy.
#[derive(Debug)]
pub struct Policy {
    /// `sacroiliac-joint-interventions`
    pub id: String,
    /// `2019-08`
    pub version: String,
    /// The policy's title.
    pub title: String,
    /// The first service date that it applies to.
    pub effective_from: NaiveDate,
    /// The last service date that it applies to; `None` while in force.
    pub effective_to: Option<NaiveDate>,
    /// The day its next review is due, if stated. Determinations may be outdated after that day.
    pub next_review: Option<NaiveDate>,
    /// The values that the policy's text specifies.
    pub thresholds: Thresholds,
    /// The values that the policy leaves open (⚙).
    pub parameters: Parameters,
    pub(crate) criteria: HashMap<CriterionId, CriterionText>,
    pub(crate) retired_codes: Vec<RetiredCode>,
    pub(crate) modifier_sides: HashMap<String, Side>,
    pub(crate) words: WordLists,
    pub(crate) plan_notes: HashMap<PlanKind, String>,
    /// Its value sets.
    pub value_sets: ValueSets,
    /// Its wording.
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

    /// The number of criteria.
    #[must_use]
    pub fn criterion_count(&self) -> usize {
        self.criteria.len()
    }

    /// The policy's own note for a line of business.
    #[must_use]
    pub fn plan_note(&self, plan: PlanKind) -> Option<&str> {
        self.plan_notes.get(&plan).map(String::as_str)
    }

    /// The side that a CPT or HCPCS modifier names.
    #[must_use]
    pub fn side_of_modifier(&self, modifier: &str) -> Side {
        let sides = self.modifier_sides.iter();
        sides.filter(|(known, _)| known.eq_ignore_ascii_case(modifier)).map(|(_, side)| *side).next().unwrap_or_default()
    }

    /// Whether the policy applies on a service date.
    #[must_use]
    pub fn holds_on(&self, service_date: NaiveDate) -> bool {
        self.effective_from <= service_date && self.effective_to.is_none_or(|last| service_date <= last)
    }
}

/// A criterion's texts.
#[derive(Clone, Debug)]
pub struct CriterionText {
    /// A short title.
    pub title: String,
    /// The text for when it is not met.
    pub not_met: String,
    /// Section and sentence of the policy, paraphrased.
    pub citation: String,
}

/// The values that the policy's text specifies.
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
    /// I.C.4: the number of therapeutic injections at which the limit is exceeded.
    pub therapeutic_limit: usize,
    /// I.C.4: months of the counting window.
    pub therapeutic_window_months: u32,
    /// III: months after the first injection.
    pub continuation_months: u32,
}

/// The values that the policy leaves open. An evaluation's `assumptions` name each one that affected the result.
#[derive(Clone, Copy, Debug, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Days that a form or finding stays valid.
    pub attestation_valid_days: u32,
    /// Months before the service date in which therapy and medication count.
    pub evidence_lookback_months: u32,
    /// Days between sessions of one course of therapy.
    pub session_gap_days: u32,
    /// Days between intervals of one course of medication.
    pub medication_gap_days: u32,
    /// Months without an injection that end an episode.
    pub episode_gap_months: u32,
    /// Days before an injection in which a pain score counts as its baseline.
    pub baseline_window_days: u32,
    /// Days before the cutoff in which therapy counts as concurrent.
    pub adjunct_window_days: u32,
    /// Days for which an encounter diagnosis counts as an active problem.
    pub encounter_diagnosis_days: u32,
    /// Days by which the facility's record of an injection may follow the physician's.
    pub facility_record_days: u32,
    /// Whether I.C.4 counts a first injection that relieved the pain.
    pub first_injection_is_therapeutic: bool,
    /// Whether left and right injections on one day count as one procedure of the visit.
    pub bilateral_is_one_procedure: bool,
    /// Whether to presume a physician if the order does not state the performer.
    pub performer_presumed_physician: bool,
}

/// The words to look for in texts and displays.
#[derive(Clone, Debug)]
pub(crate) struct WordLists {
    pub sacroiliac_joint: Phrases,
    pub injection: Phrases,
    pub radiofrequency: Phrases,
    pub disc_or_facet: Phrases,
    /// Each side's words.
    pub sides: [(Side, Phrases); 3],
    /// The words of all sides, and words that add nothing to them.
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
    /// The codes that replace it.
    pub replaced_by: Vec<String>,
}
