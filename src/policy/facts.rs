//! The facts that the criteria use, each with its source resource. [`crate::evidence`] builds them from FHIR JSON.
//! Facts are not filtered by date: the cutoff depends on the order, so the criteria apply it.
//! Not here: the documentation form's answers; see [`super::form`].

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};

use super::dates::DateInterval;
use super::form::{Form, PROVOCATION_TESTS, Question, UncountedForm};
use super::order_facts::{ActiveOrder, BillingLine, Order, UnreadableOrder};
use super::reference::{NamedResource, PlanKind, Reference};
use super::value_sets::Membership;

/// Everything known about one patient and the orders of one call.
#[derive(Debug, Default)]
pub struct Facts<'a> {
    /// The call's readable draft `ServiceRequest`s, in the order of the call.
    pub orders: Vec<Order<'a>>,
    /// The unreadable ones, unless known to request no service.
    pub unreadable_orders: Vec<UnreadableOrder<'a>>,
    /// The number of orders that the call names but that were not available.
    pub orders_missing: usize,
    /// Conditions that count (neither refuted nor entered in error) and are relevant to the policy.
    pub conditions: Vec<Condition<'a>>,
    /// Whether the list of Conditions was available, so that absence from it means "none".
    pub conditions_available: bool,
    /// The number of Conditions that could not be read.
    pub conditions_unreadable: usize,
    /// SIJ injections, and Procedures that may be one.
    pub injections: Vec<ChartedInjection<'a>>,
    /// Whether the list of Procedures was available.
    pub procedures_available: bool,
    /// Completed invasive pain procedures with a full date.
    pub pain_procedures: Vec<PainProcedure<'a>>,
    /// Completed Procedures in `conservative-therapy`, `therapy-session` or `activity-modification`.
    pub therapies: Vec<Therapy<'a>>,
    /// NSAIDs taken or prescribed.
    pub nsaids: Vec<NsaidUse<'a>>,
    /// Allergies in `nsaid-allergy`.
    pub allergies: Vec<Allergy<'a>>,
    /// Examination findings, positive or negative.
    pub findings: Vec<Finding<'a>>,
    /// Pain scores from 0 to 10 with a full date.
    pub pain_scores: Vec<PainScore<'a>>,
    /// Finished documentation forms of any date.
    pub forms: Vec<Form<'a>>,
    /// Documentation forms that do not count, regardless of the day.
    pub other_forms: Vec<UncountedForm<'a>>,
    /// Active orders in the record, apart from the call's.
    pub active_orders: Vec<ActiveOrder<'a>>,
    /// Fusions of the sacroiliac joint on record.
    pub fusions: Vec<NamedResource<'a>>,
    /// The member's line of business.
    pub plan: PlanKind,
    /// The missing or incomplete lists, by their names in an evaluation's `sources`, each with the reason.
    pub unavailable: Vec<(&'static str, &'static str)>,
}

/// A code with its display text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label<'a> {
    /// The code as charted.
    pub code: Cow<'a, str>,
    /// Its display, if charted.
    pub display: Option<Cow<'a, str>>,
}

impl Label<'_> {
    /// The label without its code, if it has a display: a drug's code number means nothing to a reader.
    #[must_use]
    pub fn by_name(self) -> Self {
        if self.display.is_some() { Self { code: Cow::Borrowed(""), ..self } } else { self }
    }
}

impl std::fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.display {
            Some(display) if self.code.is_empty() => f.write_str(display),
            Some(display) => write!(f, "{} {display}", self.code),
            None => f.write_str(&self.code),
        }
    }
}

/// Which side an order, a procedure or an answer names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The left joint.
    Left,
    /// The right joint.
    Right,
    /// Both joints.
    Both,
    /// None named.
    #[default]
    Unspecified,
}

impl Side {
    /// Combines two sides that one resource names: left and right make both.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unspecified, side) | (side, Self::Unspecified) => side,
            (left, right) if left == right => left,
            (Self::Left | Self::Right | Self::Both, Self::Left | Self::Right | Self::Both) => Self::Both,
        }
    }

    /// Parses `left`, `right` or `both`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Left, Self::Right, Self::Both].into_iter().find(|side| side.word() == Some(word))
    }

    /// The word for the side, if it is specified.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Left => Some("left"),
            Self::Right => Some("right"),
            Self::Both => Some("both"),
            Self::Unspecified => None,
        }
    }

    /// Whether two sides can refer to the same joint.
    #[must_use]
    pub fn compatible(self, other: Self) -> bool {
        !matches!((self, other), (Self::Left, Self::Right) | (Self::Right, Self::Left))
    }
}

