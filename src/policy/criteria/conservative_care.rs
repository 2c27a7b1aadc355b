//! Section I.A.4: conservative therapy that failed — exercise therapy, NSAIDs, activity modification.

use chrono::NaiveDate;

use super::assessment::{Assessment, MOST_EVIDENCE};
use super::first_diagnostic::{MOST_NAMED, active_in, condition_evidence};
use crate::policy::case::{OrderCase, evidence};
use crate::policy::course::{Course, Window, courses, longest};
use crate::policy::evaluation::{Evidence, Reference};
use crate::policy::facts::{Label, Span, Therapy};
use crate::policy::form::Question;
use crate::policy::phrases::Phrase;
use crate::policy::value_sets::ValueSet;
use crate::policy::verdict::Verdict;

const DAYS_A_WEEK: u32 = 7;

/// A charted interval of a course, as far as it counts.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part<'e, 'a> {
    first: NaiveDate,
    last: NaiveDate,
    reference: &'e Reference<'a>,
    label: &'e Label<'a>,
    prescribed: bool,
}

impl<'a> Part<'_, 'a> {
    fn evidence(&self, case: &OrderCase<'_, 'a>) -> Evidence<'a> {
        let (first, last) = (self.first, self.last);
        let days = if first == last { first.to_string() } else { format!("{first}/{last}") };
        let what = if self.prescribed { case.say(Phrase::EvidencePrescribed, &[self.label]) } else { self.label.to_string() };
        evidence(self.reference, Some(days), what)
    }
}

/// The time in which therapy and medication count for an order.
fn window(case: &OrderCase<'_, '_>) -> Window {
    Window { first: case.dates.lookback, last: case.dates.cutoff }
}

/// The courses of the therapies in a value set.
pub(crate) fn therapy_courses<'e, 'a>(case: &OrderCase<'e, 'a>, set: ValueSet) -> Vec<Course<Part<'e, 'a>>> {
    let parts = case.facts.therapies.iter().filter(|therapy| therapy.sets.has(set)).filter_map(|therapy| {
        let (first, last) = window(case).clip(therapy.span)?;
        Some((first, last, Part { first, last, reference: &therapy.reference, label: &therapy.label, prescribed: false }))
    });
    courses(parts.collect(), case.policy.parameters.session_gap_days)
}

/// The courses of the NSAIDs taken or prescribed.
pub(crate) fn nsaid_courses<'e, 'a>(case: &OrderCase<'e, 'a>) -> Vec<Course<Part<'e, 'a>>> {
    let parts = case.facts.nsaids.iter().filter_map(|taken| {
        let (first, last) = window(case).clip(taken.span)?;
        Some((first, last, Part { first, last, reference: &taken.reference, label: &taken.label, prescribed: taken.prescribed }))
    });
    courses(parts.collect(), case.policy.parameters.medication_gap_days)
}

fn course_evidence<'a>(case: &OrderCase<'_, 'a>, course: &Course<Part<'_, 'a>>) -> Vec<Evidence<'a>> {
    course.parts.iter().take(MOST_EVIDENCE).map(|part| part.evidence(case)).collect()
}

/// Weeks of a therapy by the form, else by a charted course.
struct TherapyRule {
    question: Question,
    set: ValueSet,
    weeks: u32,
}

/// I.A.4.a.
pub(super) fn exercise_therapy<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let weeks = case.policy.thresholds.exercise_therapy_weeks;
    let rule = TherapyRule { question: Question::ExerciseTherapyWeeks, set: ValueSet::ConservativeTherapy, weeks };
    therapy(case, &rule, case.answers().and_then(|answers| answers.exercise_therapy_weeks))
}

/// I.A.4.c.
pub(super) fn activity_modification<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let weeks = case.policy.thresholds.activity_modification_weeks;
    let rule = TherapyRule { question: Question::ActivityModificationWeeks, set: ValueSet::ActivityModification, weeks };
    therapy(case, &rule, case.answers().and_then(|answers| answers.activity_modification_weeks))
}

fn therapy<'a>(case: &OrderCase<'_, 'a>, rule: &TherapyRule, answer: Option<f64>) -> Assessment<'a> {
    let course = longest(therapy_courses(case, rule.set));
    let long_enough = |course: &Course<_>| course.days() >= i64::from(rule.weeks * DAYS_A_WEEK);
    let answer_evidence = answer.and_then(|weeks| case.answer_evidence(rule.question, &weeks));
    let by_form = |weeks: f64| case.say(Phrase::WeeksByForm, &[&weeks, &rule.weeks]);
    if let Some(weeks) = answer.filter(|weeks| *weeks >= f64::from(rule.weeks)) {
        return Assessment::new(Verdict::Met).found(by_form(weeks)).resting_on(answer_evidence);
    }
    if let Some(course) = course.as_ref().filter(|course| long_enough(course)) {
        let found = case.say(Phrase::TherapyCourse, &[&course.days(), &course.first, &course.last, &course.parts.len()]);
        return Assessment::new(Verdict::Met).found(found).resting_on(course_evidence(case, course));
    }
    let verdict = if answer.is_some() { Verdict::NotMet } else { Verdict::Unknown };
    let short = course.as_ref().map(|course| case.say(Phrase::TherapyTooShort, &[&course.days(), &course.first, &course.last]));
    let undated = undated(case.facts.therapies.iter().filter(|therapy| therapy.sets.has(rule.set)).map(|therapy| therapy.span));
    Assessment::new(verdict)
        .found(answer.map(by_form))
        .found(short)
        .found(undated.map(|count| case.say(Phrase::UndatedTherapy, &[&count])))
        .resting_on(answer_evidence)
        .resting_on(course.iter().flat_map(|course| course_evidence(case, course)))
        .settled_by(&[rule.question])
        .remediable(true)
}

