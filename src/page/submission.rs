//! A submitted form: each field checked, what is good as QuestionnaireResponse items, what is not as a fault of its field.
//! Not here: who may submit it, and saving.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::answers::{CurrentAnswers, MAX_REPETITIONS, Origin, field_name};
use super::definition::{Field, FormDefinition, Group, Item, ItemKind};
use crate::policy::DateInterval;

/// No answer of the form that is no text is longer.
const MAX_LETTERS: usize = 40;

/// A text in words may be this long.
const MAX_TEXT_LETTERS: usize = 1_000;

const INFORMATION_ORIGIN: &str = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/information-origin";

/// What a submitted form asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Judge the order with these answers; nothing is kept.
    Preview,
    /// Save the answers.
    Save,
    /// The form again, with one more, or one fewer, repetition of a group.
    Reshape,
}

/// Why the text of a field is no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldError {
    /// Not a number.
    NotNumber,
    /// Not a whole number.
    NotWhole,
    /// Not a date.
    NotDate,
    /// None of the options.
    NotOption,
    /// Below the least value.
    TooLow(String),
    /// Above the greatest value.
    TooHigh(String),
    /// After today.
    InFuture,
}

/// The faults by the names of their fields.
pub type FieldFaults = BTreeMap<String, FieldError>;

/// A submitted form, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// What is asked for.
    pub action: Action,
    /// What stands in the fields, good or not, to be shown again.
    pub answers: CurrentAnswers,
    /// The items of a QuestionnaireResponse with what is good.
    pub items: Value,
    /// What is not; a form with faults is not to be saved.
    pub faults: FieldFaults,
    /// The field that is to be filled in next: the first of a repetition that was added.
    pub focus: Option<String>,
    /// The token against forged requests.
    pub csrf: String,
    /// The order chosen.
    pub order: String,
}

impl Submission {
    /// Reads the pairs of a submitted form. No date after `today` is an answer, and no value of `on_record` that is for a person to
    /// confirm and was neither confirmed nor changed.
    pub fn from_form<'t>(
        form: &FormDefinition,
        pairs: impl IntoIterator<Item = (&'t str, &'t str)>,
        on_record: &CurrentAnswers,
        today: NaiveDate,
    ) -> Self {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let first = |name: &str| pairs.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| *value);
        let mut answers = fields(form, &pairs);
        let action = act(form, first("action"), &mut answers);
        let focus = first("action").strip_prefix("add:").and_then(|group| newest(form, group, &answers));
        let answers = answers.with_origins_of(on_record);
        let mut reading = Reading { answers: &answers, today, faults: FieldFaults::new() };
        let items = Value::Array(reading.items(&form.items, None));
        let faults = reading.faults;
        Self { action, items, faults, answers, focus, csrf: first("csrf").to_owned(), order: first("order").to_owned() }
    }
}

/// The values of the form's own fields; whatever else was sent is left out.
fn fields(form: &FormDefinition, pairs: &[(&str, &str)]) -> CurrentAnswers {
    let known = form.fields();
    let mut answers = CurrentAnswers::default();
    for (name, value) in pairs {
        let parts: Vec<_> = name.split('.').collect();
        let (group, link_id) = match parts.as_slice() {
            [link_id] => (None, *link_id),
            [group, place, link_id] if place.parse::<usize>().is_ok_and(|place| place < MAX_REPETITIONS) => (Some(*group), *link_id),
            [] | [..] => continue,
        };
        if known.iter().any(|(owner, field)| owner.map(|owner| owner.link_id.as_str()) == group && field.link_id == link_id) {
            let is_text = known.iter().any(|(_, field)| field.link_id == link_id && matches!(field.kind, ItemKind::Text));
            let limit = if is_text { MAX_TEXT_LETTERS } else { MAX_LETTERS };
            answers.set(*name, value.trim().chars().take(limit).collect::<String>(), Origin::Typed);
        }
    }
    for (_, name) in pairs.iter().filter(|(name, _)| *name == "confirm") {
        answers.confirm(*name);
    }
    answers
}

