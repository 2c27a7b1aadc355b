//! Reads and validates the documentation form at start-up: a FHIR Questionnaire that asks every question that the criteria read, with the
//! answer types they expect, and no other. Not here: serving it.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::definition::CriterionDefinition;
use super::form::{FORM_ID, Question};
use super::policy_file::PolicyError;

/// The documentation form of a policy version.
#[derive(Clone, Debug)]
pub struct FormFile {
    /// Its canonical URL with `|` and its version.
    pub canonical: String,
    /// The FHIR Questionnaire.
    pub json: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FormJson {
    resource_type: String,
    id: String,
    url: String,
    version: String,
    item: Vec<FormItemJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FormItemJson {
    link_id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    enable_when: Vec<EnableWhenJson>,
    #[serde(default)]
    item: Vec<FormItemJson>,
}

#[derive(Deserialize)]
struct EnableWhenJson {
    question: String,
}

/// The questions that criteria read, with those that go with them. Every policy reads the list of earlier injections.
pub(crate) fn asked_by(criteria: &[CriterionDefinition]) -> BTreeSet<Question> {
    let mut questions = BTreeSet::from(Question::HISTORY);
    let read = criteria.iter().flat_map(|criterion| criterion.rule.questions());
    questions.extend(read.flat_map(|question| [Some(question), question.companion()]).flatten());
    if questions.iter().any(|question| question.is_examination()) {
        questions.insert(Question::ExaminedSide);
    }
    questions
}

/// Reads and checks the form, which has to ask these questions.
pub(crate) fn read(file: &str, text: &str, asked: &BTreeSet<Question>) -> Result<FormFile, PolicyError> {
    let form: FormJson = serde_json::from_str(text).map_err(|error| PolicyError::of_json(file, &error))?;
    if form.resource_type != "Questionnaire" || form.id != FORM_ID {
        return Err(PolicyError::of_file(file, format!("not the Questionnaire `{FORM_ID}`")));
    }
    let mut found = Vec::new();
    collect(&form.item, &mut found);
    for question in asked {
        let link_id = question.link_id();
        match found.iter().find(|(id, _)| *id == link_id) {
            None => return Err(PolicyError::of_file(file, format!("question `{link_id}` is missing, which a criterion reads"))),
            Some((_, kind)) if *kind != question.answer_type() => {
                let offset = text.find(&format!("\"{link_id}\"")).unwrap_or(0);
                return Err(PolicyError::at(file, text, offset, format!("`{link_id}` must be of type {}", question.answer_type())));
            }
            Some(_) => {}
        }
    }
    let is_idle = |(link_id, kind): &&(&str, &str)| {
        let is_asked = Question::from_link_id(link_id).is_some_and(|question| asked.contains(&question));
        !matches!(*kind, "group" | "display") && !is_asked
    };
    if let Some((link_id, _)) = found.iter().find(is_idle) {
        let offset = text.find(&format!("\"{link_id}\"")).unwrap_or(0);
        return Err(PolicyError::at(file, text, offset, format!("no criterion reads the question `{link_id}`")));
    }
    if let Some(question) = unknown_condition(&form.item, &found) {
        let offset = text.find(&format!("\"question\": \"{question}\"")).unwrap_or(0);
        return Err(PolicyError::at(file, text, offset, format!("`enableWhen` names `{question}`, which is no item")));
    }
    let json = serde_json::from_str(text).map_err(|error| PolicyError::of_json(file, &error))?;
    Ok(FormFile { canonical: format!("{}|{}", form.url, form.version), json })
}

/// The first question that an `enableWhen` names but the form does not have.
fn unknown_condition<'i>(items: &'i [FormItemJson], found: &[(&str, &str)]) -> Option<&'i str> {
    items.iter().find_map(|item| {
        let mut named = item.enable_when.iter().map(|condition| condition.question.as_str());
        named.find(|question| !found.iter().any(|(id, _)| id == question)).or_else(|| unknown_condition(&item.item, found))
    })
}

fn collect<'i>(items: &'i [FormItemJson], found: &mut Vec<(&'i str, &'i str)>) {
    for item in items {
        found.push((&item.link_id, &item.kind));
        collect(&item.item, found);
    }
}
