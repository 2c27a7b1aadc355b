//! A JSON string that borrows from the body unless it contains an escape.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// Maximum length of a `fullUrl` in characters.
pub(crate) const MAX_URL_CHARS: usize = 2_048;

/// Maximum length of a fetched resource's id in characters. FHIR allows 64; servers in the field have longer ones.
pub(crate) const MAX_FETCHED_ID_CHARS: usize = 256;

/// A string borrowed from the body, or owned if the JSON contains an escape.
///
/// serde's derive always copies an `Option<Cow<str>>`; this newtype copies only escaped strings.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    /// The string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the string has more characters than this.
    pub(crate) fn is_longer_than(&self, chars: usize) -> bool {
        // A character has at least one byte, so that the usual id is not counted.
        self.0.len() > chars && self.0.chars().nth(chars).is_some()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

/// The string; empty if there is none.
pub(crate) fn id<'a>(id: Option<&Text<'a>>) -> Cow<'a, str> {
    id.map(|id| id.0.clone()).unwrap_or_default()
}

/// The string; empty if there is none.
pub(crate) fn text<'t>(text: Option<&'t Text<'_>>) -> &'t str {
    text.map_or("", Text::as_str)
}

/// The id of a contained resource, without a leading `#`.
pub(crate) fn local_id<'i>(id: Option<&'i Text<'_>>) -> &'i str {
    let id = text(id);
    id.strip_prefix('#').unwrap_or(id)
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}
