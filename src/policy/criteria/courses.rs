//! Criteria on weeks of therapy or medication.

use chrono::NaiveDate;

use super::assessment::{Assessment, MAX_EVIDENCE};
use crate::policy::case::{OrderCase, evidence};
use crate::policy::evaluation::Evidence;
use crate::policy::facts::{Label, Span};
use crate::policy::form::Question;
use crate::policy::phrases::Phrase;
use crate::policy::reference::Reference;
use crate::policy::rule::{MedicationRule, TherapyRule};
use crate::policy::treatment_course::{DAYS_A_WEEK, LookbackWindow, TreatmentCourse, courses, days_written, longest};
use crate::policy::value_sets::ValueSet;
use crate::policy::verdict::Verdict;

/// A charted interval of a course, clipped to the lookback window.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CoursePart<'e, 'a> {
    first: NaiveDate,
    last: NaiveDate,
    reference: &'e Reference<'a>,
    label: &'e Label<'a>,
    prescribed: bool,
}

impl<'a> CoursePart<'_, 'a> {
    /// The resource that records it.
    pub(crate) fn reference(&self) -> &Reference<'a> {
        self.reference
    }

    /// The label of the treatment.
    pub(crate) fn label(&self) -> &Label<'a> {
        self.label
    }

    fn evidence(&self, case: &OrderCase<'_, 'a>) -> Evidence<'a> {
        let days = days_written(self.first, self.last);
        let what = if self.prescribed { case.say(Phrase::EvidencePrescribed, &[self.label]) } else { self.label.to_string() };
        evidence(self.reference, Some(days), what)
    }
}

/// The window in which therapy and medication count for an order.
fn window(case: &OrderCase<'_, '_>) -> LookbackWindow {
    LookbackWindow { first: case.dates.lookback, last: case.dates.cutoff }
}

/// The courses of the therapies in a value set.
pub(crate) fn therapy_courses<'e, 'a>(case: &OrderCase<'e, 'a>, set: ValueSet) -> Vec<TreatmentCourse<CoursePart<'e, 'a>>> {
    let parts = case.facts.therapies.iter().filter(|therapy| therapy.sets.has(set)).filter_map(|therapy| {
        let (first, last) = window(case).clip(therapy.span)?;
        Some((first, last, CoursePart { first, last, reference: &therapy.reference, label: &therapy.label, prescribed: false }))
    });
    courses(parts.collect(), case.policy.parameters.session_gap_days)
}

/// The courses of the NSAIDs taken or prescribed.
pub(crate) fn medication_courses<'e, 'a>(case: &OrderCase<'e, 'a>) -> Vec<TreatmentCourse<CoursePart<'e, 'a>>> {
    let parts = case.facts.nsaids.iter().filter_map(|taken| {
        let (first, last) = window(case).clip(taken.span)?;
        Some((first, last, CoursePart { first, last, reference: &taken.reference, label: &taken.label, prescribed: taken.prescribed }))
    });
    courses(parts.collect(), case.policy.parameters.medication_gap_days)
}

fn course_evidence<'a>(case: &OrderCase<'_, 'a>, course: &TreatmentCourse<CoursePart<'_, 'a>>) -> Vec<Evidence<'a>> {
    course.parts.iter().take(MAX_EVIDENCE).map(|part| part.evidence(case)).collect()
}

/// A required number of treatment weeks, shown by the form or else by a charted course.
struct WeeksRule {
    question: Question,
    weeks: u32,
    /// The phrase for a course that is long enough; `short` is for one that is not.
    proof: Phrase,
    short: Phrase,
    undated: Phrase,
    /// Whether the evidence cites a course that is too short before the form that states the weeks.
    course_first: bool,
}

/// Weeks of therapy, by the form or else by Procedures.
pub(super) fn therapy_course<'a>(case: &OrderCase<'_, 'a>, rule: &TherapyRule) -> Assessment<'a> {
    let (proof, short, undated) = (Phrase::TherapyCourse, Phrase::TherapyTooShort, Phrase::UndatedTherapy);
    let weeks = WeeksRule { question: rule.question, weeks: rule.weeks, proof, short, undated, course_first: true };
    let spans = case.facts.therapies.iter().filter(|therapy| therapy.sets.has(rule.therapy)).map(|therapy| therapy.span);
    let assessment = weeks_of(case, &weeks, longest(therapy_courses(case, rule.therapy)).as_ref(), spans);
    Assessment { lacking_weeks: assessment.lacking_weeks.filter(|_| rule.can_be_ordered), ..assessment }
}

