//! Facts about orders: the call's draft orders and the record's active orders.
//! Not here: facts from the rest of the chart ([`super::facts`]).

use chrono::NaiveDate;

use super::dates::DateInterval;
use super::facts::{Label, Side};
use super::reference::{OrderKind, Reference};
use super::value_sets::{Membership, SystemKind};

/// The days on which an order may be performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceWindow {
    /// The first day.
    pub first: NaiveDate,
    /// The last day; `None` if open-ended.
    pub last: Option<NaiveDate>,
}

impl ServiceWindow {
    /// The day of the window that is nearest to `day`.
    #[must_use]
    pub fn nearest_to(self, day: NaiveDate) -> NaiveDate {
        let latest = self.last.map_or(day, |last| day.min(last));
        latest.max(self.first)
    }

    /// Whether the window contains `day`.
    #[must_use]
    pub fn holds(self, day: NaiveDate) -> bool {
        self.first <= day && self.last.is_none_or(|last| day <= last)
    }

    /// Whether the window is exactly `day`.
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

/// Whether a draft order requests a service, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It requests a service.
    Stands,
    /// It is revoked, completed or entered in error.
    Ended,
    /// It prohibits the service (`doNotPerform`).
    DoNotPerform,
    /// It is one of several options (intent `option`).
    Option,
    /// Another draft order replaces it.
    Replaced,
}

/// Whether a code bills the professional or the facility part of an injection. Both bill the same injection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BillingLine {
    /// The physician's (CPT 27096).
    Professional,
    /// The facility's (HCPCS G0260).
    Facility,
}

/// What an order states about its performer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Performer {
    /// Whether one of the performer's codes is a physician's.
    pub is_physician: bool,
    /// The display of the first code that is not a physician's.
    pub non_physician: Option<String>,
}

/// A draft `ServiceRequest` of the call.
#[derive(Debug)]
pub struct Order<'a> {
    /// `ServiceRequest/{id}`.
    pub reference: Reference<'a>,
    /// Its index among the call's draft orders.
    pub position: usize,
    /// Whether it requests a service.
    pub standing: Standing,
    /// The requested procedure, if it is in the policy's scope.
    pub kind: Option<OrderKind>,
    /// The value sets that contain its code.
    pub sets: Membership,
    /// Whether it is the professional or the facility part of an injection.
    pub billing: Option<BillingLine>,
    /// The requested service, as code and display.
    pub label: Label<'a>,
    /// `system|code` of each coding.
    pub codes: Vec<String>,
    /// The side it names.
    pub side: Side,
    /// Whether its body site and its modifiers name different sides.
    pub has_contradictory_side: bool,
    /// When the service is due; `None` if not stated.
    pub window: Option<ServiceWindow>,
    /// Every coding of its reason codes and of the Conditions it references as reasons.
    pub reasons: Vec<OrderReason<'a>>,
    /// A reason without an ICD-10-CM or SNOMED CT coding that contains a disc or facet word.
    pub unclassified_reason: Option<String>,
    /// Whether a Condition that it references as a reason could not be fetched.
    pub has_unread_reason: bool,
    /// Whether the order itself states another body region or reason.
    pub is_elsewhere: bool,
    /// Its performer.
    pub performer: Performer,
}

/// A draft order that cannot be parsed.
#[derive(Debug)]
pub struct UnreadableOrder<'a> {
    /// `ServiceRequest/{id}`.
    pub reference: Reference<'a>,
    /// Its index among the call's draft orders.
    pub position: usize,
    /// The procedure that a code anywhere in the order indicates; `None` without such a code.
    pub kind: Option<OrderKind>,
    /// When the service is due, if readable.
    pub window: Option<ServiceWindow>,
    /// What is wrong with it.
    pub problem: String,
}

/// One coded reason of an order.
#[derive(Debug)]
pub struct OrderReason<'a> {
    /// The value sets that contain the code.
    pub sets: Membership,
    /// The code and its display.
    pub label: Label<'a>,
    /// The kind of its code system; `None` if the policy does not name the system.
    pub system: Option<SystemKind>,
}

/// An active order in the record.
#[derive(Debug)]
pub struct ActiveOrder<'a> {
    /// `ServiceRequest/{id}`.
    pub reference: Reference<'a>,
    /// Its code.
    pub label: Label<'a>,
    /// The value sets that contain its code.
    pub sets: Membership,
    /// The requested procedure, if it is in the policy's scope.
    pub kind: Option<OrderKind>,
    /// Whether it is the professional or the facility part of an injection.
    pub billing: Option<BillingLine>,
    /// The side it names.
    pub side: Side,
    /// When the service is due; `None` if not stated.
    pub window: Option<ServiceWindow>,
    /// The day it was written.
    pub authored: Option<DateInterval>,
    /// Whether the order itself states another body region or reason.
    pub is_elsewhere: bool,
}
