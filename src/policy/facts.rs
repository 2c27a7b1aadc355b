//! The facts the criteria speak of, each with the resource it comes from. [`crate::evidence`] makes them from FHIR JSON.
//! Facts are not yet cut to any date: the cutoff belongs to an order, so the criteria apply it.
//! Not here: the documentation form's answers; see [`super::form`].

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};

use super::dates::DateInterval;
use super::evaluation::{Named, Plan, Reference};
use super::form::{Form, UncountedForm};
use super::order_facts::{ActiveOrder, BillingLine, Order, UnreadableOrder};
use super::value_sets::Membership;

/// Everything known about one patient and the orders of one call.
#[derive(Debug, Default)]
pub struct Facts<'a> {
    /// Every `ServiceRequest` among the call's orders that can be read, in the order of the call.
    pub orders: Vec<Order<'a>>,
    /// Those that cannot be read and are not known not to stand.
    pub unreadable_orders: Vec<UnreadableOrder<'a>>,
    /// How many orders the call names that could not be had.
    pub orders_missing: usize,
    /// Conditions that count (neither refuted nor entered in error) and that say something to the policy.
    pub conditions: Vec<Condition<'a>>,
    /// Whether the list of Conditions was available, so that absence from it means "none".
    pub conditions_available: bool,
    /// How many Conditions could not be read.
    pub conditions_unreadable: usize,
    /// SIJ injections, and Procedures that could be one.
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
    /// Documentation forms that are finished, of any date.
    pub forms: Vec<Form<'a>>,
    /// Documentation forms that do not count, whatever the day.
    pub other_forms: Vec<UncountedForm<'a>>,
    /// Active orders in the record, beside the call's.
    pub active_orders: Vec<ActiveOrder<'a>>,
    /// Fusions of the sacroiliac joint on record.
    pub fusions: Vec<Named<'a>>,
    /// The member's line of business.
    pub plan: Plan,
    /// The lists that did not come whole, by their names in an evaluation's `sources`, each with the reason.
    pub unavailable: Vec<(&'static str, &'static str)>,
}

/// A code with the words to show for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label<'a> {
    /// The code as charted.
    pub code: Cow<'a, str>,
    /// Its display, if charted.
    pub display: Option<Cow<'a, str>>,
}

impl Label<'_> {
    /// The words alone, where there are any: a drug's number says nothing to a reader.
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
    /// What two sides named by one resource amount to: two different single sides make both.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unspecified, side) | (side, Self::Unspecified) => side,
            (left, right) if left == right => left,
            (Self::Left | Self::Right | Self::Both, Self::Left | Self::Right | Self::Both) => Self::Both,
        }
    }

    /// The side that a word names: `left`, `right` or `both`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Left, Self::Right, Self::Both].into_iter().find(|side| side.word() == Some(word))
    }

    /// The word for it, if it is one.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Left => Some("left"),
            Self::Right => Some("right"),
            Self::Both => Some("both"),
            Self::Unspecified => None,
        }
    }

    /// Whether two sides can speak of one joint.
    #[must_use]
    pub fn compatible(self, other: Self) -> bool {
        !matches!((self, other), (Self::Left, Self::Right) | (Self::Right, Self::Left))
    }
}

/// A Condition in some value set of the policy, or with a word that the policy asks about.
#[derive(Debug)]
pub struct Condition<'a> {
    /// `Condition/{id}`.
    pub reference: Reference<'a>,
    /// The value sets its code is in.
    pub sets: Membership,
    /// Its code.
    pub label: Label<'a>,
    /// Whether its status says that it is active.
    pub is_active: bool,
    /// Whether it is the diagnosis of a visit alone.
    pub is_encounter_diagnosis: bool,
    /// When it began.
    pub onset: Option<DateInterval>,
    /// The day it was recorded, as an onset: not later than birth, it is none.
    pub recorded_onset: Option<DateInterval>,
    /// The day it was recorded.
    pub recorded: Option<DateInterval>,
    /// Whether it has a disc or facet word and no coding in ICD-10-CM or SNOMED CT.
    pub has_unclassified_words: bool,
}

/// Why a Procedure could be an injection of the joint, and cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InjectionDoubt {
    /// Nothing of its code can be read.
    NoCode,
    /// Its words say so, and no code.
    Words,
    /// Its status is another than completed.
    Status(String),
    /// It has no status.
    NoStatus,
    /// It has no date.
    NoDate,
    /// It cannot be read whole.
    Unreadable,
}

/// An SIJ injection in the chart, or what could be one.
#[derive(Debug)]
pub struct ChartedInjection<'a> {
    /// `Procedure/{id}`.
    pub reference: Reference<'a>,
    /// Its code.
    pub label: Label<'a>,
    /// The side it names.
    pub side: Side,
    /// Which line of the injection it is.
    pub billing: Option<BillingLine>,
    /// When it was done; `None` when the chart does not say.
    pub performed: Option<DateInterval>,
    /// Why it is not known to be one.
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
    /// Which line of an injection it is.
    pub billing: Option<BillingLine>,
    /// The day it was done.
    pub performed: NaiveDate,
}

/// The days something lasted, if full dates prove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// From the first to the last day.
    Days(NaiveDate, NaiveDate),
    /// From the first day, and still going on.
    Since(NaiveDate),
    /// A needed date is missing or partial.
    Unproven,
}

/// A completed therapy session or period.
#[derive(Debug)]
pub struct Therapy<'a> {
    /// `Procedure/{id}`.
    pub reference: Reference<'a>,
    /// The value sets its code is in.
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
    /// From a prescription rather than a statement that it was taken.
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
    /// A provocation test, by its place in [`super::form::PROVOCATION_TESTS`].
    Provocation(usize),
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
    /// When.
    pub date: Option<DateInterval>,
    /// The instant, where time and zone are written.
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
