//! Prefills the form: each question from the newest valid form that answers it, else from the chart.
//! Not here: the chart's answers ([`crate::policy`]), and processing of answers ([`crate::smart::page`]).

use serde_json::Value;

use super::chart::SessionChart;
use super::ehr_access::resources;
use crate::decision::Decision;
use crate::evidence::Kind;
use crate::policy::{OrderEvaluation, PROVOCATION_TESTS, Policy, Question, prefill};
use crate::smart::page::{AnswerOrigin, CurrentAnswers, FormDefinition};

/// The prefilled values of a form's fields.
pub(super) fn prefilled(
    form: &FormDefinition,
    policy: &Policy,
    chart: &SessionChart,
    decision: &Decision<'_>,
    order: &OrderEvaluation<'_>,
    saved: Option<&Value>,
) -> CurrentAnswers {
    let facts = decision.patient_record.facts(decision.reading(policy));
    let on_record = prefill(policy, &facts, &order.order, decision.evaluation.as_of.date_naive());
    let written: Vec<Value> = saved.cloned().into_iter().chain(responses(chart)).collect();
    let mut answers = CurrentAnswers::default();
    for reference in &on_record.forms {
        let id = |response: &Value| response.get("id").and_then(Value::as_str).unwrap_or_default() == reference.id();
        if let Some(response) = written.iter().find(|response| id(response)) {
            let is_examination = on_record.examination.as_ref() == Some(reference);
            answers.fill_from(&of_response(form, response), |name| is_examination || !is_of_examination(name));
        }
    }
    answers.fill_from(&CurrentAnswers::of_chart(policy, &on_record), |_| true);
    answers
}

fn of_response(form: &FormDefinition, response: &Value) -> CurrentAnswers {
    let date = response.get("authored").and_then(Value::as_str).and_then(|text| text.get(..10)).map(str::to_owned);
    let items = response.get("item").cloned().unwrap_or_default();
    CurrentAnswers::of_items(form, &items, |_| AnswerOrigin::EarlierForm { date: date.clone() })
}

/// Whether a question belongs to the examination. It covers one joint, so its findings come from the same form as that joint.
fn is_of_examination(name: &str) -> bool {
    let others = [Question::ExaminedSide, Question::SijTenderness];
    others.iter().chain(&PROVOCATION_TESTS).any(|question| question.link_id() == name)
}

/// Every response in the chart.
pub(super) fn responses(chart: &SessionChart) -> Vec<Value> {
    let lists = chart.pages.lists().filter(|list| list.key == Kind::QuestionnaireResponses);
    resources(lists.map(|list| &list.answer), Kind::QuestionnaireResponses.resource_type())
}
