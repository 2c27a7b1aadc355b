//! A resource that cannot be read whole, and what can still be read of it, member by member.
//! Not here: what is made of it; see the files named after the facts.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::resource::view;
use super::text::Text;
use super::views::ReferenceView;

/// A resource with an element of another JSON type than FHIR gives it.
#[derive(Debug)]
pub(crate) struct UnreadView<'a> {
    /// Its FHIR type.
    pub kind: &'static str,
    pub id: Option<Text<'a>>,
    /// What is wrong with it.
    pub problem: String,
    pub raw: &'a RawValue,
    members: HashMap<Text<'a>, &'a RawValue>,
}

/// One member of it.
#[derive(Debug)]
pub(crate) enum Part<T> {
    /// It is not there, or null.
    Absent,
    /// It can be read.
    Read(T),
    /// It is of another type.
    Unreadable,
}

impl<T> Part<T> {
    /// What can be read.
    pub(crate) fn read(self) -> Option<T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

impl<'a> UnreadView<'a> {
    pub(crate) fn new(kind: &'static str, raw: &'a RawValue, problem: String) -> Self {
        let members = serde_json::from_str(raw.get()).unwrap_or_default();
        let mut unread = Self { kind, id: None, problem, raw, members };
        unread.id = unread.part("id").read();
        unread
    }

    /// One member, as far as it can be read.
    pub(crate) fn part<T: Deserialize<'a>>(&self, name: &'static str) -> Part<T> {
        match self.members.get(&Text(name.into())) {
            None => Part::Absent,
            Some(raw) if raw.get() == "null" => Part::Absent,
            Some(raw) => view(raw).map_or(Part::Unreadable, Part::Read),
        }
    }

    /// Whose it is, if that can be read.
    pub(crate) fn subject(&self) -> Option<ReferenceView<'a>> {
        self.part("subject").read()
    }
}
