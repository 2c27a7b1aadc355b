//! The pages without an order: a session that ended, access refused, a launch that failed, nothing to decide.
//! Each says what happened and what to do; not here: who finds that out.

use super::messages::{Text, Words};

/// What a page without an order is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The session is over, or the form came from another one.
    Expired,
    /// The clinician, or the EHR, did not give access.
    Refused,
    /// The launch did not succeed.
    Launch(FailedLaunch),
    /// No order in scope was found.
    NoOrder,
    /// The clinician goes back to the order.
    Closed,
    /// The EHR did not give the chart.
    Unread,
    /// A fault of ours.
    Failed,
    /// The EHR does not know the app by what it is registered with.
    NotRegistered,
}

/// Why a launch did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedLaunch {
    /// The EHR is not registered.
    UnknownEhr,
    /// The EHR does not answer.
    Unreachable,
    /// The link lacks something, or has something unreadable.
    Incomplete,
    /// Used before, or too old.
    Stale,
    /// An answer to another launch, or a forged one.
    Foreign,
    /// The identity token did not pass its checks.
    Unproven,
    /// No patient came with the token.
    NoPatient,
    /// Another patient came with the token.
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
    pub(super) fn heading(self, words: &Words) -> String {
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
    pub(super) fn paragraphs(self, words: &Words) -> Vec<String> {
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
