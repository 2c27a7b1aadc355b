//! What stands in the fields before the user writes: the newest form on record, or else what the chart proves of earlier injections.
//! Not here: what is made of answers; see [`crate::page`].

use serde_json::Value;

use super::chart::Chart;
use super::orders::resources;
use crate::app::decision::Decision;
use crate::evidence::Kind;
use crate::fhir::Answer;
use crate::page::{CurrentAnswers, FormDefinition, Origin};
use crate::policy::{DateInterval, InjectionSource, OrderEvaluation, Policy, Question, Site};

/// The values of a form's fields, from what is on record.
pub(super) fn prefilled(
    form: &FormDefinition,
    policy: &Policy,
    chart: &Chart,
    decision: &Decision<'_>,
    order: &OrderEvaluation<'_>,
    saved: Option<&Value>,
) -> CurrentAnswers {
    let newest = saved.cloned().or_else(|| newest_response(policy, chart, decision));
    match newest {
        Some(response) => {
            let date = response.get("authored").and_then(Value::as_str).and_then(|text| text.get(..10)).map(str::to_owned);
            let items = response.get("item").cloned().unwrap_or_default();
            CurrentAnswers::of_items(form, &items, |_| Origin::EarlierForm { date: date.clone() })
        }
        None => earlier_injections(policy, order),
    }
}

/// The newest response to the form that counts for the patient.
fn newest_response(policy: &Policy, chart: &Chart, decision: &Decision<'_>) -> Option<Value> {
    let facts = decision.gathered.facts(decision.reading(policy));
    let newest = facts.forms.iter().max_by(|left, right| left.cmp_age(right))?;
    responses(chart).into_iter().find(|response| response.get("id").and_then(Value::as_str) == Some(newest.reference.id()))
}

/// Every response that was read.
pub(super) fn responses(chart: &Chart) -> Vec<Value> {
    let lists = chart.pages.lists.iter().filter(|list| list.key == Kind::QuestionnaireResponses);
    let answers: Vec<Answer> = lists.map(|list| list.answer.clone()).collect();
    resources(&answers, Kind::QuestionnaireResponses.resource_type())
}

/// The dates and sides of charted injections, so that only what they did is asked for.
fn earlier_injections(policy: &Policy, order: &OrderEvaluation<'_>) -> CurrentAnswers {
    let mut answers = CurrentAnswers::default();
    let group = Question::PriorInjection.link_id();
    let mut known: Vec<(String, Site)> = Vec::new();
    for site in &order.sites {
        let charted = site.prior_injections.iter().filter(|injection| injection.source == InjectionSource::Chart);
        known.extend(charted.filter_map(|injection| injection.date.clone()).map(|date| (date, site.site)));
    }
    known.retain(|(date, _)| DateInterval::parse(date).is_some());
    known.dedup();
    for (place, (date, site)) in known.into_iter().enumerate() {
        let origin = Origin::Chart { source: policy.wording.source("procedures").to_owned(), date: Some(date.clone()) };
        let name = |question: Question| format!("{group}.{place}.{}", question.link_id());
        answers.set(name(Question::InjectionDate), date, origin.clone());
        if site != Site::Unspecified {
            answers.set(name(Question::InjectionSide), site.as_str(), origin);
        }
    }
    answers
}
