//! The parameters (⚙) that decided a point the policy's text leaves open, and their effect.

use super::case::SiteCase;
use super::criteria::{medication_courses, therapy_courses};
use super::dates::DateInterval;
use super::evaluation::Criterion;
use super::evaluation_notes::{Assumption, ParameterValue};
use super::facts::{Side, Span};
use super::notes::lacks_answer;
use super::phrases::Phrase;
use super::reference::OrderKind;
use super::response::{helped_first, sustained};
use super::rule::{CountOf, CountRule, CriterionRule};
use super::treatment_course::TreatmentCourse;
use super::verdict::Verdict;

/// The parameters that affected the evaluation of a joint.
pub(crate) fn assumptions<'a>(case: &SiteCase<'_, 'a>, criteria: &[Criterion<'a>]) -> Vec<Assumption> {
    let decided = Decided::new(case, criteria);
    let alone = [
        earlier_episode(case),
        old_form(case, criteria),
        old_finding(&decided),
        joint_of_version_1(&decided),
        old_encounter_diagnosis(&decided),
        baseline(case),
        adjunct(&decided),
        facility_record(case),
        first_is_therapeutic(&decided),
        bilateral(&decided),
        presumed_physician(&decided),
    ];
    alone.into_iter().flatten().chain(outside_lookback(&decided)).chain(therapy_gaps(&decided)).chain(medication_gaps(&decided)).collect()
}

/// A joint with what its criteria ask for.
struct Decided<'d, 'e, 'a> {
    case: &'d SiteCase<'e, 'a>,
    /// The criteria, each with every kind of its rule.
    rules: Vec<(&'d Criterion<'a>, &'e CriterionRule)>,
}

