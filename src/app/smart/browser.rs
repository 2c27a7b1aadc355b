//! Which browser a launch and a session belong to: by a cookie, or, where an EHR's frame lets none come back, by what the browser says
//! of itself.
//! Not here: the cookie's attributes; see [`crate::http`].

use aws_lc_rs::digest::{SHA256, digest};

/// The letters of a cookie's value: 256 bits in base64url.
const COOKIE_LETTERS: usize = 43;

/// More cookies of a request are not read.
pub const MAX_COOKIES: usize = 4;

/// What a browser brings with a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Browser<'b> {
    /// The values of the app's cookies: one, unless launches began side by side before there was any.
    pub cookies: [Option<&'b str>; MAX_COOKIES],
    /// `User-Agent`.
    pub agent: &'b str,
    /// `Accept-Language`.
    pub languages: &'b str,
    /// Whether the answer is to be a page of its own, and none in a frame: a cookie then comes back (Fetch Metadata, `Sec-Fetch-Dest`).
    pub is_page: bool,
}

impl Browser<'_> {
    /// Whether it brings a cookie of ours.
    pub(super) fn has_cookie(&self) -> bool {
        self.by_cookies().next().is_some()
    }

    /// The cookies, each as a text that nothing else is.
    fn by_cookies(&self) -> impl Iterator<Item = String> {
        self.cookies.into_iter().flatten().filter_map(as_cookie)
    }

    /// What a launch is known by in it, given the cookie that it gets if it brings none.
    pub(super) fn at_launch(&self, new: Option<&str>) -> String {
        let new = new.filter(|_| self.is_page).and_then(as_cookie);
        self.by_cookies().next().or(new).unwrap_or_else(|| self.by_agent())
    }

    /// What a launch may have been known by in it.
    pub(super) fn at_callback(&self) -> Vec<String> {
        let agent = (!self.is_page).then(|| self.by_agent());
        self.by_cookies().chain(agent).collect()
    }

    /// What it says of itself, as a text that nothing else is.
    pub(super) fn by_agent(&self) -> String {
        format!("agent {} {} {}", self.agent.len(), self.agent, self.languages)
    }
}

fn as_cookie(value: &str) -> Option<String> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (value.len() == COOKIE_LETTERS && value.bytes().all(is_letter)).then(|| format!("cookie {value}"))
}

/// What is kept of a text that must be told again, so that no time taken to compare tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CookieDigest(Vec<u8>);

impl CookieDigest {
    pub(super) fn new(text: &str) -> Self {
        Self(digest(&SHA256, text.as_bytes()).as_ref().to_vec())
    }
}

/// The browser of a session.
/// Invariant: a session that has once seen a cookie needs it from then on.
#[derive(Debug)]
pub(super) struct BrowserBinding {
    agent: CookieDigest,
    cookie: Option<CookieDigest>,
}

impl BrowserBinding {
    pub(super) fn to(browser: &Browser<'_>) -> Self {
        Self { agent: CookieDigest::new(&browser.by_agent()), cookie: browser.by_cookies().next().as_deref().map(CookieDigest::new) }
    }

    /// Whether a request is of the same browser.
    pub(super) fn admits(&mut self, browser: &Browser<'_>) -> bool {
        if let Some(cookie) = &self.cookie {
            return browser.by_cookies().any(|brought| CookieDigest::new(&brought) == *cookie);
        }
        let is_alike = self.agent == CookieDigest::new(&browser.by_agent());
        if is_alike {
            self.cookie = browser.by_cookies().next().as_deref().map(CookieDigest::new);
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
        let mut bound = BrowserBinding::to(&without);
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
            assert_eq!(callback.at_callback().contains(&launch.at_launch(Some(&new))), is_same, "{launch:?} {callback:?}");
        }
    }

    #[test]
    fn what_is_no_value_of_ours_is_no_cookie() {
        for value in ["", "short", &"ä".repeat(22), &"a".repeat(44), &"\"".repeat(43)] {
            assert!(!Browser { cookies: [Some(value), None, None, None], ..Browser::default() }.has_cookie(), "{value}");
        }
    }
}
