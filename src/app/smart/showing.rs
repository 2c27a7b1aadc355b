//! Builds the page of an open app: the judgement of the recorded data, and next to it what the answers would change.
//! Not here: the user's actions on it; see [`super::working`].

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::chart::SessionChart;
use super::error::AppError;
use super::prefill::prefilled;
use super::sessions::Work;
use crate::app::App;
use crate::app::answering::{label, unavailable};
use crate::app::client_options::coverage_of;
use crate::app::decision::Decision;
use crate::app::plans::PlanMatch;
use crate::evidence::CoverageFound;
use crate::page::{About, CurrentAnswers, FieldFaults, FormDefinition, OrderChoice, PageCase, PageView, SaveState, Timeline, Unread};
use crate::policy::OrderEvaluation;

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
pub(super) enum View {
    Order(Box<PageView>),
    Choice(OrderChoice),
}

impl App {
    /// The view of a chart.
    pub(super) fn view(&self, work: &Work, chart: &SessionChart, given: &Given, now: DateTime<Utc>) -> Result<View, AppError> {
        let recorded = chart.call(work.saved.as_ref().map(|saved| &saved.response));
        let with_answers = given.draft.as_ref().map(|draft| chart.call(Some(draft)));
        let Some(chosen) = &chart.chosen else {
            let choice = |decision: &Decision<'_>| {
                OrderChoice::of(&self.words, &decision.evaluation, |order| self.policies().on(order.service_date))
            };
            return self.judge(&recorded, chart, now, choice).map(View::Choice);
        };
        let page = Page { app: self, work, chart, chosen, given, now };
        let view = self.judge(&recorded, chart, now, |decision| match &with_answers {
            None => page.view(decision, None),
            Some(call) => self.judge(call, chart, now, |preview| page.view(decision, Some(preview)))?,
        });
        view?.map(|view| View::Order(Box::new(view)))
    }

    /// The form of an order's policy version.
    pub(super) fn form_of(&self, order: &OrderEvaluation<'_>) -> Result<FormDefinition, AppError> {
        FormDefinition::read(self.policies().on(order.service_date).form.json.get()).map_err(|_| AppError::OURS)
    }
}

/// The evaluated order with this reference.
pub(super) fn order_of<'d, 'a>(decision: &'d Decision<'a>, chosen: &str) -> Option<&'d OrderEvaluation<'a>> {
    decision.evaluation.orders.iter().find(|order| order.order.to_string() == chosen)
}

/// The inputs of a page.
struct Page<'p> {
    app: &'p App,
    work: &'p Work,
    chart: &'p SessionChart,
    chosen: &'p str,
    given: &'p Given,
    now: DateTime<Utc>,
}

impl Page<'_> {
    fn view(&self, recorded: &Decision<'_>, preview: Option<&Decision<'_>>) -> Result<PageView, AppError> {
        let shown = preview.unwrap_or(recorded);
        let order = order_of(shown, self.chosen).ok_or(AppError::NO_ORDER)?;
        let (policy, form) = (self.app.policies().on(order.service_date), self.app.form_of(order)?);
        let saved = self.work.saved.as_ref().map(|saved| &saved.response);
        let on_record = order_of(recorded, self.chosen).ok_or(AppError::NO_ORDER)?;
        let prefilled = prefilled(&form, policy, self.chart, recorded, on_record, saved);
        let answers = match &self.given.answers {
            Some(answers) => answers.clone(),
            None => prefilled,
        };
        let facts = shown.patient_record.facts(shown.reading(policy));
        let timeline = Timeline::new(&self.app.words, policy, &facts, order, self.now.date_naive());
        let draft_id = self.given.draft.as_ref().and_then(|draft| draft.get("id")?.as_str()).unwrap_or_default();
        let (plan_name, policy_url) = self.plan(shown, order);
        let lists = unavailable(shown);
        let case = PageCase {
            words: &self.app.words,
            policy,
            form: &form,
            recorded: &recorded.evaluation,
            order: self.chosen,
            preview: preview.map(|preview| (&preview.evaluation, draft_id)),
            answers: &answers,
            faults: &self.given.faults,
            focus: self.given.focus.as_deref(),
            timeline: Some(&timeline),
            about: About {
                plan_name: &plan_name,
                patient: &self.chart.patient,
                policy_url: policy_url.as_deref(),
                unread: Unread { lists: &lists, entries: shown.patient_record.unreadable().len() },
            },
            standing: &self.given.standing,
        };
        PageView::new(&case).ok_or(AppError::NO_ORDER)
    }

    /// The plan's name, and the URL of its published policy.
    fn plan(&self, decision: &Decision<'_>, order: &OrderEvaluation<'_>) -> (String, Option<String>) {
        let found = coverage_of(self.app.policies(), decision, order, order.service_date);
        let own = self.work.grant.ehr.plan();
        let PlanMatch { plan, payer } = match &found {
            CoverageFound::One(member) => self.app.plans.found(own, member),
            CoverageFound::None | CoverageFound::Unavailable(_) | CoverageFound::Several(_) => self.app.plans.without_coverage(own),
        };
        (label(decision, plan, payer, &found), plan.policy_url.clone())
    }
}
