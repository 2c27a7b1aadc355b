//! Replaces the access token in a JSON text that is to be stored: where it is a whole string value, and where it is a word of a longer one.
//! Values are compared decoded, so that no way of escaping hides the token.
//! Not here: the token's own member, which is always left out ([`super::redaction`]), and whether a value that equals the token may be
//! replaced at all, which a replay decides.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memmem};

/// Minimum length of a token that is replaced within longer values and as a member's name. A shorter one, or one without a letter and a
/// digit, may be a word of ordinary text.
const MIN_SECRET_BYTES: usize = 16;

/// Which token to replace, and by what.
#[derive(Clone, Copy)]
pub struct TokenRedaction<'t> {
    token: &'t str,
    /// Letters, digits and hyphens only.
    digest: &'t str,
}

/// A string of a JSON text, with its quotes.
struct JsonString<'j> {
    start: usize,
    raw: &'j str,
    has_escapes: bool,
    is_name: bool,
}

impl<'t> TokenRedaction<'t> {
    /// Replaces a token by its digest; `None` for an empty token.
    #[must_use]
    pub fn new(token: &'t str, digest: &'t str) -> Option<Self> {
        (!token.is_empty()).then_some(Self { token, digest })
    }

    /// Whether the token is a name, or the last part of a reference.
    #[must_use]
    pub fn is_name(&self, reference: &str) -> bool {
        reference == self.token || reference.rsplit('/').next() == Some(self.token)
    }

    /// The text with every occurrence replaced; `None` if there is none. The text may end between two values.
    #[must_use]
    pub fn redact(&self, json: &str) -> Option<String> {
        let bytes = json.as_bytes();
        if memchr(b'\\', bytes).is_none() && memmem::find(bytes, self.token.as_bytes()).is_none() {
            return None;
        }
        let (mut redacted, mut end) = (String::new(), 0);
        for string in strings(json) {
            if let Some(text) = self.replacement(&string) {
                redacted.push_str(json.get(end..string.start).unwrap_or_default());
                redacted.push_str(&text);
                end = string.start + string.raw.len();
            }
        }
        (end > 0).then(|| redacted + json.get(end..).unwrap_or_default())
    }

    /// What takes the place of a string, if it has the token.
    fn replacement(&self, string: &JsonString<'_>) -> Option<String> {
        let is_secret = self.is_secret();
        if (!string.has_escapes && string.raw.len() < self.token.len() + 2) || (string.is_name && !is_secret) {
            return None;
        }
        let value = decoded(string);
        if value == self.token {
            return Some(format!("\"{}\"", self.digest));
        }
        let text = is_secret.then(|| self.without_words(&value)).flatten()?;
        serde_json::to_string(&text).ok()
    }

    /// Whether the token looks like a secret: long, of token characters (RFC 6750, section 2.1), with a letter and a digit.
    fn is_secret(&self) -> bool {
        let has = |is: fn(&u8) -> bool| self.token.as_bytes().iter().any(is);
        self.token.len() >= MIN_SECRET_BYTES
            && self.token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte))
            && has(u8::is_ascii_alphabetic)
            && has(u8::is_ascii_digit)
    }

    /// The text without the token where it is a word; `None` if it is none. A part of a reference or of a longer id is no word.
    fn without_words(&self, text: &str) -> Option<String> {
        let (mut replaced, mut end) = (String::new(), 0);
        for (place, _) in text.match_indices(self.token) {
            let (before, after) = (text.get(..place)?, text.get(place + self.token.len()..)?);
            if before.chars().next_back().is_none_or(is_border) && ends_word(after) {
                replaced.push_str(text.get(end..place)?);
                replaced.push_str(self.digest);
                end = place + self.token.len();
            }
        }
        (end > 0).then(|| replaced + text.get(end..).unwrap_or_default())
    }
}

/// Whether a character separates words: no part of an id, a reference or a URL's path.
fn is_border(letter: char) -> bool {
    letter.is_whitespace() || "\"'`=&?#,;()[]{}<>".contains(letter)
}

