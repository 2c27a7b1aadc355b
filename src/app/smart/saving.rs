//! Saving answers to the patient's chart: a new response, or today's own replaced, once for the same answers.
//! Not here: what a response says; see [`super::response`].

use chrono::{DateTime, Utc};
use serde_json::Value;
use tracing::{info, warn};

use super::chart::Chart;
use super::orders::token_of;
use super::prefill::responses;
use super::response::IDENTIFIERS;
use super::sessions::{Saved, Work};
use crate::app::App;
use crate::auth::smart::Grant;
use crate::fhir::{AccessToken, Write, WriteError, Written, write};

const RESPONSE: &str = "QuestionnaireResponse";

/// What became of saving.
pub(super) enum Outcome {
    /// The EHR has it.
    Saved(Saved),
    /// It did not take this.
    NotSaved(Value),
}

/// The response that answers are written to.
#[derive(Clone, Debug, Default)]
pub(super) struct Target {
    /// Its id, where it is there already.
    pub(super) id: Option<String>,
    /// What it is known by among those of this app.
    pub(super) identifier: String,
}

/// The response that a user's answers of today go into: what this session saved, today's own of the chart, or a new one.
pub(super) fn target(work: &Work, chart: &Chart, questionnaire: &str, now: DateTime<Utc>) -> Target {
    if let Some(saved) = &work.saved {
        return Target { id: Some(saved.id.clone()), identifier: identifier(&saved.response).unwrap_or_default().to_owned() };
    }
    let own = |response: &Value| {
        let id = response.get("id")?.as_str()?.to_owned();
        is_own(response, &work.grant, questionnaire, now).then_some(())?;
        Some(Target { id: Some(id), identifier: identifier(response)?.to_owned() })
    };
    let new = || Target { id: None, identifier: chart.identifier.to_string() };
    responses(chart).iter().filter_map(own).next_back().unwrap_or_else(new)
}

impl App {
    /// Saves a response, as JSON.
    pub(super) async fn save(&self, grant: &mut Grant, response: Value, target: &Target, now: DateTime<Utc>) -> Outcome {
        let written = match self.put(grant, &response, &target.identifier).await {
            // It was there already, of an attempt that seemed to fail.
            Ok(Written { id: Some(id), existed: true }) => self.put(grant, &with_id(&response, &id), &target.identifier).await,
            // What may not be replaced can perhaps be made anew; the newest counts.
            Err(WriteError::NotAllowed) if target.id.is_some() => {
                self.put(grant, &without_id(&response), &self.ports().ids.new_id().to_string()).await
            }
            written => written,
        };
        match written {
            Ok(Written { id, .. }) => {
                let id = id.unwrap_or_else(|| target.identifier.clone());
                info!(ehr = grant.ehr.name(), replaced = target.id.is_some(), "answers saved");
                Outcome::Saved(Saved { response: with_id(&response, &id), id, at: now })
            }
            Err(error) => {
                warn!(ehr = grant.ehr.name(), reason = error.label(), "answers not saved");
                Outcome::NotSaved(response)
            }
        }
    }

    /// Writes a resource; again with a new token where the old one is not accepted any more.
    async fn put(&self, grant: &mut Grant, json: &Value, identifier: &str) -> Result<Written, WriteError> {
        let server = self.registry.server(grant.ehr.base_url().as_str()).ok_or(WriteError::Unreachable)?;
        let (id, text) = (json.get("id").and_then(Value::as_str), json.to_string());
        let search = format!("identifier={IDENTIFIERS}|{identifier}");
        let unless_exists = Some(search.as_str()).filter(|_| id.is_none());
        let resource = Write { resource_type: RESPONSE, id, unless_exists, json: &text };
        let written = write(&server, &AccessToken::new(token_of(grant)), resource, self.place.patience).await;
        if written != Err(WriteError::TokenRefused) || grant.refresh_token.is_none() {
            return written;
        }
        *grant = self.smart.refresh(grant).await.map_err(|_| WriteError::TokenRefused)?;
        write(&server, &AccessToken::new(token_of(grant)), resource, self.place.patience).await
    }
}

/// Whether a response is one that this app wrote today for this user.
fn is_own(response: &Value, grant: &Grant, questionnaire: &str, now: DateTime<Utc>) -> bool {
    let text = |pointer: &str| response.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let today = now.date_naive().to_string();
    let is_users = grant.fhir_user.as_deref().is_some_and(|user| is_of(text("/author/reference"), user));
    text("/questionnaire") == questionnaire
        && text("/status") == "completed"
        && text("/authored").starts_with(&today)
        && is_users
        && is_of(text("/subject/reference"), &format!("Patient/{}", grant.patient))
}

/// Whether a reference, be it absolute, names `Type/id`.
fn is_of(reference: &str, named: &str) -> bool {
    reference == named || reference.strip_suffix(named).is_some_and(|base| base.ends_with('/'))
}

/// What a response is known by, if this app wrote it.
fn identifier(response: &Value) -> Option<&str> {
    let identifier = response.get("identifier")?;
    (identifier.get("system")?.as_str()? == IDENTIFIERS).then(|| identifier.get("value")?.as_str())?
}

fn with_id(response: &Value, id: &str) -> Value {
    let mut response = response.clone();
    if let Some(members) = response.as_object_mut() {
        members.insert("id".to_owned(), Value::from(id));
    }
    response
}

fn without_id(response: &Value) -> Value {
    let mut response = response.clone();
    if let Some(members) = response.as_object_mut() {
        members.remove("id");
    }
    response
}
