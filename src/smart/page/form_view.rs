//! View models of the form for its templates: criteria with their questions, other questions, fields, groups and errors.
//! Not here: building them ([`super::form`]).

use askama::Template;

use super::blocks::SiteBlocks;

/// The questions: first those that would settle a criterion, next to it, then all others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormView {
    /// The deciding criteria with their questions, by joint.
    pub sites: Vec<SiteBlocks>,
    /// The questions that settle nothing at present; all of them if the form is closed.
    pub others: Vec<PartView>,
    /// The number of other questions.
    pub others_count: usize,
    /// Whether to expand the others, because one of them was just answered or has an error.
    pub others_open: bool,
    /// Whether the whole form is collapsed: the answers are saved, or there is nothing to ask.
    pub is_closed: bool,
    /// How many questions would still settle a criterion.
    pub open_count: usize,
    /// The linkIds of the questions placed with a criterion, in page order.
    pub asked_links: String,
    /// The errors, each with its field.
    pub faults: Vec<FaultView>,
}

/// An error in the list above the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultView {
    /// Link to the field.
    pub href: String,
    /// The question and what is wrong with the answer.
    pub text: String,
}

/// A question, or several questions under one heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartView {
    /// A question.
    Field(FieldView),
    /// Several questions.
    Group(GroupView),
}

/// Several questions under one heading.
#[derive(Clone, Debug, Default, Template, PartialEq, Eq)]
#[template(path = "group.html")]
pub struct GroupView {
    /// Its element id.
    pub id: String,
    /// The heading.
    pub legend: String,
    /// Help that applies to all of them.
    pub hint: String,
    /// The origin of the values, if they share one; otherwise empty.
    pub origin: String,
    /// The checkbox that confirms the values.
    pub confirm: Option<ConfirmView>,
    /// The column headings of a table of choices with one question per row; empty if the group is not a table.
    pub columns: Vec<String>,
    /// The questions.
    pub parts: Vec<PartView>,
    /// The button that adds a repetition.
    pub add: Option<ButtonView>,
    /// The button that removes this repetition.
    pub remove: Option<ButtonView>,
}

/// A checkbox that confirms a value from the chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfirmView {
    /// Its element id.
    pub id: String,
    /// The name of the field it confirms.
    pub value: String,
    /// Its label.
    pub words: String,
    /// Whether it is checked.
    pub is_ticked: bool,
}

/// A button that submits the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ButtonView {
    /// The value of `action`.
    pub value: String,
    /// Its label.
    pub words: String,
}

/// One question.
#[derive(Clone, Debug, Default, Template, PartialEq, Eq)]
#[template(path = "field.html")]
pub struct FieldView {
    /// The field's name.
    pub name: String,
    /// Its element id.
    pub id: String,
    /// The question.
    pub label: String,
    /// Help; empty if there is none.
    pub hint: String,
    /// The unit after the field; empty if there is none.
    pub unit: String,
    /// The value.
    pub value: String,
    /// The origin of the value; empty if there is no value, or the clinician typed it.
    pub origin: String,
    /// The checkbox that confirms the value.
    pub confirm: Option<ConfirmView>,
    /// The error message; empty if there is none.
    pub fault: String,
    /// Text before an error message.
    pub fault_prefix: String,
    /// The ids of the error, the origin and the hint that exist.
    pub described_by: String,
    /// Whether it is hidden: by the form's `enableWhen`, or until the repetition is confirmed.
    pub is_hidden: bool,
    /// Whether it is the field to fill in next.
    pub is_next: bool,
    /// The options of a choice; empty for a text field.
    pub options: Vec<OptionView>,
    /// `text` or `decimal`.
    pub input_mode: &'static str,
    /// `date`, `number`, `words` or `choice`, used as a CSS class.
    pub class: &'static str,
    /// Whether it is a row in a table of choices.
    pub is_row: bool,
}

/// An option of a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionView {
    /// Its element id.
    pub id: String,
    /// Its code; empty for the option that leaves the question unanswered.
    pub value: String,
    /// Its label.
    pub words: String,
    /// Whether it is chosen.
    pub is_chosen: bool,
}

impl GroupView {
    /// The id of its hint; empty if it has none.
    #[must_use]
    pub fn described_by(&self) -> String {
        if self.hint.is_empty() { String::new() } else { format!("{}-hint", self.id) }
    }
}

/// Whether a part has an error, was just typed, or is to be filled in next.
pub(super) fn is_of_interest(part: &PartView) -> bool {
    match part {
        PartView::Field(field) => field.is_next || !field.fault.is_empty() || (!field.value.is_empty() && field.origin.is_empty()),
        // These values have an origin, shown above them, so they were not typed.
        PartView::Group(group) if !group.origin.is_empty() => group.parts.iter().any(|part| match part {
            PartView::Field(field) => field.is_next || !field.fault.is_empty(),
            PartView::Group(_) => is_of_interest(part),
        }),
        PartView::Group(group) => group.parts.iter().any(is_of_interest),
    }
}
