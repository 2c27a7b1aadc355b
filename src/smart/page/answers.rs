//! The values of the page's fields, each with its origin.
//! A field is named by its linkId; in a repeating group by group, position and linkId: `prior-injection.0.relief-percent`.
//! Not here: reading a submitted form ([`super::submission`]).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::definition::{Field, FormDefinition, ItemKind};
use crate::policy::Question;

/// Maximum repetitions of a group, more than anyone would fill in.
pub(super) const MAX_REPETITIONS: usize = 20;

/// The origin of a field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerOrigin {
    /// The chart: the name of the list or resource, and its date.
    Chart {
        /// The list or resource.
        source: String,
        /// Its date as FHIR writes it.
        date: Option<String>,
    },
    /// The chart, for a value that could count against the order: it counts only once a person confirms it.
    ToConfirm {
        /// The list or resource.
        source: String,
        /// Its date as FHIR writes it.
        date: Option<String>,
    },
    /// A chart entry that may be an injection of the joint; it counts only once a person confirms it.
    PossibleInjection {
        /// The name of the entry.
        what: String,
        /// Why it is unclear.
        why: String,
    },
    /// The order itself.
    Order,
    /// An earlier response to the form, with its date.
    EarlierForm {
        /// The day it was authored.
        date: Option<String>,
    },
    /// The clinician, in this form.
    Typed,
}

impl AnswerOrigin {
    /// Whether the value counts only once a person confirms it.
    #[must_use]
    pub fn needs_confirmation(&self) -> bool {
        matches!(self, Self::ToConfirm { .. } | Self::PossibleInjection { .. })
    }
}

/// The value of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentAnswer {
    /// The text of the field: `true`, a code, a number, a date.
    pub value: String,
    /// The origin of the value.
    pub origin: AnswerOrigin,
}

/// The values of all fields; a field without a value is unanswered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CurrentAnswers {
    values: BTreeMap<String, CurrentAnswer>,
    repetitions: BTreeMap<String, usize>,
    /// The fields whose value a person has confirmed.
    confirmed: BTreeSet<String>,
}

impl CurrentAnswers {
    /// The values in a QuestionnaireResponse's items; `origin` gives the origin by field name.
    pub fn of_items(form: &FormDefinition, items: &Value, origin: impl Fn(&str) -> AnswerOrigin) -> Self {
        let mut answers = Self::default();
        for (group, field) in form.fields() {
            let Some(group) = group else {
                answers.keep(field.link_id.clone(), field, item_of(items, &field.link_id), &origin);
                continue;
            };
            for (place, repetition) in below(items, &group.link_id).into_iter().take(MAX_REPETITIONS).enumerate() {
                answers.repeat_at_least(&group.link_id, place + 1);
                let item = item_of(repetition.get("item").unwrap_or(&Value::Null), &field.link_id);
                answers.keep(field_name(Some((&group.link_id, place)), &field.link_id), field, item, &origin);
            }
        }
        answers
    }

    fn keep(&mut self, name: String, field: &Field, item: Option<&Value>, origin: impl Fn(&str) -> AnswerOrigin) {
        let answer = item.and_then(|item| item.get("answer")?.get(0));
        if let Some(value) = answer.and_then(|answer| text(&field.kind, answer)) {
            let origin = origin(&name);
            self.set(name, value, origin);
        }
    }

    /// Sets the value of a field; an empty value makes the field unanswered.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>, origin: AnswerOrigin) {
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

    /// How many repetitions of a group the form has.
    #[must_use]
    pub fn repetitions(&self, group: &str) -> usize {
        self.repetitions.get(group).copied().unwrap_or_default()
    }

    /// Extends a group to at least this many repetitions.
    pub fn repeat_at_least(&mut self, group: &str, count: usize) {
        let known = self.repetitions.entry(group.to_owned()).or_default();
        *known = (*known).max(count.min(MAX_REPETITIONS));
    }

