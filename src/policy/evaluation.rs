//! The result of an evaluation, in the shape that all consumers share: command line, ledger, app and cards.
//! Not here: how it is computed ([`mod@super::evaluate`]) and how cards present it ([`crate::crd`]).

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::criterion_id::{CriterionId, PathwayId};
use super::evaluation_notes::{Assumption, Note, PassedOver};
use super::form::Question;
use super::reference::{NamedResource, OrderKind, PlanKind, Reference};
use super::rule::CriterionRole;
use super::verdict::Verdict;

/// The joint a determination is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Site {
    /// The left joint.
    Left,
    /// The right joint.
    Right,
    /// The order names no side.
    Unspecified,
}

impl Site {
    /// The site's name, as in the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Unspecified => "unspecified",
        }
    }
}

/// The policy's decision on an order or a site, least severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Determination {
    /// Every criterion is met.
    Supported,
    /// No criterion is unmet, but something is not documented.
    NeedsDocumentation,
    /// A criterion is not met yet, but can still be met.
    NotYet,
    /// Beyond the policy's limit, with a reason that a reviewer must weigh.
    IndividualConsideration,
    /// The injection history was not available.
    Indeterminate,
    /// A criterion excludes it.
    NotSupported,
}

impl Determination {
    /// Every determination, least severe first.
    pub const ALL: [Self; 6] =
        [Self::Supported, Self::NeedsDocumentation, Self::NotYet, Self::IndividualConsideration, Self::Indeterminate, Self::NotSupported];

    /// The determination's name, as in the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::NeedsDocumentation => "needs-documentation",
            Self::NotYet => "not-yet",
            Self::IndividualConsideration => "individual-consideration",
            Self::Indeterminate => "indeterminate",
            Self::NotSupported => "not-supported",
        }
    }
}

/// Whether the policy lists the order's diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiagnosisSupport {
    /// A reason of the order is listed.
    OnOrder,
    /// An active Condition is listed, but the order does not name it.
    OnProblemList,
    /// Neither is listed.
    NotFound,
    /// The order names no listed diagnosis, and the Conditions or a referenced reason were not available.
    Unavailable,
}

/// A resource that a verdict rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence<'a> {
    /// `Condition/c1`
    pub resource: Reference<'a>,
    /// The date that counted, in FHIR format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// What it shows, in words.
    pub what: String,
}

/// One criterion with its verdict, its evidence and the questions that would settle it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Criterion<'a> {
    /// The policy's section.
    pub id: CriterionId,
    /// Whether it decides more than itself.
    #[serde(skip)]
    pub role: CriterionRole,
    /// Whether it is met.
    pub verdict: Verdict,
    /// What was found and what is missing, in one sentence.
    pub statement: String,
    /// The part of the statement on what was found.
    #[serde(skip)]
    pub found: String,
    /// The resources the verdict rests on.
    pub evidence: Vec<Evidence<'a>>,
    /// The form's questions that would settle it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Question>,
    /// The day from which it would be met, if only time is needed.
    #[serde(skip)]
    pub met_from: Option<NaiveDate>,
    /// Whether it can still become met.
    #[serde(skip)]
    pub remediable: bool,
    /// The number of missing treatment weeks, if a form states how many were completed.
    #[serde(skip)]
    pub lacking_weeks: Option<u32>,
}

/// Where an injection of the history was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InjectionSource {
    /// A Procedure.
    Chart,
    /// An answer of the form.
    Form,
}

/// An injection of the site's current episode.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PriorInjection<'a> {
    /// The date as written; absent if none was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// The Procedure, or the response that names it.
    pub resource: Reference<'a>,
    /// Whether it was found in the chart or in a form.
    pub source: InjectionSource,
    /// Whether it relieved at least half of the pain.
    pub improved: Verdict,
    /// Whether the relief lasted two months with better function.
    pub sustained: Verdict,
}

/// An entry of the history that may or may not be an injection of the joint.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PossibleInjection<'a> {
    /// The date as written; absent if none was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// The Procedure, or the response that names it.
    pub resource: Reference<'a>,
    /// Its text; empty if it has none.
    #[serde(skip)]
    pub words: String,
    /// Why that is uncertain, in a few words.
    pub why: String,
}

/// The determination for one joint.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SiteEvaluation<'a> {
    /// The joint.
    pub site: Site,
    /// The indication that applies.
    pub pathway: PathwayId,
    /// The determination.
    pub determination: Determination,
    /// If not yet and only dates decide: the first day it would be supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earliest_date: Option<NaiveDate>,
    /// If not supported only because it would first be supported beyond the twelve months: that day.
    #[serde(skip)]
    pub too_late: Option<NaiveDate>,
    /// The injections of the current episode, oldest first.
    pub prior_injections: Vec<PriorInjection<'a>>,
    /// Entries that may be injections of the joint and make its history uncertain, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub possible_injections: Vec<PossibleInjection<'a>>,
    /// The pathway's criteria, in the policy's order.
    pub criteria: Vec<Criterion<'a>>,
}

/// Another procedure at the same visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondProcedure<'a> {
    /// The order for it.
    pub order: NamedResource<'a>,
    /// Its index among the call's draft orders.
    pub position: usize,
    /// Whether this order's card offers to remove it. Of two in-scope orders, only the earlier one's card does.
    pub is_ours_to_remove: bool,
}

/// The determination of one in-scope order.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderEvaluation<'a> {
    /// `ServiceRequest/{id}`
    pub order: Reference<'a>,
    /// Its index among the call's draft orders.
    #[serde(skip)]
    pub position: usize,
    /// Injection or neurotomy.
    pub kind: OrderKind,
    /// The day of service that the evaluation assumes.
    pub service_date: NaiveDate,
    /// The most severe determination of its sites.
    pub determination: Determination,
    /// The latest earliest date of its not-yet sites, if all of them have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earliest_date: Option<NaiveDate>,
    /// If not supported only because of waits that end beyond the twelve months: the day the last one ends.
    #[serde(skip)]
    pub too_late: Option<NaiveDate>,
    /// If not yet, but supported from its earliest date on by today's facts: that day and the last such day within a year.
    #[serde(skip)]
    pub supported_from: Option<(NaiveDate, NaiveDate)>,
    /// Whether its diagnosis is listed.
    pub diagnosis: DiagnosisSupport,
    /// A listed active Condition that the order could name.
    #[serde(skip)]
    pub supporting_condition: Option<NamedResource<'a>>,
    /// The other order for the same visit, if any.
    #[serde(skip)]
    pub second_procedure: Option<SecondProcedure<'a>>,
    /// One evaluation per joint.
    pub sites: Vec<SiteEvaluation<'a>>,
    /// Further notes, most urgent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note<'a>>,
    /// Notes on codes that are not billable on the service date.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub coding_notes: Vec<String>,
    /// The parameters that affected the result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<Assumption>,
}

/// A policy by id and version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyVersion {
    /// `sacroiliac-joint-interventions`
    pub id: String,
    /// `2019-08`
    pub version: String,
}

/// The evaluation of every in-scope order of a call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation<'a> {
    /// The policy and version that decided.
    pub policy: PolicyVersion,
    /// The instant of evaluation.
    pub as_of: DateTime<Utc>,
    /// `Patient/{id}`
    pub patient: Reference<'a>,
    /// The in-scope orders, in the order of the call.
    pub orders: Vec<OrderEvaluation<'a>>,
    /// The orders without a determination, in the order of the call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOver<'a>>,
    /// The member's line of business.
    pub plan: PlanKind,
}
