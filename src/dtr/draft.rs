//! The draft response of a form (DTR 2.2, `dtr-questionnaireresponse`): every question, with the answers that the chart gives.
//! Not here: the answers themselves; see [`super::assertion`].

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use fhir_sdk::r4b::codes::QuestionnaireResponseStatus;
use fhir_sdk::r4b::resources::{
    QuestionnaireResponse, QuestionnaireResponseItem, QuestionnaireResponseItemAnswer, QuestionnaireResponseItemAnswerValue,
};
use fhir_sdk::r4b::types::{CodeableConcept, Coding, Extension, ExtensionValue, Meta, Reference};
use serde_json::Value;
use uuid::Uuid;

use super::assertion::{ChartAnswer, ChartAnswers};
use super::request::{Edition, PackageRequest};
use super::selection::Selected;
use crate::decision::PublishedItem;
use crate::policy::Question;

const DTR: &str = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/";

/// The code systems of the value set `DocReason` in CRD 2.2 and in CRD 2.0.
const DOC_REASONS: &str = "http://hl7.org/fhir/us/davinci-crd/CodeSystem/coverage-information-codes";
const OLDER_DOC_REASONS: &str = "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp";

/// The clinician retains the form as evidence of medical necessity and need not send it.
const KEPT: &str = "retain-doc";

/// The inputs for a draft.
pub(super) struct ResponseDraft<'d> {
    pub(super) id: Uuid,
    pub(super) authored: DateTime<Utc>,
    pub(super) request: &'d PackageRequest<'d>,
    pub(super) form: &'d Selected<'d>,
    pub(super) chart: &'d ChartAnswers,
}

impl ResponseDraft<'_> {
    /// The draft as JSON; `None` if it cannot be serialized.
    pub(super) fn json(&self) -> Option<Value> {
        let meta = Meta::builder().profile(vec![Some(format!("{DTR}dtr-questionnaireresponse"))]).build().ok()?;
        let response = QuestionnaireResponse::builder()
            .id(self.id.to_string())
            .meta(meta)
            .extension(self.extensions()?)
            .questionnaire(self.form.published.form.canonical())
            .status(QuestionnaireResponseStatus::InProgress)
            .subject(reference(&self.request.beneficiary)?)
            .authored(self.authored.to_rfc3339_opts(SecondsFormat::Secs, true).parse().ok()?)
            .item(self.items(&self.form.published.items, &self.chart.answers)?);
        fhir_json::to_json(&response.build().ok()?.into())
    }

    /// The coverages, orders and intended use of the response.
    fn extensions(&self) -> Option<Vec<Extension>> {
        let (coverage, system) = match self.request.edition {
            Edition::Current => ("qr-coverage", DOC_REASONS),
            Edition::Older => ("qr-context", OLDER_DOC_REASONS),
        };
        let mut extensions = named(coverage, &self.request.coverages)?;
        extensions.extend(named("qr-context", &self.form.orders)?);
        extensions.push(kept_for(system)?);
        Some(extensions)
    }

    fn items(&self, items: &[PublishedItem], answers: &BTreeMap<Question, ChartAnswer>) -> Option<Vec<Option<QuestionnaireResponseItem>>> {
        let mut written = Vec::new();
        for item in items.iter().filter(|item| item.kind != "display") {
            if Question::from_link_id(&item.link_id) == Some(Question::PriorInjection) && !self.chart.prior_injections.is_empty() {
                for injection in &self.chart.prior_injections {
                    written.push(Some(self.item(item, injection)?));
                }
            } else {
                written.push(Some(self.item(item, answers)?));
            }
        }
        Some(written)
    }

    fn item(&self, item: &PublishedItem, answers: &BTreeMap<Question, ChartAnswer>) -> Option<QuestionnaireResponseItem> {
        let answer = Question::from_link_id(&item.link_id).and_then(|question| answers.get(&question));
        let answer = answer.and_then(|answer| answer_of(item, answer)).map(Some);
        let mut written = QuestionnaireResponseItem::builder().link_id(item.link_id.clone()).answer(answer.into_iter().collect());
        if let Some(text) = &item.text {
            written = written.text(text.clone());
        }
        written.item(self.items(&item.below, answers)?).build().ok()
    }
}

/// The orders and the intended use of a response that this service writes itself.
pub(crate) fn context_extensions(orders: &[String]) -> Option<Vec<Extension>> {
    let mut extensions = named("qr-context", orders)?;
    extensions.push(kept_for(DOC_REASONS)?);
    Some(extensions)
}

fn named(name: &str, references: &[String]) -> Option<Vec<Extension>> {
    references.iter().map(|text| extension(name, ExtensionValue::Reference(reference(text)?))).collect()
}

fn kept_for(system: &str) -> Option<Extension> {
    let coding = Coding::builder().system(system.to_owned()).code(KEPT.to_owned()).build().ok()?;
    let concept = CodeableConcept::builder().coding(vec![Some(coding)]).build().ok()?;
    extension("intendedUse", ExtensionValue::CodeableConcept(concept))
}

/// An answer, with the server as its origin.
fn answer_of(item: &PublishedItem, answer: &ChartAnswer) -> Option<QuestionnaireResponseItemAnswer> {
    let value = match answer {
        ChartAnswer::Boolean(answer) => QuestionnaireResponseItemAnswerValue::Boolean(*answer),
        ChartAnswer::Day(day) => QuestionnaireResponseItemAnswerValue::Date(day.to_string().parse().ok()?),
        ChartAnswer::Choice(code) => QuestionnaireResponseItemAnswerValue::Coding(option(item, code)?),
    };
    let source = Extension::builder().url("source".to_owned()).value(ExtensionValue::Code("auto-server".to_owned())).build().ok()?;
    let origin = Extension::builder().url(format!("{DTR}information-origin")).extension(vec![source]).build().ok()?;
    QuestionnaireResponseItemAnswer::builder().extension(vec![origin]).value(value).build().ok()
}

/// The form's option with this code.
fn option(item: &PublishedItem, code: &str) -> Option<Coding> {
    let codings = item.answer_option.iter().filter_map(|option| option.value_coding.as_ref());
    let chosen = codings.into_iter().find(|coding| coding.code.as_deref() == Some(code))?;
    let mut coding = Coding::builder().code(code.to_owned());
    if let Some(system) = &chosen.system {
        coding = coding.system(system.clone());
    }
    if let Some(display) = &chosen.display {
        coding = coding.display(display.clone());
    }
    coding.build().ok()
}

fn extension(name: &str, value: ExtensionValue) -> Option<Extension> {
    Extension::builder().url(format!("{DTR}{name}")).value(value).build().ok()
}

fn reference(text: &str) -> Option<Reference> {
    Reference::builder().reference(text.to_owned()).build().ok()
}
