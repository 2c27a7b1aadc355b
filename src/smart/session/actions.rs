//! Handles the user's actions in an open app: view the page, choose an order, preview what answers change, save.
//! Not here: how the app was opened; see [`crate::smart::service`].

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tracing::info;

use super::audit_entry::SessionEvent;
use super::chart::SessionChart;
use super::response::NewResponse;
use super::saving::{SaveOutcome, SaveTarget, target};
use super::sessions::Session;
use super::view::{Given, OnRecord, PageBuilder, View, order_of};
use super::work::{Saved, Work};
use crate::decision::Decision;
use crate::ledger::{Entry, EntryKind};
use crate::smart::browser_answer::{BrowserAnswer, PageCategory};
use crate::smart::context::SmartContext;
use crate::smart::error::AppError;
use crate::smart::launch::Grant;
use crate::smart::page::{FailedLaunch, FormDefinition, Notice, SaveState, Submission, SubmittedAction, html};
use crate::smart::render::PageContext;

/// A token that expires this soon is refreshed before use.
const REFRESH_MARGIN: TimeDelta = TimeDelta::seconds(20);

/// Placeholder id of an unsaved response that replaces none.
const UNSAVED: &str = "unsaved-answers";

/// A request for a session's page.
pub(in crate::smart) struct SessionRequest<'a> {
    context: &'a SmartContext,
    session: &'a Session,
    address: &'a str,
    now: DateTime<Utc>,
}

impl<'a> SessionRequest<'a> {
    pub(in crate::smart) fn new(context: &'a SmartContext, session: &'a Session, address: &'a str, now: DateTime<Utc>) -> Self {
        Self { context, session, address, now }
    }

    /// The page of the session. If the user returns to the order, a page that says the app can be closed.
    pub(in crate::smart) async fn answer_show(&self, closed: bool) -> BrowserAnswer {
        let outcome = if closed { Err(AppError::CLOSED) } else { self.show().await };
        outcome.unwrap_or_else(|error| self.notice(error))
    }

    /// Handles a submitted form.
    pub(in crate::smart) async fn answer_submit(&self, fields: &[(String, String)]) -> BrowserAnswer {
        self.submit(fields).await.unwrap_or_else(|error| self.notice(error))
    }

