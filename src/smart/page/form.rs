//! Builds the views of the questions, each with its help, unit, value, origin and error.
//! Not here: which criterion a question belongs to ([`super::blocks`]), and the effect of the answers ([`super::decision`]).

use std::collections::BTreeSet;

use super::answers::{AnswerOrigin, CurrentAnswer, CurrentAnswers, field_name};
use super::definition::{Choice, Field, FormDefinition, FormItem, Group, ItemKind};
use super::form_view::{ButtonView, ConfirmView, FaultView, FieldView, GroupView, OptionView, PartView};
use super::messages::{Messages, Text};
use super::submission::{FieldError, FieldFaults};
use super::typed_date::us_date;

/// The input for the questions' views.
pub(super) struct Asking<'f> {
    pub words: &'f Messages,
    pub form: &'f FormDefinition,
    pub answers: &'f CurrentAnswers,
    pub faults: &'f FieldFaults,
    /// The field to fill in next.
    pub focus: Option<&'f str>,
}

type Repetition<'r> = Option<(&'r str, usize)>;

impl Asking<'_> {
    /// The questions with these linkIds that are not placed yet, in form order. A repeating group or a table is always shown as a whole.
    /// `placed` has the linkIds of the questions already placed, in page order.
    pub(super) fn inline(&self, wanted: &BTreeSet<&str>, placed: &mut Vec<String>) -> Vec<PartView> {
        let mut parts = Vec::new();
        self.inline_items(&self.form.items, wanted, placed, &mut parts);
        parts
    }

    fn inline_items(&self, items: &[FormItem], wanted: &BTreeSet<&str>, placed: &mut Vec<String>, parts: &mut Vec<PartView>) {
        for item in items {
            match item {
                FormItem::Field(field) if wanted.contains(field.link_id.as_str()) && !placed.contains(&field.link_id) => {
                    placed.push(field.link_id.clone());
                    parts.push(PartView::Field(self.field(field, None)));
                }
                FormItem::Group(group) if group.repeats || group.columns().is_some() => {
                    let is_wanted = |link_id: &str| wanted.contains(link_id);
                    let is_asked = is_wanted(&group.link_id) || any_below(&group.items, &|field| is_wanted(&field.link_id));
                    if is_asked && !is_placed(group, placed) {
                        place(&group.items, placed);
                        parts.extend(self.whole(group, None));
                    }
                }
                FormItem::Group(group) => self.inline_items(&group.items, wanted, placed, parts),
                FormItem::Field(_) => {}
            }
        }
    }

    /// All remaining questions, under their headings.
    pub(super) fn others(&self, placed: &[String]) -> Vec<PartView> {
        self.parts(&self.form.items, None, placed)
    }

    fn parts(&self, items: &[FormItem], repetition: Repetition<'_>, placed: &[String]) -> Vec<PartView> {
        let mut parts = Vec::new();
        for item in items {
            match item {
                FormItem::Field(field) if repetition.is_some() || !placed.contains(&field.link_id) => {
                    parts.push(PartView::Field(self.field(field, repetition)));
                }
                FormItem::Group(group) if group.repeats || group.columns().is_some() => {
                    parts.extend(self.whole(group, repetition).into_iter().filter(|_| !is_placed(group, placed)));
                }
                FormItem::Group(group) => parts.extend(self.group(group, repetition, placed)),
                FormItem::Field(_) => {}
            }
        }
        parts
    }

    fn group(&self, group: &Group, repetition: Repetition<'_>, placed: &[String]) -> Option<PartView> {
        let parts = self.parts(&group.items, repetition, placed);
        let (legend, hint) = (group.text.clone(), group.hint.clone());
        (!parts.is_empty())
            .then(|| PartView::Group(GroupView { id: format!("g-{}", group.link_id), legend, hint, parts, ..GroupView::default() }))
    }

    /// A group that is always shown as a whole.
    fn whole(&self, group: &Group, repetition: Repetition<'_>) -> Vec<PartView> {
        match group.columns() {
            Some(columns) => vec![self.table(group, columns, repetition)],
            None => self.repetitions(group),
        }
    }

    fn table(&self, group: &Group, columns: &[Choice], repetition: Repetition<'_>) -> PartView {
        let heads = columns.iter().map(|choice| choice.display.clone()).chain([self.words.say(Text::OpenHead)]);
        let fields = group.items.iter().filter_map(|item| match item {
            FormItem::Field(field) => Some(PartView::Field(FieldView { is_row: true, ..self.field(field, repetition) })),
            FormItem::Group(_) => None,
        });
        PartView::Group(GroupView {
            id: format!("g-{}", group.link_id),
            legend: group.text.clone(),
            hint: group.hint.clone(),
            columns: heads.collect(),
            parts: fields.collect(),
            ..GroupView::default()
        })
    }

    /// All repetitions, at least one, and the button that adds another.
    fn repetitions(&self, group: &Group) -> Vec<PartView> {
        let count = self.answers.repetitions(&group.link_id).max(1);
        let repetition = |place: usize| {
            let number = place + 1;
            let remove = ButtonView {
                value: format!("remove:{}.{place}", group.link_id),
                words: self.words.fill(Text::RemoveRepetition, &[&group.text, &number]),
            };
            let add = ButtonView { value: format!("add:{}", group.link_id), words: self.words.fill(Text::AddRepetition, &[&group.text]) };
            let (origin, confirm) = self.possible(&group.link_id, place).unzip();
            let origin = origin.or_else(|| self.common_origin(&group.link_id, place).map(|answer| self.origin(answer)));
            PartView::Group(GroupView {
                id: if place == 0 { format!("q-{}", group.link_id) } else { format!("q-{}-{place}", group.link_id) },
                legend: self.words.fill(Text::Repetition, &[&group.text, &number]),
                hint: if place == 0 { group.hint.clone() } else { String::new() },
                origin: origin.unwrap_or_default(),
                confirm,
                columns: Vec::new(),
                parts: self.parts(&group.items, Some((&group.link_id, place)), &[]),
                add: (number == count && count < super::answers::MAX_REPETITIONS).then_some(add),
                remove: (count > 1).then_some(remove),
            })
        };
        (0..count).map(repetition).collect()
    }

    /// The text about a repetition that may be an injection of the joint, and its checkbox for confirmation.
    fn possible(&self, group: &str, place: usize) -> Option<(String, ConfirmView)> {
        let mut values = self.answers.repetition(group, place);
        let (name, what, why) = values.find_map(|(name, answer)| match &answer.origin {
            AnswerOrigin::PossibleInjection { what, why } => Some((name, what, why)),
            AnswerOrigin::Chart { .. }
            | AnswerOrigin::ToConfirm { .. }
            | AnswerOrigin::Order
            | AnswerOrigin::EarlierForm { .. }
            | AnswerOrigin::Typed => None,
        })?;
        Some((self.words.fill(Text::PossibleInjection, &[what, why]), self.confirm(name, Text::ConfirmInjection)))
    }

    /// How many possible injections the form lists.
    pub(super) fn possible_count(&self) -> usize {
        let groups = self.form.fields().into_iter().filter_map(|(group, _)| group.map(|group| group.link_id.as_str()));
        let groups: BTreeSet<&str> = groups.collect();
        let places = groups.into_iter().flat_map(|group| (0..self.answers.repetitions(group)).map(move |place| (group, place)));
        places.filter(|(group, place)| self.possible(group, *place).is_some()).count()
    }

    /// Whether a question is hidden until a person confirms that the entry is an injection of the joint.
    fn awaits_confirmation(&self, repetition: Repetition<'_>, name: &str) -> bool {
        let Some((group, place)) = repetition.filter(|_| self.answers.get(name).is_none() && self.focus != Some(name)) else {
            return false;
        };
        let mut values = self.answers.repetition(group, place).map(|(name, _)| name).peekable();
        values.peek().is_some() && values.all(|name| !self.answers.counts(name))
    }

    /// The common origin of all values in a repetition, if it is the same chart entry or earlier form; shown once, above them.
    fn common_origin<'s>(&'s self, group: &'s str, place: usize) -> Option<&'s CurrentAnswer> {
        let mut values = self.answers.repetition(group, place).map(|(_, answer)| answer);
        let first = values.next().filter(|first| matches!(first.origin, AnswerOrigin::Chart { .. } | AnswerOrigin::EarlierForm { .. }))?;
        let mut rest = values.peekable();
        (rest.peek().is_some() && rest.all(|answer| answer.origin == first.origin)).then_some(first)
    }

    fn confirm(&self, name: &str, text: Text) -> ConfirmView {
        let id = format!("confirm-{}", name.replace('.', "-"));
        ConfirmView { id, value: name.to_owned(), words: self.words.say(text), is_ticked: self.answers.is_confirmed(name) }
    }

    fn field(&self, field: &Field, repetition: Repetition<'_>) -> FieldView {
        let name = field_name(repetition, &field.link_id);
        let id = match repetition {
            // Links from criteria lead to the first repetition.
            Some((_, 0)) | None => format!("q-{}", field.link_id),
            Some((_, place)) => format!("q-{}-{place}", field.link_id),
        };
        let answer = self.answers.get(&name);
        let value = answer.map(|answer| answer.value.clone()).unwrap_or_default();
        let (class, input_mode) = match field.kind {
            ItemKind::Date { .. } => ("date", "text"),
            ItemKind::Number { .. } => ("number", "decimal"),
            ItemKind::Text => ("words", "text"),
            ItemKind::Boolean | ItemKind::Choice(_) => ("choice", ""),
        };
        let is_said_above = repetition.is_some_and(|(group, place)| self.common_origin(group, place).is_some());
        let needs_confirmation = matches!(answer, Some(CurrentAnswer { origin: AnswerOrigin::ToConfirm { .. }, .. }));
        let view = FieldView {
            label: field.text.clone(),
            hint: if repetition.is_some_and(|(_, place)| place > 0) { String::new() } else { self.hint(field) },
            unit: field.unit.clone(),
            origin: answer.filter(|_| !is_said_above).map(|answer| self.origin(answer)).unwrap_or_default(),
            confirm: needs_confirmation.then(|| self.confirm(&name, Text::Confirm)),
            is_row: false,
            fault: self.faults.get(&name).map(|fault| self.fault(fault)).unwrap_or_default(),
            fault_prefix: self.words.say(Text::FaultPrefix),
            is_hidden: !field.enabling.holds(|link_id| self.answers.near(repetition, link_id))
                || self.awaits_confirmation(repetition, &name),
            is_next: self.focus == Some(name.as_str()),
            options: self.options(field, &id, &value),
            described_by: String::new(),
            name,
            id,
            value,
            input_mode,
            class,
        };
        FieldView { described_by: described_by(&view), ..view }
    }

    fn hint(&self, field: &Field) -> String {
        match field.kind {
            ItemKind::Date { .. } if field.hint.is_empty() => self.words.say(Text::DateFormat),
            ItemKind::Date { .. } => format!("{}. {}", self.words.say(Text::DateFormat), field.hint),
            ItemKind::Boolean | ItemKind::Number { .. } | ItemKind::Choice(_) | ItemKind::Text => field.hint.clone(),
        }
    }

    fn options(&self, field: &Field, id: &str, value: &str) -> Vec<OptionView> {
        let choices: Vec<(String, String)> = match &field.kind {
            ItemKind::Boolean => vec![("true".to_owned(), self.words.say(Text::Yes)), ("false".to_owned(), self.words.say(Text::No))],
            ItemKind::Choice(choices) => choices.iter().map(|choice| (choice.code.clone(), choice.display.clone())).collect(),
            ItemKind::Date { .. } | ItemKind::Number { .. } | ItemKind::Text => return Vec::new(),
        };
        let is_known = choices.iter().any(|(code, _)| code == value);
        let open = (String::new(), self.words.say(Text::Open));
        let option = |(place, (code, words)): (usize, (String, String))| OptionView {
            id: format!("{id}--{place}"),
            is_chosen: code == value || (code.is_empty() && !is_known),
            value: code,
            words,
        };
        choices.into_iter().chain([open]).enumerate().map(option).collect()
    }

    fn origin(&self, answer: &CurrentAnswer) -> String {
        let shown = |date: &str| match date.split_once('/') {
            Some((first, last)) => self.words.fill(Text::Between, &[&first, &last]),
            None => date.to_owned(),
        };
        match &answer.origin {
            AnswerOrigin::Chart { source, date: Some(date) } => self.words.fill(Text::FromChartDated, &[source, &shown(date)]),
            AnswerOrigin::Chart { source, date: None } => self.words.fill(Text::FromChart, &[source]),
            AnswerOrigin::ToConfirm { source, date: Some(date) } => self.words.fill(Text::ToConfirmDated, &[source, &shown(date)]),
            AnswerOrigin::ToConfirm { source, date: None } => self.words.fill(Text::ToConfirm, &[source]),
            AnswerOrigin::Order => self.words.say(Text::FromOrder),
            AnswerOrigin::EarlierForm { date: Some(date) } => self.words.fill(Text::FromFormDated, &[date]),
            AnswerOrigin::EarlierForm { date: None } => self.words.say(Text::FromForm),
            // The text about a possible injection appears once, above the repetition.
            AnswerOrigin::PossibleInjection { .. } | AnswerOrigin::Typed => String::new(),
        }
    }

    fn fault(&self, fault: &FieldError) -> String {
        match fault {
            FieldError::NotNumber => self.words.say(Text::NotNumber),
            FieldError::NotWhole => self.words.say(Text::NotWhole),
            FieldError::NotDate => self.words.say(Text::NotDate),
            FieldError::TwoDigitYear => self.words.say(Text::TwoDigitYear),
            FieldError::NoSuchDay => self.words.say(Text::NoSuchDay),
            FieldError::TooEarly(earliest) => self.words.fill(Text::TooEarly, &[&us_date(*earliest)]),
            FieldError::NotOption => self.words.say(Text::NotOption),
            FieldError::TooLow(least) => self.words.fill(Text::TooLow, &[least]),
            FieldError::TooHigh(most) => self.words.fill(Text::TooHigh, &[most]),
            FieldError::InFuture => self.words.say(Text::InFuture),
        }
    }

    pub(super) fn fault_views(&self) -> Vec<FaultView> {
        let mut found = Vec::new();
        for (group, field) in self.form.fields() {
            let count = group.map_or(1, |group| self.answers.repetitions(&group.link_id));
            for place in 0..count {
                let view = self.field(field, group.map(|group| (group.link_id.as_str(), place)));
                if !view.fault.is_empty() {
                    found.push(FaultView { href: format!("#{}", view.id), text: format!("{}: {}", view.label, view.fault) });
                }
            }
        }
        found
    }
}

/// The error comes before the help, because it is why the user came back.
fn described_by(field: &FieldView) -> String {
    let parts = [(&field.fault, "fault"), (&field.origin, "origin"), (&field.hint, "hint")];
    let ids = parts.into_iter().filter(|(text, _)| !text.is_empty()).map(|(_, name)| format!("{}-{name}", field.id));
    ids.collect::<Vec<_>>().join(" ")
}

fn any_below(items: &[FormItem], holds: &impl Fn(&Field) -> bool) -> bool {
    items.iter().any(|item| match item {
        FormItem::Field(field) => holds(field),
        FormItem::Group(group) => any_below(&group.items, holds),
    })
}

/// Whether all questions of a group are placed.
fn is_placed(group: &Group, placed: &[String]) -> bool {
    !any_below(&group.items, &|field| !placed.contains(&field.link_id))
}

fn place(items: &[FormItem], placed: &mut Vec<String>) {
    for item in items {
        match item {
            FormItem::Field(field) => placed.push(field.link_id.clone()),
            FormItem::Group(group) => place(&group.items, placed),
        }
    }
}
