//! Tolerance for elements of the wrong JSON type. A `null` in a list is dropped. A [`Lenient`] element of the wrong type, such
//! as in a dosage, a dispense request or a form's items, is treated as absent. Elsewhere, a wrong type makes the resource unreadable.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::text::Text;

/// A list with its nulls dropped.
#[derive(Debug)]
pub(crate) struct List<T>(Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(items: Vec<T>) -> Self {
        Self(items)
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'l, T> IntoIterator for &'l List<T> {
    type Item = &'l T;
    type IntoIter = std::slice::Iter<'l, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Option<T>>()? {
            items.extend(item);
        }
        Ok(List(items))
    }
}

/// A value that is `None` if it has the wrong JSON type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lenient<T>(pub Option<T>);

/// A value that one or more JSON types can represent.
pub(crate) trait FromJson<'de>: Sized {
    /// Converts a string.
    fn from_text(_text: Text<'de>) -> Option<Self> {
        None
    }

    /// Converts a number.
    fn from_number(_number: f64) -> Option<Self> {
        None
    }

    /// Converts a boolean.
    fn from_bool(_holds: bool) -> Option<Self> {
        None
    }

    /// Converts an object.
    fn from_map<A: MapAccess<'de>>(map: A) -> Result<Option<Self>, A::Error> {
        IgnoredAny::deserialize(MapAccessDeserializer::new(map)).map(|_| None)
    }

    /// Converts an array.
    fn from_seq<A: SeqAccess<'de>>(mut seq: A) -> Result<Option<Self>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl<'de: 'a, 'a> FromJson<'de> for Text<'a> {
    fn from_text(text: Text<'de>) -> Option<Self> {
        Some(text)
    }
}

impl FromJson<'_> for f64 {
    fn from_number(number: f64) -> Option<Self> {
        Some(number)
    }
}

impl FromJson<'_> for bool {
    fn from_bool(holds: bool) -> Option<Self> {
        Some(holds)
    }
}

/// Keeps the items of an array that convert to `T`.
impl<'de, T: FromJson<'de>> FromJson<'de> for Vec<T> {
    fn from_seq<A: SeqAccess<'de>>(mut seq: A) -> Result<Option<Self>, A::Error> {
        let mut items = Self::new();
        while let Some(Lenient(item)) = seq.next_element()? {
            items.extend(item);
        }
        Ok(Some(items))
    }
}

impl<'de, T: FromJson<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientVisitor(PhantomData)).map(Self)
    }
}

struct LenientVisitor<T>(PhantomData<T>);

impl<'de, T: FromJson<'de>> Visitor<'de> for LenientVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(T::from_text(Text(text.into())))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::from_text(Text(text.to_owned().into())))
    }

    fn visit_bool<E>(self, holds: bool) -> Result<Self::Value, E> {
        Ok(T::from_bool(holds))
    }

    #[expect(clippy::cast_precision_loss, reason = "weeks, percents and doses are far below 2^52")]
    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(T::from_number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "weeks, percents and doses are far below 2^52")]
    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(T::from_number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(T::from_number(number))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::from_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        T::from_seq(seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a, T: FromJson<'a>>(json: &'a str) -> Option<T> {
        serde_json::from_str::<Lenient<T>>(json).expect("JSON").0
    }

    #[test]
    fn a_value_of_another_type_is_as_if_absent() {
        for other in ["null", "{}", "[1]", "true", "\"x\""] {
            assert_eq!(read::<f64>(other), None, "{other}");
        }
        assert_eq!(read::<f64>("1.5"), Some(1.5));
        assert_eq!(read::<bool>("1"), None);
        assert_eq!(read::<Text<'_>>("{\"a\":[{}]}"), None);
    }

    #[test]
    fn a_list_keeps_its_items_of_the_type_asked_for() {
        assert_eq!(read::<Vec<f64>>("[1, null, \"2\", [3], {\"4\": 4}, 5]"), Some(vec![1.0, 5.0]));
        assert_eq!(read::<Vec<f64>>("{}"), None);
        let list: List<f64> = serde_json::from_str("[1, null, 2]").expect("a list");
        assert_eq!(&*list, [1.0, 2.0]);
        assert!(serde_json::from_str::<List<f64>>("[1, \"2\"]").is_err());
    }
}
