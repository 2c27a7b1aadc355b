//! Section I.A: the first diagnostic injection (I.A.1–3, 5, 6; I.A.4 is in [`super::conservative_care`]).

use std::cmp::Ordering;

use super::Assessment;
use super::conservative_care::{activity_modification, conservative_care_failed, exercise_therapy, nsaids};
use crate::policy::case::{Answered, OrderCase, SiteCase, evidence};
use crate::policy::criterion_id::CriterionId;
use crate::policy::dates::{DateInterval, plus_months};
use crate::policy::evaluation::{Criterion, Evidence};
use crate::policy::facts::{Condition, Examination, Finding};
use crate::policy::form::{Answers, PROVOCATION_TESTS, Question, TestAnswer};
use crate::policy::phrases::Phrase;
use crate::policy::value_sets::ValueSet;
use crate::policy::verdict::Verdict;

/// The maximum number of Conditions that a statement names.
pub(super) const MAX_NAMED: usize = 10;

/// I.A.1 to I.A.6, in the policy's order.
pub(crate) fn first_diagnostic<'a>(case: &SiteCase<'_, 'a>) -> Vec<Criterion<'a>> {
    [
        (CriterionId::PainDuration, pain(case)),
        (CriterionId::Tenderness, tenderness(case)),
        (CriterionId::ProvocationTests, provocation_tests(case)),
        (CriterionId::ConservativeCareFailed, conservative_care_failed(case)),
        (CriterionId::ExerciseTherapy, exercise_therapy(case)),
        (CriterionId::Nsaids, nsaids(case)),
        (CriterionId::ActivityModification, activity_modification(case)),
        (CriterionId::NoDiscOrFacetPain, no_disc_or_facet_pain(case)),
        (CriterionId::NoLikelierDiagnosis, no_likelier_diagnosis(case)),
    ]
    .map(|(id, assessment)| assessment.into_criterion(id, case))
    .into()
}

/// I.A.1: duration AND daily activities AND location.
fn pain<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let duration = duration(case);
    let adls = case.answered(|answers| answers.pain_interferes_adls);
    let location = case.answered(|answers| answers.pain_below_l5_nonradicular);
    let verdict = |answer: Option<Answered<'_, '_, bool>>| Verdict::from_answer(answer.map(|answer| answer.value));
    let others = verdict(adls).and(verdict(location));
    let mut whole = Assessment::new(duration.verdict.and(others)).remediable(!others.is_not_met());
    whole.met_from = duration.met_from;
    if duration.verdict.is_unknown() {
        whole = whole.settled_by(&[Question::AdlsLimitedSince]);
    }
    whole = duration.found.into_iter().fold(whole, Assessment::found).resting_on(duration.evidence);
    whole = answered(case, whole, Question::PainInterferesAdls, adls, (Phrase::AdlsLimited, Phrase::AdlsNotLimited));
    answered(case, whole, Question::PainBelowL5Nonradicular, location, (Phrase::LocationFits, Phrase::LocationDoesNotFit))
}

/// Adds the form's yes-or-no answer to an assessment, or asks for it.
pub(super) fn answered<'a>(
    case: &OrderCase<'_, 'a>,
    assessment: Assessment<'a>,
    question: Question,
    answer: Option<Answered<'_, 'a, bool>>,
    (yes, no): (Phrase, Phrase),
) -> Assessment<'a> {
    match answer {
        Some(answer) => {
            let found = case.say(if answer.value { yes } else { no }, &[]);
            assessment.found(found).resting_on([case.yes_no_evidence(question, answer)])
        }
        None => assessment.settled_by(&[question]),
    }
}

fn duration<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let months = case.policy.thresholds.pain_duration_months;
    let Some(Answered { value: since, form }) = case.answered(|answers| answers.adls_limited_since) else {
        return charted_duration(case, months);
    };
    let verdict = since.plus_months(months).on_or_before(case.dates.service);
    let from = plus_months(since.hi(), months);
    let found = match verdict {
        Verdict::Met => case.say(Phrase::PainLongEnough, &[&since]),
        Verdict::NotMet => case.say(Phrase::PainTooShort, &[&since, &from]),
        Verdict::Unknown => case.say(Phrase::PainDurationOpen, &[&since]),
    };
    Assessment::new(verdict).found(found).resting_on([case.answer_evidence(form, Question::AdlsLimitedSince, &since)]).met_from(from)
}

