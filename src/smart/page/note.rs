//! The answers as plain text for the clinician's own note, if the app may not save or the EHR refused to.
//! Not here: the QuestionnaireResponse, which the caller builds.

use super::answers::field_name;
use super::decision::DecisionView;
use super::definition::{Field, ItemKind};
use super::messages::{Messages, Text};
use super::view::PageCase;

/// The order, the decision, and every answer in form order.
pub(super) fn text(case: &PageCase<'_>, decision: &DecisionView) -> String {
    let mut lines = vec![decision.order.clone(), decision.service.clone(), decision.determination.clone(), String::new()];
    lines.push(format!("{}:", case.words.say(Text::NoteAnswers)));
    for (group, field) in case.form.fields() {
        let count = group.map_or(1, |group| case.answers.repetitions(&group.link_id));
        for place in 0..count {
            let repetition = group.map(|group| (group.link_id.as_str(), place));
            if !field.enabling.holds(|link_id| case.answers.near(repetition, link_id)) {
                continue;
            }
            let name = field_name(repetition, &field.link_id);
            let Some(answer) = case.answers.get(&name).filter(|_| !case.faults.contains_key(&name) && case.answers.counts(&name)) else {
                continue;
            };
            let number = group.map(|_| format!("{}. ", place + 1)).unwrap_or_default();
            let words = case.words.fill(Text::NoteAnswer, &[&field.text, &shown(case.words, field, &answer.value)]);
            lines.push(format!("- {number}{words}"));
        }
    }
    lines.extend([String::new(), case.words.fill(Text::Disclaimer, &[&case.policy.title, &case.policy.version])]);
    lines.join("\n")
}

/// A value as displayed to the reader.
fn shown(words: &Messages, field: &Field, value: &str) -> String {
    match &field.kind {
        ItemKind::Boolean if value == "true" => words.say(Text::Yes),
        ItemKind::Boolean => words.say(Text::No),
        ItemKind::Choice(choices) => choices.iter().find(|choice| choice.code == value).map_or(value, |choice| &choice.display).to_owned(),
        ItemKind::Date { .. } | ItemKind::Text => value.to_owned(),
        ItemKind::Number { .. } => format!("{value} {}", field.unit).trim_end().to_owned(),
    }
}
