//! What stands in an evaluation beside the criteria: notes, orders passed over, and parameters that decided something.
//! Not here: when there is one ([`super::notes`], [`super::assumptions`]).

use serde::Serialize;

use super::evaluation::Reference;

/// The value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ParameterValue {
    /// Days, months or a count.
    Number(u32),
    /// Whether something is so.
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

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteKind {
    /// The order itself cannot be read.
    OrderUnreadable,
    /// Body site and modifiers of the order name different sides.
    ContradictorySide,
    /// An active Condition that could explain the pain.
    AlternativeDiagnosis,
    /// A form that is there and does not count.
    FormNotCounted,
    /// Injections that lie too far back to belong to the episode, or to change anything.
    EarlierInjectionsSetAside,
    /// What the last injection brought, where that was little.
    LastInjectionResponse,
    /// Therapy or medication that ended before the pain began.
    CourseBeforeOnset,
    /// Another active order for an injection of the joint.
    OtherActiveOrder,
    /// A fusion of the sacroiliac joint.
    SijFusion,
}

/// Something beside the criteria that whoever decides should know.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note<'a> {
    /// What it is about.
    pub kind: NoteKind,
    /// What there is to say.
    pub text: String,
    /// The resources it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Reference<'a>>,
}

/// Why an order of the call gets no determination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassedOverReason {
    /// The policy does not decide what it asks for.
    NotInScope,
    /// It is revoked, completed or entered in error.
    Status,
    /// It says what is not to be done.
    DoNotPerform,
    /// It is one option among several.
    Option,
    /// Another order of the call takes its place.
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
    /// Its place among the call's draft orders.
    #[serde(skip)]
    pub position: usize,
    /// Why.
    pub why: PassedOverReason,
    /// `system|code` of each coding.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
}

/// A parameter that decided something the policy leaves open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// The parameter's name in `policy.toml`.
    pub parameter: &'static str,
    /// Its value.
    pub value: ParameterValue,
    /// What it did.
    pub effect: String,
}
