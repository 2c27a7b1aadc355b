//! Section I.A.4: failed conservative therapy (exercise therapy, NSAIDs, activity modification).

use chrono::NaiveDate;

use super::assessment::{Assessment, MAX_EVIDENCE};
use super::first_diagnostic::{MAX_NAMED, active_in, answered, condition_evidence};
use crate::policy::case::{Answered, OrderCase, evidence};
use crate::policy::evaluation::Evidence;
use crate::policy::facts::{Label, Span, Therapy};
use crate::policy::form::Question;
use crate::policy::phrases::Phrase;
use crate::policy::reference::Reference;
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
pub(crate) fn nsaid_courses<'e, 'a>(case: &OrderCase<'e, 'a>) -> Vec<TreatmentCourse<CoursePart<'e, 'a>>> {
    let parts = case.facts.nsaids.iter().filter_map(|taken| {
        let (first, last) = window(case).clip(taken.span)?;
        Some((first, last, CoursePart { first, last, reference: &taken.reference, label: &taken.label, prescribed: taken.prescribed }))
    });
    courses(parts.collect(), case.policy.parameters.medication_gap_days)
}

fn course_evidence<'a>(case: &OrderCase<'_, 'a>, course: &TreatmentCourse<CoursePart<'_, 'a>>) -> Vec<Evidence<'a>> {
    course.parts.iter().take(MAX_EVIDENCE).map(|part| part.evidence(case)).collect()
}

/// I.A.4: the pain is still limiting despite conservative care.
pub(super) fn conservative_care_failed<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let answer = case.answered(|answers| answers.conservative_care_failed);
    let assessment = Assessment::new(Verdict::from_answer(answer.map(|answer| answer.value)));
    answered(case, assessment, Question::ConservativeCareFailed, answer, (Phrase::CareFailed, Phrase::CareHelped))
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

/// I.A.4.a.
pub(super) fn exercise_therapy<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let answer = case.answered(|answers| answers.exercise_therapy_weeks);
    therapy(case, ValueSet::TherapySession, Question::ExerciseTherapyWeeks, case.policy.thresholds.exercise_therapy_weeks, answer)
}

/// I.A.4.c.
pub(super) fn activity_modification<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let answer = case.answered(|answers| answers.activity_modification_weeks);
    let weeks = case.policy.thresholds.activity_modification_weeks;
    therapy(case, ValueSet::ActivityModification, Question::ActivityModificationWeeks, weeks, answer)
}

fn therapy<'a>(
    case: &OrderCase<'_, 'a>,
    set: ValueSet,
    question: Question,
    weeks: u32,
    answer: Option<Answered<'_, 'a, f64>>,
) -> Assessment<'a> {
    let (proof, short, undated) = (Phrase::TherapyCourse, Phrase::TherapyTooShort, Phrase::UndatedTherapy);
    let rule = WeeksRule { question, weeks, proof, short, undated, course_first: true };
    let spans = case.facts.therapies.iter().filter(|therapy| therapy.sets.has(set)).map(|therapy| therapy.span);
    weeks_of(case, &rule, answer, longest(therapy_courses(case, set)).as_ref(), spans)
}

/// The form takes precedence. If it states too few weeks but a charted course is long enough, the verdict is unknown.
fn weeks_of<'a>(
    case: &OrderCase<'_, 'a>,
    rule: &WeeksRule,
    answer: Option<Answered<'_, 'a, f64>>,
    course: Option<&TreatmentCourse<CoursePart<'_, 'a>>>,
    spans: impl Iterator<Item = Span>,
) -> Assessment<'a> {
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
            let lacking_weeks = weeks.filter(|weeks| *weeks > 0.0).and_then(|weeks| lacking(rule.weeks, weeks));
            Assessment { lacking_weeks, ..Assessment::new(verdict) }
                .found(weeks.map(by_form))
                .found(short)
                .found(undated)
                .resting_on(answer_evidence.clone().filter(|_| !rule.course_first))
                .resting_on(course.into_iter().flat_map(|course| course_evidence(case, course)))
                .resting_on(answer_evidence.filter(|_| rule.course_first))
                .settled_by(&[rule.question])
                .remediable(true)
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

/// I.A.4.b: contraindicated or not tolerated, OR taken for long enough.
pub(super) fn nsaids<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let (contraindicated, taken) = (nsaids_contraindicated(case), nsaids_taken(case));
    let verdict = contraindicated.verdict.or(taken.verdict);
    // If one part is met, omit the other part unless it is met too.
    let deciding = [contraindicated, taken].into_iter().filter(|part| !verdict.is_met() || part.verdict.is_met());
    let mut whole = deciding.fold(Assessment::new(verdict), Assessment::with_part).remediable(true);
    if !verdict.is_met() {
        for condition in active_in(case, ValueSet::NsaidCaution).take(MAX_NAMED) {
            let found = case.say(Phrase::NsaidCaution, &[&condition.label]);
            whole = whole.found(found).resting_on([condition_evidence(case, condition)]);
        }
    }
    whole
}

/// The form takes precedence, but a charted contraindication makes its no unknown.
fn nsaids_contraindicated<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let question = Question::NsaidContraindicated;
    let charted = nsaids_not_tolerated(case);
    match (case.answered(|answers| answers.nsaid_contraindicated), charted) {
        (Some(answer), charted) if answer.value || charted.is_none() => {
            let phrase = if answer.value { Phrase::NsaidContraindicatedByForm } else { Phrase::NsaidNotContraindicatedByForm };
            let evidence = case.yes_no_evidence(question, answer);
            Assessment::new(Verdict::from_bool(answer.value)).found(case.say(phrase, &[])).resting_on([evidence])
        }
        (Some(answer), Some(charted)) => {
            let found: Vec<_> = charted.found.iter().map(|found| case.say(Phrase::ChartSaysOtherwise, &[found])).collect();
            let open = Assessment::new(Verdict::Unknown).found(case.say(Phrase::NsaidNotContraindicatedByForm, &[]));
            let open = found.into_iter().fold(open, Assessment::found);
            open.resting_on([case.yes_no_evidence(question, answer)]).resting_on(charted.evidence).settled_by(&[question])
        }
        (None, Some(charted)) => charted,
        (Some(_) | None, None) => Assessment::new(Verdict::Unknown).settled_by(&[question]),
    }
}

/// An allergy or a contraindication in the chart.
pub(crate) fn nsaids_not_tolerated<'a>(case: &OrderCase<'_, 'a>) -> Option<Assessment<'a>> {
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

fn nsaids_taken<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let (proof, short, undated) = (Phrase::NsaidCourse, Phrase::NsaidTooShort, Phrase::UndatedNsaid);
    let (question, weeks) = (Question::NsaidWeeks, case.policy.thresholds.nsaid_weeks);
    let rule = WeeksRule { question, weeks, proof, short, undated, course_first: false };
    let answer = case.answered(|answers| answers.nsaid_weeks);
    weeks_of(case, &rule, answer, longest(nsaid_courses(case)).as_ref(), case.facts.nsaids.iter().map(|taken| taken.span))
}

/// A recent therapy as evidence.
pub(super) fn active_therapy_evidence<'a>(therapy: &Therapy<'a>, date: Option<String>) -> Evidence<'a> {
    evidence(&therapy.reference, date, therapy.label.to_string())
}