/// A Condition in a value set of the policy, or with a word that the policy looks for.
#[derive(Debug)]
pub struct Condition<'a> {
    /// `Condition/{id}`.
    pub reference: Reference<'a>,
    /// The value sets that contain its code.
    pub sets: Membership,
    /// Its code.
    pub label: Label<'a>,
    /// Whether its status is active.
    pub is_active: bool,
    /// Whether it is only an encounter diagnosis.
    pub is_encounter_diagnosis: bool,
    /// When it began.
    pub onset: Option<DateInterval>,
    /// The recorded date used as an onset; `None` if it is not after birth.
    pub recorded_onset: Option<DateInterval>,
    /// The day it was recorded.
    pub recorded: Option<DateInterval>,
    /// Whether it has a disc or facet word and no ICD-10-CM or SNOMED CT coding.
    pub has_unclassified_words: bool,
}

/// Why it is uncertain whether a Procedure is an injection of the joint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InjectionDoubt {
    /// It has no readable code.
    NoCode,
    /// Its text indicates an injection, but no code does.
    Words,
    /// Its status is not `completed`.
    Status(String),
    /// It has no status.
    NoStatus,
    /// It has no date.
    NoDate,
    /// It cannot be read completely.
    Unreadable,
}

/// A definite or possible SIJ injection in the chart.
#[derive(Debug)]
pub struct ChartedInjection<'a> {
    /// `Procedure/{id}`.
    pub reference: Reference<'a>,
    /// Its code.
    pub label: Label<'a>,
    /// The side it names.
    pub side: Side,
    /// Whether it is the professional or the facility part of the injection.
    pub billing: Option<BillingLine>,
    /// When it was performed; `None` if the chart does not say.
    pub performed: Option<DateInterval>,
    /// Why it is only a possible injection.
    pub doubt: Option<InjectionDoubt>,
}

/// A completed invasive pain procedure.
#[derive(Debug)]
pub struct PainProcedure<'a> {
    /// `Procedure/{id}`.
    pub reference: Reference<'a>,
    /// Its code.
    pub label: Label<'a>,
    /// The side it names.
    pub side: Side,
    /// Whether it is an injection of the sacroiliac joint.
    pub is_injection: bool,
    /// Whether it is the professional or the facility part of an injection.
    pub billing: Option<BillingLine>,
    /// The day it was performed.
    pub performed: NaiveDate,
}

/// The days of a treatment, if full dates prove them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// From the first to the last day.
    Days(NaiveDate, NaiveDate),
    /// From the first day, and ongoing.
    Since(NaiveDate),
    /// A required date is missing or partial.
    Unproven,
}

/// A completed therapy session or period of therapy.
#[derive(Debug)]
pub struct Therapy<'a> {
    /// `Procedure/{id}`.
    pub reference: Reference<'a>,
    /// The value sets that contain its code.
    pub sets: Membership,
    /// Its code.
    pub label: Label<'a>,
    /// The days it covers.
    pub span: Span,
}

/// An NSAID taken or prescribed.
#[derive(Debug)]
pub struct NsaidUse<'a> {
    /// `MedicationStatement/{id}` or `MedicationRequest/{id}`.
    pub reference: Reference<'a>,
    /// Its code.
    pub label: Label<'a>,
    /// The days it covers.
    pub span: Span,
    /// Whether it comes from a prescription rather than a statement that it was taken.
    pub prescribed: bool,
}

/// An allergy or intolerance to NSAIDs.
#[derive(Debug)]
pub struct Allergy<'a> {
    /// `AllergyIntolerance/{id}`.
    pub reference: Reference<'a>,
    /// Its code.
    pub label: Label<'a>,
    /// The day it was recorded.
    pub recorded: Option<DateInterval>,
}

/// The examinations the policy asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Examination {
    /// Tenderness over the joint on palpation.
    Tenderness,
    /// A provocation test, by its index in [`super::form::PROVOCATION_TESTS`].
    Provocation(usize),
}

impl Examination {
    /// The examination that a question of the form asks for, if it asks for one.
    pub(super) fn from_question(question: Question) -> Option<Self> {
        let test = PROVOCATION_TESTS.iter().position(|test| *test == question).map(Self::Provocation);
        test.or_else(|| (question == Question::SijTenderness).then_some(Self::Tenderness))
    }
}

/// A charted examination finding that is positive or negative.
#[derive(Debug)]
pub struct Finding<'a> {
    /// `Observation/{id}`.
    pub reference: Reference<'a>,
    /// What was examined.
    pub examination: Examination,
    /// Whether it was positive.
    pub positive: bool,
    /// When it was made.
    pub date: Option<DateInterval>,
    /// The instant, if time and zone are written.
    pub instant: Option<DateTime<Utc>>,
    /// The side it names.
    pub side: Side,
}

/// A pain score from 0 to 10.
#[derive(Debug)]
pub struct PainScore<'a> {
    /// `Observation/{id}`.
    pub reference: Reference<'a>,
    /// The day it was taken.
    pub date: NaiveDate,
    /// The score.
    pub score: f64,
    /// The side it names.
    pub side: Side,
}
