//! The result of an evaluation, in the shape every reader of it shares: command line, ledger, app and cards.
//! Not here: how it is reached ([`super::evaluate`]) and what a card says of it ([`crate::cds_hooks`]).

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize, Serializer};

use super::criterion_id::CriterionId;
use super::evaluation_notes::{Assumption, Note, PassedOver};
use super::form::Question;
use super::verdict::Verdict;

/// A resource by type and id, as `Condition/c1`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference<'a> {
    kind: &'static str,
    id: Cow<'a, str>,
}

impl<'a> Reference<'a> {
    /// The reference `{kind}/{id}`.
    #[must_use]
    pub fn new(kind: &'static str, id: Cow<'a, str>) -> Self {
        Self { kind, id }
    }

    /// The resource's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The resource's type.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

impl std::fmt::Display for Reference<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

impl Serialize for Reference<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What an order asks for, as far as the policy decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderKind {
    /// A sacroiliac joint injection.
    Injection,
    /// A radiofrequency neurotomy of the sacroiliac joint.
    Neurotomy,
}

/// The joint a determination is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Site {
    /// The left joint.
    Left,
    /// The right joint.
    Right,
    /// The order names none.
    Unspecified,
}

impl Site {
    /// The word for it, as in the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Unspecified => "unspecified",
        }
    }
}

/// Which of the policy's indications applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Pathway {
    /// First diagnostic injection.
    #[serde(rename = "I.A")]
    FirstDiagnostic,
    /// Second diagnostic injection.
    #[serde(rename = "I.B")]
    SecondDiagnostic,
    /// Second diagnostic or subsequent: the first one's effect is not known.
    #[serde(rename = "I.B-or-I.C")]
    SecondOrSubsequent,
    /// Subsequent injection.
    #[serde(rename = "I.C")]
    Subsequent,
    /// Radiofrequency neurotomy.
    #[serde(rename = "IV")]
    Neurotomy,
    /// The injection history could not be had.
    #[serde(rename = "undetermined")]
    Undetermined,
}

impl Pathway {
    /// The pathway's name, as in the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstDiagnostic => "I.A",
            Self::SecondDiagnostic => "I.B",
            Self::SecondOrSubsequent => "I.B-or-I.C",
            Self::Subsequent => "I.C",
            Self::Neurotomy => "IV",
            Self::Undetermined => "undetermined",
        }
    }
}

/// What the policy says of an order or a site, least severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Determination {
    /// Every criterion is met.
    Supported,
    /// Nothing speaks against it, but something is not documented.
    NeedsDocumentation,
    /// A criterion is not met yet and can be.
    NotYet,
    /// Beyond the policy's limit, with a reason a reviewer must weigh.
    IndividualConsideration,
    /// The injection history could not be had.
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

/// Whether the order's diagnosis is one the policy lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiagnosisSupport {
    /// A reason of the order is listed.
    OnOrder,
    /// An active Condition is listed, but the order does not name it.
    OnProblemList,
    /// Neither.
    NotFound,
    /// The order does not tell and the Conditions could not be had.
    Unavailable,
}

/// The member's line of business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plan {
    /// Medicaid: state provisions take precedence.
    Medicaid,
    /// Medicare: national and local determinations take precedence.
    Medicare,
    /// Both of them.
    MedicareAndMedicaid,
    /// A private plan.
    Commercial,
    /// The Coverage does not say.
    #[default]
    Unknown,
}

/// A resource a verdict rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence<'a> {
    /// `Condition/c1`
    pub resource: Reference<'a>,
    /// The date that counted, as FHIR writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// What it shows, in words.
    pub what: String,
}

