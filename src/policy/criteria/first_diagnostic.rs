//! Section I.A: the first diagnostic injection (I.A.1–3, 5, 6; I.A.4 stands in [`super::conservative_care`]).

use super::Assessment;
use super::conservative_care::{activity_modification, exercise_therapy, nsaids};
use crate::policy::case::{OrderCase, SiteCase, evidence};
use crate::policy::dates::{DateInterval, minus_days, plus_months};
use crate::policy::evaluation::{Criterion, CriterionId, Evidence};
use crate::policy::facts::{Condition, Examination, Finding};
use crate::policy::form::{PROVOCATION_TESTS, Question, TestAnswer};
use crate::policy::phrases::Phrase;
use crate::policy::value_sets::ValueSet;
use crate::policy::verdict::Verdict;

/// More Conditions than a statement names.
pub(super) const MOST_NAMED: usize = 10;

/// I.A.1 to I.A.6, in the policy's order.
pub(crate) fn first_diagnostic<'a>(case: &SiteCase<'_, 'a>) -> Vec<Criterion<'a>> {
    [
        (CriterionId::PainDuration, pain(case)),
        (CriterionId::Tenderness, tenderness(case)),
        (CriterionId::ProvocationTests, provocation_tests(case)),
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
    let answers = case.answers();
    let adls = answers.and_then(|answers| answers.pain_interferes_adls);
    let location = answers.and_then(|answers| answers.pain_below_l5_nonradicular);
    let others = Verdict::of_answer(adls).and(Verdict::of_answer(location));
    let mut whole = Assessment::new(duration.verdict.and(others)).remediable(!others.is_not_met());
    whole.met_from = duration.met_from;
    if duration.verdict.is_unknown() {
        whole = whole.settled_by(&[Question::PainOnsetDate]);
    }
    for part in duration.found {
        whole = whole.found(part);
    }
    whole = whole.resting_on(duration.evidence);
    whole = answered(case, whole, Question::PainInterferesAdls, adls, (Phrase::AdlsLimited, Phrase::AdlsNotLimited));
    answered(case, whole, Question::PainBelowL5Nonradicular, location, (Phrase::LocationFits, Phrase::LocationDoesNotFit))
}

/// Adds a yes-or-no answer of the form to an assessment, or asks for it.
fn answered<'a>(
    case: &OrderCase<'_, 'a>,
    assessment: Assessment<'a>,
    question: Question,
    answer: Option<bool>,
    (yes, no): (Phrase, Phrase),
) -> Assessment<'a> {
    match answer {
        Some(holds) => assessment.found(case.say(if holds { yes } else { no }, &[])).resting_on(case.yes_no_evidence(question, holds)),
        None => assessment.settled_by(&[question]),
    }
}

fn duration<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let months = case.policy.thresholds.pain_duration_months;
    let onset = case.answers().and_then(|answers| answers.pain_onset);
    match onset {
        Some(onset) => {
            let verdict = onset.plus_months(months).on_or_before(case.dates.service);
            let from = plus_months(onset.hi(), months);
            let found = match verdict {
                Verdict::Met => case.say(Phrase::PainLongEnough, &[&onset]),
                Verdict::NotMet => case.say(Phrase::PainTooShort, &[&onset, &from]),
                Verdict::Unknown => case.say(Phrase::PainDurationOpen, &[&onset]),
            };
            let evidence = case.answer_evidence(Question::PainOnsetDate, &onset);
            Assessment::new(verdict).found(found).resting_on(evidence).met_from(from)
        }
        None => charted_duration(case, months),
    }
}

