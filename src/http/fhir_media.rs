//! The media type of FHIR responses (FHIR R4, "Content Types and encodings"): JSON, under the name the caller accepts.
//! Not here: the media types of request bodies; see [`super::body`].

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

const FHIR_JSON: &str = "application/fhir+json";
const JSON: &str = "application/json";

/// Builds the response for a FHIR resource.
pub(super) fn fhir_json(headers: &HeaderMap, body: impl Into<Body>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(asked_for(headers)))], body.into()).into_response()
}

/// `application/json` if the caller accepts it and not FHIR's own media type; otherwise FHIR's own.
fn asked_for(headers: &HeaderMap) -> &'static str {
    let accepted: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let names = |name: &str| {
        let essences = accepted.iter().flat_map(|value| value.split(',')).map(|range| range.split(';').next().unwrap_or_default().trim());
        essences.into_iter().any(|essence| essence.eq_ignore_ascii_case(name))
    };
    if names(JSON) && !names(FHIR_JSON) { JSON } else { FHIR_JSON }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_called_as_the_caller_calls_it() {
        for (accept, name) in [
            ("", FHIR_JSON),
            ("*/*", FHIR_JSON),
            ("application/json", JSON),
            ("text/html, Application/JSON;q=0.9", JSON),
            ("application/fhir+json", FHIR_JSON),
            ("application/json, application/fhir+json", FHIR_JSON),
            ("application/fhir+xml", FHIR_JSON),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(asked_for(&headers), name, "{accept}");
        }
        assert_eq!(asked_for(&HeaderMap::new()), FHIR_JSON);
    }
}
