//! Maps an order's determination to assertions about coverage. It asserts `covered` only if every criterion is met, or will be
//! met on a stated date.
//! Not here: wording ([`super::reasons`]), the limits of 2.0.1 ([`super::version_2_0`]), and FHIR ([`super::extension`]).

use chrono::NaiveDate;

use super::super::presentation::CardCase;
use super::assertion::{CoverageAssertion, CoverageState, PriorAuthorization};
use super::reasons::{lead, of_authorization, of_coverage, of_undocumented, of_unmet, technical};
use super::repetition::{AllowedPeriod, Basis, CoverageReason, Covered, ReasonCode, RepeatedAuthorization, Repetition};
use crate::policy::{CardText, Determination, OutcomeKind, Verdict};

/// The repetitions for one order and Coverage; their scopes are disjoint (CRD 2.2.1, covinfo-1).
pub(super) fn repetitions<'p>(case: &CardCase<'_, '_, '_>, assertion: &CoverageAssertion<'p>) -> Vec<Repetition<'p>> {
    match assertion.state {
        CoverageState::Inactive => vec![without_member(case, ReasonCode::NoActiveCoverage, CardText::CoverageInactive)],
        CoverageState::NotFound => vec![without_member(case, ReasonCode::CoverageNotFound, CardText::CoverageUnmatched)],
        CoverageState::Active => of_determination(case, assertion),
    }
}

fn of_determination<'p>(case: &CardCase<'_, '_, '_>, assertion: &CoverageAssertion<'p>) -> Vec<Repetition<'p>> {
    let mut repetitions = of_order(case, assertion);
    if case.is_subordinate() {
        repetitions = repetitions.into_iter().map(|repetition| subordinate(case, repetition)).collect();
    }
    if let (Some(day), [only]) = (assertion.judged_for, repetitions.as_mut_slice()) {
        // The order itself does not state the day (CRD 2.2.1, resp-30).
        only.period = Some(AllowedPeriod::Within(day, day));
    }
    repetitions
}

/// Other rules take precedence, so the policy alone can neither assert coverage nor grant an authorization.
fn subordinate<'p>(case: &CardCase<'_, '_, '_>, mut repetition: Repetition<'p>) -> Repetition<'p> {
    if repetition.covered == Covered::Yes {
        repetition.covered = Covered::Conditional;
        let precedent = case.words().plan_notes(case.evaluation.plan).join(" ");
        repetition.reasons.insert(0, of_coverage(case, &case.say(CardText::CoverageByPlan, &[&precedent])));
        repetition.instructions.push(case.say(CardText::InstructByPlan, &[]));
        if matches!(repetition.authorization, Some(RepeatedAuthorization::Satisfied(_))) {
            repetition.authorization = Some(RepeatedAuthorization::Conditional);
        }
    }
    repetition
}

fn of_order<'p>(case: &CardCase<'_, '_, '_>, assertion: &CoverageAssertion<'p>) -> Vec<Repetition<'p>> {
    match (case.order.determination, case.order.earliest_date) {
        (Determination::Supported, _) => vec![repetition(case, Covered::Yes, when_proved(assertion))],
        (Determination::NeedsDocumentation, _) => vec![to_be_documented(case, assertion)],
        (Determination::NotYet, Some(date)) => from_a_day_on(case, assertion, date),
        (Determination::NotYet, None) => vec![to_be_settled(case, assertion)],
        (Determination::IndividualConsideration, _) => vec![case_by_case(case)],
        (Determination::NotSupported, _) => vec![not_covered(case)],
        (Determination::Indeterminate, _) => vec![not_told(case, assertion)],
    }
}

fn repetition<'p>(case: &CardCase<'_, '_, '_>, covered: Covered, authorization: Option<RepeatedAuthorization<'p>>) -> Repetition<'p> {
    let basis = Basis::Policy(deciding(case));
    Repetition { covered, authorization, is_to_be_documented: false, reasons: Vec::new(), instructions: Vec::new(), period: None, basis }
}

/// The criteria that are not met; if there are none, those that are unknown.
fn deciding(case: &CardCase<'_, '_, '_>) -> Vec<crate::policy::CriterionId> {
    let words = case.words();
    let unmet = words.criteria(Verdict::NotMet);
    let deciding = if unmet.is_empty() { words.criteria(Verdict::Unknown) } else { unmet };
    deciding.into_iter().cloned().collect()
}

/// The plan's rule if every criterion is met; `satisfied` requires an authorization number.
fn when_proved<'p>(assertion: &CoverageAssertion<'p>) -> Option<RepeatedAuthorization<'p>> {
    let number = assertion.authorization_number.filter(|number| !number.trim().is_empty());
    stance(assertion, number.map_or(RepeatedAuthorization::Needed, RepeatedAuthorization::Satisfied))
}

/// The plan's rule while it is open whether the criteria are met.
fn while_open<'p>(assertion: &CoverageAssertion<'p>) -> Option<RepeatedAuthorization<'p>> {
    stance(assertion, RepeatedAuthorization::Conditional)
}

fn stance<'p>(assertion: &CoverageAssertion<'p>, satisfied: RepeatedAuthorization<'p>) -> Option<RepeatedAuthorization<'p>> {
    assertion.prior_authorization.map(|stance| match stance {
        PriorAuthorization::NoAuth => RepeatedAuthorization::NotNeeded,
        PriorAuthorization::AuthNeeded => RepeatedAuthorization::Needed,
        PriorAuthorization::Satisfied => satisfied,
        PriorAuthorization::Performpa => RepeatedAuthorization::ByPerformer,
    })
}

