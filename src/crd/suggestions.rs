//! The suggestions on a card: reschedule, change or remove an order, order therapy, or complete the documentation form.
//! The card's text also names every suggestion; those that the client cannot carry out appear only there.
//! Not here: the form's Task ([`super::form_completion`]).

use chrono::{Duration, NaiveDate, SecondsFormat};
use fhir_sdk::r4b::codes::{RequestIntent, RequestStatus};
use fhir_sdk::r4b::resources::{ServiceRequest, ServiceRequestOccurrence};
use fhir_sdk::r4b::types::{CodeableConcept, Coding, Period, Reference as FhirReference};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use uuid::Uuid;

use super::dialect::{ActionDescription, DialectRules, SelectionRule, SuggestionKind, TherapyOrder};
use super::form_completion;
use super::plain_text::plain;
use super::presentation::{CardCase, is_named};
use super::set_order_side::{on_side_alone, with_side};
use crate::cds_hooks::{Action, SelectionBehavior, Suggestion};
use crate::cds_hooks::{Hook, OrderJson};
use crate::policy::{CardText, Determination, DiagnosisSupport, NoteKind, SecondProcedure, Site, TherapyOrderText, shortened};

/// Resource type of an order.
const ORDER: &str = "ServiceRequest";

/// Maximum length of a button's text.
const MAX_LABEL_CHARS: usize = 100;

/// Maximum length of a procedure's name in a button's text that says more.
const MAX_NAME_CHARS: usize = 70;

/// Code system of the keys of Epic's preference lists.
const PREFERENCE_LIST: &str = "urn:com.epic.cdshooks.action.code.system.preference-list-item";

/// The possible actions on an order.
#[derive(Default)]
pub(super) struct Offer<'a> {
    /// Suggestions to accept with one click, the most useful first.
    pub suggestions: Vec<Suggestion<'a>>,
    /// Steps to do by hand, because the client does not carry them out.
    pub by_hand: Vec<String>,
    /// The orders that suggestions change, each as often as it is changed.
    changed: Vec<SuggestionTarget>,
}

/// The order that a suggestion changes or removes. Two suggestions for one order exclude each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SuggestionTarget {
    /// The card's order.
    Own,
    /// The order for the second procedure of the visit.
    Second,
}

impl<'a> Offer<'a> {
    /// How many suggestions can be accepted together; `None` if there are none.
    pub(super) fn behavior(&self, dialect: &DialectRules) -> Option<SelectionBehavior> {
        let behavior = match dialect.selection_behavior {
            SelectionRule::AsNeeded if self.has_alternatives() => SelectionBehavior::AtMostOne,
            SelectionRule::AsNeeded | SelectionRule::Any => SelectionBehavior::Any,
        };
        (!self.suggestions.is_empty()).then_some(behavior)
    }

    /// Whether two suggestions change the same order.
    fn has_alternatives(&self) -> bool {
        self.changed.iter().enumerate().any(|(place, changed)| self.changed.iter().skip(place + 1).any(|other| other == changed))
    }

    fn add(&mut self, draft: SuggestionDraft<'a>, dialect: &DialectRules, new_id: &mut impl FnMut() -> Uuid) {
        let label = shortened(&plain(&draft.label), MAX_LABEL_CHARS);
        let takes_several = dialect.selection_behavior == SelectionRule::Any;
        let is_changed = |order: SuggestionTarget| draft.has_alternative || self.changed.contains(&order);
        let overwrites = takes_several && draft.changes.is_some_and(is_changed);
        if draft.actions.is_empty() || overwrites || !dialect.carries_out(draft.kind) {
            self.by_hand.push(label);
        } else {
            self.changed.extend(draft.changes);
            self.suggestions.push(Suggestion { label, uuid: new_id(), actions: draft.actions });
        }
    }
}

/// A suggestion before the client's dialect applies.
struct SuggestionDraft<'a> {
    kind: SuggestionKind,
    label: String,
    /// Empty if there is no action that the client could carry out.
    actions: Vec<Action<'a>>,
    /// The order that it changes.
    changes: Option<SuggestionTarget>,
    /// Whether it is one of two mutually exclusive suggestions; offering either requires saying so.
    has_alternative: bool,
}

impl<'a> SuggestionDraft<'a> {
    /// A suggestion to change an order.
    fn update(target: SuggestionTarget, label: String, actions: Vec<Action<'a>>) -> Self {
        Self { kind: SuggestionKind::UpdateOrder, label, actions, changes: Some(target), has_alternative: false }
    }
}

