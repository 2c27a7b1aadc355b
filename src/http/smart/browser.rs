//! Who is asking: the app's cookie, and what a browser says of itself.
//! Not here: what is made of it; see [`crate::app`].

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, HeaderName, USER_AGENT};

use crate::app::Browser;

/// Where an answer goes to (Fetch Metadata); browsers set it, and pages cannot.
const FETCH_DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The app's cookie.
const NAME: &str = "sij-app";

/// The browser of a request.
pub(super) fn browser(headers: &HeaderMap) -> Browser<'_> {
    Browser {
        cookie: cookie(headers),
        agent: text(headers, &USER_AGENT),
        languages: text(headers, &ACCEPT_LANGUAGE),
        is_page: text(headers, &FETCH_DESTINATION) == "document",
    }
}

/// The header that gives a browser its cookie: for this service's pages alone, unseen by scripts, and within an EHR's frame apart from
/// those of other frames (CHIPS).
pub(super) fn set_cookie(value: &str, base: &str) -> String {
    format!("{NAME}={value}; Path={base}/smart; HttpOnly; Secure; SameSite=None; Partitioned")
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(name, _)| *name == NAME).map(|(_, value)| value)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        for (header, expected) in
            [("sij-app=a", Some("a")), ("x=1; sij-app=a; y=2", Some("a")), ("xsij-app=a", None), ("sij-app", None), ("", None)]
        {
            let headers = HeaderMap::from_iter([(COOKIE, header.parse().expect("a header"))]);
            assert_eq!(cookie(&headers), expected, "{header}");
        }
    }
}
