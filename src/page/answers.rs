//! What stands in the fields of the page, and where each value came from.
//! A field is named by its linkId; within a repeating group by group, place and linkId: `prior-injection.0.relief-percent`.
//! Not here: reading a submitted form ([`super::submission`]).

use std::collections::BTreeMap;

use serde_json::Value;

use super::definition::{Field, FormDefinition, Kind};

/// More repetitions of a group than anybody fills in.
pub(super) const MOST_REPETITIONS: usize = 20;

/// Where the value of a field came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The chart: the list or resource, in words, and its date.
    Chart {
        /// What it was read from.
        source: String,
        /// Its date as FHIR writes it.
        date: Option<String>,
    },
    /// An earlier response to the form, with its date.
    EarlierForm {
        /// The day it was authored.
        date: Option<String>,
    },
    /// The clinician, just now.
    Typed,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentAnswer {
    /// The text of the field: `true`, a code, a number, a date.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// The values of all fields; a field without one is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CurrentAnswers {
    values: BTreeMap<String, CurrentAnswer>,
    repetitions: BTreeMap<String, usize>,
}

impl CurrentAnswers {
    /// The values of a QuestionnaireResponse's items; `origin` says of a field's name where it came from.
    pub fn of_items(form: &FormDefinition, items: &Value, origin: impl Fn(&str) -> Origin) -> Self {
        let mut answers = Self::default();
        for (group, field) in form.fields() {
            let Some(group) = group else {
                answers.keep(field.link_id.clone(), field, below(items, &field.link_id).first().copied(), &origin);
                continue;
            };
            for (place, repetition) in below(items, &group.link_id).into_iter().take(MOST_REPETITIONS).enumerate() {
                answers.repeat_at_least(&group.link_id, place + 1);
                let item = below(repetition.get("item").unwrap_or(&Value::Null), &field.link_id).first().copied();
                answers.keep(field_name(Some((&group.link_id, place)), &field.link_id), field, item, &origin);
            }
        }
        answers
    }

    fn keep(&mut self, name: String, field: &Field, item: Option<&Value>, origin: impl Fn(&str) -> Origin) {
        let answer = item.and_then(|item| item.get("answer")?.get(0));
        if let Some(value) = answer.and_then(|answer| text(&field.kind, answer)) {
            let origin = origin(&name);
            self.set(name, value, origin);
        }
    }

    /// Sets the value of a field; an empty one makes it open.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>, origin: Origin) {
        let (name, value) = (name.into(), value.into());
        if let Some((group, place)) =
            name.split_once('.').and_then(|(group, rest)| Some((group, rest.split('.').next()?.parse::<usize>().ok()?)))
        {
            self.repeat_at_least(group, place.saturating_add(1));
        }
        if value.is_empty() {
            self.values.remove(&name);
        } else {
            self.values.insert(name, CurrentAnswer { value, origin });
        }
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&CurrentAnswer> {
        self.values.get(name)
    }

    /// How often a repeating group stands in the form.
    #[must_use]
    pub fn repetitions(&self, group: &str) -> usize {
        self.repetitions.get(group).copied().unwrap_or_default()
    }

    /// Makes room for so many repetitions of a group.
    pub fn repeat_at_least(&mut self, group: &str, count: usize) {
        let known = self.repetitions.entry(group.to_owned()).or_default();
        *known = (*known).max(count.min(MOST_REPETITIONS));
    }

    /// Takes a repetition out; those behind it move up.
    pub(super) fn remove_repetition(&mut self, group: &str, place: usize) {
        let Some(count) = self.repetitions.get_mut(group).filter(|count| place < **count) else { return };
        *count -= 1;
        let moved = std::mem::take(&mut self.values).into_iter().filter_map(|(name, answer)| {
            let rest = name.strip_prefix(group).and_then(|rest| rest.strip_prefix('.')).and_then(|rest| rest.split_once('.'));
            match rest.and_then(|(at, link_id)| Some((at.parse::<usize>().ok()?, link_id))) {
                Some((at, _)) if at == place => None,
                Some((at, link_id)) if at > place => Some((field_name(Some((group, at - 1)), link_id), answer)),
                Some(_) | None => Some((name, answer)),
            }
        });
        self.values = moved.collect();
    }

    /// The same values; one that is still as it was in `earlier` keeps its origin.
    #[must_use]
    pub fn with_origins_of(mut self, earlier: &Self) -> Self {
        for (name, answer) in &mut self.values {
            if let Some(known) = earlier.get(name).filter(|known| known.value == answer.value) {
                answer.origin = known.origin.clone();
            }
        }
        self
    }

    /// The text answered to a question, as seen from a place: its own repetition first.
    pub(super) fn near(&self, repetition: Option<(&str, usize)>, link_id: &str) -> Option<&str> {
        let own = repetition.and_then(|_| self.get(&field_name(repetition, link_id)));
        own.or_else(|| self.get(link_id)).map(|answer| answer.value.as_str())
    }
}

/// The name of a field.
pub(super) fn field_name(repetition: Option<(&str, usize)>, link_id: &str) -> String {
    repetition.map_or_else(|| link_id.to_owned(), |(group, place)| format!("{group}.{place}.{link_id}"))
}

/// The items of a linkId, at any depth.
fn below<'v>(items: &'v Value, link_id: &str) -> Vec<&'v Value> {
    let mut found = Vec::new();
    for item in items.as_array().into_iter().flatten() {
        if item.get("linkId").and_then(Value::as_str) == Some(link_id) {
            found.push(item);
        } else {
            found.extend(below(item.get("item").unwrap_or(&Value::Null), link_id));
        }
    }
    found
}

/// An answer as its field shows it; one of another type is as if absent.
fn text(kind: &Kind, answer: &Value) -> Option<String> {
    match kind {
        Kind::Boolean => answer.get("valueBoolean")?.as_bool().map(|value| value.to_string()),
        Kind::Date { .. } => answer.get("valueDate")?.as_str().map(str::to_owned),
        Kind::Number { .. } => answer.get("valueInteger").or_else(|| answer.get("valueDecimal"))?.as_number().map(ToString::to_string),
        Kind::Choice(choices) => {
            let code = answer.get("valueCoding")?.get("code")?.as_str()?;
            choices.iter().find(|choice| choice.code == code).map(|choice| choice.code.clone())
        }
    }
}