/// Whether a word ends before this text; a full stop ends it at the end of a sentence.
fn ends_word(after: &str) -> bool {
    let after = after.strip_prefix(['.', ':']).filter(|rest| rest.chars().next().is_none_or(char::is_whitespace)).unwrap_or(after);
    after.chars().next().is_none_or(is_border)
}

/// The string's value. What cannot be decoded is compared as it is written.
fn decoded<'j>(string: &JsonString<'j>) -> Cow<'j, str> {
    let written = string.raw.get(1..string.raw.len() - 1).unwrap_or_default();
    if !string.has_escapes {
        return Cow::Borrowed(written);
    }
    serde_json::from_str::<String>(string.raw).map_or(Cow::Borrowed(written), Cow::Owned)
}

/// Every string of a JSON text, in order.
fn strings(json: &str) -> impl Iterator<Item = JsonString<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let string = next_string(json, from)?;
        from = string.start + string.raw.len();
        Some(string)
    })
}

fn next_string(json: &str, from: usize) -> Option<JsonString<'_>> {
    let bytes = json.as_bytes();
    let start = from + memchr(b'"', bytes.get(from..)?)?;
    let (mut end, mut has_escapes) = (start + 1, false);
    loop {
        end += memchr2(b'"', b'\\', bytes.get(end..)?)?;
        if bytes.get(end) == Some(&b'"') {
            break;
        }
        has_escapes = true;
        end += 2;
    }
    let is_name = json.get(end + 1..)?.trim_start().starts_with(':');
    Some(JsonString { start, raw: json.get(start..=end)?, has_escapes, is_name })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cret-token-of-the-call";

    fn redacted(token: &str, json: &str) -> Option<String> {
        TokenRedaction::new(token, "digest").expect("a token").redact(json)
    }

    #[test]
    fn a_token_is_replaced_where_it_is_a_value_or_a_word() {
        let table = [
            (SECRET, r#"{"a":"s3cret-token-of-the-call"}"#, r#"{"a":"digest"}"#),
            (SECRET, r#"{"a":"\u00733cret\u002Dtoken-of-the-call"}"#, r#"{"a":"digest"}"#),
            (SECRET, r#"{"s3cret-token-of-the-call" : 1}"#, r#"{"digest" : 1}"#),
            (SECRET, r#"["Bearer s3cret-token-of-the-call.","\n?t=s3cret-token-of-the-call&x"]"#, r#"["Bearer digest.","\n?t=digest&x"]"#),
            (SECRET, r#""{\"access_token\":\"s3cret-token-of-the-call\"}""#, r#""{\"access_token\":\"digest\"}""#),
            (SECRET, r#"["\ud800","s3cret-token-of-the-call"]"#, r#"["\ud800","digest"]"#),
            ("x", r#"{"x":"x","y":["x","xx"," x"]}"#, r#"{"x":"digest","y":["digest","xx"," x"]}"#),
            ("a\"b\\c", r#"["a\"b\\c","a\"b"]"#, r#"["digest","a\"b"]"#),
            (r#"","code":""#, r#"{"code":"1","b":"\",\"code\":\""}"#, r#"{"code":"1","b":"digest"}"#),
        ];
        for (token, json, expected) in table {
            assert_eq!(redacted(token, json).as_deref(), Some(expected), "{token}: {json}");
        }
    }

    #[test]
    fn a_part_of_an_id_of_a_name_or_of_an_ordinary_text_stays() {
        for (token, json) in [
            (SECRET, r#"["Patient/s3cret-token-of-the-call","s3cret-token-of-the-call-2","as3cret-token-of-the-call","a\n"]"#),
            (SECRET, r#"["urn:uuid:s3cret-token-of-the-call","https://x.example/s3cret-token-of-the-call/y"]"#),
            ("left", r#"{"left":"the left joint"}"#),
            ("radiculopathy-of-the-leg", r#"["a radiculopathy-of-the-leg today"]"#),
            (r#"":""#, r#"{"a":"b"}"#),
        ] {
            assert_eq!(redacted(token, json), None, "{token}: {json}");
        }
        assert!(TokenRedaction::new("", "digest").is_none());
    }
}