/// One criterion with its verdict, what it rests on and what would settle it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Criterion<'a> {
    /// The policy's section.
    pub id: CriterionId,
    /// Whether it is met.
    pub verdict: Verdict,
    /// What was found and what is missing, in one sentence.
    pub statement: String,
    /// What of it was found, without what is missing.
    #[serde(skip)]
    pub found: String,
    /// The resources the verdict rests on.
    pub evidence: Vec<Evidence<'a>>,
    /// The form's questions that would settle it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Question>,
    /// The day from which it would be met, when time alone settles it.
    #[serde(skip)]
    pub met_from: Option<NaiveDate>,
    /// Whether, being not met, it can become met.
    #[serde(skip)]
    pub remediable: bool,
    /// How many weeks of a treatment are lacking, where a form says how many there were.
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
    /// The date as written; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// The Procedure, or the response that names it.
    pub resource: Reference<'a>,
    /// Chart or form.
    pub source: InjectionSource,
    /// At least half of the pain relieved.
    pub improved: Verdict,
    /// Relief for two months with better function.
    pub sustained: Verdict,
}

/// An entry of the history that may be an injection of the joint, and cannot be told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PossibleInjection<'a> {
    /// The date as written; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// The Procedure, or the response that names it.
    pub resource: Reference<'a>,
    /// Its words, if it has any.
    #[serde(skip)]
    pub words: String,
    /// Why it cannot be told, in a few words.
    pub why: String,
}

/// The determination for one joint.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SiteEvaluation<'a> {
    /// The joint.
    pub site: Site,
    /// The indication that applies.
    pub pathway: Pathway,
    /// The determination.
    pub determination: Determination,
    /// When not yet and dates alone decide: the first day it would be supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earliest_date: Option<NaiveDate>,
    /// When not supported only because the day from which it would be lies beyond the twelve months: that day.
    #[serde(skip)]
    pub too_late: Option<NaiveDate>,
    /// The injections of the current episode, oldest first.
    pub prior_injections: Vec<PriorInjection<'a>>,
    /// Entries that may be injections of the joint and leave its history open, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub possible_injections: Vec<PossibleInjection<'a>>,
    /// The pathway's criteria, in the policy's order.
    pub criteria: Vec<Criterion<'a>>,
}

/// A resource with the words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// `Condition/c1`
    pub reference: Reference<'a>,
    /// Its code and display.
    pub words: String,
}

/// Another procedure of the same visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondProcedure<'a> {
    /// The order for it.
    pub order: Named<'a>,
    /// Whether this card is the one to offer its removal: of two in-scope orders only the earlier one's is.
    pub is_ours_to_remove: bool,
}

/// The determination of one in-scope order.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderEvaluation<'a> {
    /// `ServiceRequest/{id}`
    pub order: Reference<'a>,
    /// Its place among the call's draft orders.
    #[serde(skip)]
    pub position: usize,
    /// Injection or neurotomy.
    pub kind: OrderKind,
    /// The day of service the policy was read for.
    pub service_date: NaiveDate,
    /// The most severe of its sites'.
    pub determination: Determination,
    /// The latest of its sites', when every not-yet site has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earliest_date: Option<NaiveDate>,
    /// When not supported only because of waits that end beyond the twelve months: the day the last one ends.
    #[serde(skip)]
    pub too_late: Option<NaiveDate>,
    /// When not yet and, by what is known today, supported from its earliest date on: that day, and the last one within a year.
    #[serde(skip)]
    pub supported_from: Option<(NaiveDate, NaiveDate)>,
    /// Whether its diagnosis is listed.
    pub diagnosis: DiagnosisSupport,
    /// A listed active Condition the order could name.
    #[serde(skip)]
    pub supporting_condition: Option<Named<'a>>,
    /// The other order of the same visit, when there is one.
    #[serde(skip)]
    pub second_procedure: Option<SecondProcedure<'a>>,
    /// One for each joint.
    pub sites: Vec<SiteEvaluation<'a>>,
    /// What else there is to know, the most urgent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note<'a>>,
    /// Codes that are no longer billable on the service date.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub coding_notes: Vec<String>,
    /// Parameters that decided something.
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
    /// The policy and version it was read from.
    pub policy: PolicyVersion,
    /// The instant of evaluation.
    pub as_of: DateTime<Utc>,
    /// `Patient/{id}`
    pub patient: Reference<'a>,
    /// The in-scope orders, in the order of the call.
    pub orders: Vec<OrderEvaluation<'a>>,
    /// The orders that got none, in the order of the call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOver<'a>>,
    /// The member's line of business.
    pub plan: Plan,
}
