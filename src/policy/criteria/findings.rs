//! Criteria on the examination of the joint: how many of some tests are positive.

use std::cmp::Ordering;

use super::Assessment;
use crate::policy::case::{Answered, OrderCase, SiteCase, evidence};
use crate::policy::evaluation::Evidence;
use crate::policy::facts::{Examination, Finding};
use crate::policy::form::{Answers, Question, TestAnswer};
use crate::policy::phrases::Phrase;
use crate::policy::rule::FindingsRule;
use crate::policy::verdict::Verdict;

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

/// The outcome of one test.
struct TestOutcome<'a> {
    question: Question,
    /// Positive or negative; `None` if not done or unknown.
    positive: Option<bool>,
    is_answered: bool,
    evidence: Option<Evidence<'a>>,
}

/// The form's answer, else the latest finding.
fn test_outcome<'a>(case: &SiteCase<'_, 'a>, question: Question) -> TestOutcome<'a> {
    if let Some(Answered { value, form }) = case.examined(case.site, |answers| answers.test(question)) {
        let positive = match value {
            TestAnswer::Positive => Some(true),
            TestAnswer::Negative => Some(false),
            TestAnswer::NotDone => None,
        };
        let evidence = positive.map(|positive| answer_evidence(case, Answered { value: positive, form }, question));
        return TestOutcome { question, positive, is_answered: true, evidence };
    }
    let finding = Examination::from_question(question).and_then(|examination| latest_finding(case, examination));
    let evidence = finding.map(|finding| finding_evidence(case, finding, question));
    TestOutcome { question, positive: finding.map(|finding| finding.positive), is_answered: finding.is_some(), evidence }
}

/// An answer as evidence, in the words of its type: yes or no, or positive or negative.
fn answer_evidence<'a>(case: &SiteCase<'_, 'a>, answer: Answered<'_, 'a, bool>, question: Question) -> Evidence<'a> {
    if question.answer_type() == "boolean" {
        return case.yes_no_evidence(question, answer);
    }
    let result = case.say(if answer.value { Phrase::Positive } else { Phrase::Negative }, &[]);
    case.answer_evidence(answer.form, question, &result)
}

/// Enough tests are positive; not met once that can no longer be reached.
pub(super) fn findings<'a>(case: &SiteCase<'_, 'a>, rule: &FindingsRule) -> Assessment<'a> {
    let outcomes: Vec<_> = rule.tests.iter().map(|question| test_outcome(case, *question)).collect();
    let count = |positive| outcomes.iter().filter(|outcome| outcome.positive == Some(positive)).count();
    let (positives, negatives, needed) = (count(true), count(false), rule.at_least);
    let verdict = if positives >= needed {
        Verdict::Met
    } else if outcomes.len() - negatives < needed {
        Verdict::NotMet
    } else {
        Verdict::Unknown
    };
    let mut open: Vec<_> = outcomes.iter().filter(|outcome| !outcome.is_answered).map(|outcome| outcome.question).collect();
    if open.len() + positives < needed {
        open.extend(outcomes.iter().filter(|outcome| outcome.is_answered && outcome.positive.is_none()).map(|outcome| outcome.question));
    }
    let assessment = Assessment::new(verdict)
        .found(result_words(case, rule, &outcomes, true))
        .found(result_words(case, rule, &outcomes, false))
        .resting_on(outcomes.into_iter().filter_map(|outcome| outcome.evidence));
    if verdict.is_unknown() { examination_open(case, assessment, &open) } else { assessment }
}

/// The tests with a result: counted and named, or the rule's own text.
fn result_words(case: &SiteCase<'_, '_>, rule: &FindingsRule, outcomes: &[TestOutcome<'_>], positive: bool) -> Option<String> {
    let those = outcomes.iter().filter(|outcome| outcome.positive == Some(positive));
    let names: Vec<_> = those.map(|outcome| case.policy.wording.ask(outcome.question)).collect();
    if names.is_empty() {
        return None;
    }
    let counted = |phrase| case.say(phrase, &[&names.len(), &names.join(", "), &outcomes.len()]);
    let phrase = if positive { Phrase::TestsPositive } else { Phrase::TestsNegative };
    Some(rule.texts.as_ref().map_or_else(|| counted(phrase), |texts| texts.text_for(positive).to_owned()))
}