/// The possible actions on an order.
pub(super) fn offer<'a>(case: &CardCase<'_, '_, 'a>, new_id: &mut impl FnMut() -> Uuid) -> Offer<'a> {
    let sides = [state_side(case, Site::Left), state_side(case, Site::Right), order_ready_side(case)];
    let second = [move_second(case), remove_second(case)];
    let others = [reschedule(case), complete_form(case), order_therapy(case)].into_iter().chain(second);
    let mut offer = Offer::default();
    for draft in sides.into_iter().chain(others).chain([remove(case), add_diagnosis(case)]).flatten() {
        offer.add(draft, case.presentation.dialect, new_id);
    }
    offer
}

/// The order states no side, or contradictory sides: set this side.
fn state_side<'a>(case: &CardCase<'_, '_, 'a>, site: Site) -> Option<SuggestionDraft<'a>> {
    let text = match site {
        Site::Left => CardText::SuggestLeft,
        Site::Right => CardText::SuggestRight,
        Site::Unspecified => return None,
    };
    if !case.lacks_side() || !is_unsigned(case) || case.order.order.kind() != ORDER {
        return None;
    }
    let label = case.say(text, &[]);
    let is_contradictory = case.order.notes.iter().any(|note| note.kind == NoteKind::ContradictorySide);
    let put = if is_contradictory { on_side_alone } else { with_side };
    let resource = case.presentation.order(case.order.position).and_then(OrderJson::read).and_then(|order| put(case.policy, order, site));
    let actions = resource.map(|resource| Action::Update { description: label.clone(), resource }).into_iter().collect();
    Some(SuggestionDraft { has_alternative: true, ..SuggestionDraft::update(SuggestionTarget::Own, label, actions) })
}

/// One joint of two is supported: restrict the order to it.
fn order_ready_side<'a>(case: &CardCase<'_, '_, 'a>) -> Option<SuggestionDraft<'a>> {
    let site = case.words().site_ready_now().filter(|_| is_unsigned(case) && case.order.order.kind() == ORDER)?;
    let label = case.say(CardText::SuggestOneSide, &[&case.words().site(site)]);
    let order = case.presentation.order(case.order.position).and_then(OrderJson::read);
    let resource = order.and_then(|order| on_side_alone(case.policy, order, site));
    let actions = resource.map(|resource| Action::Update { description: label.clone(), resource }).into_iter().collect();
    Some(SuggestionDraft::update(SuggestionTarget::Own, label, actions))
}

/// Supported only from a date: move the order to that date, or to today if it has passed.
fn reschedule<'a>(case: &CardCase<'_, '_, 'a>) -> Option<SuggestionDraft<'a>> {
    let date = case.order.earliest_date.filter(|_| is_unsigned(case))?.max(case.today());
    if case.order.supported_from.is_some_and(|(_, last)| last < date) {
        return None;
    }
    let order = OrderJson::read(case.presentation.order(case.order.position)?)?;
    let label = case.say(CardText::SuggestReschedule, &[&case.words().day(date)]);
    let actions = vec![Action::Update { description: label.clone(), resource: moved(order, date)? }];
    Some(SuggestionDraft::update(SuggestionTarget::Own, label, actions))
}

/// The order on a new day. A period keeps its form and gets a new start. There is no suggestion for a timing, which only the clinician
/// should change. FHIR allows one `occurrence[x]`, so all others are removed.
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

/// A period with a new start; its end is removed if it would come before the start.
fn moved_period(period: &str, day: &str) -> Option<Box<RawValue>> {
    let raw: &RawValue = serde_json::from_str(period).ok()?;
    let period = OrderJson::read(raw)?.without("_start").with("start", &day)?;
    let end = period.get("end").and_then(|end| serde_json::from_str::<String>(end).ok());
    let ends_earlier = end.is_some_and(|end| end.get(..10).unwrap_or(&end) < day);
    let period = if ends_earlier { period.without("end").without("_end") } else { period };
    to_raw_value(&period).ok()
}

/// Documentation is missing: complete the form as a Task.
fn complete_form<'a>(case: &CardCase<'_, '_, 'a>) -> Option<SuggestionDraft<'a>> {
    let form = case.presentation.form.as_ref().filter(|_| form_completion::is_called_for(case))?;
    let label = case.say(CardText::SuggestForm, &[]);
    let task = form_completion::create_task(case, form, case.say(CardText::FormTask, &[&case.words().order()]))?;
    let alone = case.presentation.dialect.one_action_a_suggestion;
    let questionnaire = if alone { None } else { form_completion::create_questionnaire(case, form) };
    let actions = questionnaire.into_iter().chain([task]).collect();
    Some(SuggestionDraft { kind: SuggestionKind::CreateTask, label, actions, changes: None, has_alternative: false })
}

