//! Builds the response to a decided call: cards, and coverage information on the orders.
//! Not here: the decision ([`super::decision`]), and the text of cards and extensions ([`crate::cds_hooks`]).

use uuid::Uuid;

use super::assertion::{assertion_id, authorization_number, mark};
use super::call_error::{CallError, CoverageError};
use super::client_options::{AnswerOptions, OrderPlan};
use super::decision::Decision;
use super::plans::{Payer, Plan};
use super::policies::Policies;
use crate::cds_hooks::{Action, Response};
use crate::crd::{
    AppLink, CardCase, CoverageAssertion, CoverageState, DialectRules, FormOffer, Presentation, PriorAuthorization, RequestExtension,
    cards, coverage_information, is_billing_system,
};
use crate::evidence::{CoverageFound, DraftOrder, Kind, MemberCoverage, NOT_ASKED_FOR, Source, by_reason};
use crate::policy::{CardText, Determination, DiagnosisSupport, OrderEvaluation, Policy};

/// The list name for the Conditions that orders reference as their reasons.
const ORDERS_REASONS: &str = "reasons";

/// The inputs for a response, besides the decision.
pub(super) struct Answering<'p> {
    pub(super) policies: &'p Policies,
    pub(super) answer_options: &'p AnswerOptions,
    pub(super) dialect: &'p DialectRules,
    /// The CRD extension of the request: configuration options and version.
    pub(super) asked: &'p RequestExtension,
    /// The id of the call's record.
    pub(super) record: Uuid,
    /// Whether the response is recorded; an authorization number is issued only for a recorded one.
    pub(super) is_kept: bool,
    /// The canonical URL of the documentation form, if the client's FHIR server was searched and does not have it.
    pub(super) lacking_form: Option<&'p str>,
}

