//! The values of the app's cookies: random, and authenticated, so that only those count which this process issued.
//! Not here: a cookie's name and attributes; see [`crate::http`].

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::smart::launch::random_text;

/// The length of a value's random part in characters: 256 bits in base64url. Its authentication code follows.
const RANDOM_LETTERS: usize = 43;

/// The key that authenticates cookies. Each process has its own, which is enough: sessions, too, live in one process.
pub(super) struct CookieKey(Option<hmac::Key>);

/// The value of a cookie that this process issued.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IssuedCookie<'c>(&'c str);

impl Default for CookieKey {
    /// A random key. If the system provides no random bytes, no cookie is issued, and none counts.
    fn default() -> Self {
        Self(hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok())
    }
}

impl fmt::Debug for CookieKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CookieKey")
    }
}

impl fmt::Debug for IssuedCookie<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IssuedCookie")
    }
}

impl IssuedCookie<'_> {
    /// The value.
    pub(super) fn as_str(&self) -> &str {
        self.0
    }
}

impl CookieKey {
    /// A new value.
    pub(super) fn issue(&self) -> Option<String> {
        let random = random_text().ok()?;
        let code = hmac::sign(self.0.as_ref()?, random.as_bytes());
        Some(format!("{random}{}", URL_SAFE_NO_PAD.encode(code)))
    }

    /// `None` for a value that this process did not issue.
    pub(super) fn verify<'c>(&self, value: &'c str) -> Option<IssuedCookie<'c>> {
        let (random, code) = value.split_at_checked(RANDOM_LETTERS)?;
        let code = URL_SAFE_NO_PAD.decode(code).ok()?;
        hmac::verify(self.0.as_ref()?, random.as_bytes(), &code).ok()?;
        Some(IssuedCookie(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_process_did_not_issue_is_no_cookie() {
        let key = CookieKey::default();
        let own = key.issue().expect("a value");
        let foreign = CookieKey::default().issue().expect("a value");
        let (random, code) = own.split_at(RANDOM_LETTERS);
        assert!(key.verify(&own).is_some());
        for value in [
            "",
            "short",
            random,
            code,
            &foreign,
            &format!("{random}{}", &foreign[RANDOM_LETTERS..]),
            &format!("{}{code}", &foreign[..RANDOM_LETTERS]),
            &format!("{own}A"),
            &format!("{own}="),
            &format!(" {own}"),
            &own[..own.len() - 1],
            &own.to_uppercase(),
            &"a".repeat(own.len()),
            &"\u{e4}".repeat(own.len() / 2),
        ] {
            assert!(key.verify(value).is_none(), "{value}");
        }
    }
}