/// Therapy is missing: order it.
fn order_therapy<'a>(case: &CardCase<'_, '_, 'a>) -> Option<SuggestionDraft<'a>> {
    let open = match case.order.determination {
        Determination::NotYet | Determination::NeedsDocumentation => true,
        Determination::Supported | Determination::IndividualConsideration | Determination::Indeterminate | Determination::NotSupported => {
            false
        }
    };
    let words = case.words();
    let mut criteria = case.order.sites.iter().flat_map(|site| &site.criteria);
    let missing = criteria.any(|criterion| {
        let lacking = criterion.verdict.is_not_met() && words.asks_for_weeks_of_therapy(criterion);
        lacking || (!criterion.verdict.is_met() && words.asks_for_therapy_alongside(criterion))
    });
    if !open || !missing {
        return None;
    }
    let label = case.words().order_therapy();
    let description = match case.presentation.dialect.action_description {
        ActionDescription::Action => label.clone(),
        ActionDescription::WholeSuggestion => case.say(CardText::SuggestWhole, &[&label, &case.policy.wording.therapy_order.reason]),
    };
    let create = therapy(case).map(|resource| Action::Create { description, resource, extension: None });
    Some(SuggestionDraft {
        kind: SuggestionKind::CreateOrder,
        label,
        actions: create.into_iter().collect(),
        changes: None,
        has_alternative: false,
    })
}

/// System and code for ordering therapy; `None` if the site's own code is required but unknown.
fn therapy_code<'c>(case: &CardCase<'c, '_, '_>, text: &'c TherapyOrderText) -> Option<(&'c str, &'c str)> {
    match case.presentation.dialect.therapy_order {
        TherapyOrder::PolicyCode => Some((&text.system, &text.code)),
        TherapyOrder::PreferenceList => case.presentation.therapy_order_code.map(|code| (PREFERENCE_LIST, code)),
    }
}

/// A draft order for therapy, starting today and lasting for the missing weeks, if known.
fn therapy(case: &CardCase<'_, '_, '_>) -> Option<Value> {
    let text = &case.policy.wording.therapy_order;
    let weeks = case.words().lacking_therapy_weeks();
    let (system, code) = therapy_code(case, text)?;
    let coding = Coding::builder().system(system.to_owned()).code(code.to_owned()).display(text.display.clone()).build().ok()?;
    let code = CodeableConcept::builder().coding(vec![Some(coding)]).text(text.display.clone()).build().ok()?;
    let reason = CodeableConcept::builder().text(text.reason.clone()).build().ok()?;
    let subject = FhirReference::builder().reference(case.evaluation.patient.to_string()).build().ok()?;
    let period = period(case.today(), weeks)?;
    let mut order = ServiceRequest::builder()
        .status(RequestStatus::Draft)
        .intent(RequestIntent::Order)
        .code(code)
        .subject(subject)
        .authored_on(case.evaluation.as_of.to_rfc3339_opts(SecondsFormat::Secs, true).parse().ok()?)
        .occurrence(ServiceRequestOccurrence::Period(period))
        .reason_code(vec![Some(reason)]);
    if let Some(requester) = requester(case) {
        order = order.requester(FhirReference::builder().reference(requester).build().ok()?);
    }
    fhir_json::to_json(&order.build().ok()?.into())
}

/// The days from one on, for a number of weeks if known.
fn period(first: NaiveDate, weeks: Option<u32>) -> Option<Period> {
    let period = Period::builder().start(first.to_string().parse().ok()?);
    let Some(weeks) = weeks else { return period.build().ok() };
    let last = first.checked_add_signed(Duration::weeks(weeks.into()) - Duration::days(1))?;
    period.end(last.to_string().parse().ok()?).build().ok()
}

/// The requester of the therapy: the signing user, else the requester of the injection.
fn requester(case: &CardCase<'_, '_, '_>) -> Option<String> {
    #[derive(Deserialize)]
    struct Requester {
        reference: String,
    }
    let user = case.presentation.user_id;
    let orders = || {
        let order = OrderJson::read(case.presentation.order(case.order.position)?)?;
        serde_json::from_str::<Requester>(order.get("requester")?).ok().map(|requester| requester.reference)
    };
    Some(user.to_owned()).filter(|user| may_order(user)).or_else(orders)
}

