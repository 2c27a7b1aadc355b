//! Handles the user's actions in an open app: view the page, choose an order, preview what answers change, save.
//! Not here: how the app was opened; see [`super::launching`].

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::browser::Browser;
use super::entries::SessionAuditEntry;
use super::error::AppError;
use super::prefill::prefilled;
use super::response::Response;
use super::saving::{SaveOutcome, Target, target};
use super::sessions::{Session, Work};
use super::showing::{Given, View, order_of};
use super::shown::{BrowserAnswer, PageCategory, PageContext};
use crate::app::App;
use crate::ledger::EntryKind;
use crate::page::{Action, CurrentAnswers, FailedLaunch, FormDefinition, Notice, SaveState, Submission, html};

/// A token that expires this soon is refreshed before use.
const REFRESH_MARGIN: TimeDelta = TimeDelta::seconds(20);

/// Placeholder id of an unsaved response that replaces none.
const UNSAVED: &str = "unsaved-answers";

/// A request for a session's page.
struct SessionRequest<'a> {
    app: &'a App,
    session: &'a Session,
    address: &'a str,
    now: DateTime<Utc>,
}

impl App {
    /// The page of a session. If the user returns to the order, a page that says the app can be closed.
    pub async fn smart_show(&self, id: &str, closed: bool, browser: Browser<'_>) -> BrowserAnswer {
        let (now, address) = (self.ports().clock.now(), self.place.of_session(id));
        let session = match self.ports().sessions.find(id, &browser, now) {
            Ok(session) => session,
            Err(fault) => return self.told_anybody(fault),
        };
        let asked = SessionRequest { app: self, session: &session, address: &address, now };
        let outcome = if closed { Err(AppError::CLOSED) } else { asked.show().await };
        outcome.unwrap_or_else(|fault| asked.told(fault))
    }

    /// Handles a submitted form.
    pub async fn smart_submit(&self, id: &str, fields: &[(String, String)], browser: Browser<'_>) -> BrowserAnswer {
        let (now, address) = (self.ports().clock.now(), self.place.of_session(id));
        let session = match self.ports().sessions.find(id, &browser, now) {
            Ok(session) => session,
            Err(fault) => return self.told_anybody(fault),
        };
        let asked = SessionRequest { app: self, session: &session, address: &address, now };
        asked.submit(fields).await.unwrap_or_else(|fault| asked.told(fault))
    }
}

