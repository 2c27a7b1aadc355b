//! A page as a response: its status, and what a browser may do with it (Content Security Policy Level 3).
//! Not here: the page itself; see [`crate::smart`].

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::http::error::HttpError;
use crate::smart::{BrowserAnswer, PageCategory, RenderedPage};

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// Builds the response to a browser.
pub(super) fn answer(next: BrowserAnswer) -> Response {
    match next {
        BrowserAnswer::Page(shown) => page(shown),
        BrowserAnswer::To(address) => match HeaderValue::try_from(address) {
            Ok(address) => (StatusCode::SEE_OTHER, [(LOCATION, address)]).into_response(),
            Err(_) => HttpError::Panicked.into_response(),
        },
    }
}

fn page(shown: RenderedPage) -> Response {
    let status = status_of(shown.category);
    match HeaderValue::try_from(policy(&shown)) {
        Ok(policy) => (status, [(CONTENT_TYPE, HTML), (CONTENT_SECURITY_POLICY, policy)], shown.html).into_response(),
        Err(_) => HttpError::Panicked.into_response(),
    }
}

fn status_of(category: PageCategory) -> StatusCode {
    match category {
        PageCategory::Fine => StatusCode::OK,
        PageCategory::Faulty => StatusCode::UNPROCESSABLE_ENTITY,
        PageCategory::Malformed => StatusCode::BAD_REQUEST,
        PageCategory::Forbidden => StatusCode::FORBIDDEN,
        PageCategory::NotFound => StatusCode::NOT_FOUND,
        PageCategory::Over => StatusCode::GONE,
        PageCategory::EhrFailed => StatusCode::BAD_GATEWAY,
        PageCategory::Ours => StatusCode::INTERNAL_SERVER_ERROR,
        PageCategory::Unready => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Invariant: a page runs and loads only this service's own content, submits forms only to it, and is framed only by registered pages.
fn policy(shown: &RenderedPage) -> String {
    let nonce = &shown.nonce;
    let ancestors = if shown.ancestors.is_empty() { "'none'".to_owned() } else { shown.ancestors.join(" ") };
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    )
}