/// Conditional on the answers to the form; `reasons` say which.
fn conditional<'p>(
    case: &CardCase<'_, '_, '_>,
    assertion: &CoverageAssertion<'p>,
    reasons: Vec<CoverageReason>,
    instructions: CardText,
) -> Repetition<'p> {
    let mut repetition = repetition(case, Covered::Conditional, while_open(assertion));
    repetition.is_to_be_documented = true;
    repetition.reasons = reasons;
    repetition.reasons.extend(open_authorization(case, repetition.authorization));
    repetition.instructions.push(case.say(instructions, &[]));
    repetition
}

fn open_authorization(case: &CardCase<'_, '_, '_>, authorization: Option<RepeatedAuthorization<'_>>) -> Option<CoverageReason> {
    (authorization == Some(RepeatedAuthorization::Conditional)).then(|| of_authorization(case, CardText::AuthorizationOpen))
}

fn to_be_documented<'p>(case: &CardCase<'_, '_, '_>, assertion: &CoverageAssertion<'p>) -> Repetition<'p> {
    let mut reasons = vec![of_coverage(case, &case.say(CardText::CoverageOpen, &[]))];
    reasons.extend(of_undocumented(case));
    conditional(case, assertion, reasons, CardText::InstructDocument)
}

/// Something other than time has to change first.
fn to_be_settled<'p>(case: &CardCase<'_, '_, '_>, assertion: &CoverageAssertion<'p>) -> Repetition<'p> {
    let mut reasons = of_unmet(case, Some(CardText::CoverageFirst));
    reasons.extend(of_undocumented(case));
    conditional(case, assertion, reasons, CardText::InstructSettle)
}

/// Covered, or open, from a date on; not covered before it.
fn from_a_day_on<'p>(case: &CardCase<'_, '_, '_>, assertion: &CoverageAssertion<'p>, date: NaiveDate) -> Vec<Repetition<'p>> {
    let ends = assertion.period_end.unwrap_or(NaiveDate::MAX);
    let covered = case.order.supported_from.map(|(first, last)| (first, last.min(ends))).filter(|(first, last)| first <= last);
    // Do not propose a date in the past.
    let proposed = date.max(case.today());
    let covered = covered.map(|(first, last)| (first.max(proposed), last)).filter(|(first, last)| first <= last);
    let mut later = if covered.is_some() { covered_later(case, assertion, proposed) } else { to_be_documented(case, assertion) };
    later.reasons.insert(0, of_coverage(case, &case.say(CardText::CoverageFrom, &[&proposed])));
    later.period = Some(covered.map_or(AllowedPeriod::From(proposed), |(first, last)| AllowedPeriod::Within(first, last)));
    let before = date.pred_opt().map(|last| Repetition { period: Some(AllowedPeriod::Until(last)), ..not_covered(case) });
    [later].into_iter().chain(before).collect()
}

/// Only time is missing. No authorization is issued before its date.
fn covered_later<'p>(case: &CardCase<'_, '_, '_>, assertion: &CoverageAssertion<'p>, date: NaiveDate) -> Repetition<'p> {
    let mut repetition = repetition(case, Covered::Yes, while_open(assertion));
    repetition.reasons.extend(open_authorization(case, repetition.authorization));
    if repetition.is_conditional() {
        repetition.instructions.push(case.say(CardText::InstructSignLater, &[&date]));
    }
    repetition
}

/// A reviewer decides, so prior authorization is needed whatever the plan's rule.
fn case_by_case<'p>(case: &CardCase<'_, '_, '_>) -> Repetition<'p> {
    let mut repetition = repetition(case, Covered::Conditional, Some(RepeatedAuthorization::Needed));
    repetition.is_to_be_documented = true;
    repetition.reasons = of_unmet(case, Some(CardText::CoverageByCase));
    repetition.reasons.extend(of_undocumented(case));
    repetition.reasons.push(of_authorization(case, CardText::AuthorizationByCase));
    repetition.instructions.push(case.say(CardText::InstructReview, &[]));
    repetition
}

fn not_covered<'p>(case: &CardCase<'_, '_, '_>) -> Repetition<'p> {
    let mut repetition = repetition(case, Covered::No, None);
    repetition.reasons = of_unmet(case, None);
    if repetition.reasons.is_empty() {
        repetition.reasons.push(of_coverage(case, &lead(case)));
    }
    repetition
}

/// Data needed for the decision could not be read (CRD 2.2.1, resp-43).
fn not_told<'p>(case: &CardCase<'_, '_, '_>, assertion: &CoverageAssertion<'p>) -> Repetition<'p> {
    let mut repetition = repetition(case, Covered::Indeterminate, stance(assertion, RepeatedAuthorization::Indeterminate));
    repetition.reasons.push(technical(case));
    let is_unreadable = case.words().outcome_kind() == OutcomeKind::OrderUnreadable;
    repetition.instructions.push(case.say(if is_unreadable { CardText::InstructCorrect } else { CardText::InstructUnread }, &[]));
    repetition
}

/// The Coverage is decisive, whatever the policy says (CRD 2.2.1, resp-45).
fn without_member<'p>(case: &CardCase<'_, '_, '_>, code: ReasonCode, text: CardText) -> Repetition<'p> {
    let reason = CoverageReason { code: Some(code), ..of_coverage(case, &case.say(text, &[])) };
    Repetition { reasons: vec![reason], basis: Basis::Membership, ..repetition(case, Covered::No, None) }
}