/// What the pressed button asks for; one that changes the number of repetitions is followed at once.
fn act(form: &FormDefinition, action: &str, answers: &mut CurrentAnswers) -> Action {
    let repeats = |link_id: &str| form.fields().iter().any(|(group, _)| group.is_some_and(|group| group.link_id == link_id));
    match action.split_once(':') {
        Some(("add", group)) if repeats(group) => {
            // A group with none shows one already.
            answers.repeat_at_least(group, answers.repetitions(group).max(1) + 1);
            Action::Reshape
        }
        Some(("remove", place)) => {
            if let Some((group, Ok(place))) = place.split_once('.').map(|(group, place)| (group, place.parse())) {
                answers.remove_repetition(group, place);
            }
            Action::Reshape
        }
        None if action == "save" => Action::Save,
        Some(_) | None => Action::Preview,
    }
}

/// The first field of a group's last repetition.
fn newest(form: &FormDefinition, group: &str, answers: &CurrentAnswers) -> Option<String> {
    let (_, field) = form.fields().into_iter().find(|(owner, _)| owner.is_some_and(|owner| owner.link_id == group))?;
    let place = answers.repetitions(group).checked_sub(1)?;
    Some(field_name(Some((group, place)), &field.link_id))
}

type Repetition<'r> = Option<(&'r str, usize)>;

struct Reading<'a> {
    answers: &'a CurrentAnswers,
    today: NaiveDate,
    faults: FieldFaults,
}

impl Reading<'_> {
    /// The items in the form's order, without those that hold no answer or are not asked.
    fn items(&mut self, items: &[Item], repetition: Repetition<'_>) -> Vec<Value> {
        let mut found = Vec::new();
        for item in items {
            match item {
                Item::Field(field) if field.enabling.holds(|link_id| self.answers.near(repetition, link_id)) => {
                    found.extend(self.field(field, repetition));
                }
                Item::Group(group) if group.enabling.holds(|link_id| self.answers.near(repetition, link_id)) => {
                    found.extend(self.group(group, repetition));
                }
                Item::Field(_) | Item::Group(_) => {}
            }
        }
        found
    }

    fn group(&mut self, group: &Group, repetition: Repetition<'_>) -> Vec<Value> {
        let places: Vec<Repetition<'_>> = if group.repeats {
            (0..self.answers.repetitions(&group.link_id)).map(|place| Some((group.link_id.as_str(), place))).collect()
        } else {
            vec![repetition]
        };
        let below: Vec<_> = places.into_iter().map(|place| self.items(&group.items, place)).filter(|items| !items.is_empty()).collect();
        below.into_iter().map(|items| json!({"linkId": group.link_id, "text": group.text, "item": items})).collect()
    }

    fn field(&mut self, field: &Field, repetition: Repetition<'_>) -> Option<Value> {
        let name = field_name(repetition, &field.link_id);
        let text = &self.answers.get(&name).filter(|_| self.answers.counts(&name))?.value;
        match answer(&field.kind, text, self.today) {
            Ok(mut answer) => {
                if let (true, Some(members)) = (is_from_record(&self.answers.get(&name)?.origin), answer.as_object_mut()) {
                    members.insert("extension".to_owned(), information_origin());
                }
                Some(json!({"linkId": field.link_id, "text": field.text, "answer": [answer]}))
            }
            Err(fault) => {
                self.faults.insert(name, fault);
                None
            }
        }
    }
}

/// Whether a value is as this service put it into its field.
fn is_from_record(origin: &Origin) -> bool {
    match origin {
        Origin::Chart { .. } | Origin::Order => true,
        Origin::ToConfirm { .. } | Origin::PossibleInjection { .. } | Origin::EarlierForm { .. } | Origin::Typed => false,
    }
}

/// DTR 2.2, `information-origin`: the answer was filled in by software and left unchanged.
fn information_origin() -> Value {
    json!([{"url": INFORMATION_ORIGIN, "extension": [{"url": "source", "valueCode": "auto-server"}]}])
}

