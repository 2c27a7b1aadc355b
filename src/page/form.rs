//! The questions as the page shows them: those that would settle a criterion first, all others behind them, both in the form's order,
//! each with its help, unit, value, origin and fault. Not here: what the answers do; see [`super::decision`].

use std::collections::BTreeSet;

use askama::Template;

use super::answers::{CurrentAnswer, CurrentAnswers, Origin, field_name};
use super::definition::{Field, FormDefinition, Group, Item, Kind};
use super::submission::{FieldFault, FieldFaults};
use super::words::{Text, Words};

/// The questions, in two lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormView {
    /// Those that would settle a criterion.
    pub asked: Vec<PartView>,
    /// Those that settle nothing at present.
    pub others: Vec<PartView>,
    /// How many questions are asked.
    pub asked_count: usize,
    /// How many others there are.
    pub others_count: usize,
    /// Whether the others are to be seen at once: one of them is answered just now, or wrongly.
    pub others_open: bool,
    /// The linkIds of the asked questions, in the form's order.
    pub asked_links: String,
    /// The faults, each with its field.
    pub faults: Vec<FaultView>,
}

/// A fault, told above the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultView {
    /// Where its field stands on the page.
    pub href: String,
    /// The question and what is wrong with the answer.
    pub text: String,
}

/// A question, or several under one heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartView {
    /// A question.
    Field(FieldView),
    /// Several.
    Group(GroupView),
}

/// Several questions under one heading.
#[derive(Clone, Debug, Template, PartialEq, Eq)]
#[template(path = "group.html")]
pub struct GroupView {
    /// Its place on the page.
    pub id: String,
    /// The heading.
    pub legend: String,
    /// Help to all of them.
    pub hint: String,
    /// The questions.
    pub parts: Vec<PartView>,
    /// The button that adds a repetition.
    pub add: Option<ButtonView>,
    /// The button that takes this repetition out.
    pub remove: Option<ButtonView>,
}

/// A button that sends the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ButtonView {
    /// The value of `action`.
    pub value: String,
    /// What it says.
    pub words: String,
}

/// One question.
#[derive(Clone, Debug, Default, Template, PartialEq, Eq)]
#[template(path = "field.html")]
pub struct FieldView {
    /// The field's name.
    pub name: String,
    /// Its place on the page.
    pub id: String,
    /// The question.
    pub label: String,
    /// Help; empty for none.
    pub hint: String,
    /// Behind the field; empty for none.
    pub unit: String,
    /// What stands in it.
    pub value: String,
    /// Where that came from; empty where it was typed, or nothing is there.
    pub origin: String,
    /// What is wrong with it; empty for nothing.
    pub fault: String,
    /// What stands before a fault.
    pub fault_prefix: String,
    /// The ids of hint, origin and fault, as far as there are any.
    pub described_by: String,
    /// Whether it is not asked, by the form's own rules.
    pub is_hidden: bool,
    /// Whether it is the one to be filled in next.
    pub is_next: bool,
    /// The options of a choice; none for a field to write in.
    pub options: Vec<OptionView>,
    /// `text` or `decimal`.
    pub input_mode: &'static str,
    /// `date` or `number`; a class of the stylesheet.
    pub class: &'static str,
}

/// An option of a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionView {
    /// Its place on the page.
    pub id: String,
    /// Its code; empty for the option that leaves the question open.
    pub value: String,
    /// What it says.
    pub words: String,
    /// Whether it is chosen.
    pub is_chosen: bool,
}

/// What the questions are shown with.
pub(super) struct Asking<'f> {
    pub words: &'f Words,
    pub form: &'f FormDefinition,
    pub answers: &'f CurrentAnswers,
    pub faults: &'f FieldFaults,
    /// The field to be filled in next.
    pub focus: Option<&'f str>,
    /// The linkIds that would settle a criterion, on record or with the answers.
    pub missing: BTreeSet<&'static str>,
}

