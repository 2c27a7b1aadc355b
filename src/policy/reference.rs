//! The words that facts and evaluations share: a resource, the kind of an order, a plan's line of business.
//! Not here: facts ([`super::facts`]) and evaluations ([`super::evaluation`]).

use std::borrow::Cow;

use serde::{Deserialize, Serialize, Serializer};

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

/// A requested procedure in the policy's scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderKind {
    /// A sacroiliac joint injection.
    Injection,
    /// A radiofrequency neurotomy of the sacroiliac joint.
    Neurotomy,
}

/// A resource with its display text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedResource<'a> {
    /// `Condition/c1`
    pub reference: Reference<'a>,
    /// Its code and display.
    pub words: String,
}

/// The member's line of business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanKind {
    /// Medicaid: state provisions take precedence.
    Medicaid,
    /// Medicare: national and local determinations take precedence.
    Medicare,
    /// Medicare and Medicaid.
    MedicareAndMedicaid,
    /// A private plan.
    Commercial,
    /// The Coverage does not say.
    #[default]
    Unknown,
}
