//! Parses and checks a submitted form: valid fields become QuestionnaireResponse items, invalid ones become field errors.
//! Not here: access control and saving.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::answers::{AnswerOrigin, CurrentAnswers, MAX_REPETITIONS, field_name};
use super::definition::{Field, FormDefinition, FormItem, Group, ItemKind};
use super::typed_date::{TypedDateError, typed_date};
use crate::policy::DateInterval;

/// Maximum characters of an answer that is not free text.
const MAX_LETTERS: usize = 40;

/// Maximum characters of a free-text answer.
const MAX_TEXT_LETTERS: usize = 1_000;

const INFORMATION_ORIGIN: &str = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/information-origin";

/// The action of a submitted form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmittedAction {
    /// Evaluate the order with these answers, without saving anything.
    Preview,
    /// Save the answers.
    Save,
    /// Show the form again with one repetition of a group added or removed.
    Reshape,
    /// Give the user more time, and show the form again.
    Extend,
}

impl SubmittedAction {
    /// The value of `action` with which a form asks for more time.
    pub const EXTEND: &'static str = "extend";
}

/// Why the text of a field is not a valid answer.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldError {
    /// Not a number.
    NotNumber,
    /// Not a whole number.
    NotWhole,
    /// Not a date.
    NotDate,
    /// A date whose year has two digits.
    TwoDigitYear,
    /// A day or month that no calendar has.
    NoSuchDay,
    /// None of the options.
    NotOption,
    /// Below the minimum.
    TooLow(String),
    /// Above the maximum.
    TooHigh(String),
    /// A date before the earliest one.
    TooEarly(NaiveDate),
    /// In the future.
    InFuture,
}

impl From<TypedDateError> for FieldError {
    fn from(error: TypedDateError) -> Self {
        match error {
            TypedDateError::NotDate => Self::NotDate,
            TypedDateError::TwoDigitYear => Self::TwoDigitYear,
            TypedDateError::NoSuchDay => Self::NoSuchDay,
        }
    }
}

/// The errors by field name.
pub type FieldFaults = BTreeMap<String, FieldError>;

/// A parsed submission.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// The requested action.
    pub action: SubmittedAction,
    /// The values of all fields, valid or not, to show again.
    pub answers: CurrentAnswers,
    /// The valid answers as items of a QuestionnaireResponse.
    pub items: Value,
    /// The errors; a form with errors must not be saved.
    pub faults: FieldFaults,
    /// The field to fill in next: the first one of a repetition just added.
    pub focus: Option<String>,
    /// The CSRF token.
    pub csrf: String,
    /// The selected order.
    pub order: String,
}

impl Submission {
    /// Parses the name-value pairs of a submitted form. Dates after `today` are errors. Values of `on_record` that need
    /// confirmation are left out unless the user confirmed or changed them.
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
        let mut reading = FieldReader { answers: &answers, today, faults: FieldFaults::new() };
        let items = Value::Array(reading.items(&form.items, None));
        let faults = reading.faults;
        Self { action, items, faults, answers, focus, csrf: first("csrf").to_owned(), order: first("order").to_owned() }
    }
}

/// The values of the form's own fields; ignores everything else.
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
            answers.set(*name, value.trim().chars().take(limit).collect::<String>(), AnswerOrigin::Typed);
        }
    }
    for (_, name) in pairs.iter().filter(|(name, _)| *name == "confirm") {
        answers.confirm(*name);
    }
    answers
}

/// The action of the pressed button. Adding or removing a repetition changes the answers immediately.
fn act(form: &FormDefinition, action: &str, answers: &mut CurrentAnswers) -> SubmittedAction {
    let repeats = |link_id: &str| form.fields().iter().any(|(group, _)| group.is_some_and(|group| group.link_id == link_id));
    match action.split_once(':') {
        Some(("add", group)) if repeats(group) => {
            // A group without repetitions already shows an empty one.
            answers.repeat_at_least(group, answers.repetitions(group).max(1) + 1);
            SubmittedAction::Reshape
        }
        Some(("remove", place)) => {
            if let Some((group, Ok(place))) = place.split_once('.').map(|(group, place)| (group, place.parse())) {
                answers.remove_repetition(group, place);
            }
            SubmittedAction::Reshape
        }
        None if action == "save" => SubmittedAction::Save,
        None if action == SubmittedAction::EXTEND => SubmittedAction::Extend,
        Some(_) | None => SubmittedAction::Preview,
    }
}

