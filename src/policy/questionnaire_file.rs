//! Reads and validates the documentation form at start-up: a FHIR Questionnaire that must ask every question that the
//! criteria read, with the answer types they expect. Not here: serving it.

use serde::Deserialize;
use serde_json::value::RawValue;

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

/// Reads and checks the form.
pub(crate) fn read(file: &str, text: &str) -> Result<FormFile, PolicyError> {
    let form: FormJson = serde_json::from_str(text).map_err(|error| PolicyError::of_json(file, &error))?;
    if form.resource_type != "Questionnaire" || form.id != FORM_ID {
        return Err(PolicyError::of_file(file, format!("not the Questionnaire `{FORM_ID}`")));
    }
    let mut found = Vec::new();
    collect(&form.item, &mut found);
    for question in Question::ALL {
        let link_id = question.link_id();
        match found.iter().find(|(id, _)| *id == link_id) {
            None => return Err(PolicyError::of_file(file, format!("question `{link_id}` is missing"))),
            Some((_, kind)) if *kind != kind_of(*question) => {
                let offset = text.find(&format!("\"{link_id}\"")).unwrap_or(0);
                return Err(PolicyError::at(file, text, offset, format!("`{link_id}` must be of type {}", kind_of(*question))));
            }
            Some(_) => {}
        }
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

fn kind_of(question: Question) -> &'static str {
    match question {
        Question::AdlsLimitedSince | Question::InjectionDate => "date",
        Question::PainInterferesAdls
        | Question::PainBelowL5Nonradicular
        | Question::SijTenderness
        | Question::NsaidContraindicated
        | Question::ConservativeCareFailed
        | Question::DiscOrFacetEvidence
        | Question::OtherDiagnosisMoreLikely
        | Question::FunctionalImprovement
        | Question::InjectionHistoryComplete
        | Question::PainRecurred
        | Question::AdjunctNoninvasiveTreatment
        | Question::DefinitiveTherapyNotAvailable => "boolean",
        Question::TestDistraction
        | Question::TestCompression
        | Question::TestThighThrust
        | Question::TestGaenslen
        | Question::TestSacralThrust
        | Question::ExaminedSide
        | Question::InjectionSide => "choice",
        Question::ExerciseTherapyWeeks | Question::NsaidWeeks | Question::ActivityModificationWeeks => "integer",
        Question::ReliefPercent | Question::ReliefDurationMonths => "decimal",
        Question::DefinitiveTherapyReason => "text",
        Question::PriorInjection => "group",
    }
}