fn answer(kind: &ItemKind, text: &str, today: NaiveDate) -> Result<Value, FieldError> {
    match kind {
        ItemKind::Boolean => match text {
            "true" => Ok(json!({"valueBoolean": true})),
            "false" => Ok(json!({"valueBoolean": false})),
            _ => Err(FieldError::NotOption),
        },
        ItemKind::Choice(choices) => {
            let choice = choices.iter().find(|choice| choice.code == text).ok_or(FieldError::NotOption)?;
            Ok(json!({"valueCoding": choice.coding}))
        }
        ItemKind::Text => Ok(json!({"valueString": text})),
        ItemKind::Date { earliest } => date(text, earliest.as_deref(), today),
        ItemKind::Number { whole, least, most } => number(text, *whole, *least, *most),
    }
}

/// `2026`, `2026-03` or `2026-03-09`, nothing behind it.
fn date(text: &str, earliest: Option<&str>, today: NaiveDate) -> Result<Value, FieldError> {
    let read = DateInterval::parse(text).filter(|_| text.len() <= 10).ok_or(FieldError::NotDate)?;
    if read.lo() > today {
        return Err(FieldError::InFuture);
    }
    match earliest.and_then(|earliest| Some((earliest, DateInterval::parse(earliest)?))) {
        Some((earliest, bound)) if read.hi() < bound.lo() => Err(FieldError::TooLow(earliest.to_owned())),
        Some(_) | None => Ok(json!({"valueDate": text})),
    }
}

/// With a point or a comma before its fraction.
fn number(text: &str, whole: bool, least: Option<f64>, most: Option<f64>) -> Result<Value, FieldError> {
    let digits = text.replace(',', ".");
    let is_number = digits.bytes().enumerate().all(|(at, byte)| byte.is_ascii_digit() || byte == b'.' || (at == 0 && byte == b'-'));
    let value: f64 = digits.parse().ok().filter(|_| is_number).ok_or(FieldError::NotNumber)?;
    if let Some(least) = least.filter(|least| value < *least) {
        return Err(FieldError::TooLow(least.to_string()));
    }
    if let Some(most) = most.filter(|most| value > *most) {
        return Err(FieldError::TooHigh(most.to_string()));
    }
    if !whole {
        return Ok(json!({"valueDecimal": value}));
    }
    // A fraction of nothing is none: 6,0 is 6.
    let integral = digits
        .split_once('.')
        .map_or(digits.as_str(), |(integral, fraction)| if fraction.trim_matches('0').is_empty() { integral } else { "" });
    integral.parse::<i32>().map(|value| json!({"valueInteger": value})).map_err(|_| FieldError::NotWhole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_a_point_or_a_comma() {
        let read = |text, whole| number(text, whole, Some(0.0), Some(120.0));
        assert_eq!(read("1,5", false), Ok(json!({"valueDecimal": 1.5})));
        assert_eq!(read("1.5", false), Ok(json!({"valueDecimal": 1.5})));
        assert_eq!(read("6,0", true), Ok(json!({"valueInteger": 6})));
        assert_eq!(read("1,5", true), Err(FieldError::NotWhole));
        assert_eq!(read("-1", true), Err(FieldError::TooLow("0".to_owned())));
        assert_eq!(read("121", true), Err(FieldError::TooHigh("120".to_owned())));
        for text in ["", "x", "1.2.3", "1e2", "inf", "NaN", "1 000", "+1", "--1", "."] {
            assert_eq!(read(text, false), Err(FieldError::NotNumber), "{text}");
        }
    }

    #[test]
    fn dates_are_read_whole_or_in_part() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 22).expect("a date");
        for text in ["2026", "2026-03", "2026-03-09", "2026-11-22"] {
            assert_eq!(date(text, Some("1900-01-01"), today), Ok(json!({"valueDate": text})));
        }
        assert_eq!(date("2026-11-23", None, today), Err(FieldError::InFuture));
        assert_eq!(date("1899", Some("1900-01-01"), today), Err(FieldError::TooLow("1900-01-01".to_owned())));
        for text in ["", "09.03.2026", "2026-03-09T10:00:00Z", "2026-02-30", "March"] {
            assert_eq!(date(text, None, today), Err(FieldError::NotDate), "{text}");
        }
    }
}
