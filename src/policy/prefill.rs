//! The chart's answers to the documentation form's questions, each with its source: the values that the criteria compute anyway.
//! Not here: merging them with the answers of earlier forms, and showing them ([`crate::smart`]).

use chrono::NaiveDate;

use super::case::{OrderCase, SiteCase};
use super::criteria::{self, Assessment, CoursePart};
use super::dates::{DateInterval, plus_months};
use super::definition::Policy;
use super::evaluate::sites;
use super::evaluation::{Evidence, InjectionSource};
use super::facts::{Examination, Facts, Side};
use super::form::Question;
use super::history::{Injection, acts, history};
use super::possible::why;
use super::reference::Reference;
use super::response::relief_by_scores;
use super::rule::{AbsentRule, CriterionRule, OnsetRule};
use super::treatment_course::{DAYS_A_WEEK, TreatmentCourse, days_written, longest};

/// The value of a field of the form.
#[derive(Clone, Debug, PartialEq)]
pub enum AnswerValue {
    /// Yes or no.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A full or partial date.
    Date(DateInterval),
    /// The code of an option.
    Code(&'static str),
}

/// The chart's answer to one question.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartedAnswer<'a> {
    /// The question.
    pub question: Question,
    /// The value.
    pub value: AnswerValue,
    /// The resource it comes from; `None` for the order itself.
    pub source: Option<Reference<'a>>,
    /// What the resource shows, in words.
    pub what: String,
    /// The day, or the first and last day, of the supporting data.
    pub date: Option<String>,
    /// Whether the value, as an answer, could count against the order. A chart never disproves, so a person has to confirm it.
    pub needs_confirmation: bool,
}

/// A charted injection, as one repetition of `prior-injection`.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartedInjectionAnswers<'a> {
    /// Why it is only a possible injection; `None` for a definite one.
    pub doubt: Option<String>,
    /// Its date, side and relief, where charted.
    pub answers: Vec<ChartedAnswer<'a>>,
}

/// The recorded answers to the form's questions about an order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prefill<'a> {
    /// The forms that count, newest first.
    pub forms: Vec<Reference<'a>>,
    /// The newest of these forms that records an examination of a joint of the order.
    pub examination: Option<Reference<'a>>,
    /// The chart's answers outside of the repeating group.
    pub answers: Vec<ChartedAnswer<'a>>,
    /// The definite and possible injections that no counted form names, oldest first.
    pub injections: Vec<ChartedInjectionAnswers<'a>>,
}

/// Collects the recorded answers to the form's questions about an order; empty if the order is not among the facts.
#[must_use]
pub fn prefill<'a>(policy: &Policy, facts: &Facts<'a>, order: &Reference<'_>, today: NaiveDate) -> Prefill<'a> {
    let Some(order) = facts.orders.iter().find(|known| known.reference == *order) else { return Prefill::default() };
    let case = OrderCase::new(policy, facts, order, today);
    let acts = acts(&case);
    let joints: Vec<_> = sites(case.order.side).iter().map(|site| SiteCase::new(&case, *site, history(&case, &acts, *site))).collect();
    let examination = case
        .forms
        .iter()
        .find(|form| joints.iter().any(|joint| case.examines(form, joint.site)) && criteria::has_examination(&form.answers).is_some());
    Prefill {
        forms: case.forms.iter().map(|form| form.reference.clone()).collect(),
        examination: examination.map(|form| form.reference.clone()),
        answers: answers(&case, &joints),
        injections: injections(&joints),
    }
}

fn answers<'a>(case: &OrderCase<'_, 'a>, joints: &[SiteCase<'_, 'a>]) -> Vec<ChartedAnswer<'a>> {
    let charted = case.policy.rules().flat_map(|rule| charted_answers(case, joints, rule));
    examined_side(case).into_iter().chain(charted).collect()
}