/// The duration from the active Conditions of the joint or, if none has an onset, of the region. An early enough onset
/// proves the duration; a later one does not disprove it.
fn charted_duration<'a>(case: &OrderCase<'_, 'a>, months: u32) -> Assessment<'a> {
    let Some((onset, condition)) = earliest_onset(case) else { return Assessment::new(Verdict::Unknown) };
    let long_enough = plus_months(onset.hi(), months) <= case.dates.service;
    let (verdict, phrase) = if long_enough { (Verdict::Met, Phrase::PainLongEnough) } else { (Verdict::Unknown, Phrase::PainDurationOpen) };
    Assessment::new(verdict).found(case.say(phrase, &[&onset])).resting_on([onset_evidence(case, condition)])
}

/// The onset that counts, and its Condition.
pub(crate) fn earliest_onset<'e, 'a>(case: &OrderCase<'e, 'a>) -> Option<(DateInterval, &'e Condition<'a>)> {
    let earliest = |set| {
        let dated = active_in(case, set).filter_map(|condition| Some((onset(condition)?, condition)));
        dated.min_by(|(left, one), (right, other)| left.hi().cmp(&right.hi()).then_with(|| one.reference.cmp(&other.reference)))
    };
    earliest(ValueSet::SijSpecificDiagnoses).or_else(|| earliest(ValueSet::SijPainDiagnoses))
}

/// When a Condition began. The recorded date of an encounter diagnosis is not an onset.
fn onset(condition: &Condition<'_>) -> Option<DateInterval> {
    condition.onset.or(condition.recorded_onset.filter(|_| !condition.is_encounter_diagnosis))
}

fn onset_evidence<'a>(case: &OrderCase<'_, 'a>, condition: &Condition<'a>) -> Evidence<'a> {
    let date = onset(condition).map(|onset| onset.to_string());
    let what = match &date {
        Some(onset) => case.say(Phrase::EvidenceOnset, &[&condition.label, onset]),
        None => condition.label.to_string(),
    };
    evidence(&condition.reference, date, what)
}

/// The active Conditions that were charted by the cutoff.
pub(crate) fn active_conditions<'e, 'a>(case: &OrderCase<'e, 'a>) -> impl Iterator<Item = &'e Condition<'a>> {
    let dates = case.dates;
    case.facts.conditions.iter().filter(move |condition| {
        let visited = || condition.recorded.or(condition.onset).map_or(dates.cutoff, DateInterval::hi);
        let is_current = !condition.is_encounter_diagnosis || visited() >= dates.visited;
        condition.is_active && is_current && dates.charted(condition.recorded)
    })
}

/// The active Conditions in a value set that were charted by the cutoff.
pub(crate) fn active_in<'e, 'a>(case: &OrderCase<'e, 'a>, set: ValueSet) -> impl Iterator<Item = &'e Condition<'a>> {
    active_conditions(case).filter(move |condition| condition.sets.has(set))
}

/// A Condition as evidence that it is on record.
pub(super) fn condition_evidence<'a>(case: &OrderCase<'_, 'a>, condition: &Condition<'a>) -> Evidence<'a> {
    let date = onset(condition).map(|onset| onset.to_string());
    evidence(&condition.reference, date, case.say(Phrase::EvidenceRecorded, &[&condition.label]))
}

/// The latest finding of an examination that is within its window and can apply to the joint.
pub(crate) fn latest_finding<'e, 'a>(case: &SiteCase<'e, 'a>, examination: Examination) -> Option<&'e Finding<'a>> {
    let oldest = case.dates.attested;
    let can_be_of_joint = |finding: &Finding<'_>| !case.site.membership(finding.side).is_not_met();
    case.facts
        .findings
        .iter()
        .filter(|finding| finding.examination == examination && can_be_of_joint(finding))
        .filter(|finding| finding.date.is_some_and(|date| date.lo() >= oldest && date.hi() <= case.dates.cutoff))
        .max_by(|left, right| later(left, right))
}