    /// Removes a repetition; later ones move up.
    pub(super) fn remove_repetition(&mut self, group: &str, place: usize) {
        let Some(count) = self.repetitions.get_mut(group).filter(|count| place < **count) else { return };
        *count -= 1;
        let moved = |name: String| match place_of(&name).filter(|(known, ..)| *known == group) {
            Some((_, at, _)) if at == place => None,
            Some((_, at, link_id)) if at > place => Some(field_name(Some((group, at - 1)), link_id)),
            Some(_) | None => Some(name),
        };
        let values = std::mem::take(&mut self.values).into_iter();
        self.values = values.filter_map(|(name, answer)| Some((moved(name)?, answer))).collect();
        self.confirmed = std::mem::take(&mut self.confirmed).into_iter().filter_map(moved).collect();
    }

    /// Fills unanswered fields from `other`. A repetition is merged into an existing one with the same date, unless their sides differ.
    /// All others are appended.
    pub fn fill_from(&mut self, other: &Self, takes: impl Fn(&str) -> bool) {
        let single = other.values.iter().filter(|(name, _)| place_of(name).is_none() && takes(name));
        for (name, answer) in single {
            self.values.entry(name.clone()).or_insert_with(|| answer.clone());
        }
        for (group, count) in &other.repetitions {
            for place in 0..*count {
                let values: Vec<_> = other.repetition(group, place).collect();
                if values.is_empty() {
                    continue;
                }
                let own = (0..self.repetitions(group)).find(|own| self.is_same_injection(other, group, (*own, place)));
                let own = own.unwrap_or_else(|| self.repetitions(group));
                self.repeat_at_least(group, own + 1);
                for (name, answer) in values {
                    let link_id = place_of(name).map(|(.., link_id)| link_id).unwrap_or_default();
                    self.values.entry(field_name(Some((group, own)), link_id)).or_insert_with(|| answer.clone());
                }
            }
        }
    }

    fn is_same_injection(&self, other: &Self, group: &str, (own, place): (usize, usize)) -> bool {
        let values = |question: Question| {
            let value = |answers: &Self, place| {
                answers.get(&field_name(Some((group, place)), question.link_id())).map(|answer| answer.value.clone())
            };
            (value(self, own), value(other, place))
        };
        let (date, other_date) = values(Question::InjectionDate);
        let (side, other_side) = values(Question::InjectionSide);
        date.is_some() && date == other_date && side.zip(other_side).is_none_or(|(side, other)| side == other)
    }

    /// Whether the user changed or confirmed any value of `earlier`.
    #[must_use]
    pub fn differ_from(&self, earlier: &Self) -> bool {
        let values =
            |answers: &Self| -> Vec<_> { answers.values.iter().map(|(name, answer)| (name.clone(), answer.value.clone())).collect() };
        !self.confirmed.is_empty() || values(self) != values(earlier)
    }

    /// Records that a person confirmed the value of a field.
    pub fn confirm(&mut self, name: impl Into<String>) {
        self.confirmed.insert(name.into());
    }

    /// Whether a person confirmed the value of a field.
    pub(super) fn is_confirmed(&self, name: &str) -> bool {
        self.confirmed.contains(name)
    }

