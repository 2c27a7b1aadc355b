//! Builds the response to a decided call: cards, and coverage information on the orders.
//! Not here: the decision, and the text of cards ([`super::card`]) and extensions ([`mod@super::coverage_information`]).

use uuid::Uuid;

use super::answer_options::{AnswerOptions, OrderPlan};
use super::assertion_id::{assertion_id, authorization_number, mark};
use super::card::cards;
use super::coverage_information::{
    CoverageAssertion, CoverageState, PriorAuthorization, coverage_information, coverage_information_on_appointment, is_billing_system,
};
use super::coverage_outcome::{CoverageError, CoverageOutcome, leniently, strictly};
use super::decided_orders::DecidedOrders;
use super::dialect::DialectRules;
use super::plans::{HealthPlan, Payer};
use super::presentation::{AppLink, CardCase, FormOffer, Presentation};
use super::request_extension::RequestExtension;
use crate::cds_hooks::{Action, Response};
use crate::evidence::{BookedAppointment, CoverageFound, DraftOrder, MemberCoverage};
use crate::policy::{CardText, Determination, OrderEvaluation, Policy};

/// The inputs for a response, besides the decision.
#[derive(Debug)]
pub struct Responder<'p> {
    /// The client's options.
    pub answer_options: &'p AnswerOptions,
    /// The rules of the client's dialect.
    pub dialect: &'p DialectRules,
    /// The CRD extension of the request: configuration options and version.
    pub request_extension: &'p RequestExtension,
    /// The id of the call's record.
    pub record: Uuid,
    /// Whether the response is recorded; an authorization number is issued only for a recorded one.
    pub is_recorded: bool,
    /// The canonical URL of the documentation form, if the client's FHIR server was searched and does not have it.
    pub lacking_form: Option<&'p str>,
}

