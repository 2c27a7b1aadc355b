//! Binds a launch and a session to one browser: by a cookie, or by the browser's request headers if the EHR's frame blocks cookies.
//! Not here: the cookie's attributes; see [`crate::http`].

use aws_lc_rs::digest::{SHA256, digest};

/// The length of a cookie's value in characters: 256 bits in base64url.
const COOKIE_LETTERS: usize = 43;

/// Maximum number of cookies read from a request.
pub const MAX_COOKIES: usize = 4;

/// The parts of a request that identify the browser.
#[derive(Clone, Copy, Debug, Default)]
pub struct Browser<'b> {
    /// The values of the app's cookies. More than one exists only if launches started concurrently before the first cookie was set.
    pub cookies: [Option<&'b str>; MAX_COOKIES],
    /// `User-Agent`.
    pub agent: &'b str,
    /// `Accept-Language`.
    pub languages: &'b str,
    /// Whether the response is a top-level page, not in a frame; the browser then returns cookies (Fetch Metadata, `Sec-Fetch-Dest`).
    pub is_page: bool,
}

impl Browser<'_> {
    /// Whether the request carries a cookie of the app.
    pub(crate) fn has_cookie(&self) -> bool {
        self.cookie_identities().next().is_some()
    }

    /// The cookies, each as a string that no other identity can produce.
    fn cookie_identities(&self) -> impl Iterator<Item = String> {
        self.cookies.into_iter().flatten().filter_map(as_cookie)
    }

    /// The identity to bind a launch to; `new` is the cookie that a browser without one receives.
    pub(crate) fn launch_identity(&self, new: Option<&str>) -> String {
        let new = new.filter(|_| self.is_page).and_then(as_cookie);
        self.cookie_identities().next().or(new).unwrap_or_else(|| self.agent_identity())
    }

    /// The identities that a launch may have been bound to.
    pub(crate) fn callback_identities(&self) -> Vec<String> {
        let agent = (!self.is_page).then(|| self.agent_identity());
        self.cookie_identities().chain(agent).collect()
    }

    /// The identity from the browser's request headers, as a string that no other identity can produce.
    pub(super) fn agent_identity(&self) -> String {
        format!("agent {} {} {}", self.agent.len(), self.agent, self.languages)
    }
}

fn as_cookie(value: &str) -> Option<String> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (value.len() == COOKIE_LETTERS && value.bytes().all(is_letter)).then(|| format!("cookie {value}"))
}

/// Digest of a secret, so that comparisons do not leak timing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SecretDigest(Vec<u8>);

impl SecretDigest {
    pub(super) fn new(text: &str) -> Self {
        Self(digest(&SHA256, text.as_bytes()).as_ref().to_vec())
    }
}

/// The browser that a session is bound to.
/// Invariant: once a session has seen a cookie, it requires that cookie.
#[derive(Debug)]
pub(super) struct BrowserBinding {
    agent: SecretDigest,
    cookie: Option<SecretDigest>,
}

impl BrowserBinding {
    pub(super) fn from_browser(browser: &Browser<'_>) -> Self {
        Self {
            agent: SecretDigest::new(&browser.agent_identity()),
            cookie: browser.cookie_identities().next().as_deref().map(SecretDigest::new),
        }
    }

    /// Whether a request comes from the session's browser.
    pub(super) fn admits(&mut self, browser: &Browser<'_>) -> bool {
        if let Some(cookie) = &self.cookie {
            return browser.cookie_identities().any(|brought| SecretDigest::new(&brought) == *cookie);
        }
        let is_alike = self.agent == SecretDigest::new(&browser.agent_identity());
        if is_alike {
            self.cookie = browser.cookie_identities().next().as_deref().map(SecretDigest::new);
        }
        is_alike
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_has_seen_a_cookie_needs_it_from_then_on() {
        let (own, other) = ("o".repeat(COOKIE_LETTERS), "x".repeat(COOKIE_LETTERS));
        let without = Browser { agent: "agent/1", languages: "en", ..Browser::default() };
        let with = |cookie| Browser { cookies: [Some(cookie), None, None, None], ..without };
        let mut bound = BrowserBinding::from_browser(&without);
        assert!(bound.admits(&without));
        assert!(!bound.admits(&Browser { agent: "agent/2", ..without }));
        assert!(bound.admits(&with(&own)));
        assert!(!bound.admits(&without) && !bound.admits(&with(&other)));
        assert!(bound.admits(&Browser { agent: "agent/2", ..with(&own) }));
    }

    #[test]
    fn what_a_browser_says_of_itself_counts_in_frames_alone() {
        let (new, own) = ("n".repeat(COOKIE_LETTERS), "o".repeat(COOKIE_LETTERS));
        let framed = Browser { agent: "agent/1", languages: "en", ..Browser::default() };
        let page = Browser { is_page: true, ..framed };
        let (news, owns, both) = ([Some(&*new), None, None, None], [Some(&*own), None, None, None], [Some(&*own), Some(&*new), None, None]);
        for (launch, callback, is_same) in [
            (framed, framed, true),
            (framed, page, false),
            (page, framed, false),
            (page, page, false),
            (page, Browser { cookies: news, ..page }, true),
            (page, Browser { cookies: news, ..framed }, true),
            (page, Browser { cookies: owns, ..page }, false),
            (page, Browser { cookies: both, ..page }, true),
            (Browser { cookies: owns, ..page }, Browser { cookies: owns, ..page }, true),
            (Browser { cookies: owns, ..framed }, framed, false),
        ] {
            assert_eq!(callback.callback_identities().contains(&launch.launch_identity(Some(&new))), is_same, "{launch:?} {callback:?}");
        }
    }

    #[test]
    fn what_is_no_value_of_ours_is_no_cookie() {
        for value in ["", "short", &"ä".repeat(22), &"a".repeat(44), &"\"".repeat(43)] {
            assert!(!Browser { cookies: [Some(value), None, None, None], ..Browser::default() }.has_cookie(), "{value}");
        }
    }
}