/// Orders findings by date, then by instant if both have one, then by id.
fn later(left: &Finding<'_>, right: &Finding<'_>) -> Ordering {
    let by_instant = left.instant.zip(right.instant).map_or(Ordering::Equal, |(left, right)| left.cmp(&right));
    left.date.cmp(&right.date).then(by_instant).then_with(|| left.reference.id().cmp(right.reference.id()))
}

fn finding_evidence<'a>(case: &OrderCase<'_, 'a>, finding: &Finding<'a>, question: Question) -> Evidence<'a> {
    let result = case.say(if finding.positive { Phrase::Positive } else { Phrase::Negative }, &[]);
    let what = case.say(Phrase::EvidenceFinding, &[&case.policy.wording.ask(question), &result]);
    evidence(&finding.reference, finding.date.map(|date| date.to_string()), what)
}

/// I.A.2: the form, else the latest finding.
fn tenderness<'a>(case: &SiteCase<'_, 'a>) -> Assessment<'a> {
    let phrase = |tender| if tender { Phrase::Tender } else { Phrase::NotTender };
    if let Some(answer) = case.examined(case.site, |answers| answers.sij_tenderness) {
        let evidence = case.yes_no_evidence(Question::SijTenderness, answer);
        return Assessment::new(Verdict::from_bool(answer.value)).found(case.say(phrase(answer.value), &[])).resting_on([evidence]);
    }
    match latest_finding(case, Examination::Tenderness) {
        Some(finding) => Assessment::new(Verdict::from_bool(finding.positive))
            .found(case.say(phrase(finding.positive), &[]))
            .resting_on([finding_evidence(case, finding, Question::SijTenderness)]),
        None => examination_open(case, Assessment::new(Verdict::Unknown), &[Question::SijTenderness]),
    }
}

/// Asks for findings and for the examined joint, and reports if a form examined another joint.
fn examination_open<'a>(case: &SiteCase<'_, 'a>, assessment: Assessment<'a>, questions: &[Question]) -> Assessment<'a> {
    if case.examined(case.site, |_| Some(())).is_some() {
        return assessment.settled_by(questions);
    }
    let is_other = case.answered(has_examination).is_some();
    let assessment = assessment.found(is_other.then(|| case.say(Phrase::OtherJointExamined, &[])));
    assessment.settled_by(&[Question::ExaminedSide]).settled_by(questions)
}

/// Whether a form records any examination.
pub(crate) fn has_examination(answers: &Answers) -> Option<()> {
    (answers.sij_tenderness.is_some() || answers.tests.iter().any(Option::is_some)).then_some(())
}

/// The outcome of one provocation test.
struct TestOutcome<'a> {
    question: Question,
    /// Positive or negative; `None` if not done or unknown.
    positive: Option<bool>,
    is_answered: bool,
    evidence: Option<Evidence<'a>>,
}

fn test_outcome<'a>(case: &SiteCase<'_, 'a>, place: usize, question: Question) -> TestOutcome<'a> {
    if let Some(Answered { value, form }) = case.examined(case.site, |answers| answers.tests.get(place).copied().flatten()) {
        let positive = match value {
            TestAnswer::Positive => Some(true),
            TestAnswer::Negative => Some(false),
            TestAnswer::NotDone => None,
        };
        let result = |positive| case.say(if positive { Phrase::Positive } else { Phrase::Negative }, &[]);
        let evidence = positive.map(|positive| case.answer_evidence(form, question, &result(positive)));
        return TestOutcome { question, positive, is_answered: true, evidence };
    }
    let finding = latest_finding(case, Examination::Provocation(place));
    let evidence = finding.map(|finding| finding_evidence(case, finding, question));
    TestOutcome { question, positive: finding.map(|finding| finding.positive), is_answered: finding.is_some(), evidence }
}