/// What the response states about one order, besides its evaluation.
struct OrderAnswer<'p, 'a> {
    source_label: String,
    policy: &'p Policy,
    plan: &'p HealthPlan,
    /// The Coverage that the coverage information is written for, and its state under the plan.
    written: Option<(MemberCoverage<'a>, CoverageState)>,
    /// Why the order gets no coverage information.
    note: Option<String>,
    /// `Organization/p`
    requester: Option<String>,
    /// The `coverage-assertion-id` for the order's Coverage.
    assertion: String,
    /// `Coverage/c`: the Coverage that the order is judged by.
    coverage: Option<String>,
}

impl<'p> Responder<'p> {
    /// Builds the cards of a decision and the coverage information of its orders.
    ///
    /// # Errors
    /// [`CoverageError`] if the client is answered strictly and sends no Coverage that can be judged.
    pub fn respond<'a>(
        &self,
        decided: &DecidedOrders<'_, 'a>,
        plans: &[OrderPlan<'p, 'a>],
        new_id: impl FnMut() -> Uuid,
    ) -> Result<Response<'a>, CoverageError> {
        let orders = &decided.evaluation.orders;
        let said = plans.iter().map(|plan| self.said(decided, plan)).collect::<Result<Vec<_>, _>>()?;
        let unavailable = decided.unavailable();
        let unread = decided.patient_record.unread_drafts().iter().map(|draft| (draft.position, draft.view.raw));
        let drafts: Vec<_> = decided.patient_record.drafts().iter().map(|draft| (draft.position, draft.raw)).chain(unread).collect();
        let bare = Presentation {
            source_label: "",
            policy_url: None,
            has_policy_card: false,
            unavailable: &unavailable,
            unreadable: decided.patient_record.unreadable().len(),
            orders: &drafts,
            user_id: decided.user_id,
            hook: decided.hook,
            options: &self.request_extension.options,
            dialect: self.dialect,
            form: None,
            therapy_order_code: self.answer_options.therapy_order_code.as_deref(),
            coverage_note: None,
            app: None,
        };
        let presentations: Vec<_> = said.iter().map(|said| self.presentation(&bare, said, decided)).collect();
        let place = |order: &OrderEvaluation<'a>| orders.iter().position(|other| other.position == order.position);
        let presentation_of = |order: &OrderEvaluation<'a>| place(order).and_then(|place| presentations.get(place)).unwrap_or(&bare);
        let Some(first) = said.first() else { return Ok(Response::default()) };
        let policy_of = |order: &OrderEvaluation<'a>| place(order).and_then(|place| said.get(place)).unwrap_or(first).policy;
        let mut response = cards(decided.evaluation, presentation_of, policy_of, new_id);
        if self.writes_coverage(decided) {
            response.system_actions = self.coverage_actions(decided, &said, presentation_of);
        }
        Ok(response)
    }

    /// Whether the response includes coverage information at all (CRD 2.2.1, resp-26 to resp-28).
    fn writes_coverage(&self, decided: &DecidedOrders<'_, '_>) -> bool {
        let is_read = self.answer_options.takes_system_actions && self.dialect.reads_system_actions;
        decided.hook.is_primary() && self.request_extension.options.coverage_info && is_read
    }

    fn presentation<'s, 'a>(
        &'s self,
        bare: &Presentation<'s, 'a>,
        said: &'s OrderAnswer<'_, '_>,
        decided: &DecidedOrders<'s, 'a>,
    ) -> Presentation<'s, 'a> {
        let form = &said.policy.form;
        let offer = FormOffer {
            questionnaire: &form.canonical,
            resource: self.lacking_form.filter(|lacking| *lacking == form.canonical).map(|_| form.json.as_ref()),
            requester: said.requester.as_deref(),
            requester_name: &said.source_label,
            encounter: decided.encounter,
        };
        Presentation {
            source_label: &said.source_label,
            policy_url: said.plan.policy_url.as_deref(),
            has_policy_card: said.plan.policy_card,
            form: (!self.answer_options.has_dtr).then_some(offer),
            coverage_note: said.note.as_deref(),
            app: self.answer_options.app.as_deref().map(|url| AppLink {
                url,
                assertion: &said.assertion,
                coverage: said.coverage.as_deref(),
                questionnaire: &form.canonical,
            }),
            ..*bare
        }
    }

    /// What the response states about an order, given the Coverage it is judged by.
    fn said<'a>(&self, decided: &DecidedOrders<'_, 'a>, plan: &OrderPlan<'p, 'a>) -> Result<OrderAnswer<'p, 'a>, CoverageError> {
        let OrderPlan { policy, plan, payer, found } = plan;
        let is_strict = self.answer_options.is_strict && !self.answer_options.is_shadowed && self.writes_coverage(decided);
        let judged = if is_strict { strictly(found, *payer, plan)? } else { leniently(found, *payer, plan) };
        let wording = &policy.wording;
        let note = match judged {
            CoverageOutcome::Written(_) | CoverageOutcome::Nothing => None,
            CoverageOutcome::Foreign => {
                let name = if let CoverageFound::One(member) = found { member.payer_name() } else { None };
                let name = name.map_or_else(|| wording.card(CardText::OtherInsurer, &[]), str::to_owned);
                Some(wording.card(CardText::NoteCoverageForeign, &[&name]))
            }
            CoverageOutcome::Untold => Some(wording.card(CardText::NoteCoverageUntold, &[])),
            CoverageOutcome::NotActive => Some(wording.card(CardText::NoteCoverageInactive, &[])),
            CoverageOutcome::Several => Some(wording.card(CardText::NoteCoverageSeveral, &[])),
        };
        let written = if let (CoverageOutcome::Written(state), CoverageFound::One(member)) = (judged, found) {
            Some((member.clone(), state))
        } else {
            None
        };
        let note = note.filter(|_| self.writes_coverage(decided));
        let coverage = if let CoverageFound::One(member) = found { Some(member.reference.to_string()) } else { None };
        let (source_label, requester) = (decided.source_label(plan, *payer, found), requester(found, *payer));
        Ok(OrderAnswer { source_label, policy, plan, written, note, requester, assertion: assertion_id(self.record, 0), coverage })
    }

    /// One action per order with a known Coverage, unless the order already carries the same coverage information.
    fn coverage_actions<'s, 'a>(
        &'s self,
        decided: &DecidedOrders<'s, 'a>,
        said: &'s [OrderAnswer<'p, 'a>],
        presentation_of: impl Fn(&OrderEvaluation<'a>) -> &'s Presentation<'s, 'a>,
    ) -> Vec<Action<'a>> {
        let mut coverages: Vec<(Option<usize>, &str)> = Vec::new();
        let mut actions = Vec::new();
        for (number, (order, said)) in decided.evaluation.orders.iter().zip(said).enumerate() {
            let Some((member, state)) = &said.written else { continue };
            // A Coverage is identified by its id, however the client references it; a contained one belongs to its order only.
            let own = member.reference.starts_with('#').then_some(number);
            let coverage = (own, if member.id.is_empty() { member.reference.as_ref() } else { member.id.as_ref() });
            let place = coverages.iter().position(|known| *known == coverage).unwrap_or_else(|| {
                coverages.push(coverage);
                coverages.len() - 1
            });
            let case = CardCase { policy: said.policy, evaluation: decided.evaluation, order, presentation: presentation_of(order) };
            actions.extend(self.actions_for(&case, decided, said.plan, (member, *state), place));
        }
        actions
    }

    /// The coverage information of an order, on the order and on its appointments. CRD 2.0.1 writes it on the resource that the hook is about,
    /// 2.2.1 on the order of an appointment that has one; clients look in either place, whatever version they name.
    fn actions_for<'a>(
        &self,
        case: &CardCase<'_, '_, 'a>,
        decided: &DecidedOrders<'_, 'a>,
        plan: &HealthPlan,
        (member, state): (&MemberCoverage<'a>, CoverageState),
        place: usize,
    ) -> Vec<Action<'a>> {
        let draft = decided.patient_record.draft_at(case.order.position);
        let codes = draft.into_iter().flat_map(DraftOrder::codes).filter(|(system, _)| is_billing_system(case.policy, system));
        let prior_authorization = plan.required_authorization(codes.map(|(_, code)| code));
        let is_issued = prior_authorization == Some(PriorAuthorization::Satisfied)
            && case.order.determination == Determination::Supported
            && !case.is_subordinate()
            && state == CoverageState::Active
            && self.request_extension.options.unsolicited_determ
            && self.is_recorded
            && !self.answer_options.is_shadowed;
        let number = is_issued.then(|| authorization_number(&plan.authorization_prefix, self.record, &mark(&authorized(case, draft))));
        let assertion = CoverageAssertion {
            version: self.request_extension.version.unwrap_or(self.answer_options.default_version),
            coverage: &member.reference,
            state,
            judged_for: draft.filter(|draft| draft.is_due_elsewhere).map(|_| case.order.service_date),
            period_end: member.period_end,
            prior_authorization,
            authorization_number: number.as_deref(),
            contact: plan.contact.as_ref(),
            policy_url: plan.policy_url.as_deref(),
            questionnaire: &case.policy.form.canonical,
            assertion_id: &assertion_id(self.record, place),
            with_reason_code: self.dialect.reason_code_beside_reason,
        };
        let on_appointment = |booked: &BookedAppointment<'a>| coverage_information_on_appointment(case, &assertion, booked);
        let booked = decided.appointments_of(case.order).filter_map(on_appointment);
        coverage_information(case, &assertion).into_iter().chain(booked).collect()
    }
}

/// The authorized service as text, from which the number's mark is derived.
fn authorized(case: &CardCase<'_, '_, '_>, draft: Option<&DraftOrder<'_>>) -> String {
    let order = case.order;
    let sites: Vec<_> = order.sites.iter().map(|site| site.site.as_str()).collect();
    let codes: Vec<_> = draft.into_iter().flat_map(DraftOrder::codes).map(|(system, code)| format!("{system}|{code}")).collect();
    [case.evaluation.patient.to_string(), order.order.to_string(), order.service_date.to_string(), sites.join(" "), codes.join(" ")]
        .join("\n")
}

/// The payer's Organization, as the requester of the form.
fn requester(found: &CoverageFound<'_>, payer: Payer) -> Option<String> {
    let CoverageFound::One(member) = found else { return None };
    member.payor_reference.clone().filter(|_| payer != Payer::Foreign).map(std::borrow::Cow::into_owned)
}