/// How many lack the full dates that would prove a course, if any do.
fn undated(spans: impl Iterator<Item = Span>) -> Option<usize> {
    Some(spans.filter(|span| *span == Span::Unproven).count()).filter(|count| *count > 0)
}

/// I.A.4.b: long enough, contraindicated or not tolerated.
pub(super) fn nsaids<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    nsaids_by_form(case).or_else(|| nsaids_not_tolerated(case)).unwrap_or_else(|| nsaids_by_course(case))
}

fn nsaids_by_form<'a>(case: &OrderCase<'_, 'a>) -> Option<Assessment<'a>> {
    let answers = case.answers()?;
    let needed = f64::from(case.policy.thresholds.nsaid_weeks);
    if let Some(weeks) = answers.nsaid_weeks.filter(|weeks| *weeks >= needed) {
        let evidence = case.answer_evidence(Question::NsaidWeeks, &weeks);
        return Some(Assessment::new(Verdict::Met).found(case.say(Phrase::WeeksByForm, &[&weeks, &needed])).resting_on(evidence));
    }
    (answers.nsaid_contraindicated == Some(true)).then(|| {
        let evidence = case.yes_no_evidence(Question::NsaidContraindicated, true);
        Assessment::new(Verdict::Met).found(case.say(Phrase::NsaidContraindicatedByForm, &[])).resting_on(evidence)
    })
}

fn nsaids_not_tolerated<'a>(case: &OrderCase<'_, 'a>) -> Option<Assessment<'a>> {
    let mut allergies: Vec<_> = case.facts.allergies.iter().filter(|allergy| case.dates.charted(allergy.recorded)).collect();
    allergies.sort_by_key(|allergy| &allergy.reference);
    let mut conditions: Vec<_> = active_in(case, ValueSet::NsaidContraindication).collect();
    conditions.sort_by_key(|condition| &condition.reference);
    let found = allergies.first().map(|allergy| case.say(Phrase::NsaidAllergy, &[&allergy.label]));
    let found = found.or_else(|| conditions.first().map(|condition| case.say(Phrase::NsaidContraindication, &[&condition.label])))?;
    let by_allergy = allergies
        .iter()
        .map(|allergy| evidence(&allergy.reference, allergy.recorded.map(|date| date.to_string()), allergy.label.to_string()));
    let by_condition = conditions.iter().map(|condition| condition_evidence(case, condition));
    Some(Assessment::new(Verdict::Met).found(found).resting_on(by_allergy).resting_on(by_condition))
}

fn nsaids_by_course<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let needed = case.policy.thresholds.nsaid_weeks;
    let course = longest(nsaid_courses(case));
    if let Some(course) = course.as_ref().filter(|course| course.days() >= i64::from(needed * DAYS_A_WEEK)) {
        let found = case.say(Phrase::NsaidCourse, &[&course.days(), &course.first, &course.last]);
        return Assessment::new(Verdict::Met).found(found).resting_on(course_evidence(case, course));
    }
    let weeks = case.answers().and_then(|answers| answers.nsaid_weeks);
    let contraindicated = case.answers().and_then(|answers| answers.nsaid_contraindicated);
    let verdict = if weeks.is_some() && contraindicated == Some(false) { Verdict::NotMet } else { Verdict::Unknown };
    let open: Vec<_> = [(Question::NsaidWeeks, weeks.is_none()), (Question::NsaidContraindicated, contraindicated.is_none())]
        .into_iter()
        .filter_map(|(question, open)| open.then_some(question))
        .collect();
    let short = course.as_ref().map(|course| case.say(Phrase::NsaidTooShort, &[&course.days(), &course.first, &course.last]));
    let undated = undated(case.facts.nsaids.iter().map(|taken| taken.span));
    let mut assessment = Assessment::new(verdict)
        .found(weeks.map(|weeks| case.say(Phrase::WeeksByForm, &[&weeks, &needed])))
        .found(contraindicated.map(|_| case.say(Phrase::NsaidNotContraindicatedByForm, &[])))
        .found(short)
        .found(undated.map(|count| case.say(Phrase::UndatedNsaid, &[&count])))
        .resting_on(weeks.and_then(|weeks| case.answer_evidence(Question::NsaidWeeks, &weeks)))
        .resting_on(contraindicated.and_then(|answer| case.yes_no_evidence(Question::NsaidContraindicated, answer)))
        .resting_on(course.iter().flat_map(|course| course_evidence(case, course)))
        .settled_by(&open)
        .remediable(true);
    for condition in active_in(case, ValueSet::NsaidCaution).take(MOST_NAMED) {
        let found = case.say(Phrase::NsaidCaution, &[&condition.label]);
        assessment = assessment.found(found).resting_on([condition_evidence(case, condition)]);
    }
    assessment
}

/// A therapy just given as evidence.
pub(super) fn active_therapy_evidence<'a>(therapy: &Therapy<'a>, date: Option<String>) -> Evidence<'a> {
    evidence(&therapy.reference, date, therapy.label.to_string())
}
