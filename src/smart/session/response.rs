//! Builds the answers as a `QuestionnaireResponse` for the patient's chart (FHIR R4; DTR 2.2, `dtr-questionnaireresponse`).
//! Not here: the answers' items, which [`crate::smart::page`] builds, and saving; see [`super::saving`].

use chrono::{DateTime, SecondsFormat, Utc};
use fhir_sdk::r4b::codes::QuestionnaireResponseStatus;
use fhir_sdk::r4b::resources::QuestionnaireResponse;
use fhir_sdk::r4b::types::{Identifier, Reference};
use serde_json::Value;

use crate::dtr::context_extensions;
use crate::smart::launch::Grant;

/// The identifier system of responses that this app writes.
pub(super) const IDENTIFIERS: &str = "urn:sij-cds:responses";

/// The inputs for a response.
pub(super) struct NewResponse<'r> {
    pub(super) grant: &'r Grant,
    /// The form's canonical URL with its version.
    pub(super) questionnaire: &'r str,
    /// The order that it documents, if that is a resource of the EHR.
    pub(super) order: Option<&'r str>,
    pub(super) authored: DateTime<Utc>,
    pub(super) items: &'r Value,
    /// The id of the response to replace, if any.
    pub(super) id: Option<&'r str>,
    /// The value of its identifier within [`IDENTIFIERS`].
    pub(super) identifier: &'r str,
}

impl NewResponse<'_> {
    /// The response as JSON; `None` if it cannot be serialized.
    pub(super) fn json(&self) -> Option<Value> {
        let identifier = Identifier::builder().system(IDENTIFIERS.to_owned()).value(self.identifier.to_owned()).build().ok()?;
        let orders: Vec<String> = self.order.iter().map(|order| (*order).to_owned()).collect();
        let mut response = QuestionnaireResponse::builder()
            .identifier(identifier)
            .extension(context_extensions(&orders)?)
            .questionnaire(self.questionnaire.to_owned())
            .status(QuestionnaireResponseStatus::Completed)
            .subject(reference(&format!("Patient/{}", self.grant.patient))?)
            .authored(self.authored.to_rfc3339_opts(SecondsFormat::Secs, true).parse().ok()?);
        if let Some(id) = self.id {
            response = response.id(id.to_owned());
        }
        if let Some(user) = &self.grant.fhir_user {
            response = response.author(reference(user)?).source(reference(user)?);
        }
        if let Some(encounter) = &self.grant.encounter {
            response = response.encounter(reference(&format!("Encounter/{encounter}"))?);
        }
        if let Some(order) = self.order {
            response = response.based_on(vec![Some(reference(order)?)]);
        }
        let mut json = fhir_json::to_json(&response.build().ok()?.into())?;
        json.as_object_mut()?.insert("item".to_owned(), self.items.clone());
        Some(json)
    }
}

fn reference(text: &str) -> Option<Reference> {
    Reference::builder().reference(text.to_owned()).build().ok()
}
