//! JSON as written: members in their order, numbers and strings byte for byte. It preserves what a `Value` would normalize.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Map(Vec<(String, Json)>),
    List(Vec<Json>),
    /// A string, number, boolean or null, as written.
    Scalar(String),
}

impl Json {
    #[track_caller]
    pub(crate) fn read(text: &str) -> Self {
        Self::of_raw(serde_json::from_str(text).expect("JSON"))
    }

    pub(crate) fn of(value: &impl Serialize) -> Self {
        Self::read(&serde_json::to_string(value).expect("JSON"))
    }

    fn of_raw(raw: &RawValue) -> Self {
        match raw.get().as_bytes().first() {
            Some(b'{') => Self::Map(serde_json::from_str::<Members<'_>>(raw.get()).expect("members").0),
            Some(b'[') => {
                Self::List(serde_json::from_str::<Vec<&RawValue>>(raw.get()).expect("elements").into_iter().map(Self::of_raw).collect())
            }
            _ => Self::Scalar(raw.get().to_owned()),
        }
    }

    pub(crate) fn members(&self) -> &[(String, Self)] {
        if let Self::Map(members) = self { members } else { &[] }
    }

    pub(crate) fn elements(&self) -> &[Self] {
        if let Self::List(elements) = self { elements } else { &[] }
    }

    #[track_caller]
    pub(crate) fn members_mut(&mut self) -> &mut Vec<(String, Self)> {
        if let Self::Map(members) = self { members } else { panic!("{self} is no object") }
    }

    #[track_caller]
    pub(crate) fn elements_mut(&mut self) -> &mut Vec<Self> {
        if let Self::List(elements) = self { elements } else { panic!("{self} is no list") }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    /// The value at a path such as `context.draftOrders.entry.0.resource`.
    pub(crate) fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |json, step| match json {
            Self::List(elements) => elements.get(step.parse::<usize>().ok()?),
            Self::Map(_) | Self::Scalar(_) => json.get(step),
        })
    }

    #[track_caller]
    pub(crate) fn at_mut(&mut self, path: &str) -> &mut Self {
        let found = path.split('.').try_fold(self, |json, step| match json {
            Self::List(elements) => elements.get_mut(step.parse::<usize>().ok()?),
            Self::Map(members) => members.iter_mut().find(|(member, _)| member == step).map(|(_, value)| value),
            Self::Scalar(_) => None,
        });
        found.unwrap_or_else(|| panic!("nothing at {path}"))
    }

    /// Replaces the member with this name, or appends it.
    #[track_caller]
    pub(crate) fn set(&mut self, name: &str, value: Self) {
        let members = self.members_mut();
        match members.iter_mut().find(|(member, _)| member == name) {
            Some((_, known)) => *known = value,
            None => members.push((name.to_owned(), value)),
        }
    }

    #[track_caller]
    pub(crate) fn remove(&mut self, name: &str) -> Option<Self> {
        let members = self.members_mut();
        let place = members.iter().position(|(member, _)| member == name)?;
        Some(members.remove(place).1)
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Option<String> {
        if let Self::Scalar(raw) = self { serde_json::from_str(raw).ok() } else { None }
    }

    pub(crate) fn is(&self, text: &str) -> bool {
        self.text().is_some_and(|own| own == text)
    }

    /// Visits every value at any depth with the name of its member, parents first.
    pub(crate) fn each<'j>(&'j self, name: &'j str, see: &mut impl FnMut(&'j str, &'j Self)) {
        see(name, self);
        self.members().iter().for_each(|(name, value)| value.each(name, see));
        self.elements().iter().for_each(|value| value.each(name, see));
    }

    /// Visits every value at any depth mutably, children first.
    pub(crate) fn each_mut(&mut self, name: &str, change: &mut impl FnMut(&str, &mut Self)) {
        match self {
            Self::Map(members) => members.iter_mut().for_each(|(name, value)| value.each_mut(name, change)),
            Self::List(elements) => elements.iter_mut().for_each(|value| value.each_mut(name, change)),
            Self::Scalar(_) => {}
        }
        change(name, self);
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::of(&text)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(raw) => f.write_str(raw),
            Self::List(elements) => {
                f.write_str("[")?;
                for (place, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if place > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Map(members) => {
                f.write_str("{")?;
                for (place, (name, value)) in members.iter().enumerate() {
                    write!(f, "{}{}:{value}", if place > 0 { "," } else { "" }, Self::from(name.as_str()))?;
                }
                f.write_str("}")
            }
        }
    }
}

struct Members<'a>(Vec<(String, Json)>, std::marker::PhantomData<&'a ()>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor).map(|members| Self(members, std::marker::PhantomData))
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Vec<(String, Json)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
            members.push((name, Json::of_raw(value)));
        }
        Ok(members)
    }
}
