//! The facts of orders: those of the call, and the active ones of the record.
//! Not here: the facts of the chart ([`super::facts`]).

use chrono::NaiveDate;

use super::dates::DateInterval;
use super::evaluation::{OrderKind, Reference};
use super::facts::{Label, Side};
use super::value_sets::Membership;

/// The days on which an order may be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceWindow {
    /// The first day.
    pub first: NaiveDate,
    /// The last day; `None` for an open end.
    pub last: Option<NaiveDate>,
}

impl ServiceWindow {
    /// The day of the window that is nearest to a day.
    #[must_use]
    pub fn nearest_to(self, day: NaiveDate) -> NaiveDate {
        let latest = self.last.map_or(day, |last| day.min(last));
        latest.max(self.first)
    }

    /// Whether a day lies in it.
    #[must_use]
    pub fn holds(self, day: NaiveDate) -> bool {
        self.first <= day && self.last.is_none_or(|last| day <= last)
    }

    /// Whether it is that one day.
    #[must_use]
    pub fn is_day(self, day: NaiveDate) -> bool {
        self.first == day && self.last == Some(day)
    }
}

impl From<DateInterval> for ServiceWindow {
    fn from(date: DateInterval) -> Self {
        Self { first: date.lo(), last: Some(date.hi()) }
    }
}

/// Whether an order of the call asks for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Stands,
    /// It is revoked, completed or entered in error.
    Ended,
    /// It says what is not to be done.
    DoNotPerform,
    /// It is one option among several.
    Option,
    /// Another order of the call takes its place.
    Replaced,
}

/// Which line of one injection a code is: each is billed for the same act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BillingLine {
    /// The physician's (CPT 27096).
    Professional,
    /// The facility's (HCPCS G0260).
    Facility,
}

/// What is said of who performs an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Performer {
    /// Whether one of its codes is of a physician.
    pub is_physician: bool,
    /// The first code of somebody who is none, in words.
    pub non_physician: Option<String>,
}

/// One `ServiceRequest` among the call's orders.
#[derive(Debug)]
pub struct Order<'a> {
    /// `ServiceRequest/{id}`.
    pub reference: Reference<'a>,
    /// Its place among the call's draft orders.
    pub position: usize,
    /// Whether it asks for anything.
    pub standing: Standing,
    /// What it asks for, as far as the policy decides it.
    pub kind: Option<OrderKind>,
    /// The value sets its code is in.
    pub sets: Membership,
    /// Which line of an injection it is.
    pub billing: Option<BillingLine>,
    /// What it asks for, in words.
    pub label: Label<'a>,
    /// `system|code` of each coding.
    pub codes: Vec<String>,
    /// The side it names.
    pub side: Side,
    /// Whether its body site and its modifiers name different sides.
    pub has_contradictory_side: bool,
    /// When the service is due; `None` where it does not say.
    pub window: Option<ServiceWindow>,
    /// Every coding of its reasons, its own and of the Conditions it refers to.
    pub reasons: Vec<Reason<'a>>,
    /// A reason without a coding in ICD-10-CM or SNOMED CT that has a disc or facet word.
    pub unclassified_reason: Option<String>,
    /// Whether a Condition it names as its reason was looked for and could not be had.
    pub has_unread_reason: bool,
    /// Whether it says itself that it is for another region.
    pub is_elsewhere: bool,
    /// Who performs it.
    pub performer: Performer,
}

/// A draft order that cannot be read.
#[derive(Debug)]
pub struct UnreadableOrder<'a> {
    /// `ServiceRequest/{id}`.
    pub reference: Reference<'a>,
    /// Its place among the call's draft orders.
    pub position: usize,
    /// What it asks for by a code that stands somewhere in it; `None` without one.
    pub kind: Option<OrderKind>,
    /// When the service is due, as far as that can be read.
    pub window: Option<ServiceWindow>,
    /// What is wrong with it.
    pub problem: String,
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

/// An active order in the record.
#[derive(Debug)]
pub struct ActiveOrder<'a> {
    /// `ServiceRequest/{id}`.
    pub reference: Reference<'a>,
    /// Its code.
    pub label: Label<'a>,
    /// The value sets its code is in.
    pub sets: Membership,
    /// What it asks for, as far as the policy decides it.
    pub kind: Option<OrderKind>,
    /// Which line of an injection it is.
    pub billing: Option<BillingLine>,
    /// The side it names.
    pub side: Side,
    /// When the service is due; `None` where it does not say.
    pub window: Option<ServiceWindow>,
    /// The day it was written.
    pub authored: Option<DateInterval>,
    /// Whether it says itself that it is for another region.
    pub is_elsewhere: bool,
}