    /// The values of one repetition of a group.
    pub(super) fn repetition<'s>(&'s self, group: &'s str, place: usize) -> impl Iterator<Item = (&'s str, &'s CurrentAnswer)> {
        let is_of = move |name: &str| place_of(name).is_some_and(|(known, at, _)| known == group && at == place);
        self.values.iter().filter(move |(name, _)| is_of(name)).map(|(name, answer)| (name.as_str(), answer))
    }

    /// Whether the value of a field counts: a person entered or confirmed it, or its origin needs no confirmation.
    pub(super) fn counts(&self, name: &str) -> bool {
        let Some(answer) = self.get(name) else { return false };
        match (&answer.origin, place_of(name)) {
            // Answering any question about a possible injection confirms it.
            (AnswerOrigin::PossibleInjection { .. }, Some((group, place, _))) => {
                self.repetition(group, place).any(|(name, answer)| self.is_confirmed(name) || !answer.origin.needs_confirmation())
            }
            (origin, _) => !origin.needs_confirmation() || self.is_confirmed(name),
        }
    }

    /// Takes the origin of each unchanged value from `earlier`. Finds a repetition that has moved by its values.
    #[must_use]
    pub fn with_origins_of(mut self, earlier: &Self) -> Self {
        let origins: Vec<(String, AnswerOrigin)> = self
            .values
            .iter()
            .filter_map(|(name, answer)| {
                let known = match place_of(name) {
                    Some((group, place, link_id)) => {
                        earlier.get(&field_name(Some((group, self.counterpart(earlier, group, place)?)), link_id))
                    }
                    None => earlier.get(name),
                };
                known.filter(|known| known.value == answer.value).map(|known| (name.clone(), known.origin.clone()))
            })
            .collect();
        for (name, origin) in origins {
            if let Some(answer) = self.values.get_mut(&name) {
                answer.origin = origin;
            }
        }
        self
    }

    /// The repetition of `earlier` that shares the most values with this one.
    fn counterpart(&self, earlier: &Self, group: &str, place: usize) -> Option<usize> {
        let in_common = |other: usize| {
            let own = self.repetition(group, place);
            let same = own.filter(|(name, answer)| {
                let link_id = place_of(name).map(|(.., link_id)| link_id).unwrap_or_default();
                earlier.get(&field_name(Some((group, other)), link_id)).is_some_and(|known| known.value == answer.value)
            });
            same.count()
        };
        let all = (0..earlier.repetitions(group)).filter(|other| in_common(*other) > 0);
        all.max_by_key(|other| (in_common(*other), *other == place, std::cmp::Reverse(*other)))
    }

    /// The answer to a question, preferably in the same repetition, else outside of repeating groups.
    pub(super) fn near(&self, repetition: Option<(&str, usize)>, link_id: &str) -> Option<&str> {
        let own = repetition.and_then(|_| self.get(&field_name(repetition, link_id)));
        own.or_else(|| self.get(link_id)).map(|answer| answer.value.as_str())
    }
}

/// Group, position and linkId in the name of a field of a repeating group.
pub(super) fn place_of(name: &str) -> Option<(&str, usize, &str)> {
    let (group, rest) = name.split_once('.')?;
    let (place, link_id) = rest.split_once('.')?;
    Some((group, place.parse().ok()?, link_id))
}

/// The name of a field.
pub(super) fn field_name(repetition: Option<(&str, usize)>, link_id: &str) -> String {
    repetition.map_or_else(|| link_id.to_owned(), |(group, place)| format!("{group}.{place}.{link_id}"))
}

/// The first item of a question, also by its linkId in version 1 of the form.
fn item_of<'v>(items: &'v Value, link_id: &str) -> Option<&'v Value> {
    let earlier = || Question::from_link_id(link_id).and_then(Question::version_1_link_id);
    below(items, link_id).first().copied().or_else(|| below(items, earlier()?).first().copied())
}

/// The items with a linkId, at any depth.
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

/// The text of an answer for its field; `None` if the answer has another type.
fn text(kind: &ItemKind, answer: &Value) -> Option<String> {
    match kind {
        ItemKind::Boolean => answer.get("valueBoolean")?.as_bool().map(|value| value.to_string()),
        ItemKind::Date { .. } => answer.get("valueDate")?.as_str().map(str::to_owned),
        ItemKind::Number { .. } => answer.get("valueInteger").or_else(|| answer.get("valueDecimal"))?.as_number().map(ToString::to_string),
        ItemKind::Choice(choices) => {
            let code = answer.get("valueCoding")?.get("code")?.as_str()?;
            choices.iter().find(|choice| choice.code == code).map(|choice| choice.code.clone())
        }
        ItemKind::Text => answer.get("valueString")?.as_str().map(str::to_owned),
    }
}
