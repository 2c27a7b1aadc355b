//! What a clinician can do with one click: move, change or remove an order, or order therapy. Whatever is suggested
//! stands in the card's text as well.

use chrono::{Duration, NaiveDate};
use fhir_sdk::r4b::codes::{RequestIntent, RequestStatus};
use fhir_sdk::r4b::resources::{ServiceRequest, ServiceRequestOccurrence};
use fhir_sdk::r4b::types::{CodeableConcept, Coding, Period, Reference as FhirReference};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use uuid::Uuid;

use super::card::CardCase;
use super::order_json::OrderJson;
use super::plain_text::{plain, shortened};
use super::response::{Action, Suggestion};
use crate::policy::{CardText, CriterionId, Determination, DiagnosisSupport, Reference};

/// A button's words.
const LABEL_LIMIT: usize = 100;

/// A suggestion, and whether it changes the order the card is about.
pub(super) struct Offered<'a> {
    pub suggestion: Suggestion<'a>,
    pub changes_order: bool,
}

/// What can be done about an order, the most useful first.
pub(super) fn suggestions<'a>(case: &CardCase<'_, '_, 'a>, new_id: &mut impl FnMut() -> Uuid) -> Vec<Offered<'a>> {
    [reschedule(case), order_therapy(case), remove_second(case), remove(case), add_diagnosis(case)]
        .into_iter()
        .flatten()
        .map(|(label, action, changes_order)| {
            let label = shortened(&plain(&label), LABEL_LIMIT);
            Offered { suggestion: Suggestion { label, uuid: new_id(), actions: vec![action] }, changes_order }
        })
        .collect()
}

type Draft<'a> = (String, Action<'a>, bool);

/// Not yet, but from a day on: the order moved to that day.
fn reschedule<'a>(case: &CardCase<'_, '_, 'a>) -> Option<Draft<'a>> {
    let date = case.order.earliest_date?;
    let order = OrderJson::read(case.presentation.order(case.order.position)?)?;
    let description = case.say(CardText::SuggestReschedule, &[&date]);
    Some((description.clone(), Action::Update { description, resource: moved(order, date)? }, true))
}

/// The order on a day. A period is moved at its beginning; a timing is the clinician's to change, so nothing is offered
/// for one. FHIR allows one `occurrence[x]`, so no other is left.
fn moved(order: OrderJson<'_>, date: NaiveDate) -> Option<OrderJson<'_>> {
    let day = date.to_string();
    if order.has("occurrenceTiming") {
        return None;
    }
    let Some(period) = order.get("occurrencePeriod").filter(|_| order.has("occurrencePeriod")) else {
        let order = order.without("occurrencePeriod").without("occurrenceTiming").without("_occurrenceDateTime");
        return order.with("occurrenceDateTime", &day);
    };
    let period = moved_period(period, &day)?;
    order.without("occurrenceDateTime").without("_occurrenceDateTime").with("occurrencePeriod", &period)
}

/// A period from a day on; its end goes where it would lie before that.
fn moved_period(period: &str, day: &str) -> Option<Box<RawValue>> {
    let raw: &RawValue = serde_json::from_str(period).ok()?;
    let period = OrderJson::read(raw)?.without("_start").with("start", &day)?;
    let end = period.get("end").and_then(|end| serde_json::from_str::<String>(end).ok());
    let ends_earlier = end.is_some_and(|end| end.get(..10).unwrap_or(&end) < day);
    let period = if ends_earlier { period.without("end").without("_end") } else { period };
    to_raw_value(&period).ok()
}

/// Therapy is what is missing: an order for it.
fn order_therapy<'a>(case: &CardCase<'_, '_, 'a>) -> Option<Draft<'a>> {
    let open = matches!(case.order.determination, Determination::NotYet | Determination::NeedsDocumentation);
    let mut criteria = case.order.sites.iter().flat_map(|site| &site.criteria);
    let missing = criteria.any(|criterion| {
        let lacking = criterion.id == CriterionId::ExerciseTherapy && criterion.verdict.is_not_met();
        lacking || (criterion.id == CriterionId::WithOtherTreatment && !criterion.verdict.is_met())
    });
    if !open || !missing {
        return None;
    }
    let description = case.say(CardText::SuggestTherapy, &[]);
    Some((description.clone(), Action::Create { description, resource: therapy(case)?, extension: None }, false))
}

