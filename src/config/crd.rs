//! `[crd]`: the choices that Da Vinci CRD leaves to a plan.
//! Not here: writing responses ([`crate::crd`]), and the capabilities of a client ([`super::clients`]).

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::error::SectionError;
use crate::cds_hooks::{Hook, ServiceIds};
use crate::crd::CrdVersion;

/// The settings for Da Vinci CRD.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrdConfig {
    /// Whether to refuse a call without a usable Coverage, as CRD 2.2 requires, instead of answering with cards only.
    pub strict: bool,
    /// The version of the guide for a call that states none.
    #[serde(deserialize_with = "version")]
    pub default_version: CrdVersion,
    /// The hooks offered in discovery.
    #[serde(deserialize_with = "offered_hooks")]
    pub hooks: Vec<Hook>,
    /// Under which ids discovery lists the hooks' services.
    pub service_ids: ServiceIds,
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

/// The names of the guide's versions.
const VERSIONS: &[&str] = &["2.0", "2.2"];

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CrdVersion, D::Error> {
    deserializer.deserialize_any(VersionVisitor)
}

fn version_named(name: &str) -> Option<CrdVersion> {
    match name {
        "2.0" => Some(CrdVersion::V2_0),
        "2.2" => Some(CrdVersion::V2_2),
        _ => None,
    }
}

/// Also accepts a number: `2.2` from an environment variable arrives as one.
struct VersionVisitor;

impl Visitor<'_> for VersionVisitor {
    type Value = CrdVersion;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"2.0\" or \"2.2\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<CrdVersion, E> {
        version_named(text).ok_or_else(|| E::unknown_variant(text, VERSIONS))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<CrdVersion, E> {
        version_named(&format!("{number:.1}")).ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }
}

/// The names of the hooks that discovery can offer. `patient-view` is answered, but not offered.
const OFFERED: &[&str] = &["order-sign", "order-select", "order-dispatch", "appointment-book", "encounter-start", "encounter-discharge"];

struct OfferedHook(Hook);

impl<'de> Deserialize<'de> for OfferedHook {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let hook = Hook::of_name(&name).filter(|_| OFFERED.contains(&name.as_str()));
        hook.map(Self).ok_or_else(|| D::Error::unknown_variant(&name, OFFERED))
    }
}

fn offered_hooks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Hook>, D::Error> {
    let hooks = Vec::<OfferedHook>::deserialize(deserializer)?;
    Ok(hooks.into_iter().map(|OfferedHook(hook)| hook).collect())
}
