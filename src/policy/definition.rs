//! The policy as the engine uses it: thresholds, parameters, criteria, code notes, value sets and wording.
//! Not here: reading it from its files ([`super::definition_file`]).

use std::collections::HashMap;

use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::criterion_id::{CriterionId, PathwayId};
use super::facts::Side;
use super::form::Question;
use super::pathway::Pathway;
use super::questionnaire_file::FormFile;
use super::reference::{OrderKind, PlanKind};
use super::rule::{CriterionRule, Mention, Remedy};
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
    /// When an injection counts as one that helped.
    pub response: ResponseDefinition,
    /// The values that the policy leaves open (⚙).
    pub parameters: Parameters,
    pub(crate) criteria: Vec<CriterionDefinition>,
    pub(crate) pathways: Vec<Pathway>,
    /// Whether a criterion counts the days with an injection of either joint.
    pub(crate) counts_sessions: bool,
    pub(crate) retired_codes: Vec<RetiredCode>,
    pub(crate) snomed_diagnoses: Vec<SnomedDiagnosis>,
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
    /// A criterion by its id.
    #[must_use]
    pub fn criterion(&self, id: &CriterionId) -> Option<&CriterionDefinition> {
        self.criteria.iter().find(|criterion| criterion.id == *id)
    }

    /// The criteria, in the policy's order.
    #[must_use]
    pub fn criteria(&self) -> &[CriterionDefinition] {
        &self.criteria
    }

    /// The criterion that every earlier injection is known.
    #[must_use]
    pub fn history_criterion(&self) -> Option<&CriterionDefinition> {
        self.criteria.iter().find(|criterion| matches!(criterion.rule, CriterionRule::CompleteHistory))
    }

    /// A pathway by its id; `None` for an order whose history was not available.
    #[must_use]
    pub fn pathway(&self, id: &PathwayId) -> Option<&Pathway> {
        self.pathways.iter().find(|pathway| pathway.id == *id)
    }

    /// The pathways, in the policy's order.
    #[must_use]
    pub fn pathways(&self) -> &[Pathway] {
        &self.pathways
    }

    /// The pathways of a kind of order, in the policy's order.
    pub(crate) fn pathways_of(&self, kind: OrderKind) -> impl Iterator<Item = &Pathway> {
        self.pathways.iter().filter(move |pathway| pathway.kind == kind)
    }

    /// The kinds of all criteria, without `All`, `Any` and `Not`, in the policy's order.
    pub fn rules(&self) -> impl Iterator<Item = &CriterionRule> {
        self.criteria.iter().flat_map(|criterion| criterion.rule.leaves())
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

/// A criterion: what it asks for, and its texts.
#[derive(Debug)]
pub struct CriterionDefinition {
    /// Its section of the policy.
    pub id: CriterionId,
    /// A short title.
    pub title: String,
    /// The text for when it is not met.
    pub not_met: String,
    /// The text for when it is met, in as few words as can be.
    pub met: String,
    /// What is missing where it is unknown; `None` if its title says so.
    pub missing: Option<String>,
    /// Section and sentence of the policy, paraphrased.
    pub citation: String,
    /// What can still meet it.
    pub remedy: Remedy,
    /// What to do where it is not met; `None` to wait, or to order more of the treatment.
    pub act: Option<String>,
    /// The question whose answer corrects what it rests on.
    pub corrected_by: Option<Question>,
    /// What it asks for.
    pub rule: CriterionRule,
    /// The lists of the chart that can settle it.
    pub(crate) lists: Vec<&'static str>,
    pub(crate) mention: Option<Mention>,
}

impl CriterionDefinition {
    /// Whether the kinds of its rule include one.
    pub fn has(&self, kind: impl Fn(&CriterionRule) -> bool) -> bool {
        self.rule.leaves().into_iter().any(kind)
    }
}

/// When an injection counts as one that helped.
#[derive(Clone, Copy, Debug)]
pub struct ResponseDefinition {
    /// Percent of the pain relieved.
    pub percent: u32,
    /// Months for which the relief lasted.
    pub months: u32,
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

impl Parameters {
    /// The values by name.
    pub(crate) fn by_name(&self) -> Map<String, Value> {
        // A struct with plain members always serializes to an object.
        if let Ok(Value::Object(members)) = serde_json::to_value(self) { members } else { Map::new() }
    }
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

/// A SNOMED CT diagnosis that corresponds to diagnoses the policy lists.
#[derive(Clone, Debug)]
pub(crate) struct SnomedDiagnosis {
    /// The SNOMED CT code.
    pub code: String,
    /// The ICD-10-CM codes, as the policy lists them.
    pub icd_10_cm: Vec<String>,
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
