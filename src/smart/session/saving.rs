//! Saves answers to the patient's chart as a new response, or replaces today's own one for the order. The same answers are saved once.
//! Not here: the content of a response; see [`super::response`].

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use tracing::{info, warn};
use uuid::Uuid;

use super::chart::SessionChart;
use super::prefill::responses;
use super::response::IDENTIFIERS;
use super::work::{Saved, Work};
use crate::fhir::{AccessToken, Write, WriteError, WrittenResource, write};
use crate::smart::context::SmartContext;
use crate::smart::launch::Grant;

const RESPONSE: &str = "QuestionnaireResponse";

/// The result of saving.
pub(super) enum SaveOutcome {
    /// The EHR accepted the answers.
    Saved(Saved),
    /// The EHR did not accept this response.
    NotSaved(Value),
}

/// The response to write the answers to.
#[derive(Clone, Debug, Default)]
pub(super) struct SaveTarget {
    /// Its id, if it exists already.
    pub(super) id: Option<String>,
    /// The version that the answers replace.
    version: Option<String>,
    /// The value of its identifier among the responses of this app.
    pub(super) identifier: String,
    /// Identifies new responses of this session.
    pub(super) session: Uuid,
}

/// The response for a user's answers: the one this session saved, today's own one in the chart, or a new one.
pub(super) fn target(work: &Work, chart: &SessionChart, questionnaire: &str, now: DateTime<Utc>) -> SaveTarget {
    if let Some(saved) = &work.saved {
        let identifier = identifier(&saved.response).unwrap_or_default().to_owned();
        return SaveTarget { id: saved.id.clone(), version: saved.version.clone(), identifier, session: chart.identifier };
    }
    let order = chart.chosen.as_deref().filter(|_| chart.orders.are_resources);
    let own = |response: &Value| {
        let id = response.get("id")?.as_str()?.to_owned();
        (is_own(response, &work.grant, questionnaire, now) && is_for(response, order)).then_some(())?;
        let version = response.pointer("/meta/versionId").and_then(Value::as_str).map(str::to_owned);
        Some(SaveTarget { id: Some(id), version, identifier: identifier(response)?.to_owned(), session: chart.identifier })
    };
    let new = || SaveTarget { id: None, version: None, identifier: chart.identifier.to_string(), session: chart.identifier };
    responses(chart).iter().filter_map(own).next_back().unwrap_or_else(new)
}

impl SmartContext {
    /// Saves a response, given as JSON.
    pub(super) async fn save(&self, grant: &mut Grant, response: Value, target: &SaveTarget, now: DateTime<Utc>) -> SaveOutcome {
        let first = self.put(grant, &response, target).await;
        let existed = matches!(&first, Ok(written) if written.existed);
        let replaced = match first {
            // An earlier attempt that appeared to fail has already created it.
            Ok(WrittenResource { id: Some(id), existed: true, .. }) => self.put(grant, &with_id(&response, &id), target).await,
            Ok(WrittenResource { id: None, existed: true, .. }) => Err(WriteError::Refused),
            written => written,
        };
        let (response, written) = match replaced {
            // A response that may not be replaced, or has changed meanwhile, stays as it is; the newest response counts.
            Err(WriteError::NotAllowed | WriteError::Changed) if existed || target.id.is_some() => {
                let (anew, identifier) = anew(&response, target.session);
                let written = self.put(grant, &anew, &SaveTarget { identifier, ..SaveTarget::default() }).await;
                (anew, written)
            }
            written => (response, written),
        };
        match written {
            Ok(WrittenResource { id, version, .. }) => {
                info!(ehr = grant.ehr.name(), replaced = existed || target.id.is_some(), "answers saved");
                let response = id.as_deref().map_or_else(|| response.clone(), |id| with_id(&response, id));
                match to_raw_value(&response) {
                    Ok(json) => SaveOutcome::Saved(Saved { response, json, id, version, at: now, is_recorded: false }),
                    Err(_) => SaveOutcome::NotSaved(response),
                }
            }
            Err(error) => {
                warn!(ehr = grant.ehr.name(), reason = error.label(), "answers not saved");
                SaveOutcome::NotSaved(response)
            }
        }
    }

    /// Writes a resource. If the token is no longer accepted, retries with a new one.
    async fn put(&self, grant: &mut Grant, json: &Value, target: &SaveTarget) -> Result<WrittenResource, WriteError> {
        let server = self.engine.registry().server(grant.ehr.base_url().as_str()).ok_or(WriteError::Unreachable)?;
        let (id, text) = (json.get("id").and_then(Value::as_str), json.to_string());
        let search = format!("identifier={IDENTIFIERS}|{}", target.identifier);
        let unless_exists = Some(search.as_str()).filter(|_| id.is_none());
        let version = target.version.as_deref().filter(|_| id.is_some());
        let resource = Write { resource_type: RESPONSE, id, version, unless_exists, json: &text };
        let written = write(&server, &AccessToken::new(grant.access_token.clone()), resource, self.address.step_timeout).await;
        if written != Err(WriteError::TokenRefused) || grant.refresh_token.is_none() {
            return written;
        }
        *grant = self.launches.refresh(grant).await.map_err(|_| WriteError::TokenRefused)?;
        write(&server, &AccessToken::new(grant.access_token.clone()), resource, self.address.step_timeout).await
    }
}

/// Whether this app wrote the response today for this user.
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

/// Whether a response is for this order, or for no particular one.
fn is_for(response: &Value, order: Option<&str>) -> bool {
    match (response.pointer("/basedOn/0/reference").and_then(Value::as_str), order) {
        (Some(reference), Some(order)) => is_of(reference, order),
        (reference, order) => reference.is_none() && order.is_none(),
    }
}

/// Whether a relative or absolute reference names `Type/id`.
fn is_of(reference: &str, named: &str) -> bool {
    reference == named || reference.strip_suffix(named).is_some_and(|base| base.ends_with('/'))
}

/// The value of a response's identifier, if this app wrote it.
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

/// The response as a new one, with its identifier. Equal answers in a session get equal identifiers, so a retry creates no duplicate.
fn anew(response: &Value, session: Uuid) -> (Value, String) {
    let items = response.get("item").map(Value::to_string).unwrap_or_default();
    let identifier = format!("{session}-{}", URL_SAFE_NO_PAD.encode(digest(&SHA256, items.as_bytes())));
    let mut response = response.clone();
    if let Some(members) = response.as_object_mut() {
        members.remove("id");
        members.insert("identifier".to_owned(), json!({"system": IDENTIFIERS, "value": identifier}));
    }
    (response, identifier)
}