/// Weeks of a medication, by the form or else by what was taken or prescribed.
pub(super) fn medication_course<'a>(case: &OrderCase<'_, 'a>, rule: &MedicationRule) -> Assessment<'a> {
    let (proof, short, undated) = (Phrase::NsaidCourse, Phrase::NsaidTooShort, Phrase::UndatedNsaid);
    let weeks = WeeksRule { question: rule.question, weeks: rule.weeks, proof, short, undated, course_first: false };
    let spans = case.facts.nsaids.iter().map(|taken| taken.span);
    Assessment { lacking_weeks: None, ..weeks_of(case, &weeks, longest(medication_courses(case)).as_ref(), spans) }
}

/// The form takes precedence. If it states too few weeks but a charted course is long enough, the verdict is unknown.
fn weeks_of<'a>(
    case: &OrderCase<'_, 'a>,
    rule: &WeeksRule,
    course: Option<&TreatmentCourse<CoursePart<'_, 'a>>>,
    spans: impl Iterator<Item = Span>,
) -> Assessment<'a> {
    let answer = case.answered(|answers| answers.number(rule.question));
    let proved = course.filter(|course| course.days() >= i64::from(rule.weeks * DAYS_A_WEEK));
    let proof = |course: &TreatmentCourse<_>| case.say(rule.proof, &[&course.days(), &course.first, &course.last, &course.parts.len()]);
    let by_form = |weeks: f64| case.say(Phrase::WeeksByForm, &[&weeks, &rule.weeks]);
    let answer_evidence = answer.map(|answer| case.answer_evidence(answer.form, rule.question, &answer.value));
    match (answer.map(|answer| answer.value), proved) {
        (Some(weeks), _) if weeks >= f64::from(rule.weeks) => {
            Assessment::new(Verdict::Met).found(by_form(weeks)).resting_on(answer_evidence)
        }
        (Some(weeks), Some(course)) => Assessment::new(Verdict::Unknown)
            .found(by_form(weeks))
            .found(case.say(Phrase::ChartSaysOtherwise, &[&proof(course)]))
            .resting_on(answer_evidence)
            .resting_on(course_evidence(case, course))
            .settled_by(&[rule.question]),
        (None, Some(course)) => Assessment::new(Verdict::Met).found(proof(course)).resting_on(course_evidence(case, course)),
        // Fewer weeks than required, by the form or because the chart proves no more.
        (weeks, None) => {
            let verdict = if weeks.is_some() { Verdict::NotMet } else { Verdict::Unknown };
            let short = course.map(|course| case.say(rule.short, &[&Days(course.days()), &course.first, &course.last]));
            let undated = undated(spans).map(|count| case.say(rule.undated, &[&count]));
            let lacking_weeks = weeks.and_then(|weeks| lacking(rule.weeks, weeks));
            Assessment { lacking_weeks, ..Assessment::new(verdict) }
                .found(weeks.map(by_form))
                .found(short)
                .found(undated)
                .resting_on(answer_evidence.clone().filter(|_| !rule.course_first))
                .resting_on(course.into_iter().flat_map(|course| course_evidence(case, course)))
                .resting_on(answer_evidence.filter(|_| rule.course_first))
                .settled_by(&[rule.question])
        }
    }
}

/// The number of whole weeks still missing.
fn lacking(needed: u32, weeks: f64) -> Option<u32> {
    (1..=needed).find(|lacking| f64::from(*lacking) >= f64::from(needed) - weeks)
}

/// Displays a number of days with its unit.
struct Days(i64);

impl std::fmt::Display for Days {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            1 => f.write_str("1 day"),
            days => write!(f, "{days} days"),
        }
    }
}

/// The number of spans without the full dates that prove a course; `None` if zero.
fn undated(spans: impl Iterator<Item = Span>) -> Option<usize> {
    Some(spans.filter(|span| *span == Span::Unproven).count()).filter(|count| *count > 0)
}
