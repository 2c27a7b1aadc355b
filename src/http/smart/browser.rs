//! Reads a browser's cookies and headers, and sets the app's cookie.
//! Not here: their use; see [`crate::smart`].

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, HeaderName, USER_AGENT};

use crate::smart::{Browser, MAX_COOKIES};

/// The destination of a request (Fetch Metadata). Browsers set it, and pages cannot.
const FETCH_DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Prefix of the app's cookie names. The start of the value completes the name, so that concurrent launches in one browser do
/// not overwrite each other's cookies.
const PREFIX: &str = "sij-app-";

/// How many characters of the value its name contains.
const NAMED_BY: usize = 8;

/// Reads the browser's part of a request.
pub(super) fn browser(headers: &HeaderMap) -> Browser<'_> {
    Browser {
        cookies: cookies(headers),
        agent: text(headers, &USER_AGENT),
        languages: text(headers, &ACCEPT_LANGUAGE),
        is_page: text(headers, &FETCH_DESTINATION) == "document",
    }
}

/// The `Set-Cookie` value: only for this service's pages, hidden from scripts, and partitioned by the site that embeds the
/// app's frame (CHIPS).
pub(super) fn set_cookie(value: &str, base: &str) -> String {
    let name: String = value.chars().take(NAMED_BY).collect();
    format!("{PREFIX}{name}={value}; Path={base}/smart; HttpOnly; Secure; SameSite=None; Partitioned")
}

fn cookies(headers: &HeaderMap) -> [Option<&str>; MAX_COOKIES] {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(name, _)| name.starts_with(PREFIX)).map(|(_, value)| value);
    std::array::from_fn(|_| values.next())
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookies_are_found_among_others() {
        for (header, expected) in [
            ("sij-app-a=a1", [Some("a1"), None]),
            ("x=1; sij-app-a=a1; y=2; sij-app-b=b1", [Some("a1"), Some("b1")]),
            ("xsij-app-a=a", [None; 2]),
            ("sij-app-a", [None; 2]),
            ("", [None; 2]),
        ] {
            let headers = HeaderMap::from_iter([(COOKIE, header.parse().expect("a header"))]);
            assert_eq!(cookies(&headers)[..2], expected, "{header}");
        }
    }
}
