//! The source of each resource type's list, or why it is unavailable: an evaluation's `sources`.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::kind::Kind;

/// The source of a resource type's list, or why it is unavailable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListSource {
    /// The call's prefetch.
    Prefetch,
    /// The client's FHIR server.
    Fetched,
    /// The list is incomplete: it is evidence for what it contains, but absence from it proves nothing.
    Partial(&'static str),
    /// The list is missing.
    Unavailable(&'static str),
}

impl ListSource {
    /// Whether absence from the list means "none".
    #[must_use]
    pub fn is_available(&self) -> bool {
        matches!(self, Self::Prefetch | Self::Fetched)
    }

    /// Why the list is incomplete or missing.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Prefetch | Self::Fetched => None,
            Self::Partial(reason) | Self::Unavailable(reason) => Some(reason),
        }
    }

    /// Whether no part of the list arrived.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl Serialize for ListSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Prefetch => serializer.serialize_str("prefetch"),
            Self::Fetched => serializer.serialize_str("fetched"),
            Self::Partial(reason) | Self::Unavailable(reason) => serializer.collect_str(&format_args!("unavailable: {reason}")),
        }
    }
}

/// The source of each type's list, by [`Kind::name`].
pub type Sources = BTreeMap<&'static str, ListSource>;

/// The types among `kinds` whose lists are incomplete or missing, grouped by reason.
#[must_use]
pub fn by_reason(sources: &Sources, kinds: impl IntoIterator<Item = Kind>) -> Vec<(&'static str, Vec<Kind>)> {
    let mut found: Vec<(&'static str, Vec<Kind>)> = Vec::new();
    for kind in kinds {
        let Some(reason) = sources.get(kind.name()).and_then(ListSource::problem) else { continue };
        match found.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, kinds)) => kinds.push(kind),
            None => found.push((reason, vec![kind])),
        }
    }
    found
}