impl SessionRequest<'_> {
    fn leaf(&self) -> PageContext<'_> {
        PageContext { action: self.address, csrf: &self.session.csrf, ancestors: &self.session.ancestors }
    }

    /// Redirects to the page, so that a reload does not submit the form again.
    fn to_page(&self) -> BrowserAnswer {
        BrowserAnswer::To(self.address.to_owned())
    }

    /// The page that says why no order is shown.
    fn told(&self, fault: AppError) -> BrowserAnswer {
        self.app.told(self.leaf(), fault)
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
        let standing = match &work.saved {
            Some(saved) => SaveState::Saved(saved.at),
            None if work.grant.may_write_responses => SaveState::Open,
            None => SaveState::ReadOnly(None),
        };
        self.page_of(&work, &Given { standing, ..Given::default() }, PageCategory::Fine)
    }

    async fn choose(&self, work: &mut Work, order: &str) -> Result<BrowserAnswer, AppError> {
        self.read(work).await?;
        let chart = work.chart.as_mut().ok_or(AppError::OURS)?;
        if chart.chosen.is_none() {
            let call = chart.call(None);
            let is_there = self.app.judge(&call, chart, self.now, |decision| order_of(decision, order).is_some())?;
            if is_there {
                chart.choose(order);
            }
        }
        Ok(self.to_page())
    }

    async fn answer(&self, work: &mut Work, fields: &[(String, String)]) -> Result<BrowserAnswer, AppError> {
        self.read(work).await?;
        let Some((form, on_record)) = self.form(work)? else { return Ok(self.to_page()) };
        let pairs = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let submission = Submission::from_form(&form, pairs, &on_record, self.now.date_naive());
        let chart = work.chart.as_ref().ok_or(AppError::OURS)?;
        if chart.chosen.as_deref() != Some(submission.order.as_str()) {
            // The form is for another order, which this session no longer shows.
            return Ok(self.to_page());
        }
        let place = target(work, chart, &form.canonical, self.now);
        let response = self.response(work, &form, &place, &submission.items)?;
        if submission.action == Action::Save && submission.faults.is_empty() && work.grant.may_write_responses {
            return self.save(work, submission, response, &place).await;
        }
        let category =
            if submission.action == Action::Save && !submission.faults.is_empty() { PageCategory::Faulty } else { PageCategory::Fine };
        let standing = if work.grant.may_write_responses { SaveState::Open } else { SaveState::ReadOnly(Some(finished(&response))) };
        self.page_of(work, &given(submission, response, standing), category)
    }

    /// Saves valid answers. Resubmitting the same answers does not save them again.
    async fn save(&self, work: &mut Work, submission: Submission, response: Value, target: &Target) -> Result<BrowserAnswer, AppError> {
        if work.saved.as_ref().is_some_and(|saved| is_same(saved.response.get("item"), &submission.items)) {
            self.record_saved(work).await?;
            return Ok(self.to_page());
        }
        // Invariant: nothing is written that cannot be recorded.
        if self.app.ledger_standing().await.unwritable_cause().is_some() {
            return Err(AppError::NOT_RECORDED);
        }
        let outcome = match self.refresh(work).await {
            Err(fault) if fault.notice == Notice::Launch(FailedLaunch::OtherPatient) => return Err(fault),
            // The EHR no longer accepts the answers; return them so that the user does not lose them.
            Err(_) => SaveOutcome::NotSaved(response),
            Ok(()) => self.app.save(&mut work.grant, response, target, self.now).await,
        };
        match outcome {
            SaveOutcome::Saved(saved) => {
                work.saved = Some(saved);
                self.record_saved(work).await?;
                Ok(self.to_page())
            }
            SaveOutcome::NotSaved(response) => {
                let standing = SaveState::NotSaved(finished(&response));
                self.page_of(work, &given(submission, response, standing), PageCategory::EhrFailed)
            }
        }
    }

    /// Records the last save if it is not recorded yet.
    async fn record_saved(&self, work: &mut Work) -> Result<(), AppError> {
        if work.saved.as_ref().is_some_and(|saved| !saved.is_recorded) {
            let chart = work.chart.as_ref().ok_or(AppError::OURS)?;
            self.app.keep_told(SessionAuditEntry { kind: EntryKind::AppSaved, work, chart }, self.now).await?;
        }
        if let Some(saved) = &mut work.saved {
            saved.is_recorded = true;
        }
        Ok(())
    }

    /// Reads the chart on first use. The ledger records what is shown before it is shown.
    async fn read(&self, work: &mut Work) -> Result<(), AppError> {
        if work.chart.is_none() {
            self.refresh(work).await?;
            let chart = self.app.read_chart(&work.grant, self.now).await?;
            self.app.keep_told(SessionAuditEntry { kind: EntryKind::AppOpened, work, chart: &chart }, self.now).await?;
            work.chart = Some(chart);
        }
        Ok(())
    }

    /// Refreshes the token if it has expired or is about to.
    async fn refresh(&self, work: &mut Work) -> Result<(), AppError> {
        if work.grant.expires_at.is_some_and(|end| end <= self.now + REFRESH_MARGIN) && work.grant.refresh_token.is_some() {
            work.grant = self.app.smart.refresh(&work.grant).await?;
        }
        Ok(())
    }

    /// The form of the selected order and the values of its fields; `None` while no order is selected.
    fn form(&self, work: &Work) -> Result<Option<(FormDefinition, CurrentAnswers)>, AppError> {
        let chart = work.chart.as_ref().ok_or(AppError::OURS)?;
        let Some(chosen) = &chart.chosen else { return Ok(None) };
        let saved = work.saved.as_ref().map(|saved| &saved.response);
        let found = self.app.judge(&chart.call(saved), chart, self.now, |decision| {
            let order = order_of(decision, chosen).ok_or(AppError::NO_ORDER)?;
            let form = self.app.form_of(order)?;
            let policy = self.app.policies().on(order.service_date);
            let on_record = prefilled(&form, policy, chart, decision, order, saved);
            Ok((form, on_record))
        })?;
        found.map(Some)
    }

    fn response(&self, work: &Work, form: &FormDefinition, target: &Target, items: &Value) -> Result<Value, AppError> {
        let chart = work.chart.as_ref().ok_or(AppError::OURS)?;
        let response = Response {
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

    fn page_of(&self, work: &Work, given: &Given, category: PageCategory) -> Result<BrowserAnswer, AppError> {
        let chart = work.chart.as_ref().ok_or(AppError::OURS)?;
        match self.app.view(work, chart, given, self.now)? {
            View::Order(view) => self.app.page(self.leaf(), category, |frame| html::page(frame, &view)),
            View::Choice(choice) => self.app.page(self.leaf(), category, |frame| html::choice(frame, &choice)),
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
