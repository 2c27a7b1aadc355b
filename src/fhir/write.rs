//! Creates or updates one resource on a registered FHIR server. FHIR R4, "create", "update" and "conditional create".
//! <https://hl7.org/fhir/R4/http.html>
//! Not here: the content, and retries; the caller decides how to handle a write that may have succeeded.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, IF_MATCH, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use thiserror::Error;
use tokio::time::timeout;

use super::search::bearer;
use super::server::{AccessToken, Server};

const FHIR_JSON: &str = "application/fhir+json";

/// The maximum size of a response body.
const MAX_BYTES: usize = 1024 * 1024;

/// A resource to create or update.
#[derive(Clone, Copy, Debug)]
pub struct Write<'w> {
    /// The resource type.
    pub resource_type: &'static str,
    /// The id of the resource to update; `None` creates a new one.
    pub id: Option<&'w str>,
    /// The version that an updated resource must still have (FHIR R4, "Managing Resource Contention").
    pub version: Option<&'w str>,
    /// A search; the server creates the resource only if the search has no match.
    pub unless_exists: Option<&'w str>,
    /// The resource as JSON.
    pub json: &'w str,
}

/// The result of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenResource {
    /// The resource's id, if the server returns it.
    pub id: Option<String>,
    /// Whether the resource already existed, so that the server created none.
    pub existed: bool,
    /// The resource's new version, if the server returns it.
    pub version: Option<String>,
}

/// Why a write failed, or may have failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WriteError {
    /// 401: the server does not accept the token.
    #[error("the FHIR server does not accept the token")]
    TokenRefused,
    /// 403, 404, 405 or 410: the server does not allow this write.
    #[error("the FHIR server does not allow the write")]
    NotAllowed,
    /// 409 or 412: someone else has changed the resource.
    #[error("the resource was changed by somebody else")]
    Changed,
    /// Another 3xx or 4xx.
    #[error("the FHIR server refused the resource")]
    Refused,
    /// 5xx or 429.
    #[error("the FHIR server failed")]
    ServerFailed,
    /// The connection failed or broke.
    #[error("the FHIR server cannot be reached")]
    Unreachable,
    /// The server did not respond in time.
    #[error("the FHIR server took too long")]
    TooSlow,
}

impl WriteError {
    /// A short stable name, for records and logs.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::TokenRefused => "token_refused",
            Self::NotAllowed => "not_allowed",
            Self::Changed => "changed",
            Self::Refused => "refused",
            Self::ServerFailed => "server_failed",
            Self::Unreachable => "unreachable",
            Self::TooSlow => "too_slow",
        }
    }
}

/// Writes a resource, without retries.
///
/// # Errors
/// [`WriteError`]. After [`WriteError::TooSlow`] or [`WriteError::Unreachable`] the write may still have succeeded.
pub async fn write(server: &Server, token: &AccessToken, write: Write<'_>, limit: Duration) -> Result<WrittenResource, WriteError> {
    let request = request(server, token, write).ok_or(WriteError::Refused)?;
    timeout(limit, sent(request, write)).await.unwrap_or(Err(WriteError::TooSlow))
}

fn request(server: &Server, token: &AccessToken, write: Write<'_>) -> Option<RequestBuilder> {
    let mut url = server.base.clone();
    url.path_segments_mut().ok()?.pop_if_empty().push(write.resource_type).extend(write.id);
    let method = if write.id.is_some() { Method::PUT } else { Method::POST };
    let request = server.client.request(method, url).header(ACCEPT, FHIR_JSON).header(CONTENT_TYPE, FHIR_JSON);
    let request = request.header("prefer", "return=representation").header(AUTHORIZATION, bearer(token)?).body(write.json.to_owned());
    let request = match write.unless_exists {
        Some(search) => request.header("if-none-exist", search),
        None => request,
    };
    Some(match write.version.filter(|version| is_id(version)) {
        Some(version) => request.header(IF_MATCH, format!("W/\"{version}\"")),
        None => request,
    })
}

async fn sent(request: RequestBuilder, write: Write<'_>) -> Result<WrittenResource, WriteError> {
    let unsent = |error: reqwest::Error| if error.is_timeout() { WriteError::TooSlow } else { WriteError::Unreachable };
    let response = request.send().await.map_err(unsent)?;
    judge(response.status())?;
    let existed = write.id.is_none() && response.status() == StatusCode::OK;
    let version = version(response.headers());
    let located = write.id.map(str::to_owned).or_else(|| located(response.headers(), write.resource_type));
    let id = match located {
        Some(id) => Some(id),
        None => body(response).await.and_then(|body| id_in(&body, write.resource_type)),
    };
    Ok(WrittenResource { id, existed, version })
}

fn judge(status: StatusCode) -> Result<(), WriteError> {
    match status.as_u16() {
        200..=299 => Ok(()),
        401 => Err(WriteError::TokenRefused),
        403 | 404 | 405 | 410 => Err(WriteError::NotAllowed),
        409 | 412 => Err(WriteError::Changed),
        429 | 500..=599 => Err(WriteError::ServerFailed),
        _ => Err(WriteError::Refused),
    }
}

/// The version in `ETag: W/"3"`.
fn version(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(ETAG)?.to_str().ok()?;
    let version = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?;
    is_id(version).then(|| version.to_owned())
}

/// The id in `Location: …/{type}/{id}/_history/{version}`.
fn located(headers: &HeaderMap, resource_type: &str) -> Option<String> {
    let location = headers.get(LOCATION)?.to_str().ok()?;
    let mut parts = location.split(['?', '#']).next()?.split('/').skip_while(|part| *part != resource_type);
    parts.nth(1).filter(|id| is_id(id)).map(str::to_owned)
}

async fn body(mut response: Response) -> Option<Bytes> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > MAX_BYTES {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body.freeze())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenHead {
    resource_type: String,
    id: Option<String>,
}

fn id_in(body: &[u8], resource_type: &str) -> Option<String> {
    let head: WrittenHead = serde_json::from_slice(body).ok()?;
    head.id.filter(|id| head.resource_type == resource_type && is_id(id))
}

/// Whether the text is short enough for an id and needs no escaping in a URL path.
fn is_id(text: &str) -> bool {
    let is_short = (1..=200).contains(&text.len());
    is_short && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')) && !matches!(text, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_in_the_location_whatever_stands_around_it() {
        for (location, expected) in [
            ("https://ehr.example/fhir/QuestionnaireResponse/7/_history/1", Some("7")),
            ("QuestionnaireResponse/a-b.c", Some("a-b.c")),
            ("/fhir/QuestionnaireResponse/7?x=y", Some("7")),
            ("https://ehr.example/fhir/Patient/7", None),
            ("https://ehr.example/fhir/QuestionnaireResponse", None),
            ("https://ehr.example/fhir/QuestionnaireResponse/a%2Fb", None),
        ] {
            let headers = HeaderMap::from_iter([(LOCATION, location.parse().expect("a header"))]);
            assert_eq!(located(&headers, "QuestionnaireResponse").as_deref(), expected, "{location}");
        }
    }
}
