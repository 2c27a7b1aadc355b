//! The pages without an order: session ended, access refused, launch failed, or nothing to decide.
//! Each says what happened and what to do. Not here: detecting these cases.

use super::messages::{Messages, Text};

/// The reason for a page without an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The session ended, or the form belongs to another session.
    Expired,
    /// The clinician or the EHR refused access.
    Refused,
    /// The launch failed.
    Launch(FailedLaunch),
    /// No order in scope was found.
    NoOrder,
    /// The clinician returned to the order.
    Closed,
    /// The EHR did not return the chart.
    Unread,
    /// An internal error.
    Failed,
    /// The EHR does not recognize the app's registration.
    NotRegistered,
}

/// Why a launch failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedLaunch {
    /// The EHR is not registered.
    UnknownEhr,
    /// The EHR does not respond.
    Unreachable,
    /// The link lacks a parameter or has an invalid one.
    Incomplete,
    /// The launch was already used, or is too old.
    Stale,
    /// The response belongs to another launch, or is forged.
    Foreign,
    /// The identity token is not valid.
    Unproven,
    /// The token response has no patient.
    NoPatient,
    /// The token response has another patient.
    OtherPatient,
}

impl Notice {
    /// Every notice.
    pub const ALL: [Self; 15] = [
        Self::Expired,
        Self::Refused,
        Self::Launch(FailedLaunch::UnknownEhr),
        Self::Launch(FailedLaunch::Unreachable),
        Self::Launch(FailedLaunch::Incomplete),
        Self::Launch(FailedLaunch::Stale),
        Self::Launch(FailedLaunch::Foreign),
        Self::Launch(FailedLaunch::Unproven),
        Self::Launch(FailedLaunch::NoPatient),
        Self::Launch(FailedLaunch::OtherPatient),
        Self::NoOrder,
        Self::Closed,
        Self::Unread,
        Self::Failed,
        Self::NotRegistered,
    ];

    /// The page's heading.
    pub(super) fn heading(self, words: &Messages) -> String {
        words.say(match self {
            Self::Expired => Text::ExpiredHeading,
            Self::Refused => Text::RefusedHeading,
            Self::Launch(_) => Text::LaunchHeading,
            Self::NoOrder => Text::NoOrderHeading,
            Self::Closed => Text::ClosedHeading,
            Self::Unread => Text::UnreadHeading,
            Self::Failed => Text::FailedHeading,
            Self::NotRegistered => Text::NotRegisteredHeading,
        })
    }

    /// What happened, and what to do.
    pub(super) fn paragraphs(self, words: &Messages) -> Vec<String> {
        let fault = match self {
            Self::Expired => return vec![words.say(Text::Expired)],
            Self::Refused => return vec![words.say(Text::Refused)],
            Self::NoOrder => return vec![words.say(Text::NoOrder)],
            Self::Closed => return vec![words.say(Text::Closed)],
            Self::Unread => return vec![words.say(Text::Unread)],
            Self::Failed => return vec![words.say(Text::Failed)],
            Self::NotRegistered => return vec![words.say(Text::NotRegistered)],
            Self::Launch(fault) => fault,
        };
        let why = match fault {
            FailedLaunch::UnknownEhr => Text::LaunchUnknownEhr,
            FailedLaunch::Unreachable => Text::LaunchUnreachable,
            FailedLaunch::Incomplete => Text::LaunchIncomplete,
            FailedLaunch::Stale => Text::LaunchStale,
            FailedLaunch::Foreign => Text::LaunchForeign,
            FailedLaunch::Unproven => Text::LaunchUnproven,
            FailedLaunch::NoPatient => Text::LaunchNoPatient,
            FailedLaunch::OtherPatient => Text::LaunchOtherPatient,
        };
        vec![words.say(why), words.say(Text::LaunchAgain)]
    }
}
