//! Where each type's list came from, or why it could not be had: an evaluation's `sources`.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::kind::Kind;

/// Where a type's list came from, or why it could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The call brought it.
    Prefetch,
    /// It was fetched from the client's FHIR server.
    Fetched,
    /// Some of it came, but not the whole: evidence for what it holds, and no proof of what it does not.
    Partial(&'static str),
    /// It could not be had.
    Unavailable(&'static str),
}

impl Source {
    /// Whether absence from the list means "none".
    #[must_use]
    pub fn is_available(&self) -> bool {
        matches!(self, Self::Prefetch | Self::Fetched)
    }

    /// Why it is not whole.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Prefetch | Self::Fetched => None,
            Self::Partial(reason) | Self::Unavailable(reason) => Some(reason),
        }
    }

    /// Whether nothing of it came at all.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Prefetch => serializer.serialize_str("prefetch"),
            Self::Fetched => serializer.serialize_str("fetched"),
            Self::Partial(reason) | Self::Unavailable(reason) => serializer.collect_str(&format_args!("unavailable: {reason}")),
        }
    }
}

/// Where each type came from.
pub type Sources = BTreeMap<&'static str, Source>;

/// The types among `kinds` that could not be had whole, by reason.
#[must_use]
pub fn by_reason(sources: &Sources, kinds: impl IntoIterator<Item = Kind>) -> Vec<(&'static str, Vec<Kind>)> {
    let mut found: Vec<(&'static str, Vec<Kind>)> = Vec::new();
    for kind in kinds {
        let Some(reason) = sources.get(kind.name()).and_then(Source::problem) else { continue };
        match found.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, kinds)) => kinds.push(kind),
            None => found.push((reason, vec![kind])),
        }
    }
    found
}
