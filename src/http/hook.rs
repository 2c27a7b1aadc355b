//! `POST /cds-services/{id}` (CDS Hooks, "Calling a CDS Service").
//! Not here: what the call says and what is answered; see [`crate::app`].

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::HttpError;
use super::body::CallBody;
use super::limits::Deadline;
use super::router::Service;
use crate::app::VerifiedClient;

/// Answers a hook call. The answer is computed on this thread: it takes less time than handing it to another is worth.
pub(super) async fn answer(
    State(service): State<Service>,
    Extension(client): Extension<VerifiedClient>,
    Extension(Deadline(end)): Extension<Deadline>,
    id: Result<Path<String>, PathRejection>,
    CallBody(body): CallBody,
) -> Result<impl IntoResponse, HttpError> {
    service.known(id)?;
    let answer = service.app.answer_by(&client, &body, Some(end)).await?;
    Ok(([(CONTENT_TYPE, "application/json")], answer))
}

impl Service {
    /// Refuses an id that is not offered, or not even text.
    pub(super) fn known(&self, id: Result<Path<String>, PathRejection>) -> Result<(), HttpError> {
        let known = id.is_ok_and(|Path(id)| self.app.knows_service(&id));
        if known { Ok(()) } else { Err(HttpError::UnknownService) }
    }
}
