//! Offers the documentation form as a Task, for clients without DTR: CRD 2.2.1, "Request Form Completion Response Type", and its
//! profile CRD Questionnaire Task, based on SDC's (<https://hl7.org/fhir/us/davinci-crd/cards.html>).
//! Not here: whether a client has DTR, and whether it already has the form; the caller checks both (dev-20).

use chrono::SecondsFormat;
use fhir_sdk::r4b::codes::TaskStatus;
use fhir_sdk::r4b::resources::{Task, TaskInput, TaskInputValue};
use fhir_sdk::r4b::types::{CodeableConcept, Coding, Reference as FhirReference};
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::plain_text::plain;
use super::presentation::{CardCase, FormOffer, is_named};
use crate::cds_hooks::{Action, ActionExtension};
use crate::policy::{CardText, Determination, OutcomeKind};

/// SDC's temporary codes, which the Task profiles require.
const SDC_SYSTEM: &str = "http://hl7.org/fhir/uv/sdc/CodeSystem/temp";
const COMPLETE_QUESTIONNAIRE: &str = "complete-questionnaire";
const QUESTIONNAIRE: &str = "questionnaire";

/// CRD's own temporary codes.
const CRD_SYSTEM: &str = "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp";
const AFTER_COMPLETION: &str = "after-completion-action";

/// Whether documentation is missing that the form can capture. That includes grounds for an exception, and earlier injections that could
/// not be read.
pub(super) fn is_called_for(case: &CardCase<'_, '_, '_>) -> bool {
    let is_open = match case.order.determination {
        Determination::NeedsDocumentation | Determination::IndividualConsideration => true,
        Determination::NotYet => case.has_unknown(),
        Determination::Indeterminate => case.words().outcome_kind() == OutcomeKind::Indeterminate,
        Determination::NotSupported => case.words().outcome_kind() == OutcomeKind::BeyondContinuation,
        Determination::Supported => false,
    };
    is_open && !case.is_choosing() && is_named(&case.order.order)
}

/// Creates the Questionnaire unless the client has it; `None` if that is unnecessary or the form cannot be parsed.
pub(super) fn create_questionnaire<'a>(case: &CardCase<'_, '_, 'a>, form: &FormOffer<'_>) -> Option<Action<'a>> {
    let resource = serde_json::from_str(form.resource?.get()).ok()?;
    let (url, version) = form.questionnaire.split_once('|').map_or((form.questionnaire, None), |(url, version)| (url, Some(version)));
    let mut query = Serializer::new(String::new());
    query.append_pair("url", url);
    if let Some(version) = version {
        query.append_pair("version", version);
    }
    let description = case.say(CardText::FormQuestionnaire, &[]);
    Some(Action::Create { description, resource, extension: Some(ActionExtension { if_none_exist: query.finish() }) })
}

/// Creates the Task to complete the form, unless the patient already has one for this order.
pub(super) fn create_task<'a>(case: &CardCase<'_, '_, 'a>, form: &FormOffer<'_>, description: String) -> Option<Action<'a>> {
    let query = Serializer::new(String::new())
        .append_pair("patient", &case.evaluation.patient.to_string())
        .append_pair("code", &format!("{SDC_SYSTEM}|{COMPLETE_QUESTIONNAIRE}"))
        .append_pair("based-on", &case.order.order.to_string())
        .append_pair("status", "ready")
        .finish();
    let extension = Some(ActionExtension { if_none_exist: query });
    Some(Action::Create { description, resource: task(case, form)?, extension })
}

fn task(case: &CardCase<'_, '_, '_>, form: &FormOffer<'_>) -> Option<Value> {
    let order = case.words().order();
    let payer = plain(form.requester_name);
    let reason = CodeableConcept::builder().text(case.say(CardText::FormReason, &[&payer, &order])).build().ok()?;
    let questionnaire = TaskInputValue::Canonical(form.questionnaire.to_owned());
    let mut task = Task::builder()
        .status(TaskStatus::Ready)
        .intent("order".parse().ok()?)
        .code(CodeableConcept::builder().coding(vec![Some(sdc(COMPLETE_QUESTIONNAIRE)?)]).build().ok()?)
        .description(case.say(CardText::FormTask, &[&order]))
        .based_on(vec![Some(reference(&case.order.order.to_string())?)])
        .r#for(reference(&case.evaluation.patient.to_string())?)
        .authored_on(case.evaluation.as_of.to_rfc3339_opts(SecondsFormat::Secs, true).parse().ok()?)
        .requester(requester(form.requester, payer)?)
        .reason_code(reason)
        .input(vec![Some(input(questionnaire)?), Some(after_completion(case)?)]);
    if let Some(encounter) = form.encounter {
        task = task.encounter(reference(encounter)?);
    }
    fhir_json::to_json(&task.build().ok()?.into())
}

/// What happens to the completed form, which CRD 2.0.1 requires. Its codes cover only forms that go to the payer.
fn after_completion(case: &CardCase<'_, '_, '_>) -> Option<TaskInput> {
    let keep = CodeableConcept::builder().text(case.say(CardText::FormKept, &[])).build().ok()?;
    TaskInput::builder()
        .r#type(CodeableConcept::builder().coding(vec![Some(coding(CRD_SYSTEM, AFTER_COMPLETION)?)]).build().ok()?)
        .value(TaskInputValue::CodeableConcept(keep))
        .build()
        .ok()
}

/// The payer; by name only if the client has no Organization for it.
fn requester(organization: Option<&str>, name: String) -> Option<FhirReference> {
    let mut payer = FhirReference::builder().r#type("Organization".to_owned()).display(name);
    if let Some(organization) = organization {
        payer = payer.reference(organization.to_owned());
    }
    payer.build().ok()
}

/// The form to complete. CRD 2.0.1 recognizes this input by the text of its type, SDC by the code.
fn input(questionnaire: TaskInputValue) -> Option<TaskInput> {
    let kind = CodeableConcept::builder().coding(vec![Some(sdc(QUESTIONNAIRE)?)]).text(QUESTIONNAIRE.to_owned()).build().ok()?;
    TaskInput::builder().r#type(kind).value(questionnaire).build().ok()
}

fn sdc(code: &str) -> Option<Coding> {
    coding(SDC_SYSTEM, code)
}

fn coding(system: &str, code: &str) -> Option<Coding> {
    Coding::builder().system(system.to_owned()).code(code.to_owned()).build().ok()
}

fn reference(to: &str) -> Option<FhirReference> {
    FhirReference::builder().reference(to.to_owned()).build().ok()
}