/// The chart's answers to the questions of a rule.
fn charted_answers<'a>(case: &OrderCase<'_, 'a>, joints: &[SiteCase<'_, 'a>], rule: &CriterionRule) -> Vec<ChartedAnswer<'a>> {
    let answer = match rule {
        CriterionRule::Findings(rule) => return rule.tests.iter().filter_map(|test| examination(joints, *test)).collect(),
        CriterionRule::OnsetDuration(rule) => since(case, rule),
        CriterionRule::TherapyCourse(rule) => course(rule.question, criteria::therapy_courses(case, rule.therapy), rule.weeks),
        CriterionRule::MedicationCourse(rule) => course(rule.question, criteria::medication_courses(case), rule.weeks),
        CriterionRule::ValueSetPresent(rule) => {
            criteria::not_tolerated(case, rule.conditions).and_then(|found| assessed(rule.question, found))
        }
        CriterionRule::ValueSetAbsent(rule) => on_record(case, rule),
        CriterionRule::OtherTreatment(rule) => {
            let charted = joints.first().and_then(|joint| criteria::charted_other_treatment(joint, rule.therapy));
            charted.and_then(|found| assessed(rule.question, found))
        }
        CriterionRule::All(_)
        | CriterionRule::Any(_)
        | CriterionRule::Not(_)
        | CriterionRule::Answer(_)
        | CriterionRule::Response(_)
        | CriterionRule::Recurrence(_)
        | CriterionRule::Interval(_)
        | CriterionRule::CountInWindow(_)
        | CriterionRule::Continuation(_)
        | CriterionRule::OneProcedureAVisit
        | CriterionRule::Performer
        | CriterionRule::OrderedAs(_)
        | CriterionRule::Excluded
        | CriterionRule::CompleteHistory => None,
    };
    answer.into_iter().collect()
}

/// The joint to examine is the joint to inject.
fn examined_side<'a>(case: &OrderCase<'_, 'a>) -> Option<ChartedAnswer<'a>> {
    Some(ChartedAnswer {
        question: Question::ExaminedSide,
        value: AnswerValue::Code(case.order.side.word()?),
        source: None,
        what: case.order.label.to_string(),
        date: None,
        needs_confirmation: false,
    })
}

/// An examination finding; for a bilateral order, only one that is equal for both joints.
fn examination<'a>(joints: &[SiteCase<'_, 'a>], question: Question) -> Option<ChartedAnswer<'a>> {
    let examination = Examination::from_question(question)?;
    let mut findings = joints.iter().map(|joint| criteria::latest_finding(joint, examination));
    let first = findings.next()??;
    let value = match (examination, first.positive) {
        (Examination::Tenderness, positive) => AnswerValue::Boolean(positive),
        (Examination::Provocation(_), true) => AnswerValue::Code("positive"),
        (Examination::Provocation(_), false) => AnswerValue::Code("negative"),
    };
    let is_same = findings.all(|finding| finding.is_some_and(|finding| finding.positive == first.positive));
    is_same.then(|| ChartedAnswer {
        question,
        value,
        source: Some(first.reference.clone()),
        what: String::new(),
        date: first.date.map(|date| date.to_string()),
        needs_confirmation: false,
    })
}

/// The onset of the pain. A person has to confirm an onset that is not long enough ago.
fn since<'a>(case: &OrderCase<'_, 'a>, rule: &OnsetRule) -> Option<ChartedAnswer<'a>> {
    let (onset, condition) = criteria::earliest_onset(case, &rule.diagnoses)?;
    let is_long = plus_months(onset.hi(), rule.months) <= case.dates.service;
    Some(ChartedAnswer {
        question: rule.question,
        value: AnswerValue::Date(onset),
        source: Some(condition.reference.clone()),
        what: condition.label.to_string(),
        date: None,
        needs_confirmation: !is_long,
    })
}