/// Patients and their relatives can book appointments but cannot order.
fn may_order(user: &str) -> bool {
    !user.is_empty() && !["Patient/", "RelatedPerson/"].iter().any(|kind| user.contains(kind))
}

/// Whether the order can still be changed: it is neither signed nor an appointment.
fn is_unsigned(case: &CardCase<'_, '_, '_>) -> bool {
    match case.presentation.hook {
        Hook::OrderSign | Hook::OrderSelect => true,
        Hook::OrderDispatch | Hook::AppointmentBook | Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => false,
    }
}

/// Two procedures in one visit: move the other one to another day.
fn move_second<'a>(case: &CardCase<'_, '_, 'a>) -> Option<SuggestionDraft<'a>> {
    // An order that the policy decides on has a day of its own, which its card names.
    let is_judged = |second: &&SecondProcedure<'_>| case.evaluation.orders.iter().any(|order| order.position == second.position);
    let second = second_of_visit(case).filter(|second| second.order.reference.kind() == ORDER && !is_judged(second))?;
    let date = free_day(case)?;
    let order = OrderJson::read(case.presentation.order(second.position)?)?;
    let label = case.say(CardText::SuggestMoveSecond, &[&shortened(&plain(&second.order.words), MAX_NAME_CHARS), &case.words().day(date)]);
    let actions = vec![Action::Update { description: label.clone(), resource: moved(order, date)? }];
    Some(SuggestionDraft::update(SuggestionTarget::Second, label, actions))
}

/// The other order of the visit, if this card is the one to change it.
fn second_of_visit<'c, 'a>(case: &CardCase<'_, 'c, 'a>) -> Option<&'c SecondProcedure<'a>> {
    let second = case.order.second_procedure.as_ref().filter(|_| case.order.determination == Determination::NotYet && is_unsigned(case))?;
    Some(second).filter(|second| second.is_ours_to_remove && is_named(&second.order.reference))
}

/// The first day after the service, and not before today, for which the call has no order in scope.
fn free_day(case: &CardCase<'_, '_, '_>) -> Option<NaiveDate> {
    let is_free = |day: &NaiveDate| case.evaluation.orders.iter().all(|order| order.service_date != *day);
    case.order.service_date.succ_opt()?.max(case.today()).iter_days().find(is_free)
}

/// Two procedures in one visit: remove the other one.
fn remove_second<'a>(case: &CardCase<'_, '_, 'a>) -> Option<SuggestionDraft<'a>> {
    let order = &second_of_visit(case)?.order;
    let label = case.say(CardText::SuggestRemoveSecond, &[&shortened(&plain(&order.words), MAX_LABEL_CHARS)]);
    let actions = vec![Action::Delete { description: label.clone(), resource_id: order.reference.to_string() }];
    let changes = Some(SuggestionTarget::Second);
    Some(SuggestionDraft { kind: SuggestionKind::DeleteOrder, label, actions, changes, has_alternative: false })
}

/// Not supported: remove the order.
fn remove<'a>(case: &CardCase<'_, '_, 'a>) -> Option<SuggestionDraft<'a>> {
    (case.order.determination == Determination::NotSupported && is_named(&case.order.order) && is_unsigned(case)).then(|| {
        let label = case.say(CardText::SuggestRemove, &[]);
        let actions = vec![Action::Delete { description: label.clone(), resource_id: case.order.order.to_string() }];
        SuggestionDraft { kind: SuggestionKind::DeleteOrder, label, actions, changes: Some(SuggestionTarget::Own), has_alternative: false }
    })
}

/// The order lacks a listed diagnosis that is on the problem list: add it.
fn add_diagnosis<'a>(case: &CardCase<'_, '_, 'a>) -> Option<SuggestionDraft<'a>> {
    let useful = case.order.diagnosis == DiagnosisSupport::OnProblemList && case.order.determination != Determination::NotSupported;
    let condition = case.order.supporting_condition.as_ref().filter(|condition| useful && is_named(&condition.reference))?;
    let order = OrderJson::read(case.presentation.order(case.order.position)?).filter(|_| case.order.order.kind() == ORDER)?;
    let reference = json!({"reference": condition.reference.to_string(), "display": plain(&condition.words)});
    let label = case.say(CardText::SuggestDiagnosis, &[&shortened(&plain(&condition.words), MAX_LABEL_CHARS)]);
    let resource = order.with_element("reasonReference", &reference)?;
    let actions = vec![Action::Update { description: label.clone(), resource }];
    Some(SuggestionDraft::update(SuggestionTarget::Own, label, actions))
}