/// I.A.3: at least three of five tests positive; not met once three can no longer be reached.
fn provocation_tests<'a>(case: &SiteCase<'_, 'a>) -> Assessment<'a> {
    let outcomes: Vec<_> = PROVOCATION_TESTS.iter().enumerate().map(|(place, question)| test_outcome(case, place, *question)).collect();
    let names = |positive| {
        let those = outcomes.iter().filter(|outcome| outcome.positive == Some(positive));
        those.map(|outcome| case.policy.wording.ask(outcome.question)).collect::<Vec<_>>()
    };
    let (positives, negatives) = (names(true), names(false));
    let needed = case.policy.thresholds.positive_tests;
    let verdict = if positives.len() >= needed {
        Verdict::Met
    } else if outcomes.len() - negatives.len() < needed {
        Verdict::NotMet
    } else {
        Verdict::Unknown
    };
    let mut open: Vec<_> = outcomes.iter().filter(|outcome| !outcome.is_answered).map(|outcome| outcome.question).collect();
    if open.len() + positives.len() < needed {
        open.extend(outcomes.iter().filter(|outcome| outcome.is_answered && outcome.positive.is_none()).map(|outcome| outcome.question));
    }
    let count = |names: &[&str], phrase| (!names.is_empty()).then(|| case.say(phrase, &[&names.len(), &names.join(", ")]));
    let assessment = Assessment::new(verdict)
        .found(count(&positives, Phrase::TestsPositive))
        .found(count(&negatives, Phrase::TestsNegative))
        .resting_on(outcomes.into_iter().filter_map(|outcome| outcome.evidence));
    if verdict.is_unknown() { examination_open(case, assessment, &open) } else { assessment }
}

/// I.A.5: the form, else no possible disc or facet diagnosis on the problem list or the order.
fn no_disc_or_facet_pain<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let question = Question::DiscOrFacetEvidence;
    if let Some(answer) = case.answered(|answers| answers.disc_or_facet_evidence) {
        let phrase = if answer.value { Phrase::DiscOrFacetAffirmed } else { Phrase::DiscOrFacetDenied };
        let evidence = case.yes_no_evidence(question, answer);
        return Assessment::new(!Verdict::from_bool(answer.value)).found(case.say(phrase, &[])).resting_on([evidence]);
    }
    let listed: Vec<_> = active_in(case, ValueSet::DiscOrFacetPain).take(MAX_NAMED).collect();
    let unclassified: Vec<_> = active_conditions(case).filter(|condition| condition.has_unclassified_words).take(MAX_NAMED).collect();
    let reasons = case.order.reasons.iter().filter(|reason| reason.sets.has(ValueSet::DiscOrFacetPain));
    let reasons: Vec<_> = reasons.map(|reason| reason.label.to_string()).chain(case.order.unclassified_reason.clone()).collect();
    let unreadable = case.facts.conditions_unreadable;
    let is_clear = listed.is_empty() && unclassified.is_empty() && reasons.is_empty() && unreadable == 0;
    if is_clear && case.facts.conditions_available {
        return Assessment::new(Verdict::Met).found(case.say(Phrase::NoDiscOrFacetCondition, &[]));
    }
    let mut open = Assessment::new(Verdict::Unknown).settled_by(&[question]);
    for condition in listed {
        let found = case.say(Phrase::DiscOrFacetCondition, &[&condition.label]);
        open = open.found(found).resting_on([condition_evidence(case, condition)]);
    }
    for condition in unclassified {
        let found = case.say(Phrase::DiscOrFacetWords, &[&condition.label]);
        open = open.found(found).resting_on([condition_evidence(case, condition)]);
    }
    for reason in reasons.into_iter().take(MAX_NAMED) {
        open = open.found(case.say(Phrase::DiscOrFacetReason, &[&reason]));
    }
    open.found((unreadable > 0).then(|| case.say(Phrase::ConditionsUnreadable, &[&unreadable])))
}

/// I.A.6: only the form decides; the statement names the chart's alternative diagnoses.
fn no_likelier_diagnosis<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let answer = case.answered(|answers| answers.other_diagnosis_more_likely);
    let assessment = Assessment::new(!Verdict::from_answer(answer.map(|answer| answer.value)));
    let phrases = (Phrase::LikelierDiagnosis, Phrase::NoLikelierDiagnosis);
    let mut assessment = answered(case, assessment, Question::OtherDiagnosisMoreLikely, answer, phrases);
    for condition in active_in(case, ValueSet::AlternativeDiagnoses).take(MAX_NAMED) {
        let found = case.say(Phrase::AlternativeDiagnosis, &[&condition.label]);
        assessment = assessment.found(found).resting_on([condition_evidence(case, condition)]);
    }
    assessment
}
