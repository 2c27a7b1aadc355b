//! Builds the page of an open app: the decision on the recorded data, and next to it what the answers would change.
//! Not here: the user's actions on it; see [`super::actions`].

use std::sync::{Arc, Weak};

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use serde_json::value::to_raw_value;

use super::chart::SessionChart;
use super::prefill::prefilled;
use crate::crd::PlanMatch;
use crate::decision::{Decision, DecisionEngine};
use crate::policy::OrderEvaluation;
use crate::service::decided_orders;
use crate::smart::context::SmartContext;
use crate::smart::error::AppError;
use crate::smart::page::{
    About, CurrentAnswers, FieldFaults, FormDefinition, OrderChoice, PageCase, PageView, SaveState, Timeline, Unread,
};

/// The user's input and its state.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// The values of the fields; `None` for the prefilled ones.
    pub(super) answers: Option<CurrentAnswers>,
    pub(super) faults: FieldFaults,
    /// The field to focus.
    pub(super) focus: Option<String>,
    /// The response that the answers would create.
    pub(super) draft: Option<Value>,
    pub(super) standing: SaveState,
}

/// What to show: one chosen order, or a choice of several.
#[derive(Debug)]
pub(super) enum View {
    Order(Box<PageView>),
    Choice(OrderChoice),
}

/// What the recorded data come to: the page, and the form with the values of its fields.
#[derive(Debug)]
pub(super) struct OnRecord {
    /// The day of the decision.
    day: NaiveDate,
    /// What the decision was made with. A configuration reload makes another one.
    engine: Weak<DecisionEngine>,
    pub(super) view: View,
    /// The form of the selected order and the values of its fields; `None` while no order is selected.
    pub(super) form: Option<(FormDefinition, CurrentAnswers)>,
}

impl OnRecord {
    /// Whether it was decided today, with the present configuration.
    pub(super) fn holds(&self, context: &SmartContext, now: DateTime<Utc>) -> bool {
        self.day == now.date_naive() && self.engine.ptr_eq(&Arc::downgrade(&context.engine))
    }
}

/// The evaluated order with this reference.
pub(super) fn order_of<'d, 'a>(decision: &'d Decision<'a>, chosen: &str) -> Option<&'d OrderEvaluation<'a>> {
    decision.evaluation.orders.iter().find(|order| order.order.to_string() == chosen)
}

/// The inputs of a page.
pub(super) struct PageBuilder<'p> {
    pub(super) context: &'p SmartContext,
    pub(super) chart: &'p SessionChart,
    /// The response that was saved last.
    pub(super) saved: Option<&'p Value>,
    /// The plan of the EHR's client.
    pub(super) plan: Option<&'p str>,
    pub(super) now: DateTime<Utc>,
}

impl PageBuilder<'_> {
    /// What the decision on the recorded data comes to.
    pub(super) fn on_record(&self, decision: &Decision<'_>, standing: SaveState) -> Result<OnRecord, AppError> {
        let (day, engine) = (self.now.date_naive(), Arc::downgrade(&self.context.engine));
        let Some(chosen) = &self.chart.chosen else {
            let choice = OrderChoice::of(&self.context.words, &decision.evaluation, |order| decision.policy(order));
            return Ok(OnRecord { day, engine, view: View::Choice(choice), form: None });
        };
        let (form, answers) = self.fields(decision, chosen)?;
        let given = Given { standing, ..Given::default() };
        let view = self.view(&form, &answers, &given, decision, None)?;
        Ok(OnRecord { day, engine, view: View::Order(Box::new(view)), form: Some((form, answers)) })
    }

    /// The page with what the user's answers would change.
    pub(super) fn preview(&self, given: &Given, draft: &Value) -> Result<PageView, AppError> {
        let chosen = self.chart.chosen.as_deref().ok_or(AppError::OURS)?;
        let (saved, draft) = (self.saved.map(to_raw_value).transpose()?, to_raw_value(draft)?);
        let recorded = self.chart.decide(self.context, saved.as_deref(), self.now);
        let (form, answers) = self.fields(&recorded, chosen)?;
        self.view(&form, &answers, given, &recorded, Some(&self.chart.decide(self.context, Some(&draft), self.now)))
    }

    /// The form of the selected order's policy version, and the values of its fields.
    fn fields(&self, decision: &Decision<'_>, chosen: &str) -> Result<(FormDefinition, CurrentAnswers), AppError> {
        let order = order_of(decision, chosen).ok_or(AppError::NO_ORDER)?;
        let policy = decision.policy(order);
        let form = FormDefinition::read(policy.form.json.get()).map_err(|_| AppError::OURS)?;
        let answers = prefilled(&form, policy, self.chart, decision, order, self.saved);
        Ok((form, answers))
    }

    fn view(
        &self,
        form: &FormDefinition,
        prefilled: &CurrentAnswers,
        given: &Given,
        recorded: &Decision<'_>,
        preview: Option<&Decision<'_>>,
    ) -> Result<PageView, AppError> {
        let chosen = self.chart.chosen.as_deref().ok_or(AppError::OURS)?;
        let shown = preview.unwrap_or(recorded);
        let order = order_of(shown, chosen).ok_or(AppError::NO_ORDER)?;
        let policy = shown.policy(order);
        let facts = shown.patient_record.facts(shown.reading(policy));
        let timeline = Timeline::new(&self.context.words, policy, &facts, order, self.now.date_naive());
        let draft_id = given.draft.as_ref().and_then(|draft| draft.get("id")?.as_str()).unwrap_or_default();
        let (plan_name, policy_url) = self.plan(shown, order);
        let lists = decided_orders(shown).unavailable();
        let case = PageCase {
            words: &self.context.words,
            policy,
            form,
            recorded: &recorded.evaluation,
            order: chosen,
            preview: preview.map(|preview| (&preview.evaluation, draft_id)),
            answers: given.answers.as_ref().unwrap_or(prefilled),
            faults: &given.faults,
            focus: given.focus.as_deref(),
            timeline: Some(&timeline),
            about: About {
                plan_name: &plan_name,
                patient: &self.chart.patient,
                policy_url: policy_url.as_deref(),
                unread: Unread { lists: &lists, entries: shown.patient_record.unreadable().len() },
            },
            standing: &given.standing,
        };
        PageView::new(&case).ok_or(AppError::NO_ORDER)
    }

    /// The plan's name, and the URL of its published policy.
    fn plan(&self, decision: &Decision<'_>, order: &OrderEvaluation<'_>) -> (String, Option<String>) {
        let (PlanMatch { plan, payer }, found) = self.context.plans.matched(self.plan, decision.coverage(order));
        (decided_orders(decision).source_label(plan, payer, &found), plan.policy_url.clone())
    }
}
