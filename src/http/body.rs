//! Reads the body of a call: accepts JSON by its media type, never buffers more than the limit, and takes the memory that reading the JSON
//! costs before anything is made of it.
//! Not here: parsing the JSON.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT};
use bytes::BytesMut;
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::admission::CallPermit;
use super::error::HttpError;
use super::state::Service;
use crate::json_size::{JsonSize, Oversize};
use crate::large_work::without_blocking;
use crate::memory_budget::MemoryGrant;

/// How much of an oversized body is read and discarded, in multiples of the limit. A caller that is still sending when the
/// connection closes sees a broken pipe instead of the 413.
const DISCARDED_LIMITS: usize = 4;

/// How long the rest of a refused body is read and discarded. A caller that is still sending when the connection closes sees a broken
/// pipe instead of its answer.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// The complete body of a call.
pub(super) struct CallBody {
    pub(super) bytes: Bytes,
    /// What the call's further memory is taken from.
    pub(super) permit: Arc<CallPermit>,
}

impl FromRequest<Service> for CallBody {
    type Rejection = HttpError;

    /// Checks the media type only after reading the body, because a caller that is still sending would not see the 415.
    async fn from_request(mut request: Request, service: &Service) -> Result<Self, HttpError> {
        let acceptable = is_plain_json(request.headers());
        let permit = request.extensions_mut().remove::<Arc<CallPermit>>().ok_or(HttpError::Overloaded)?;
        let bytes = read(request.into_body(), service.server.body_limit_bytes.get().min(permit.most_memory), &permit.body).await?;
        if !acceptable {
            return Err(HttpError::UnsupportedMediaType);
        }
        let size = without_blocking(bytes.len(), || JsonSize::check(&bytes, service.server.max_entries)).await?;
        let work = size.memory.saturating_sub(bytes.len());
        if work > permit.most_memory {
            return Err(Oversize::Memory.into());
        }
        // Work is short, so a call waits for its memory; the deadline ends that.
        permit.work.grow_when_free(work).await;
        Ok(Self { bytes, permit })
    }
}

async fn read(mut body: Body, limit: usize, memory: &MemoryGrant) -> Result<Bytes, HttpError> {
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared <= limit {
        let mut read = BytesMut::new();
        loop {
            let Some(frame) = body.frame().await else { return Ok(read.freeze()) };
            let Ok(data) = frame.map_err(|_| HttpError::BrokenBody)?.into_data() else { continue };
            if read.len() + data.len() > limit {
                break;
            }
            if !memory.grow(data.len()) {
                memory.shrink_to(0);
                discard(body, limit).await;
                return Err(HttpError::Overloaded);
            }
            // A body that arrives at once is not copied.
            if read.is_empty() && body.is_end_stream() {
                return Ok(data);
            }
            read.extend_from_slice(&data);
        }
    }
    memory.shrink_to(0);
    discard(body, limit.saturating_mul(DISCARDED_LIMITS)).await;
    Err(HttpError::BodyTooLarge { limit })
}

/// Discards part of what a refused caller is still sending, within a second. Skips callers that wait for `100 Continue`.
pub(super) async fn discard_refused(headers: &HeaderMap, body: Body, most: usize) {
    if !headers.contains_key(EXPECT) {
        _ = timeout(DISCARD_TIMEOUT, discard(body, most)).await;
    }
}

/// Reads and discards the rest of a body, up to about `most` bytes.
async fn discard(mut body: Body, most: usize) {
    let mut discarded = 0_usize;
    while discarded < most {
        let Some(Ok(frame)) = body.frame().await else { return };
        discarded = discarded.saturating_add(frame.data_ref().map_or(0, Bytes::len));
    }
}

/// Accepts both JSON media types, with any parameters, and a missing media type. Rejects compressed bodies.
fn is_plain_json(headers: &HeaderMap) -> bool {
    let encoded = headers.get(CONTENT_ENCODING).is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let json = headers.get(CONTENT_TYPE).is_none_or(|value| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        [b"application/json".as_slice(), b"application/fhir+json"].iter().any(|name| essence.eq_ignore_ascii_case(name))
    });
    json && !encoded
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn accepts(name: HeaderName, value: &'static str) -> bool {
        is_plain_json(&HeaderMap::from_iter([(name, HeaderValue::from_static(value))]))
    }

    #[test]
    fn json_is_accepted_by_either_name_with_any_parameter() {
        let accepted =
            ["application/json", "application/fhir+json", "Application/JSON; charset=utf-8", "application/fhir+json;fhirVersion=4.0"];
        for media_type in accepted {
            assert!(accepts(CONTENT_TYPE, media_type), "{media_type}");
        }
        assert!(is_plain_json(&HeaderMap::new()));
    }

    #[test]
    fn other_media_types_and_compressed_bodies_are_refused() {
        for media_type in ["text/plain", "application/xml", "application/jsonp", "application/fhir+xml", "", ";application/json"] {
            assert!(!accepts(CONTENT_TYPE, media_type), "{media_type}");
        }
        assert!(!accepts(CONTENT_ENCODING, "gzip"));
        assert!(accepts(CONTENT_ENCODING, "identity"));
    }
}