/// From the active Conditions: any one long enough proves it, none disproves it.
fn charted_duration<'a>(case: &OrderCase<'_, 'a>, months: u32) -> Assessment<'a> {
    let onset = |condition: &Condition<'_>| condition.onset.unwrap_or_else(|| DateInterval::missing(case.dates.cutoff));
    let pains = active_in(case, ValueSet::SijPainDiagnoses);
    let earliest = pains.min_by_key(|condition| (onset(condition).hi(), &condition.reference));
    let Some(condition) = earliest else { return Assessment::new(Verdict::Unknown) };
    let long_enough = onset(condition).plus_months(months).hi() <= case.dates.service;
    let (verdict, phrase) = if long_enough { (Verdict::Met, Phrase::PainLongEnough) } else { (Verdict::Unknown, Phrase::PainDurationOpen) };
    Assessment::new(verdict).found(case.say(phrase, &[&onset(condition)])).resting_on([onset_evidence(case, condition)])
}

fn onset_evidence<'a>(case: &OrderCase<'_, 'a>, condition: &Condition<'a>) -> Evidence<'a> {
    let date = condition.onset.map(|onset| onset.to_string());
    let what = match &date {
        Some(onset) => case.say(Phrase::EvidenceOnset, &[&condition.label, onset]),
        None => condition.label.to_string(),
    };
    evidence(&condition.reference, date, what)
}

/// The active Conditions in a value set that were charted by the cutoff.
pub(crate) fn active_in<'e, 'a>(case: &OrderCase<'e, 'a>, set: ValueSet) -> impl Iterator<Item = &'e Condition<'a>> {
    let dates = case.dates;
    case.facts.conditions.iter().filter(move |condition| condition.active && condition.sets.has(set) && dates.charted(condition.recorded))
}

/// A Condition as evidence that it is there.
pub(super) fn condition_evidence<'a>(case: &OrderCase<'_, 'a>, condition: &Condition<'a>) -> Evidence<'a> {
    let date = condition.onset.map(|onset| onset.to_string());
    evidence(&condition.reference, date, case.say(Phrase::EvidenceRecorded, &[&condition.label]))
}

/// The latest finding of an examination within its window; of two on one date the greater id.
fn latest_finding<'e, 'a>(case: &OrderCase<'e, 'a>, examination: Examination) -> Option<&'e Finding<'a>> {
    let oldest = minus_days(case.dates.today, case.policy.parameters.attestation_valid_days);
    case.facts
        .findings
        .iter()
        .filter(|finding| finding.examination == examination)
        .filter(|finding| finding.date.is_some_and(|date| date.lo() >= oldest && date.hi() <= case.dates.cutoff))
        .max_by_key(|finding| (finding.date.map(DateInterval::hi), finding.reference.id()))
}

fn finding_evidence<'a>(case: &OrderCase<'_, 'a>, finding: &Finding<'a>, question: Question) -> Evidence<'a> {
    let result = case.say(if finding.positive { Phrase::Positive } else { Phrase::Negative }, &[]);
    let what = case.say(Phrase::EvidenceFinding, &[&case.policy.wording.ask(question), &result]);
    evidence(&finding.reference, finding.date.map(|date| date.to_string()), what)
}

/// I.A.2: the form, else the latest finding.
fn tenderness<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let phrase = |tender| if tender { Phrase::Tender } else { Phrase::NotTender };
    if let Some(tender) = case.answers().and_then(|answers| answers.sij_tenderness) {
        let evidence = case.yes_no_evidence(Question::SijTenderness, tender);
        return Assessment::new(Verdict::of(tender)).found(case.say(phrase(tender), &[])).resting_on(evidence);
    }
    match latest_finding(case, Examination::Tenderness) {
        Some(finding) => Assessment::new(Verdict::of(finding.positive))
            .found(case.say(phrase(finding.positive), &[]))
            .resting_on([finding_evidence(case, finding, Question::SijTenderness)]),
        None => Assessment::new(Verdict::Unknown).settled_by(&[Question::SijTenderness]),
    }
}

/// The outcome of one provocation test.
struct TestOutcome<'a> {
    question: Question,
    /// Positive or negative; `None` if it was not done or nothing tells.
    positive: Option<bool>,
    answered: bool,
    evidence: Option<Evidence<'a>>,
}

