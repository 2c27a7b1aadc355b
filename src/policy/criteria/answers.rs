//! Criteria that a yes-or-no answer of the form decides.

use super::Assessment;
use crate::policy::case::{Answered, OrderCase};
use crate::policy::form::Question;
use crate::policy::rule::{AnswerRule, YesNoText};
use crate::policy::verdict::Verdict;

/// The form's answer, or the question if it has none.
pub(super) fn answer<'a>(case: &OrderCase<'_, 'a>, rule: &AnswerRule) -> Assessment<'a> {
    let answer = case.answered(|answers| answers.yes_no(rule.question));
    let verdict = Verdict::from_answer(answer.map(|answer| answer.value == rule.met_by));
    with_answer(case, Assessment::new(verdict), rule.question, answer, &rule.texts)
}

/// Adds the form's yes-or-no answer to an assessment, or asks for it.
pub(super) fn with_answer<'a>(
    case: &OrderCase<'_, 'a>,
    assessment: Assessment<'a>,
    question: Question,
    answer: Option<Answered<'_, 'a, bool>>,
    texts: &YesNoText,
) -> Assessment<'a> {
    match answer {
        Some(answer) => {
            let found = texts.text_for(answer.value).to_owned();
            assessment.found(found).resting_on([case.yes_no_evidence(question, answer)])
        }
        None => assessment.settled_by(&[question]),
    }
}