/// A draft order for therapy, from today on.
fn therapy(case: &CardCase<'_, '_, '_>) -> Option<Value> {
    let text = &case.policy.wording.therapy_order;
    let today = case.evaluation.as_of.date_naive();
    let last = today.checked_add_signed(Duration::weeks(text.weeks.into()) - Duration::days(1))?;
    let coding = Coding::builder().system(text.system.clone()).code(text.code.clone()).display(text.display.clone()).build().ok()?;
    let code = CodeableConcept::builder().coding(vec![Some(coding)]).text(text.display.clone()).build().ok()?;
    let reason = CodeableConcept::builder().text(text.reason.clone()).build().ok()?;
    let subject = FhirReference::builder().reference(case.evaluation.patient.to_string()).build().ok()?;
    let period = Period::builder().start(today.to_string().parse().ok()?).end(last.to_string().parse().ok()?).build().ok()?;
    let mut order = ServiceRequest::builder()
        .status(RequestStatus::Draft)
        .intent(RequestIntent::Order)
        .code(code)
        .subject(subject)
        .occurrence(ServiceRequestOccurrence::Period(period))
        .reason_code(vec![Some(reason)]);
    if !case.presentation.user_id.is_empty() {
        order = order.requester(FhirReference::builder().reference(case.presentation.user_id.to_owned()).build().ok()?);
    }
    fhir_json::to_json(&order.build().ok()?.into())
}

/// Whether a resource has an id, without which no action can name it.
fn is_named(reference: &Reference<'_>) -> bool {
    !reference.id().is_empty()
}

/// Two procedures in one visit: the other one removed.
fn remove_second<'a>(case: &CardCase<'_, '_, 'a>) -> Option<Draft<'a>> {
    let second = case.order.second_procedure.as_ref().filter(|_| case.order.determination == Determination::NotYet)?;
    let order = Some(&second.order).filter(|order| second.is_ours_to_remove && is_named(&order.reference))?;
    let description = case.say(CardText::SuggestRemoveSecond, &[&shortened(&plain(&order.words), LABEL_LIMIT)]);
    Some((description.clone(), Action::Delete { description, resource_id: order.reference.to_string() }, false))
}

/// Not supported: the order removed.
fn remove<'a>(case: &CardCase<'_, '_, 'a>) -> Option<Draft<'a>> {
    (case.order.determination == Determination::NotSupported && is_named(&case.order.order)).then(|| {
        let description = case.say(CardText::SuggestRemove, &[]);
        (description.clone(), Action::Delete { description, resource_id: case.order.order.to_string() }, true)
    })
}

/// A listed diagnosis the order does not name: named.
fn add_diagnosis<'a>(case: &CardCase<'_, '_, 'a>) -> Option<Draft<'a>> {
    let useful = case.order.diagnosis == DiagnosisSupport::OnProblemList && case.order.determination != Determination::NotSupported;
    let condition = case.order.supporting_condition.as_ref().filter(|condition| useful && is_named(&condition.reference))?;
    let order = OrderJson::read(case.presentation.order(case.order.position)?)?;
    let reference = json!({"reference": condition.reference.to_string(), "display": plain(&condition.words)});
    let description = case.say(CardText::SuggestDiagnosis, &[&shortened(&plain(&condition.words), LABEL_LIMIT)]);
    let resource = order.with_element("reasonReference", &reference)?;
    Some((description.clone(), Action::Update { description, resource }, true))
}