type Repetition<'r> = Option<(&'r str, usize)>;

impl Asking<'_> {
    pub(super) fn view(&self) -> FormView {
        let asked = self.parts(&self.form.items, None, true);
        let others = self.parts(&self.form.items, None, false);
        let questions = self.form.fields();
        let links =
            questions.iter().filter(|(group, field)| self.is_asked(*group, &field.link_id)).map(|(_, field)| field.link_id.as_str());
        let links: Vec<_> = links.collect();
        FormView {
            asked_count: links.len(),
            others_count: questions.len() - links.len(),
            others_open: others.iter().any(is_of_interest),
            asked_links: links.join(" "),
            faults: self.fault_views(),
            asked,
            others,
        }
    }

    /// A repeating group is asked as a whole.
    fn is_asked(&self, group: Option<&Group>, link_id: &str) -> bool {
        match group {
            Some(group) => {
                self.missing.contains(group.link_id.as_str())
                    || any_below(&group.items, &|field| self.missing.contains(field.link_id.as_str()))
            }
            None => self.missing.contains(link_id),
        }
    }

    /// The parts with questions that are asked, or those that are not.
    fn parts(&self, items: &[Item], repetition: Repetition<'_>, asked: bool) -> Vec<PartView> {
        let mut parts = Vec::new();
        for item in items {
            match item {
                Item::Field(field) if repetition.is_some() || self.is_asked(None, &field.link_id) == asked => {
                    parts.push(PartView::Field(self.field(field, repetition)));
                }
                Item::Group(group) if group.repeats && self.is_asked(Some(group), "") == asked => parts.extend(self.repetitions(group)),
                Item::Group(group) if !group.repeats => parts.extend(self.group(group, repetition, asked)),
                Item::Field(_) | Item::Group(_) => {}
            }
        }
        parts
    }

    fn group(&self, group: &Group, repetition: Repetition<'_>, asked: bool) -> Option<PartView> {
        let parts = self.parts(&group.items, repetition, asked);
        let name = if asked { "asked" } else { "other" };
        let id = format!("g-{name}-{}", group.link_id);
        let (legend, hint) = (group.text.clone(), group.hint.clone());
        (!parts.is_empty()).then_some(PartView::Group(GroupView { id, legend, hint, parts, add: None, remove: None }))
    }

    /// Every repetition, one at least, and the button for one more.
    fn repetitions(&self, group: &Group) -> Vec<PartView> {
        let count = self.answers.repetitions(&group.link_id).max(1);
        let repetition = |place: usize| {
            let number = place + 1;
            let remove = ButtonView {
                value: format!("remove:{}.{place}", group.link_id),
                words: self.words.fill(Text::RemoveRepetition, &[&group.text, &number]),
            };
            let add = ButtonView { value: format!("add:{}", group.link_id), words: self.words.fill(Text::AddRepetition, &[&group.text]) };
            PartView::Group(GroupView {
                id: if place == 0 { format!("q-{}", group.link_id) } else { format!("q-{}-{place}", group.link_id) },
                legend: self.words.fill(Text::Repetition, &[&group.text, &number]),
                hint: if place == 0 { group.hint.clone() } else { String::new() },
                parts: self.parts(&group.items, Some((&group.link_id, place)), true),
                add: (number == count && count < super::answers::MOST_REPETITIONS).then_some(add),
                remove: (count > 1).then_some(remove),
            })
        };
        (0..count).map(repetition).collect()
    }

    fn field(&self, field: &Field, repetition: Repetition<'_>) -> FieldView {
        let name = field_name(repetition, &field.link_id);
        let id = match repetition {
            // The first repetition is where the criteria's links lead.
            Some((_, 0)) | None => format!("q-{}", field.link_id),
            Some((_, place)) => format!("q-{}-{place}", field.link_id),
        };
        let answer = self.answers.get(&name);
        let value = answer.map(|answer| answer.value.clone()).unwrap_or_default();
        let (class, input_mode) = match field.kind {
            Kind::Date { .. } => ("date", "text"),
            Kind::Number { .. } => ("number", "decimal"),
            Kind::Boolean | Kind::Choice(_) => ("choice", ""),
        };
        let view = FieldView {
            label: field.text.clone(),
            hint: self.hint(field),
            unit: field.unit.clone(),
            origin: answer.map(|answer| self.origin(answer)).unwrap_or_default(),
            fault: self.faults.get(&name).map(|fault| self.fault(fault)).unwrap_or_default(),
            fault_prefix: self.words.say(Text::FaultPrefix),
            is_hidden: !field.enabling.holds(|link_id| self.answers.near(repetition, link_id)),
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
            Kind::Date { .. } if field.hint.is_empty() => self.words.say(Text::DateFormat),
            Kind::Date { .. } => format!("{}. {}", self.words.say(Text::DateFormat), field.hint),
            Kind::Boolean | Kind::Number { .. } | Kind::Choice(_) => field.hint.clone(),
        }
    }

    fn options(&self, field: &Field, id: &str, value: &str) -> Vec<OptionView> {
        let choices: Vec<(String, String)> = match &field.kind {
            Kind::Boolean => vec![("true".to_owned(), self.words.say(Text::Yes)), ("false".to_owned(), self.words.say(Text::No))],
            Kind::Choice(choices) => choices.iter().map(|choice| (choice.code.clone(), choice.display.clone())).collect(),
            Kind::Date { .. } | Kind::Number { .. } => return Vec::new(),
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
        match &answer.origin {
            Origin::Chart { source, date: Some(date) } => self.words.fill(Text::FromChartDated, &[source, date]),
            Origin::Chart { source, date: None } => self.words.fill(Text::FromChart, &[source]),
            Origin::EarlierForm { date: Some(date) } => self.words.fill(Text::FromFormDated, &[date]),
            Origin::EarlierForm { date: None } => self.words.say(Text::FromForm),
            Origin::Typed => String::new(),
        }
    }

    fn fault(&self, fault: &FieldFault) -> String {
        match fault {
            FieldFault::NotNumber => self.words.say(Text::NotNumber),
            FieldFault::NotWhole => self.words.say(Text::NotWhole),
            FieldFault::NotDate => self.words.say(Text::NotDate),
            FieldFault::NotOption => self.words.say(Text::NotOption),
            FieldFault::TooLow(least) => self.words.fill(Text::TooLow, &[least]),
            FieldFault::TooHigh(most) => self.words.fill(Text::TooHigh, &[most]),
            FieldFault::InFuture => self.words.say(Text::InFuture),
        }
    }

    fn fault_views(&self) -> Vec<FaultView> {
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

impl GroupView {
    /// The id of its hint, if it has one.
    #[must_use]
    pub fn described_by(&self) -> String {
        if self.hint.is_empty() { String::new() } else { format!("{}-hint", self.id) }
    }
}

/// A fault is read before the help: it is what the reader came back for.
fn described_by(field: &FieldView) -> String {
    let parts = [(&field.fault, "fault"), (&field.origin, "origin"), (&field.hint, "hint")];
    let ids = parts.into_iter().filter(|(text, _)| !text.is_empty()).map(|(_, name)| format!("{}-{name}", field.id));
    ids.collect::<Vec<_>>().join(" ")
}

fn any_below(items: &[Item], holds: &impl Fn(&Field) -> bool) -> bool {
    items.iter().any(|item| match item {
        Item::Field(field) => holds(field),
        Item::Group(group) => any_below(&group.items, holds),
    })
}

/// Whether something in a part was typed just now, or is wrong.
fn is_of_interest(part: &PartView) -> bool {
    match part {
        PartView::Field(field) => field.is_next || !field.fault.is_empty() || (!field.value.is_empty() && field.origin.is_empty()),
        PartView::Group(group) => group.parts.iter().any(is_of_interest),
    }
}
