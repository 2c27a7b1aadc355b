//! Reads a browser's cookies and headers, and sets the app's cookie.
//! Not here: their use; see [`crate::smart`].

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, HeaderName, USER_AGENT};

use crate::smart::{Browser, SmartService};

/// What a request's answer is for (Fetch Metadata). Browsers set it, and pages cannot.
const FETCH_DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Who made the request (Fetch Metadata).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Prefix of the app's cookie names. The start of the value completes the name, so that concurrent launches in one browser do
/// not overwrite each other's cookies.
const PREFIX: &str = "sij-app-";

/// The same over https, where a browser takes a cookie of such a name from this host only, not from one of its neighbours
/// below the same domain (RFC 6265bis, section 4.1.3.2).
const HOST_PREFIX: &str = "__Host-sij-app-";

/// How many characters of the value its name contains.
const NAMED_BY: usize = 8;

/// Reads the browser's part of a request. Cookies that this service did not issue do not count.
pub(super) fn browser<'h>(smart: &SmartService, headers: &'h HeaderMap) -> Browser<'h> {
    let mut cookies = values(headers, prefix(smart)).filter_map(|value| smart.issued_cookie(value));
    Browser {
        cookies: std::array::from_fn(|_| cookies.next()),
        agent: text(headers, &USER_AGENT),
        languages: text(headers, &ACCEPT_LANGUAGE),
        is_framed: is_framed(headers),
    }
}

/// The `Set-Cookie` value: only for this service's pages, hidden from scripts, and partitioned by the site that embeds the
/// app's frame (CHIPS). A name with a host prefix needs the path `/`.
pub(super) fn set_cookie(smart: &SmartService, value: &str) -> String {
    let name: String = value.chars().take(NAMED_BY).collect();
    let path = if smart.is_https() { "/".to_owned() } else { format!("{}/smart", smart.base()) };
    format!("{}{name}={value}; Path={path}; HttpOnly; Secure; SameSite=None; Partitioned", prefix(smart))
}

fn prefix(smart: &SmartService) -> &'static str {
    if smart.is_https() { HOST_PREFIX } else { PREFIX }
}

/// The values of the cookies whose names have a prefix.
fn values<'h>(headers: &'h HeaderMap, prefix: &'static str) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(name, _)| name.starts_with(prefix)).map(|(_, value)| value)
}

/// Whether a browser says that it loads a frame, or that a script of one of this service's own pages asks. A browser that says
/// nothing counts as one that loads a page.
fn is_framed(headers: &HeaderMap) -> bool {
    match text(headers, &FETCH_DESTINATION) {
        "iframe" | "frame" | "embed" | "object" => true,
        "empty" => text(headers, &FETCH_SITE) == "same-origin",
        _ => false,
    }
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
            ("__Host-sij-app-a=a1", vec!["a1"]),
            ("x=1; __Host-sij-app-a=a1; y=2; __Host-sij-app-b=b1", vec!["a1", "b1"]),
            ("x__Host-sij-app-a=a", vec![]),
            ("sij-app-a=a; __host-sij-app-a=a; __Secure-sij-app-a=a", vec![]),
            ("__Host-sij-app-a", vec![]),
            ("", vec![]),
        ] {
            let headers = HeaderMap::from_iter([(COOKIE, header.parse().expect("a header"))]);
            assert_eq!(values(&headers, HOST_PREFIX).collect::<Vec<_>>(), expected, "{header}");
        }
    }
}
