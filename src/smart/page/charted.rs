//! Prefills the form's fields from the chart, each with its source.
//! Not here: reading the chart ([`crate::policy`]), and the answers of earlier forms.

use super::answers::{AnswerOrigin, CurrentAnswers};
use super::decision::list_of;
use crate::policy::{AnswerValue, ChartedAnswer, ChartedInjectionAnswers, Policy, Prefill, Question};

impl CurrentAnswers {
    /// The values of the fields that the chart answers.
    #[must_use]
    pub fn of_chart(policy: &Policy, on_record: &Prefill<'_>) -> Self {
        let mut charted = Self::default();
        for answer in &on_record.answers {
            charted.set(answer.question.link_id(), text(&answer.value), origin(policy, answer));
        }
        let group = Question::PriorInjection.link_id();
        for (place, ChartedInjectionAnswers { doubt, answers }) in on_record.injections.iter().enumerate() {
            charted.repeat_at_least(group, place + 1);
            for answer in answers {
                let origin = match doubt {
                    Some(why) => AnswerOrigin::PossibleInjection { what: answer.what.clone(), why: why.clone() },
                    None => origin(policy, answer),
                };
                charted.set(format!("{group}.{place}.{}", answer.question.link_id()), text(&answer.value), origin);
            }
        }
        charted
    }
}

fn text(value: &AnswerValue) -> String {
    match value {
        AnswerValue::Boolean(answer) => answer.to_string(),
        AnswerValue::Number(number) => number.to_string(),
        AnswerValue::Date(date) => date.to_string(),
        AnswerValue::Code(code) => (*code).to_owned(),
    }
}

fn origin(policy: &Policy, answer: &ChartedAnswer<'_>) -> AnswerOrigin {
    let Some(reference) = &answer.source else { return AnswerOrigin::Order };
    let list = policy.wording.source(list_of(reference.kind()));
    let source = if answer.what.is_empty() { list.to_owned() } else { format!("{list}, {}", answer.what) };
    let date = answer.date.clone();
    if answer.needs_confirmation { AnswerOrigin::ToConfirm { source, date } } else { AnswerOrigin::Chart { source, date } }
}
