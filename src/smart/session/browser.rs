//! Binds a launch and a session to one browser: by a cookie, or by the browser's request headers if the EHR's frame blocks cookies.
//! Not here: which cookies count ([`super::cookie`]), and their attributes ([`crate::http`]).

use aws_lc_rs::digest::{SHA256, digest};

use super::cookie::IssuedCookie;

/// Maximum number of cookies read from a request.
pub const MAX_COOKIES: usize = 4;

/// The parts of a request that identify the browser.
#[derive(Clone, Copy, Debug, Default)]
pub struct Browser<'b> {
    /// The app's cookies. More than one exists only if launches started concurrently before the first cookie was set.
    pub cookies: [Option<IssuedCookie<'b>>; MAX_COOKIES],
    /// `User-Agent`.
    pub agent: &'b str,
    /// `Accept-Language`.
    pub languages: &'b str,
    /// Whether the browser says that the request is a frame's, or of a script in a page of this service (Fetch Metadata). Such a
    /// browser may block cookies; it returns them to any other page.
    pub is_framed: bool,
}

impl Browser<'_> {
    /// Whether the request carries a cookie of the app.
    pub(crate) fn has_cookie(&self) -> bool {
        self.cookie_identities().next().is_some()
    }

    /// The cookies, each as a string that no other identity can produce.
    fn cookie_identities(&self) -> impl Iterator<Item = String> {
        self.cookies.into_iter().flatten().map(|cookie| cookie_identity(cookie.as_str()))
    }

    /// The identity to bind a launch to; `new` is the cookie that a browser without one receives.
    pub(crate) fn launch_identity(&self, new: Option<&str>) -> String {
        let new = new.filter(|_| !self.is_framed).map(cookie_identity);
        self.cookie_identities().next().or(new).unwrap_or_else(|| self.agent_identity())
    }

    /// The identities that a launch may have been bound to.
    pub(crate) fn callback_identities(&self) -> Vec<String> {
        let agent = self.is_framed.then(|| self.agent_identity());
        self.cookie_identities().chain(agent).collect()
    }

    /// The identity from the browser's request headers, as a string that no other identity can produce.
    fn agent_identity(&self) -> String {
        format!("agent {} {} {}", self.agent.len(), self.agent, self.languages)
    }
}

fn cookie_identity(value: &str) -> String {
    format!("cookie {value}")
}

/// Digest of a secret, so that comparisons do not leak timing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SecretDigest(Vec<u8>);

impl SecretDigest {
    pub(super) fn new(text: &str) -> Self {
        Self(digest(&SHA256, text.as_bytes()).as_ref().to_vec())
    }
}

/// The browser that a session is bound to, from when it opens to its end.
#[derive(Debug)]
pub(super) enum BrowserBinding {
    /// The one with this cookie.
    Cookie(SecretDigest),
    /// One with these request headers, in a frame only.
    Frame(SecretDigest),
}

impl BrowserBinding {
    pub(super) fn from_browser(browser: &Browser<'_>) -> Self {
        let cookie = browser.cookie_identities().next();
        cookie.map_or_else(|| Self::Frame(SecretDigest::new(&browser.agent_identity())), |cookie| Self::Cookie(SecretDigest::new(&cookie)))
    }

    /// Whether a request comes from the session's browser.
    pub(super) fn admits(&self, browser: &Browser<'_>) -> bool {
        match self {
            Self::Cookie(own) => browser.cookie_identities().any(|brought| SecretDigest::new(&brought) == *own),
            Self::Frame(own) => browser.is_framed && SecretDigest::new(&browser.agent_identity()) == *own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cookie::CookieKey;
    use super::*;

    #[test]
    fn a_session_is_bound_to_what_its_browser_had_when_it_opened() {
        let key = CookieKey::default();
        let values: Vec<String> = (0..2).map(|_| key.issue().expect("a value")).collect();
        let [own, other] = [0, 1].map(|at| [key.verify(&values[at]), None, None, None]);
        let frame = Browser { agent: "agent/1", languages: "en", is_framed: true, ..Browser::default() };
        let page = Browser { is_framed: false, ..frame };
        let elsewhere = Browser { agent: "agent/2", ..frame };
        for (opened, request, is_admitted) in [
            (frame, frame, true),
            (frame, page, false),
            (frame, elsewhere, false),
            (frame, Browser { languages: "de", ..frame }, false),
            (frame, Browser { cookies: other, ..frame }, true),
            (frame, Browser { cookies: other, ..page }, false),
            (frame, Browser { cookies: other, ..elsewhere }, false),
            (Browser { cookies: own, ..frame }, Browser { cookies: own, ..frame }, true),
            (Browser { cookies: own, ..frame }, Browser { cookies: own, ..page }, true),
            (Browser { cookies: own, ..frame }, Browser { cookies: own, ..elsewhere }, true),
            (Browser { cookies: own, ..frame }, frame, false),
            (Browser { cookies: own, ..frame }, Browser { cookies: other, ..frame }, false),
            (Browser { cookies: own, ..frame }, Browser { cookies: [other[0], own[0], None, None], ..frame }, true),
        ] {
            assert_eq!(BrowserBinding::from_browser(&opened).admits(&request), is_admitted, "{opened:?} {request:?}");
        }
    }

    #[test]
    fn what_a_browser_says_of_itself_counts_in_frames_alone() {
        let key = CookieKey::default();
        let (new, own) = (key.issue().expect("a value"), key.issue().expect("a value"));
        let frame = Browser { agent: "agent/1", languages: "en", is_framed: true, ..Browser::default() };
        let page = Browser { is_framed: false, ..frame };
        let [news, owns] = [&new, &own].map(|value| [key.verify(value), None, None, None]);
        let both = [owns[0], news[0], None, None];
        for (launch, callback, is_same) in [
            (frame, frame, true),
            (frame, page, false),
            (page, frame, false),
            (page, page, false),
            (page, Browser { cookies: news, ..page }, true),
            (page, Browser { cookies: news, ..frame }, true),
            (page, Browser { cookies: owns, ..page }, false),
            (page, Browser { cookies: both, ..page }, true),
            (Browser { cookies: owns, ..page }, Browser { cookies: owns, ..page }, true),
            (Browser { cookies: owns, ..frame }, frame, false),
        ] {
            assert_eq!(callback.callback_identities().contains(&launch.launch_identity(Some(&new))), is_same, "{launch:?} {callback:?}");
        }
    }
}
