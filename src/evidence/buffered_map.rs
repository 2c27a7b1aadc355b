//! The members of a JSON object that has been read in part: yields the buffered members first, from their raw text, then
//! streams the rest.

use std::vec;

use serde::de::{DeserializeSeed, Error as _, IntoDeserializer as _, MapAccess};
use serde_json::value::RawValue;

use super::text::Text;

/// A buffered member: its key and raw value.
pub(super) type BufferedEntry<'a> = (Text<'a>, &'a RawValue);

/// An object whose first members are buffered.
pub(super) struct BufferedMap<'a, A> {
    passed: vec::IntoIter<BufferedEntry<'a>>,
    value: Option<&'a RawValue>,
    rest: A,
}

impl<'a, A> BufferedMap<'a, A> {
    pub(super) fn new(passed: Vec<BufferedEntry<'a>>, rest: A) -> Self {
        Self { passed: passed.into_iter(), value: None, rest }
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for BufferedMap<'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        match self.passed.next() {
            Some((key, value)) => {
                self.value = Some(value);
                seed.deserialize(key.0.into_deserializer()).map(Some)
            }
            None => self.rest.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(value).map_err(A::Error::custom),
            None => self.rest.next_value_seed(seed),
        }
    }
}
