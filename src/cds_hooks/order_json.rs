//! An order to send back: the client's own JSON, with every member as received except for the changes.
//! It is never parsed into typed structs, because they would drop unknown members.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// The members of an order in their original order, each as the client wrote it.
#[derive(Debug)]
pub struct OrderJson<'a> {
    members: Vec<(Cow<'a, str>, Member<'a>)>,
}

#[derive(Debug)]
enum Member<'a> {
    Own(&'a RawValue),
    Changed(Box<RawValue>),
}

impl<'a> OrderJson<'a> {
    /// The order's members; `None` if it is not a JSON object.
    #[must_use]
    pub fn read(raw: &'a RawValue) -> Option<Self> {
        serde_json::from_str(raw.get()).ok()
    }

    /// The JSON of a member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.members.iter().find(|(member, _)| member == name).map(|(_, value)| match value {
            Member::Own(raw) => raw.get(),
            Member::Changed(raw) => raw.get(),
        })
    }

    /// Whether the order has this member with a value other than `null`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value != "null")
    }

    /// Replaces the member with this name, or appends it.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &impl Serialize) -> Option<Self> {
        let changed = Member::Changed(to_raw_value(value).ok()?);
        match self.members.iter_mut().find(|(member, _)| member == name) {
            Some((_, member)) => *member = changed,
            None => self.members.push((Cow::Borrowed(name), changed)),
        }
        Some(self)
    }

    /// Removes a member.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.members.retain(|(member, _)| member != name);
        self
    }

    /// The elements of a list, each as received; empty if there is no list. `None` if the member is not a list or occurs twice.
    #[must_use]
    pub fn elements(&self, name: &str) -> Option<Vec<Box<RawValue>>> {
        let mut members = self.members.iter().filter(|(member, _)| member == name);
        match (members.next(), members.next()) {
            (Some(_), Some(_)) => None,
            (None, _) => Some(Vec::new()),
            (Some(_), None) if !self.has(name) => Some(Vec::new()),
            (Some(_), None) => self.get(name).and_then(|list| serde_json::from_str(list).ok()),
        }
    }

    /// Appends an element to a list and keeps the others as they are.
    #[must_use]
    pub fn with_element(self, name: &'static str, element: &impl Serialize) -> Option<Self> {
        let mut list = self.elements(name)?;
        list.push(to_raw_value(element).ok()?);
        self.with(name, &list)
    }
}

impl Serialize for OrderJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.members.len()))?;
        for (name, value) in &self.members {
            match value {
                Member::Own(raw) => map.serialize_entry(name, raw)?,
                Member::Changed(raw) => map.serialize_entry(name, raw)?,
            }
        }
        map.end()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for OrderJson<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OrderVisitor)
    }
}

struct OrderVisitor;

impl<'de> Visitor<'de> for OrderVisitor {
    type Value = OrderJson<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an order")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            members.push((name, Member::Own(value)));
        }
        Ok(OrderJson { members })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = r#"{"id":"o1","x-unknown":{"b":1.50,"a":[ ]},"reasonReference":[{"reference":"Condition/a"}],"status":"draft"}"#;

    fn order() -> OrderJson<'static> {
        OrderJson::read(serde_json::from_str(ORDER).expect("JSON")).expect("an object")
    }

    fn written(order: &OrderJson<'_>) -> String {
        serde_json::to_string(order).expect("JSON")
    }

    #[test]
    fn an_unchanged_order_comes_back_letter_for_letter() {
        assert_eq!(written(&order()), ORDER);
    }

    #[test]
    fn a_changed_member_keeps_its_place_and_a_new_one_comes_last() {
        let changed = order().with("id", &"o2").and_then(|order| order.with("note", &1)).expect("JSON");
        assert_eq!(written(&changed), ORDER.replace("o1", "o2").replace("\"draft\"}", "\"draft\",\"note\":1}"));
    }

    #[test]
    fn an_element_is_put_behind_those_that_are_there() {
        let added = order().with_element("reasonReference", &"new").expect("JSON");
        assert_eq!(added.get("reasonReference"), Some(r#"[{"reference":"Condition/a"},"new"]"#));
        assert_eq!(order().with_element("other", &"new").expect("JSON").get("other"), Some(r#"["new"]"#));
    }

    #[test]
    fn a_list_is_read_element_by_element_and_nothing_else_is_one() {
        let table = [
            (r#"{"a":1}"#, Some("")),
            (r#"{"list":null}"#, Some("")),
            (r#"{"list":[ {"b":1.50} , 2]}"#, Some(r#"{"b":1.50}|2"#)),
            (r#"{"list":{"b":1}}"#, None),
            (r#"{"list":[],"list":[1]}"#, None),
        ];
        for (text, expected) in table {
            let order = OrderJson::read(serde_json::from_str(text).expect("JSON")).expect("an object");
            let elements = order.elements("list").map(|list| list.iter().map(|element| element.get()).collect::<Vec<_>>().join("|"));
            assert_eq!(elements.as_deref(), expected, "{text}");
        }
    }
}
