//! What an EHR granted to one user for one patient.
//! Not here: using it, and how long a session lasts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::Value;

use super::app_context::{AppContext, is_id, reference};
use super::ehr::Ehr;
use super::error::LaunchError;
use super::exchange::TokenResponse;
use super::scopes::allow_responses;

/// Maximum number of resources read from `fhirContext`.
const MAX_CONTEXT: usize = 50;

/// Upper bound on a token's lifetime, whatever its `expires_in`.
const MAX_LIFETIME: TimeDelta = TimeDelta::days(366);

/// The resource types of a user.
const USER_TYPES: [&str; 5] = ["Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "Person"];

/// What an EHR granted. Its strings come from the EHR; ids and references contain only characters valid in ids.
#[derive(Clone)]
pub struct Grant {
    /// The EHR.
    pub ehr: Arc<Ehr>,
    /// The access token for its FHIR server.
    pub access_token: SecretString,
    /// The refresh token for a new access token.
    pub refresh_token: Option<SecretString>,
    /// When the access token expires, if the EHR says so.
    pub expires_at: Option<DateTime<Utc>>,
    /// The scopes granted.
    pub scopes: Vec<String>,
    /// The id of the only patient the grant covers.
    pub patient: String,
    /// The id of the encounter the app was opened in.
    pub encounter: Option<String>,
    /// The user, as `Type/id`, from an identity token the EHR signed.
    pub fhir_user: Option<String>,
    /// The context of the card's link, untrusted.
    pub app_context: AppContext,
    /// Other resources open in the EHR, each as `Type/id`.
    pub fhir_context: Vec<String>,
    /// Whether the scopes allow creating QuestionnaireResponses.
    pub may_write_responses: bool,
}

impl fmt::Debug for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Grant").field("ehr", &self.ehr.name()).finish_non_exhaustive()
    }
}

impl Grant {
    /// Builds the grant from a token response. If the EHR names no scopes, it granted the requested ones (RFC 6749, section 5.1).
    pub(super) fn of_code(ehr: &Arc<Ehr>, answer: &TokenResponse, asked: Vec<String>, now: DateTime<Utc>) -> Result<Self, LaunchError> {
        let scopes = answer.scopes().unwrap_or(asked);
        Ok(Self {
            ehr: Arc::clone(ehr),
            access_token: answer.access_token.clone(),
            refresh_token: answer.refresh_token.clone(),
            expires_at: expires_at(answer, now),
            may_write_responses: allow_responses(&scopes),
            scopes,
            patient: id_of(answer.patient.as_ref(), "Patient").ok_or(LaunchError::NoPatient)?,
            encounter: id_of(answer.encounter.as_ref(), "Encounter"),
            fhir_user: None,
            app_context: answer.app_context.as_ref().map(AppContext::of_member).unwrap_or_default(),
            fhir_context: answer.fhir_context.as_ref().map(fhir_context).unwrap_or_default(),
        })
    }

    /// The grant after a token refresh. Values missing from the response stay unchanged (RFC 6749, section 6).
    /// Invariant: a grant is for the same patient for its whole lifetime.
    pub(super) fn refreshed(&self, ehr: &Arc<Ehr>, answer: &TokenResponse, now: DateTime<Utc>) -> Result<Self, LaunchError> {
        let patient = answer.patient.as_ref();
        if patient.is_some() && id_of(patient, "Patient").as_ref() != Some(&self.patient) {
            return Err(LaunchError::OtherPatient);
        }
        let scopes = answer.scopes().unwrap_or_else(|| self.scopes.clone());
        Ok(Self {
            ehr: Arc::clone(ehr),
            access_token: answer.access_token.clone(),
            refresh_token: answer.refresh_token.clone().or_else(|| self.refresh_token.clone()),
            expires_at: expires_at(answer, now),
            may_write_responses: allow_responses(&scopes),
            scopes,
            ..self.clone()
        })
    }

    /// The grant with the user that an identity token names.
    pub(super) fn of_user(self, user: Option<&str>) -> Self {
        let is_user = |reference: &String| reference.split_once('/').is_some_and(|(name, _)| USER_TYPES.contains(&name));
        Self { fhir_user: user.and_then(reference).filter(is_user), ..self }
    }
}

/// Whether the scope `openid` was granted.
pub(super) fn grants_identity(answer: &TokenResponse, asked: &[String]) -> bool {
    match answer.scopes() {
        Some(granted) => granted.iter().any(|scope| scope == "openid"),
        None => asked.iter().any(|scope| scope == "openid"),
    }
}

fn expires_at(answer: &TokenResponse, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let life = TimeDelta::from_std(Duration::from_secs(answer.expires_in?)).unwrap_or(MAX_LIFETIME).min(MAX_LIFETIME);
    Some(now + life)
}

/// The id in a member, with or without its type.
fn id_of(member: Option<&Value>, resource_type: &str) -> Option<String> {
    let text = member?.as_str()?;
    let id = text.strip_prefix(resource_type).and_then(|rest| rest.strip_prefix('/')).unwrap_or(text);
    is_id(id).then(|| id.to_owned())
}

/// Reads a list of objects with a `reference` (SMART App Launch 2.2, "fhirContext"), or of plain references, as in version 2.0.
fn fhir_context(value: &Value) -> Vec<String> {
    let entries = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |entry: &Value| entry.as_str().or_else(|| entry.get("reference")?.as_str()).and_then(reference);
    entries.iter().take(MAX_CONTEXT).filter_map(text).collect()
}