/// The number of whole weeks of the longest course.
fn course<'a>(question: Question, courses: Vec<TreatmentCourse<CoursePart<'_, 'a>>>, needed: u32) -> Option<ChartedAnswer<'a>> {
    let course = longest(courses)?;
    let weeks = u32::try_from(course.days() / i64::from(DAYS_A_WEEK)).ok()?;
    let part = course.parts.first()?;
    Some(ChartedAnswer {
        question,
        value: AnswerValue::Number(f64::from(weeks)),
        source: Some(part.reference().clone()),
        what: part.label().to_string(),
        date: Some(days_written(course.first, course.last)),
        needs_confirmation: weeks < needed,
    })
}

/// A yes, sourced from a criterion's first piece of evidence.
fn assessed(question: Question, assessment: Assessment<'_>) -> Option<ChartedAnswer<'_>> {
    let Evidence { resource, date, what } = assessment.evidence.into_iter().next()?;
    Some(ChartedAnswer { question, value: AnswerValue::Boolean(true), source: Some(resource), what, date, needs_confirmation: false })
}

/// A coded diagnosis that counts against the order, so a person has to confirm that it causes the pain.
fn on_record<'a>(case: &OrderCase<'_, 'a>, rule: &AbsentRule) -> Option<ChartedAnswer<'a>> {
    let condition = criteria::active_in(case, rule.conditions).min_by_key(|condition| &condition.reference)?;
    Some(ChartedAnswer {
        question: rule.question,
        value: AnswerValue::Boolean(true),
        source: Some(condition.reference.clone()),
        what: condition.label.to_string(),
        date: condition.onset.or(condition.recorded).map(|date| date.to_string()),
        needs_confirmation: true,
    })
}

fn injections<'a>(joints: &[SiteCase<'_, 'a>]) -> Vec<ChartedInjectionAnswers<'a>> {
    let mut found: Vec<(DateInterval, Reference<'a>, ChartedInjectionAnswers<'a>)> = Vec::new();
    for joint in joints {
        let known = joint.injections.iter().enumerate().map(|(place, injection)| (Some(place), injection));
        let possible = joint.open.iter().map(|injection| (None, injection));
        for (place, injection) in known.chain(possible) {
            let is_charted = injection.source == InjectionSource::Chart && injection.answers.is_empty();
            if is_charted && !found.iter().any(|(_, reference, _)| *reference == injection.reference) {
                let charted = charted(joint, place, injection);
                found.push((injection.when, injection.reference.clone(), charted));
            }
        }
    }
    found.sort_by(|left, right| left.0.cmp(&right.0).then_with(|| left.1.cmp(&right.1)));
    found.into_iter().map(|(_, _, charted)| charted).collect()
}

fn charted<'a>(joint: &SiteCase<'_, 'a>, place: Option<usize>, injection: &Injection<'_, 'a>) -> ChartedInjectionAnswers<'a> {
    let doubt = place.is_none().then(|| why(joint, injection));
    let answer = |question, value| ChartedAnswer {
        question,
        value,
        source: Some(injection.reference.clone()),
        what: injection.label.map(ToString::to_string).unwrap_or_default(),
        date: injection.date(),
        needs_confirmation: doubt.is_some(),
    };
    let date = injection.is_dated.then(|| answer(Question::InjectionDate, AnswerValue::Date(injection.when)));
    // For a unilateral order, an entry without a side is offered as an injection of the order's joint.
    let asked = if injection.side == Side::Unspecified && joint.order.side != Side::Both { joint.site.side() } else { injection.side };
    let side = asked.word().map(|word| answer(Question::InjectionSide, AnswerValue::Code(word)));
    let relief = place.and_then(|place| relief_by_scores(joint, place));
    let relief = relief.map(|relief| ChartedAnswer {
        question: Question::ReliefPercent,
        value: AnswerValue::Number(relief.percent),
        source: Some(relief.score.reference.clone()),
        what: relief.words,
        date: Some(relief.score.date.to_string()),
        needs_confirmation: !relief.is_enough,
    });
    ChartedInjectionAnswers { answers: date.into_iter().chain(side).chain(relief).collect(), doubt }
}
