//! A malformed resource, of which the readable members are still read one by one.
//! Not here: how its members are used; see the files named after the facts.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::resource::view;
use super::text::Text;
use super::views::ReferenceView;

/// A resource with an element whose JSON type is not the one FHIR defines.
#[derive(Debug)]
pub(crate) struct UnreadView<'a> {
    /// The FHIR resource type.
    pub kind: &'static str,
    pub id: Option<Text<'a>>,
    /// What is wrong with the resource.
    pub problem: String,
    pub raw: &'a RawValue,
    members: HashMap<Text<'a>, &'a RawValue>,
}

/// One member of an unread resource.
#[derive(Debug)]
pub(crate) enum Part<T> {
    /// The member is missing or `null`.
    Absent,
    /// The member is readable.
    Read(T),
    /// The member has the wrong JSON type.
    Unreadable,
}

impl<T> Part<T> {
    /// The member's value, if it is readable.
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

    /// Reads one member.
    pub(crate) fn part<T: Deserialize<'a>>(&self, name: &'static str) -> Part<T> {
        match self.members.get(&Text(name.into())) {
            None => Part::Absent,
            Some(raw) if raw.get() == "null" => Part::Absent,
            Some(raw) => view(raw).map_or(Part::Unreadable, Part::Read),
        }
    }

    /// The `subject`, if it is readable.
    pub(crate) fn subject(&self) -> Option<ReferenceView<'a>> {
        self.part("subject").read()
    }
}
