//! The form as its templates show it: criteria with their questions, other questions, fields, groups and faults.
//! Not here: how it is made ([`super::form`]).

use askama::Template;

use super::blocks::SiteBlocks;

/// The questions: those that would settle a criterion stand with it, all others behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormView {
    /// What decides the order, joint by joint, each with its questions.
    pub sites: Vec<SiteBlocks>,
    /// The questions that settle nothing at present; where the form is closed, all of them.
    pub others: Vec<PartView>,
    /// How many others there are.
    pub others_count: usize,
    /// Whether the others are to be seen at once: one of them is answered just now, or wrongly.
    pub others_open: bool,
    /// Whether the form is folded away as a whole: the answers are saved, or nothing is asked.
    pub is_closed: bool,
    /// How many questions would still settle a criterion.
    pub open_count: usize,
    /// The linkIds of the questions that stand with a criterion, in the page's order.
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
#[derive(Clone, Debug, Default, Template, PartialEq, Eq)]
#[template(path = "group.html")]
pub struct GroupView {
    /// Its place on the page.
    pub id: String,
    /// The heading.
    pub legend: String,
    /// Help to all of them.
    pub hint: String,
    /// Where the values came from, where that is the same for all; empty for nothing.
    pub origin: String,
    /// What confirms the values.
    pub confirm: Option<ConfirmView>,
    /// The heads of a table of choices, one row a question; empty where it is none.
    pub columns: Vec<String>,
    /// The questions.
    pub parts: Vec<PartView>,
    /// The button that adds a repetition.
    pub add: Option<ButtonView>,
    /// The button that takes this repetition out.
    pub remove: Option<ButtonView>,
}

/// A box to tick that confirms a value of the chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfirmView {
    /// Its place on the page.
    pub id: String,
    /// The name of the field that it confirms.
    pub value: String,
    /// What it says.
    pub words: String,
    /// Whether it is ticked.
    pub is_ticked: bool,
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
    /// What confirms the value.
    pub confirm: Option<ConfirmView>,
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
    /// `date`, `number`, `words` or `choice`; a class of the stylesheet.
    pub class: &'static str,
    /// Whether it is a row of a table of choices.
    pub is_row: bool,
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

impl GroupView {
    /// The id of its hint, if it has one.
    #[must_use]
    pub fn described_by(&self) -> String {
        if self.hint.is_empty() { String::new() } else { format!("{}-hint", self.id) }
    }
}

/// Whether something in a part was typed just now, or is wrong.
pub(super) fn is_of_interest(part: &PartView) -> bool {
    match part {
        PartView::Field(field) => field.is_next || !field.fault.is_empty() || (!field.value.is_empty() && field.origin.is_empty()),
        // Values whose source is said above them are not typed.
        PartView::Group(group) if !group.origin.is_empty() => group.parts.iter().any(|part| match part {
            PartView::Field(field) => field.is_next || !field.fault.is_empty(),
            PartView::Group(_) => is_of_interest(part),
        }),
        PartView::Group(group) => group.parts.iter().any(is_of_interest),
    }
}