    fn page_context(&self) -> PageContext<'_> {
        let Session { csrf, ancestors, .. } = self.session;
        PageContext { action: self.address, csrf, ancestors, time: Some(self.session.time(self.now)) }
    }

    /// Redirects to the page, so that a reload does not submit the form again.
    fn to_page(&self) -> BrowserAnswer {
        BrowserAnswer::To(self.address.to_owned())
    }

    /// The page that says why no order is shown.
    fn notice(&self, error: AppError) -> BrowserAnswer {
        self.context.notice(self.page_context(), error)
    }

    async fn submit(&self, fields: &[(String, String)]) -> Result<BrowserAnswer, AppError> {
        let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        if !self.session.is_own_form(field("csrf").unwrap_or_default()) {
            return Err(AppError::FOREIGN_FORM);
        }
        let order = field("order").unwrap_or_default();
        let is_choice = field("action").is_none();
        let mut work = self.session.work.lock().await;
        if is_choice { self.choose(&mut work, order).await } else { self.answer(&mut work, fields).await }
    }

    async fn show(&self) -> Result<BrowserAnswer, AppError> {
        let mut work = self.session.work.lock().await;
        self.read(&mut work).await?;
        self.ensure_on_record(&mut work)?;
        let on_record = work.on_record.as_ref().ok_or(AppError::OURS)?;
        self.render(&on_record.view, PageCategory::Fine)
    }

    async fn choose(&self, work: &mut Work, order: &str) -> Result<BrowserAnswer, AppError> {
        self.read(work).await?;
        let chart = work.chart.as_mut().ok_or(AppError::OURS)?;
        if chart.chosen.is_none() {
            let is_there = order_of(&chart.decide(self.context, None, self.now), order).is_some();
            if is_there {
                chart.choose(order);
                work.on_record = None;
            }
        }
        Ok(self.to_page())
    }

    async fn answer(&self, work: &mut Work, fields: &[(String, String)]) -> Result<BrowserAnswer, AppError> {
        self.read(work).await?;
        if fields.iter().any(|(name, value)| name == "action" && value == SubmittedAction::EXTEND) {
            self.read_again(work).await?;
        }
        self.ensure_on_record(work)?;
        let Some((form, on_record)) = work.on_record.as_ref().and_then(|on_record| on_record.form.as_ref()) else {
            return Ok(self.to_page());
        };
        let pairs = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let submission = Submission::from_form(form, pairs, on_record, self.now.date_naive());
        let chart = work.chart.as_ref().ok_or(AppError::OURS)?;
        if chart.chosen.as_deref() != Some(submission.order.as_str()) {
            // The form is for another order, which this session no longer shows.
            return Ok(self.to_page());
        }
        let place = target(work, chart, &form.canonical, self.now);
        let response = self.response(work, form, &place, &submission.items)?;
        if submission.action == SubmittedAction::Extend {
            self.session.extend(self.now);
            info!(ehr = work.grant.ehr.name(), "session extended");
            if submission.faults.is_empty() && !submission.answers.differ_from(on_record) {
                return Ok(self.to_page());
            }
        }
        let is_saving = submission.action == SubmittedAction::Save;
        if is_saving && submission.faults.is_empty() && work.grant.may_write_responses {
            return self.save(work, submission, response, &place).await;
        }
        let category = if is_saving && !submission.faults.is_empty() { PageCategory::Faulty } else { PageCategory::Fine };
        let standing = if work.grant.may_write_responses { SaveState::Open } else { SaveState::ReadOnly(Some(finished(&response))) };
        self.preview(work, submission, response, standing, category)
    }

    /// Saves valid answers. Resubmitting the same answers does not save them again.
    async fn save(&self, work: &mut Work, submission: Submission, response: Value, target: &SaveTarget) -> Result<BrowserAnswer, AppError> {
        if work.saved.as_ref().is_some_and(|saved| is_same(saved.response.get("item"), &submission.items)) {
            self.record_saved(work).await?;
            return Ok(self.to_page());
        }
        // Invariant: nothing is written that cannot be recorded.
        if self.context.audit.health().await.unwritable_cause().is_some() {
            return Err(AppError::NOT_RECORDED);
        }
        let outcome = match self.refresh(work).await {
            Err(fault) if fault.notice == Notice::Launch(FailedLaunch::OtherPatient) => return Err(fault),
            // The EHR no longer accepts the answers; return them so that the user does not lose them.
            Err(_) => SaveOutcome::NotSaved(response),
            Ok(()) => self.context.save(&mut work.grant, response, target, self.now).await,
        };
        // Saving can renew the grant, and what it allows.
        work.on_record = None;
        match outcome {
            SaveOutcome::Saved(saved) => {
                work.saved = Some(saved);
                self.record_saved(work).await?;
                Ok(self.to_page())
            }
            SaveOutcome::NotSaved(response) => {
                let standing = SaveState::NotSaved(finished(&response));
                self.preview(work, submission, response, standing, PageCategory::EhrFailed)
            }
        }
    }

    /// Records the last save if it is not recorded yet. The decision for the record also makes the page that follows.
    async fn record_saved(&self, work: &mut Work) -> Result<(), AppError> {
        let Some(saved) = work.saved.as_ref().filter(|saved| !saved.is_recorded) else { return Ok(()) };
        let chart = work.chart.as_ref().ok_or(AppError::OURS)?;
        let (on_record, entry) = self.decide_on_record(EntryKind::AppSaved, &work.grant, chart, Some(saved));
        self.record(entry).await?;
        if let Some(saved) = &mut work.saved {
            saved.is_recorded = true;
        }
        // What was saved is recorded even if there is no page for it any more; the next request for the page says why.
        work.on_record = on_record.ok();
        Ok(())
    }

    /// Reads the chart on first use. The ledger records what is shown before it is shown.
    async fn read(&self, work: &mut Work) -> Result<(), AppError> {
        if work.chart.is_none() {
            self.refresh(work).await?;
            let chart = SessionChart::read(self.context, &work.grant, self.now).await?;
            self.keep(work, chart).await?;
        }
        Ok(())
    }

    /// Reads the chart again for the time that is added. If the EHR does not answer, the page keeps what it has.
    async fn read_again(&self, work: &mut Work) -> Result<(), AppError> {
        let chosen = work.chart.as_ref().and_then(|chart| chart.chosen.clone());
        self.refresh(work).await?;
        let Ok(mut chart) = SessionChart::read(self.context, &work.grant, self.now).await else { return Ok(()) };
        if let Some(order) = chosen.filter(|order| order_of(&chart.decide(self.context, None, self.now), order).is_some()) {
            chart.choose(&order);
        }
        self.keep(work, chart).await
    }

    /// Records what a chart comes to, and keeps it for the page.
    async fn keep(&self, work: &mut Work, chart: SessionChart) -> Result<(), AppError> {
        let (on_record, entry) = self.decide_on_record(EntryKind::AppOpened, &work.grant, &chart, work.saved.as_ref());
        self.record(entry).await?;
        (work.on_record, work.chart) = (Some(on_record?), Some(chart));
        Ok(())
    }

    async fn record(&self, entry: Option<Entry<'_>>) -> Result<(), AppError> {
        match entry {
            Some(entry) => self.context.audit.record(vec![entry]).await.map_err(|_| AppError::NOT_RECORDED),
            None => Ok(()),
        }
    }

    /// Decides on the chart and the saved answers: what is shown of it, and its ledger entry if the ledger is on.
    fn decide_on_record(
        &self,
        kind: EntryKind,
        grant: &Grant,
        chart: &SessionChart,
        saved: Option<&Saved>,
    ) -> (Result<OnRecord, AppError>, Option<Entry<'static>>) {
        let decision = self.decide(chart, saved);
        let event = SessionEvent { kind, grant, chart, saved };
        let entry = self.context.audit.is_on().then(|| event.entry(self.context, &decision, self.now));
        (self.on_record(grant, chart, saved, &decision), entry)
    }

    fn decide<'c>(&self, chart: &'c SessionChart, saved: Option<&'c Saved>) -> Decision<'c> {
        chart.decide(self.context, saved.map(|saved| saved.json.as_ref()), self.now)
    }

    /// What is shown of a decision on the chart and the saved answers.
    fn on_record(&self, grant: &Grant, chart: &SessionChart, saved: Option<&Saved>, decision: &Decision<'_>) -> Result<OnRecord, AppError> {
        let standing = match saved {
            Some(saved) => SaveState::Saved(saved.at),
            None if grant.may_write_responses => SaveState::Open,
            None => SaveState::ReadOnly(None),
        };
        self.page(grant, chart, saved).on_record(decision, standing)
    }

    /// Decides on the recorded data again if that was not done today and with the present configuration.
    fn ensure_on_record(&self, work: &mut Work) -> Result<(), AppError> {
        if work.on_record.as_ref().is_none_or(|on_record| !on_record.holds(self.context, self.now)) {
            let (chart, saved) = (work.chart.as_ref().ok_or(AppError::OURS)?, work.saved.as_ref());
            work.on_record = Some(self.on_record(&work.grant, chart, saved, &self.decide(chart, saved))?);
        }
        Ok(())
    }

    /// Refreshes the token if it has expired or is about to.
    async fn refresh(&self, work: &mut Work) -> Result<(), AppError> {
        if work.grant.expires_at.is_some_and(|end| end <= self.now + REFRESH_MARGIN) && work.grant.refresh_token.is_some() {
            work.grant = self.context.launches.refresh(&work.grant).await?;
            work.on_record = None;
        }
        Ok(())
    }

    fn response(&self, work: &Work, form: &FormDefinition, target: &SaveTarget, items: &Value) -> Result<Value, AppError> {
        let chart = work.chart.as_ref().ok_or(AppError::OURS)?;
        let response = NewResponse {
            grant: &work.grant,
            questionnaire: &form.canonical,
            order: chart.chosen.as_deref().filter(|_| chart.orders.are_resources),
            authored: self.now,
            items,
            id: target.id.as_deref(),
            identifier: &target.identifier,
        };
        response.json().ok_or(AppError::OURS)
    }

    fn page<'p>(&'p self, grant: &'p Grant, chart: &'p SessionChart, saved: Option<&'p Saved>) -> PageBuilder<'p> {
        PageBuilder { context: self.context, chart, saved: saved.map(|saved| &saved.response), plan: grant.ehr.plan(), now: self.now }
    }

    /// The page with what unsaved answers would change.
    fn preview(
        &self,
        work: &Work,
        submission: Submission,
        response: Value,
        standing: SaveState,
        category: PageCategory,
    ) -> Result<BrowserAnswer, AppError> {
        let chart = work.chart.as_ref().ok_or(AppError::OURS)?;
        let given = given(submission, response, standing);
        let draft = given.draft.as_ref().ok_or(AppError::OURS)?;
        let view = self.page(&work.grant, chart, work.saved.as_ref()).preview(&given, draft)?;
        self.render(&View::Order(Box::new(view)), category)
    }

    fn render(&self, view: &View, category: PageCategory) -> Result<BrowserAnswer, AppError> {
        match view {
            View::Order(view) => self.context.page(self.page_context(), category, |frame| html::page(frame, view)),
            View::Choice(choice) => self.context.page(self.page_context(), category, |frame| html::choice(frame, choice)),
        }
    }
}

/// The user's input. Unsaved answers are judged under a placeholder id, which distinguishes them from saved ones.
fn given(submission: Submission, mut draft: Value, standing: SaveState) -> Given {
    let Submission { answers, faults, focus, .. } = submission;
    if let Some(members) = draft.as_object_mut() {
        members.entry("id").or_insert_with(|| Value::from(UNSAVED));
    }
    Given { answers: Some(answers), faults, focus, draft: Some(draft), standing }
}

/// Whether two responses contain the same answers, whatever their origin.
fn is_same(saved: Option<&Value>, items: &Value) -> bool {
    saved.is_some_and(|saved| without_extensions(saved) == without_extensions(items))
}

fn without_extensions(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| *name != "extension");
            Value::Object(kept.map(|(name, member)| (name.clone(), without_extensions(member))).collect())
        }
        Value::Array(elements) => elements.iter().map(without_extensions).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The response as text to copy by hand.
fn finished(response: &Value) -> String {
    serde_json::to_string_pretty(response).unwrap_or_default()
}