impl<'d, 'e, 'a> Decided<'d, 'e, 'a> {
    fn new(case: &'d SiteCase<'e, 'a>, criteria: &'d [Criterion<'a>]) -> Self {
        let known = criteria.iter().filter_map(|criterion| Some((criterion, case.policy.criterion(&criterion.id)?)));
        let rules = known.flat_map(|(criterion, known)| known.rule.leaves().into_iter().map(move |rule| (criterion, rule)));
        Self { case, rules: rules.collect() }
    }

    /// The criteria that ask for something of a kind.
    fn asking(&self, kind: impl Fn(&CriterionRule) -> bool) -> impl Iterator<Item = &'d Criterion<'a>> {
        self.rules.iter().filter(move |(_, rule)| kind(rule)).map(|(criterion, _)| *criterion)
    }
}

fn number(parameter: &'static str, value: u32, effect: String) -> Assumption {
    Assumption { parameter, value: ParameterValue::Number(value), effect }
}

fn flag(parameter: &'static str, value: bool, effect: String) -> Assumption {
    Assumption { parameter, value: ParameterValue::Flag(value), effect }
}

fn earlier_episode(case: &SiteCase<'_, '_>) -> Option<Assumption> {
    let dates: Vec<_> = case.earlier.iter().flatten().chain(&case.set_aside).map(|injection| injection.when.to_string()).collect();
    (!dates.is_empty()).then(|| {
        let effect = case.say(Phrase::EffectEarlierEpisode, &[&dates.join(", ")]);
        number("episode_gap_months", case.policy.parameters.episode_gap_months, effect)
    })
}

fn old_form(case: &SiteCase<'_, '_>, criteria: &[Criterion<'_>]) -> Option<Assumption> {
    let old = case.facts.forms.iter().filter(|form| form.authored_on < case.dates.attested).max_by(|left, right| left.cmp_age(right))?;
    (case.forms.is_empty() || lacks_answer(criteria)).then(|| attestation(case, case.say(Phrase::EffectFormTooOld, &[&old.authored_on])))
}

/// Whether a rule asks for examinations of the joint.
fn is_examination(rule: &CriterionRule) -> bool {
    matches!(rule, CriterionRule::Findings(_))
}

fn old_finding(decided: &Decided<'_, '_, '_>) -> Option<Assumption> {
    let case = decided.case;
    let open = decided.asking(is_examination).any(|criterion| criterion.verdict.is_unknown());
    let oldest = case.dates.attested;
    let dates = case.facts.findings.iter().filter_map(|finding| finding.date.map(DateInterval::lo)).filter(|date| *date < oldest);
    let latest = dates.max()?;
    open.then(|| attestation(case, case.say(Phrase::EffectFindingTooOld, &[&latest])))
}

fn attestation(case: &SiteCase<'_, '_>, effect: String) -> Assumption {
    number("attestation_valid_days", case.policy.parameters.attestation_valid_days, effect)
}

/// A version 1 form is taken to describe the order's only joint.
fn joint_of_version_1(decided: &Decided<'_, '_, '_>) -> Option<Assumption> {
    let case = decided.case;
    let mut evidence = decided.asking(is_examination).flat_map(|criterion| &criterion.evidence);
    let forms = || case.forms.iter().filter(|form| form.is_version_1 && form.answers.examined_side.is_none());
    let rests_on = evidence.find_map(|evidence| forms().find(|form| form.reference == evidence.resource))?;
    Some(flag("version_1_form_is_of_the_ordered_joint", true, case.say(Phrase::EffectVersion1Joint, &[&rests_on.authored_on])))
}

/// An encounter diagnosis that is too old to count as an active problem, if a criterion could have used it.
fn old_encounter_diagnosis(decided: &Decided<'_, '_, '_>) -> Option<Assumption> {
    let case = decided.case;
    decided.asking(|rule| rule.charted_in().contains(&"conditions")).next()?;
    let oldest = case.dates.visited;
    let dated = case.facts.conditions.iter().filter(|condition| condition.is_active && condition.is_encounter_diagnosis);
    let too_old = dated.filter_map(|condition| condition.recorded.or(condition.onset)).filter(|date| date.hi() < oldest);
    let latest = too_old.max_by_key(|date| date.hi())?;
    let effect = case.say(Phrase::EffectEncounterDiagnosis, &[&latest]);
    Some(number("encounter_diagnosis_days", case.policy.parameters.encounter_diagnosis_days, effect))
}

fn baseline(case: &SiteCase<'_, '_>) -> Option<Assumption> {
    // The verdict on sustained relief includes the one on relief.
    let needed = case.policy.response;
    let rests_on_scores = |place: &usize| sustained(case, *place, needed.percent, needed.months).by_scores;
    let injection = (0..case.injections.len().min(2)).find(rests_on_scores).and_then(|place| case.injections.get(place))?;
    let effect = case.say(Phrase::EffectBaseline, &[&injection.when]);
    Some(number("baseline_window_days", case.policy.parameters.baseline_window_days, effect))
}

/// Two records with different dates that count as one injection.
fn facility_record(case: &SiteCase<'_, '_>) -> Option<Assumption> {
    let mut entries = case.injections.iter().chain(case.earlier.iter().flatten()).chain(&case.open);
    let dates = entries.find_map(|entry| entry.joined_days())?;
    let days: Vec<_> = dates.iter().map(ToString::to_string).collect();
    let effect = case.say(Phrase::EffectFacilityRecord, &[&days.join(", ")]);
    Some(number("facility_record_days", case.policy.parameters.facility_record_days, effect))
}

/// Whether a first injection that helped counts as therapeutic, if that could change the count's verdict.
fn first_is_therapeutic(decided: &Decided<'_, '_, '_>) -> Option<Assumption> {
    let case = decided.case;
    let mut limits = decided.rules.iter().filter_map(|(_, rule)| match rule {
        CriterionRule::CountInWindow(CountRule { of: CountOf::Therapeutic, fewer_than, .. }) => Some(*fewer_than),
        _ => None,
    });
    let limit = limits.next()?;
    let could_decide = case.injections.len() >= limit && helped_first(case).is_met();
    let counts = case.policy.parameters.first_injection_is_therapeutic;
    let phrase = if counts { Phrase::EffectFirstTherapeutic } else { Phrase::EffectFirstDiagnostic };
    could_decide.then(|| flag("first_injection_is_therapeutic", counts, case.say(phrase, &[])))
}

/// An injection of the other joint on the same day.
fn bilateral(decided: &Decided<'_, '_, '_>) -> Option<Assumption> {
    let case = decided.case;
    decided.asking(|rule| matches!(rule, CriterionRule::OneProcedureAVisit)).next()?;
    let is_opposite = |side: Side| !side.compatible(case.site.side());
    let holds = |window: Option<super::order_facts::ServiceWindow>| window.is_none_or(|window| window.holds(case.dates.service));
    let mut drafts = case.facts.orders.iter().filter(|order| super::evaluate::kind(order) == Some(OrderKind::Injection));
    let is_drafted = drafts.any(|order| is_opposite(order.side) && order.position != case.order.position && holds(order.window));
    let mut active = case.facts.active_orders.iter().filter(|order| order.kind == Some(OrderKind::Injection) && order.window.is_some());
    let is_ordered = active.any(|order| is_opposite(order.side) && holds(order.window));
    let mut done = case.facts.pain_procedures.iter().filter(|procedure| procedure.is_injection);
    let is_done = done.any(|procedure| is_opposite(procedure.side) && procedure.performed == case.dates.service);
    let counts_once = case.policy.parameters.bilateral_is_one_procedure;
    let phrase = if counts_once { Phrase::EffectBilateralOne } else { Phrase::EffectBilateralTwo };
    (is_drafted || is_ordered || is_done).then(|| flag("bilateral_is_one_procedure", counts_once, case.say(phrase, &[])))
}

/// Who performs it, if the order does not say and a criterion asks.
fn presumed_physician(decided: &Decided<'_, '_, '_>) -> Option<Assumption> {
    let case = decided.case;
    decided.asking(|rule| matches!(rule, CriterionRule::Performer)).next()?;
    let performer = &case.order.performer;
    let is_silent = performer.non_physician.is_none() && !performer.is_physician;
    let presumed = case.policy.parameters.performer_presumed_physician;
    let phrase = if presumed { Phrase::PhysicianPresumed } else { Phrase::PerformerNotStated };
    is_silent.then(|| flag("performer_presumed_physician", presumed, case.say(phrase, &[])))
}

/// Concurrent treatment that a Procedure proves depends on the window.
fn adjunct(decided: &Decided<'_, '_, '_>) -> Option<Assumption> {
    let case = decided.case;
    let mut with_treatment = decided.asking(|rule| matches!(rule, CriterionRule::OtherTreatment(_)));
    let criterion = with_treatment.find(|criterion| criterion.verdict.is_met())?;
    let given = criterion.evidence.iter().find(|evidence| evidence.resource.kind() == "Procedure")?;
    Some(number(
        "adjunct_window_days",
        case.policy.parameters.adjunct_window_days,
        case.say(Phrase::EffectAdjunct, &[&given.date.as_deref().unwrap_or_default()]),
    ))
}

/// Therapy and medication that ended before the lookback window, if a criterion on them is not met.
fn outside_lookback(decided: &Decided<'_, '_, '_>) -> Option<Assumption> {
    let case = decided.case;
    let is_open = |kind: fn(&CriterionRule) -> bool| decided.asking(kind).any(|criterion| !criterion.verdict.is_met());
    let therapy_open = is_open(|rule| matches!(rule, CriterionRule::TherapyCourse(_)));
    let medication_open = is_open(is_medication);
    let first = case.dates.lookback;
    let ended = |span: &Span| matches!(span, Span::Days(_, last) if *last < first);
    let therapies = case.facts.therapies.iter().filter(|_| therapy_open);
    let nsaids = case.facts.nsaids.iter().filter(|_| medication_open);
    let spans = therapies.map(|therapy| therapy.span).chain(nsaids.map(|taken| taken.span));
    let count = spans.filter(|span| ended(span)).count();
    (count > 0).then(|| {
        number(
            "evidence_lookback_months",
            case.policy.parameters.evidence_lookback_months,
            case.say(Phrase::EffectOutsideLookback, &[&count]),
        )
    })
}

fn is_medication(rule: &CriterionRule) -> bool {
    matches!(rule, CriterionRule::MedicationCourse(_))
}

fn therapy_gaps(decided: &Decided<'_, '_, '_>) -> Option<Assumption> {
    let case = decided.case;
    let gap = Gap {
        parameter: "session_gap_days",
        value: case.policy.parameters.session_gap_days,
        apart: Phrase::EffectSessionsApart,
        joined: Phrase::EffectSessionsJoined,
    };
    decided.rules.iter().find_map(|(criterion, rule)| {
        let CriterionRule::TherapyCourse(rule) = rule else { return None };
        gap.decided(case, by_chart(criterion)?, &therapy_courses(case, rule.therapy))
    })
}

fn medication_gaps(decided: &Decided<'_, '_, '_>) -> Option<Assumption> {
    let case = decided.case;
    let gap = Gap {
        parameter: "medication_gap_days",
        value: case.policy.parameters.medication_gap_days,
        apart: Phrase::EffectMedicationApart,
        joined: Phrase::EffectMedicationJoined,
    };
    let criterion = decided.asking(is_medication).next()?;
    gap.decided(case, by_chart(criterion)?, &medication_courses(case))
}

/// A criterion's verdict, unless only a form meets it: such a verdict does not depend on a course.
fn by_chart(criterion: &Criterion<'_>) -> Option<Verdict> {
    let rests_on_chart = criterion.evidence.iter().any(|evidence| evidence.resource.kind() != "QuestionnaireResponse");
    (rests_on_chart || !criterion.verdict.is_met()).then_some(criterion.verdict)
}

/// A parameter that decides whether intervals form one course.
struct Gap {
    parameter: &'static str,
    value: u32,
    apart: Phrase,
    joined: Phrase,
}

impl Gap {
    fn decided<T>(&self, case: &SiteCase<'_, '_>, verdict: Verdict, courses: &[TreatmentCourse<T>]) -> Option<Assumption> {
        let (phrase, first, last) = if verdict.is_met() {
            let course = courses.iter().filter(|course| course.joined).max_by_key(|course| course.days())?;
            (self.joined, course.first, course.last)
        } else {
            let (earlier, later) = courses.iter().zip(courses.iter().skip(1)).next_back()?;
            (self.apart, earlier.last, later.first)
        };
        Some(number(self.parameter, self.value, case.say(phrase, &[&first, &last])))
    }
}
