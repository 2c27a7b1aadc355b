//! `POST /fhir/Questionnaire/$questionnaire-package` (Da Vinci DTR 2.2).
//! Not here: reading the parameters and building the package; see [`crate::dtr`].

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::body::CallBody;
use super::error::HttpError;
use super::fhir_media::fhir_json;
use super::openapi::bodies;
use super::state::Service;
use crate::auth::VerifiedClient;

/// Answers with the form, and a draft of a response to it.
#[utoipa::path(post, path = "/fhir/Questionnaire/$questionnaire-package", tag = "FHIR", operation_id = "packQuestionnaire",
    summary = "Gives the documentation form that orders ask for.",
    description = "By a form's URL, by orders, or by the id of a decision: each form with the value sets it names and a draft of a response.",
    request_body(content((bodies::PackageParameters = "application/json"), (bodies::PackageParameters = "application/fhir+json"))),
    responses((status = 200, description = "Parameters with the packages, and with what is to be said beside them.",
        content((Value = "application/fhir+json"), (Value = "application/json")))))]
pub(super) async fn answer(
    State(service): State<Service>,
    Extension(client): Extension<VerifiedClient>,
    headers: HeaderMap,
    CallBody { bytes: body, .. }: CallBody,
) -> Result<Response, HttpError> {
    let answer = service.app.dtr.questionnaire_package(&client, &body).await?;
    Ok(fhir_json(&headers, answer))
}
