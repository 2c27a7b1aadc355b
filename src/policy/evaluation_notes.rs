//! The parts of an evaluation besides the criteria: notes, orders passed over, and assumptions.
//! Not here: when they apply ([`super::notes`], [`super::assumptions`]).

use serde::Serialize;

use super::reference::Reference;

/// The value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ParameterValue {
    /// Days, months or a count.
    Number(u32),
    /// A yes-or-no choice.
    Flag(bool),
}

impl std::fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Flag(holds) => holds.fmt(f),
        }
    }
}

/// The subject of a note, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteKind {
    /// The order cannot be parsed.
    OrderUnreadable,
    /// Body site and modifiers of the order name different sides.
    ContradictorySide,
    /// An active Condition that could explain the pain.
    AlternativeDiagnosis,
    /// A form on record that does not count.
    FormNotCounted,
    /// Injections too far back to belong to the episode or to change the result.
    EarlierInjectionsSetAside,
    /// Insufficient relief from the last injection.
    LastInjectionResponse,
    /// Therapy or medication that ended before the pain began.
    CourseBeforeOnset,
    /// Another active order for an injection of the joint.
    OtherActiveOrder,
    /// A fusion of the sacroiliac joint.
    SijFusion,
}

/// Information for the decision-maker, in addition to the criteria.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note<'a> {
    /// Its subject.
    pub kind: NoteKind,
    /// Its text.
    pub text: String,
    /// The resources it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Reference<'a>>,
}

/// Why an order of the call gets no determination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassedOverReason {
    /// The requested service is not in the policy's scope.
    NotInScope,
    /// It is revoked, completed or entered in error.
    Status,
    /// It prohibits the service (`doNotPerform`).
    DoNotPerform,
    /// It is one of several options (intent `option`).
    Option,
    /// Another draft order replaces it.
    Replaced,
}

impl PassedOverReason {
    /// Every reason.
    pub const ALL: [Self; 5] = [Self::NotInScope, Self::Status, Self::DoNotPerform, Self::Option, Self::Replaced];

    /// The reason's name, as in the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotInScope => "not-in-scope",
            Self::Status => "status",
            Self::DoNotPerform => "do-not-perform",
            Self::Option => "option",
            Self::Replaced => "replaced",
        }
    }
}

/// An order of the call that gets no determination.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PassedOver<'a> {
    /// `ServiceRequest/{id}`
    pub order: Reference<'a>,
    /// Its index among the call's draft orders.
    #[serde(skip)]
    pub position: usize,
    /// Why it gets no determination.
    pub why: PassedOverReason,
    /// `system|code` of each coding.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
}

/// A parameter that decided a point the policy leaves open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// The parameter's name in `policy.toml`.
    pub parameter: &'static str,
    /// Its value.
    pub value: ParameterValue,
    /// Its effect.
    pub effect: String,
}