/// What the response states about one order, besides its evaluation.
struct OrderAnswer<'p, 'a> {
    source_label: String,
    plan: &'p Plan,
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

impl<'p> Answering<'p> {
    /// Builds the cards of a decision and the coverage information of its orders.
    ///
    /// # Errors
    /// [`CallError::Coverage`] if the client is answered strictly and sends no Coverage that can be judged.
    pub(super) fn respond<'a>(
        &self,
        decision: &Decision<'a>,
        plans: &[OrderPlan<'p, 'a>],
        new_id: impl FnMut() -> Uuid,
    ) -> Result<Response<'a>, CallError> {
        let orders = &decision.evaluation.orders;
        let said = orders.iter().zip(plans).map(|(order, plan)| self.said(decision, order, plan)).collect::<Result<Vec<_>, _>>()?;
        let unavailable = unavailable(decision);
        let unread = decision.patient_record.unread_drafts().iter().map(|draft| (draft.position, draft.view.raw));
        let drafts: Vec<_> = decision.patient_record.drafts().iter().map(|draft| (draft.position, draft.raw)).chain(unread).collect();
        let bare = Presentation {
            source_label: "",
            policy_url: None,
            unavailable: &unavailable,
            unreadable: decision.patient_record.unreadable().len(),
            orders: &drafts,
            user_id: &decision.user_id,
            hook: decision.hook,
            options: &self.asked.options,
            dialect: self.dialect,
            form: None,
            therapy_order_code: self.answer_options.therapy_order_code.as_deref(),
            coverage_note: None,
            app: None,
        };
        let presentations: Vec<_> = orders.iter().zip(&said).map(|(order, said)| self.presentation(&bare, order, said, decision)).collect();
        let place = |order: &OrderEvaluation<'a>| orders.iter().position(|other| other.position == order.position);
        let presentation_of = |order: &OrderEvaluation<'a>| place(order).and_then(|place| presentations.get(place)).unwrap_or(&bare);
        let mut response = cards(&decision.evaluation, presentation_of, |order| self.policy(order), new_id);
        if self.writes_coverage(decision) {
            response.system_actions = self.coverage_actions(decision, &said, presentation_of);
        }
        Ok(response)
    }

    fn policy(&self, order: &OrderEvaluation<'_>) -> &'p Policy {
        self.policies.on(order.service_date)
    }

    /// Whether the response includes coverage information at all (CRD 2.2.1, resp-26 to resp-28).
    fn writes_coverage(&self, decision: &Decision<'_>) -> bool {
        let is_read = self.answer_options.takes_system_actions && self.dialect.reads_system_actions;
        decision.hook.is_primary() && self.asked.options.coverage_info && is_read
    }

    fn presentation<'s, 'a>(
        &'s self,
        bare: &Presentation<'s, 'a>,
        order: &OrderEvaluation<'a>,
        said: &'s OrderAnswer<'_, '_>,
        decision: &'s Decision<'a>,
    ) -> Presentation<'s, 'a> {
        let form = &self.policy(order).form;
        let offer = FormOffer {
            questionnaire: &form.canonical,
            resource: self.lacking_form.filter(|lacking| *lacking == form.canonical).map(|_| form.json.as_ref()),
            requester: said.requester.as_deref(),
            requester_name: &said.source_label,
            encounter: decision.encounter.as_deref(),
        };
        Presentation {
            source_label: &said.source_label,
            policy_url: said.plan.policy_url.as_deref(),
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
    fn said<'a>(
        &self,
        decision: &Decision<'a>,
        order: &OrderEvaluation<'a>,
        plan: &OrderPlan<'p, 'a>,
    ) -> Result<OrderAnswer<'p, 'a>, CallError> {
        let OrderPlan { plan, payer, found } = plan;
        let is_strict = self.answer_options.is_strict && !self.answer_options.is_shadowed && self.writes_coverage(decision);
        let judged = if is_strict { strictly(found, *payer, plan)? } else { leniently(found, *payer, plan) };
        let wording = &self.policy(order).wording;
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
        let note = note.filter(|_| self.writes_coverage(decision));
        let coverage = if let CoverageFound::One(member) = found { Some(member.reference.to_string()) } else { None };
        let (source_label, requester) = (label(decision, plan, *payer, found), requester(found, *payer));
        Ok(OrderAnswer { source_label, plan, written, note, requester, assertion: assertion_id(self.record, 0), coverage })
    }

    /// One action per order with a known Coverage, unless the order already carries the same coverage information.
    fn coverage_actions<'s, 'a>(
        &'s self,
        decision: &'s Decision<'a>,
        said: &'s [OrderAnswer<'p, 'a>],
        presentation_of: impl Fn(&OrderEvaluation<'a>) -> &'s Presentation<'s, 'a>,
    ) -> Vec<Action<'a>> {
        let mut coverages: Vec<(Option<usize>, &str)> = Vec::new();
        let mut actions = Vec::new();
        for (number, (order, said)) in decision.evaluation.orders.iter().zip(said).enumerate() {
            let Some((member, state)) = &said.written else { continue };
            // A Coverage is identified by its id, however the client references it; a contained one belongs to its order only.
            let own = member.reference.starts_with('#').then_some(number);
            let coverage = (own, if member.id.is_empty() { member.reference.as_ref() } else { member.id.as_ref() });
            let place = coverages.iter().position(|known| *known == coverage).unwrap_or_else(|| {
                coverages.push(coverage);
                coverages.len() - 1
            });
            let case =
                CardCase { policy: self.policy(order), evaluation: &decision.evaluation, order, presentation: presentation_of(order) };
            actions.extend(self.coverage_action(&case, decision, said.plan, (member, *state), place));
        }
        actions
    }

    fn coverage_action<'a>(
        &self,
        case: &CardCase<'_, '_, 'a>,
        decision: &Decision<'a>,
        plan: &Plan,
        (member, state): (&MemberCoverage<'a>, CoverageState),
        place: usize,
    ) -> Option<Action<'a>> {
        let draft = decision.draft(case.order);
        let codes = draft.into_iter().flat_map(DraftOrder::codes).filter(|(system, _)| is_billing_system(case.policy, system));
        let prior_authorization = plan.required_authorization(codes.map(|(_, code)| code));
        let is_issued = prior_authorization == Some(PriorAuthorization::Satisfied)
            && case.order.determination == Determination::Supported
            && !case.is_subordinate()
            && state == CoverageState::Active
            && self.asked.options.unsolicited_determ
            && self.is_kept
            && !self.answer_options.is_shadowed;
        let number = is_issued.then(|| authorization_number(&plan.authorization_prefix, self.record, &mark(&authorized(case, draft))));
        let assertion = CoverageAssertion {
            version: self.asked.version.unwrap_or(self.answer_options.default_version),
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
        coverage_information(case, &assertion)
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

/// What to do with the Coverage found for an order.
#[derive(Clone, Copy)]
enum CoverageOutcome {
    /// Write coverage information to the order.
    Written(CoverageState),
    /// Write nothing, and add no note.
    Nothing,
    /// The Coverage names another payer.
    Foreign,
    /// The Coverage does not identify its payer.
    Untold,
    /// The Coverage is not in force.
    NotActive,
    /// Several Coverages are active.
    Several,
}

/// For a client that may send no Coverage, or a non-standard one: it gets cards in any case.
fn leniently(found: &CoverageFound<'_>, payer: Payer, plan: &Plan) -> CoverageOutcome {
    match found {
        CoverageFound::None | CoverageFound::Unavailable(_) => CoverageOutcome::Nothing,
        CoverageFound::Several(_) => CoverageOutcome::Several,
        CoverageFound::One(_) if payer == Payer::Foreign => CoverageOutcome::Foreign,
        CoverageFound::One(_) if payer == Payer::NotTold => CoverageOutcome::Untold,
        CoverageFound::One(member) if !member.is_active => CoverageOutcome::NotActive,
        CoverageFound::One(member) if !plan.covers_line(member.line) => CoverageOutcome::Nothing,
        CoverageFound::One(_) => CoverageOutcome::Written(CoverageState::Active),
    }
}

/// Applies CRD 2.2 (hook-13, resp-44, resp-45).
fn strictly(found: &CoverageFound<'_>, payer: Payer, plan: &Plan) -> Result<CoverageOutcome, CallError> {
    let fault = |fault| Err(CallError::Coverage(fault));
    match (found, payer) {
        (CoverageFound::None | CoverageFound::Unavailable(NOT_ASKED_FOR), _) => fault(CoverageError::Missing),
        (CoverageFound::Several(_), _) => fault(CoverageError::Several),
        // A failed fetch is not the caller's error.
        (CoverageFound::Unavailable(_), _) => Ok(CoverageOutcome::Nothing),
        (CoverageFound::One(_), Payer::Foreign) => fault(CoverageError::Foreign),
        (CoverageFound::One(_), Payer::NotTold) => fault(CoverageError::NoPayer),
        (CoverageFound::One(member), Payer::Handled) => Ok(CoverageOutcome::Written(if !member.is_active {
            CoverageState::Inactive
        } else if plan.covers_line(member.line) {
            CoverageState::Active
        } else {
            CoverageState::NotFound
        })),
    }
}

/// The insurer's name as on the member's Coverage (CRD 2.2.1, resp-4), unless the payer is a foreign one.
pub(super) fn label(decision: &Decision<'_>, plan: &Plan, payer: Payer, found: &CoverageFound<'_>) -> String {
    let insurer = match found {
        CoverageFound::One(member) if payer == Payer::Handled => member.payer_name(),
        CoverageFound::One(_) | CoverageFound::Several(_) => None,
        CoverageFound::None | CoverageFound::Unavailable(_) => decision.insurance.insurer.as_deref(),
    };
    insurer.unwrap_or(&plan.name).to_owned()
}

/// The payer's Organization, as the requester of the form.
fn requester(found: &CoverageFound<'_>, payer: Payer) -> Option<String> {
    let CoverageFound::One(member) = found else { return None };
    member.payor_reference.clone().filter(|_| payer != Payer::Foreign).map(std::borrow::Cow::into_owned)
}

/// The lists that could not be read, grouped by reason.
pub(super) fn unavailable(decision: &Decision<'_>) -> Vec<(&'static str, Vec<&'static str>)> {
    let missing = Kind::ALL.into_iter().filter(|kind| needed_but_missing(decision, *kind));
    let lists = by_reason(&decision.sources, missing);
    let lists = lists.into_iter().map(|(reason, kinds)| (reason, kinds.into_iter().map(Kind::name).collect()));
    let open_diagnosis = decision.evaluation.orders.iter().any(|order| order.diagnosis == DiagnosisSupport::Unavailable);
    let reasons = decision.patient_record.reasons_unresolved().filter(|_| open_diagnosis).map(|reason| (reason, vec![ORDERS_REASONS]));
    lists.chain(reasons).collect()
}

/// Whether a card must name the list as missing. The policy always needs 3 lists; if a verdict is open, so does every other list that
/// could have settled it.
fn needed_but_missing(decision: &Decision<'_>, kind: Kind) -> bool {
    let mut criteria = decision.evaluation.orders.iter().flat_map(|order| &order.sites).flat_map(|site| &site.criteria);
    let is_evidence = kind != Kind::Coverage;
    let is_needed = matches!(kind, Kind::Conditions | Kind::Procedures | Kind::MedicationStatements);
    !is_available(decision, kind) && (is_needed || (is_evidence && criteria.any(|criterion| criterion.verdict.is_unknown())))
}

fn is_available(decision: &Decision<'_>, kind: Kind) -> bool {
    decision.sources.get(kind.name()).is_some_and(Source::is_available)
}
