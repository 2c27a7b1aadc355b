//! The facts the criteria speak of, each with the resource it comes from. [`crate::evidence`] makes them from FHIR JSON.
//! Facts are not yet cut to any date: the cutoff belongs to an order, so the criteria apply it.
//! Not here: the documentation form's answers; see [`super::form`].

use std::borrow::Cow;

use chrono::NaiveDate;

use super::dates::DateInterval;
use super::evaluation::{Plan, Reference};
use super::form::Form;
use super::value_sets::Membership;

/// Everything known about one patient and the orders of one call.
#[derive(Debug, Default)]
pub struct Facts<'a> {
    /// Every `ServiceRequest` among the call's orders, in the order of the call.
    pub orders: Vec<Order<'a>>,
    /// How many orders the call is about that could not be read.
    pub orders_unread: usize,
    /// Conditions that count (neither refuted nor entered in error) in some value set of the policy.
    pub conditions: Vec<Condition<'a>>,
    /// Whether the list of Conditions was available, so that absence from it means "none".
    pub conditions_available: bool,
    /// Completed SIJ injections.
    pub injections: Vec<PastInjection<'a>>,
    /// Whether the list of Procedures was available.
    pub procedures_available: bool,
    /// Completed Procedures in `conservative-therapy` or `activity-modification`.
    pub therapies: Vec<Therapy<'a>>,
    /// NSAIDs taken or prescribed.
    pub nsaids: Vec<NsaidUse<'a>>,
    /// Allergies in `nsaid-allergy`.
    pub allergies: Vec<Allergy<'a>>,
    /// Examination findings, positive or negative.
    pub findings: Vec<Finding<'a>>,
    /// Pain scores from 0 to 10 with a full date.
    pub pain_scores: Vec<PainScore<'a>>,
    /// Documentation forms, completed or amended, of any date.
    pub forms: Vec<Form<'a>>,
    /// Active orders for conservative therapy in the record.
    pub therapy_orders: Vec<TherapyOrder<'a>>,
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
}

impl Side {
    /// Whether two sides can speak of one joint.
    #[must_use]
    pub fn compatible(self, other: Self) -> bool {
        !matches!((self, other), (Self::Left, Self::Right) | (Self::Right, Self::Left))
    }
}

/// One `ServiceRequest` among the call's orders.
#[derive(Debug)]
pub struct Order<'a> {
    /// `ServiceRequest/{id}`.
    pub reference: Reference<'a>,
    /// Its place among the call's draft orders.
    pub position: usize,
    /// Not doNotPerform and not revoked, completed or entered in error.
    pub stands: bool,
    /// The value sets its code is in.
    pub sets: Membership,
    /// What it asks for.
    pub label: Label<'a>,
    /// An injection by its code, or by its code together with its body site.
    pub is_injection: bool,
    /// The side it names.
    pub side: Side,
    /// When the service is due; `None` means the day of evaluation.
    pub due: Option<DateInterval>,
    /// Every coding of its reasons, its own and of the Conditions it refers to.
    pub reasons: Vec<Reason<'a>>,
    /// Whether a Condition it names as its reason was looked for and could not be had.
    pub has_unread_reason: bool,
}

/// One coded reason of an order.
#[derive(Debug)]
pub struct Reason<'a> {
    /// The value sets the code is in.
    pub sets: Membership,
    /// The code and its words.
    pub label: Label<'a>,
    /// Whether it is a code of ICD-10-CM.
    pub is_icd10cm: bool,
}

/// A Condition in some value set of the policy.
#[derive(Debug)]
pub struct Condition<'a> {
    /// `Condition/{id}`.
    pub reference: Reference<'a>,
    /// The value sets its code is in.
    pub sets: Membership,
    /// Its code.
    pub label: Label<'a>,
    /// Active: not resolved, inactive or abated.
    pub active: bool,
    /// Onset, else the day it was recorded.
    pub onset: Option<DateInterval>,
    /// The day it was recorded.
    pub recorded: Option<DateInterval>,
}

/// A completed SIJ injection in the chart.
#[derive(Debug)]
pub struct PastInjection<'a> {
    /// `Procedure/{id}`.
    pub reference: Reference<'a>,
    /// Its code.
    pub label: Label<'a>,
    /// The side it names.
    pub side: Side,
    /// When it was done; `None` when the chart does not say.
    pub performed: Option<DateInterval>,
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
}

/// An active order for conservative therapy in the record.
#[derive(Debug)]
pub struct TherapyOrder<'a> {
    /// `ServiceRequest/{id}`.
    pub reference: Reference<'a>,
    /// Its code.
    pub label: Label<'a>,
    /// The day it was written.
    pub authored: Option<DateInterval>,
}
