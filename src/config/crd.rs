//! `[crd]`: the choices that Da Vinci CRD leaves to a plan.
//! Not here: writing responses ([`crate::crd`]), and the capabilities of a client ([`super::clients`]).

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::error::SectionError;

/// The settings for Da Vinci CRD.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrdConfig {
    /// Whether to refuse a call without a usable Coverage, as CRD 2.2 requires, instead of answering with cards only.
    pub strict: bool,
    /// The version of the guide for a call that states none.
    pub default_version: CrdRelease,
    /// The hooks offered in discovery.
    pub hooks: Vec<HookName>,
}

impl CrdConfig {
    pub(super) fn validate(&self) -> Vec<SectionError> {
        let mut faults = Vec::new();
        if self.hooks.is_empty() {
            faults.push(SectionError::new("hooks", "must name at least one"));
        }
        let mut seen = BTreeSet::new();
        for hook in self.hooks.iter().filter(|hook| !seen.insert(**hook)) {
            faults.push(SectionError::new("hooks", format_args!("`{}` stands twice", hook.as_str())));
        }
        faults
    }
}

/// A version of the guide, major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrdRelease {
    /// CRD 2.0.1.
    V2_0,
    /// CRD 2.2.1.
    V2_2,
}

impl CrdRelease {
    const NAMES: &[&str] = &["2.0", "2.2"];

    fn of_name(name: &str) -> Option<Self> {
        match name {
            "2.0" => Some(Self::V2_0),
            "2.2" => Some(Self::V2_2),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for CrdRelease {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReleaseVisitor)
    }
}

/// Also accepts a number: `2.2` from an environment variable arrives as one.
struct ReleaseVisitor;

impl Visitor<'_> for ReleaseVisitor {
    type Value = CrdRelease;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"2.0\" or \"2.2\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<CrdRelease, E> {
        CrdRelease::of_name(text).ok_or_else(|| E::unknown_variant(text, CrdRelease::NAMES))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<CrdRelease, E> {
        CrdRelease::of_name(&format!("{number:.1}")).ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }
}

/// A hook that the service can offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookName {
    /// Orders are about to be signed.
    OrderSign,
    /// Orders are being chosen.
    OrderSelect,
    /// Signed orders are sent to the performer.
    OrderDispatch,
    /// Appointments are being booked.
    AppointmentBook,
    /// A patient arrives; answered without cards.
    EncounterStart,
    /// A patient leaves; answered without cards.
    EncounterDischarge,
}

impl HookName {
    /// Its name in requests and discovery.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderSign => "order-sign",
            Self::OrderSelect => "order-select",
            Self::OrderDispatch => "order-dispatch",
            Self::AppointmentBook => "appointment-book",
            Self::EncounterStart => "encounter-start",
            Self::EncounterDischarge => "encounter-discharge",
        }
    }
}