/// The first field of a group's last repetition.
fn newest(form: &FormDefinition, group: &str, answers: &CurrentAnswers) -> Option<String> {
    let (_, field) = form.fields().into_iter().find(|(owner, _)| owner.is_some_and(|owner| owner.link_id == group))?;
    let place = answers.repetitions(group).checked_sub(1)?;
    Some(field_name(Some((group, place)), &field.link_id))
}

type Repetition<'r> = Option<(&'r str, usize)>;

struct FieldReader<'a> {
    answers: &'a CurrentAnswers,
    today: NaiveDate,
    faults: FieldFaults,
}

impl FieldReader<'_> {
    /// The items in form order, without those that are unanswered, invalid or not asked.
    fn items(&mut self, items: &[FormItem], repetition: Repetition<'_>) -> Vec<Value> {
        let mut found = Vec::new();
        for item in items {
            match item {
                FormItem::Field(field) if field.enabling.holds(|link_id| self.answers.near(repetition, link_id)) => {
                    found.extend(self.field(field, repetition));
                }
                FormItem::Group(group) if group.enabling.holds(|link_id| self.answers.near(repetition, link_id)) => {
                    found.extend(self.group(group, repetition));
                }
                FormItem::Field(_) | FormItem::Group(_) => {}
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

/// Whether a value is one that this service filled in.
fn is_from_record(origin: &AnswerOrigin) -> bool {
    match origin {
        AnswerOrigin::Chart { .. } | AnswerOrigin::Order => true,
        AnswerOrigin::ToConfirm { .. }
        | AnswerOrigin::PossibleInjection { .. }
        | AnswerOrigin::EarlierForm { .. }
        | AnswerOrigin::Typed => false,
    }
}

/// DTR 2.2, `information-origin`: software filled in the answer, and it is unchanged.
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

/// A date that may lie in the past or be today; of a month or a year a part may lie ahead.
fn date(text: &str, earliest: Option<&str>, today: NaiveDate) -> Result<Value, FieldError> {
    let iso = typed_date(text)?;
    let read = DateInterval::parse(&iso).ok_or(FieldError::NotDate)?;
    if read.lo() > today {
        return Err(FieldError::InFuture);
    }
    match earliest.and_then(DateInterval::parse) {
        Some(bound) if read.hi() < bound.lo() => Err(FieldError::TooEarly(bound.lo())),
        Some(_) | None => Ok(json!({"valueDate": iso})),
    }
}

/// Accepts a decimal point or a decimal comma.
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
    // A zero fraction is allowed: 6,0 is 6.
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
    fn dates_lie_between_the_earliest_and_today() {
        let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).expect("a date");
        let read = |text| date(text, Some("1900-01-01"), day(2026, 11, 22));
        for (text, expected) in [
            ("2026", "2026"),
            ("11/2026", "2026-11"),
            ("2026-03", "2026-03"),
            ("11/22/2026", "2026-11-22"),
            ("2026-11-22", "2026-11-22"),
            ("1/1/1900", "1900-01-01"),
            ("1900", "1900"),
        ] {
            assert_eq!(read(text), Ok(json!({"valueDate": expected})), "{text}");
        }
        for text in ["11/23/2026", "2026-11-23", "12/2026", "2026-12", "2027", "3/9/9999"] {
            assert_eq!(read(text), Err(FieldError::InFuture), "{text}");
        }
        for text in ["12/31/1899", "1899", "12/1899", "0000"] {
            assert_eq!(read(text), Err(FieldError::TooEarly(day(1900, 1, 1))), "{text}");
        }
    }
}