fn test_outcome<'a>(case: &OrderCase<'_, 'a>, place: usize, question: Question) -> TestOutcome<'a> {
    let answer = case.answers().and_then(|answers| answers.tests.get(place).copied().flatten());
    if let Some(answer) = answer {
        let positive = match answer {
            TestAnswer::Positive => Some(true),
            TestAnswer::Negative => Some(false),
            TestAnswer::NotDone => None,
        };
        let result = |positive| case.say(if positive { Phrase::Positive } else { Phrase::Negative }, &[]);
        let evidence = positive.and_then(|positive| case.answer_evidence(question, &result(positive)));
        return TestOutcome { question, positive, answered: true, evidence };
    }
    let finding = latest_finding(case, Examination::Provocation(place));
    let evidence = finding.map(|finding| finding_evidence(case, finding, question));
    TestOutcome { question, positive: finding.map(|finding| finding.positive), answered: finding.is_some(), evidence }
}

/// I.A.3: at least three of five tests positive; not met once three can no longer be reached.
fn provocation_tests<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
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
    let mut open: Vec<_> = outcomes.iter().filter(|outcome| !outcome.answered).map(|outcome| outcome.question).collect();
    if open.len() + positives.len() < needed {
        open.extend(outcomes.iter().filter(|outcome| outcome.answered && outcome.positive.is_none()).map(|outcome| outcome.question));
    }
    let count = |names: &[&str], phrase| (!names.is_empty()).then(|| case.say(phrase, &[&names.len(), &names.join(", ")]));
    let none = positives.is_empty().then(|| case.say(Phrase::NoTestPositive, &[]));
    Assessment::new(verdict)
        .found(count(&positives, Phrase::TestsPositive).or(none))
        .found(count(&negatives, Phrase::TestsNegative))
        .resting_on(outcomes.into_iter().filter_map(|outcome| outcome.evidence))
        .settled_by(&open)
}

/// I.A.5: the form, else no active disc or facet Condition on an available list.
fn no_disc_or_facet_pain<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let question = Question::DiscOrFacetEvidence;
    if let Some(found) = case.answers().and_then(|answers| answers.disc_or_facet_evidence) {
        let phrase = if found { Phrase::DiscOrFacetAffirmed } else { Phrase::DiscOrFacetDenied };
        let evidence = case.yes_no_evidence(question, found);
        return Assessment::new(!Verdict::of(found)).found(case.say(phrase, &[])).resting_on(evidence);
    }
    let mut conditions = active_in(case, ValueSet::DiscOrFacetPain).peekable();
    if conditions.peek().is_none() && case.facts.conditions_available {
        return Assessment::new(Verdict::Met).found(case.say(Phrase::NoDiscOrFacetCondition, &[]));
    }
    let mut open = Assessment::new(Verdict::Unknown).settled_by(&[question]);
    for condition in conditions.take(MOST_NAMED) {
        let found = case.say(Phrase::DiscOrFacetCondition, &[&condition.label]);
        open = open.found(found).resting_on([condition_evidence(case, condition)]);
    }
    open
}

/// I.A.6: the form alone; alternative diagnoses of the chart are named.
fn no_likelier_diagnosis<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let answer = case.answers().and_then(|answers| answers.other_diagnosis_more_likely);
    let assessment = Assessment::new(!Verdict::of_answer(answer));
    let phrases = (Phrase::LikelierDiagnosis, Phrase::NoLikelierDiagnosis);
    let mut assessment = answered(case, assessment, Question::OtherDiagnosisMoreLikely, answer, phrases);
    for condition in active_in(case, ValueSet::AlternativeDiagnoses).take(MOST_NAMED) {
        let found = case.say(Phrase::AlternativeDiagnosis, &[&condition.label]);
        assessment = assessment.found(found).resting_on([condition_evidence(case, condition)]);
    }
    assessment
}
