//! Redacts a call's text for storage by position: removes the grant's token, members that are named as secrets, and any prefetch that the
//! call did not need.
//! Not here: the token where it is a value of something else ([`super::token_redaction`]), and storing the text.

use std::borrow::Cow;

use memchr::memmem;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::request::Authorization;

/// Suffix of the names of members whose value grants access, anywhere in the text.
const SECRET_NAME: &str = "_token\"";

/// The parts of a call's text to redact.
#[derive(Clone, Debug, Default)]
pub struct Redactions<'a> {
    /// `fhirAuthorization`, which is stored without the token.
    pub authorization: Option<&'a RawValue>,
    /// The prefetch of a call that asks for no decision of this service; one entry per occurrence.
    pub prefetch: Vec<&'a RawValue>,
}

/// `fhirAuthorization` without the token (CDS Hooks, "Passing the Access Token to the CDS Service").
#[derive(Serialize)]
struct RedactedGrant {
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient: Option<Value>,
}

/// A call's text in parts, redacted; the rest is as the client wrote it.
#[must_use]
pub fn keepable<'a>(body: &'a str, redactions: &Redactions<'_>) -> Vec<Cow<'a, str>> {
    let mut replaced: Vec<(usize, usize, String)> = Vec::new();
    replaced.extend(redactions.authorization.and_then(|part| span(body, part).map(|(from, to)| (from, to, granted(part)))));
    let prefetch = redactions.prefetch.iter().filter_map(|part| span(body, part));
    replaced.extend(prefetch.map(|(from, to)| (from, to, "null".to_owned())));
    replaced.sort_unstable();
    let (mut parts, mut end) = (Vec::new(), 0);
    for (from, to, text) in replaced {
        parts.push(Cow::Borrowed(body.get(end..from).unwrap_or_default()));
        parts.push(Cow::Owned(text));
        end = to;
    }
    parts.push(Cow::Borrowed(body.get(end..).unwrap_or_default()));
    without_secrets(parts)
}

impl Redactions<'_> {
    /// The granted token, if the call has one.
    #[must_use]
    pub fn token(&self) -> Option<SecretString> {
        serde_json::from_str::<Authorization>(self.authorization?.get()).ok()?.access_token
    }
}

/// The parts of a text without the values of members whose name marks a secret.
#[must_use]
pub fn without_secrets(parts: Vec<Cow<'_, str>>) -> Vec<Cow<'_, str>> {
    each(parts, SECRET_NAME, |part| without_members(part, SECRET_NAME))
}

/// Applies a change to the parts that contain a string.
fn each<'a>(parts: Vec<Cow<'a, str>>, text: &str, change: impl Fn(&str) -> String) -> Vec<Cow<'a, str>> {
    let finder = memmem::Finder::new(text);
    let changed = parts.into_iter().map(|part| if finder.find(part.as_bytes()).is_some() { Cow::Owned(change(&part)) } else { part });
    changed.collect()
}

/// The byte range of a part in its text.
fn span(body: &str, part: &RawValue) -> Option<(usize, usize)> {
    let part = part.get();
    let from = part.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
    let to = from.checked_add(part.len())?;
    (body.get(from..to)? == part).then_some((from, to))
}

fn granted(part: &RawValue) -> String {
    let Ok(Value::Object(mut members)) = serde_json::from_str(part.get()) else { return "null".to_owned() };
    let mut scalar = |name: &str| members.remove(name).filter(|value| value.is_string() || value.is_number());
    let granted = RedactedGrant {
        token_type: scalar("token_type"),
        expires_in: scalar("expires_in"),
        scope: scalar("scope"),
        subject: scalar("subject"),
        patient: scalar("patient"),
    };
    serde_json::to_string(&granted).unwrap_or_else(|_| "null".to_owned())
}

/// The text with the value emptied in each member whose name ends in `name`.
fn without_members(part: &str, name: &str) -> String {
    let mut cleared = String::with_capacity(part.len());
    let mut end = 0;
    for place in memmem::find_iter(part.as_bytes(), name.as_bytes()) {
        if let Some((from, to)) = text_of_member(part, place + name.len()).filter(|(from, _)| *from >= end) {
            cleared.push_str(part.get(end..from).unwrap_or_default());
            end = to;
        }
    }
    cleared.push_str(part.get(end..).unwrap_or_default());
    cleared
}

/// The byte range of a member's string value, without quotes; `after_name` is the end of its name.
fn text_of_member(json: &str, after_name: usize) -> Option<(usize, usize)> {
    let rest = json.get(after_name..)?;
    let value = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let from = json.len() - value.len();
    let mut is_escaped = false;
    let length = value.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    Some((from, from + length))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Parts<'a> {
        #[serde(borrow)]
        fhir_authorization: Option<&'a RawValue>,
        #[serde(borrow)]
        prefetch: Option<&'a RawValue>,
    }

    fn kept(body: &str, with_prefetch: bool) -> String {
        let parts: Parts<'_> = serde_json::from_str(body).expect("a call");
        let prefetch = parts.prefetch.filter(|_| !with_prefetch).into_iter().collect();
        keepable(body, &Redactions { authorization: parts.fhir_authorization, prefetch }).concat()
    }

    #[test]
    fn all_but_the_token_is_kept_as_it_was_written() {
        let body = r#"{ "hook":"order-sign","n":1.10, "fhirAuthorization" : {"access_token":"s3cret-token-of-the-call","scope":"a b","expires_in":300,"x":"y"},
            "prefetch":{"a":null}}"#;
        let expected = r#"{ "hook":"order-sign","n":1.10, "fhirAuthorization" : {"expires_in":300,"scope":"a b"},
            "prefetch":{"a":null}}"#;
        assert_eq!(kept(body, true), expected);
        assert_eq!(kept(body, false), expected.replace(r#"{"a":null}"#, "null"));
    }

    #[test]
    fn a_member_that_is_named_as_a_secret_is_emptied_wherever_it_stands() {
        let body = r#"{"fhirAuthorization":{"access_token":"s3cret-token-of-the-call"},"context":{},
            "extension":{"refresh_token" : "other \" secret","id_token":null,"token":"kept"}}"#;
        let expected = r#"{"fhirAuthorization":{},"context":{},
            "extension":{"refresh_token" : "","id_token":null,"token":"kept"}}"#;
        assert_eq!(kept(body, true), expected);
    }

    #[test]
    fn a_grant_is_kept_without_its_token_however_that_is_written() {
        for member in [
            r#""access_token":"""#,
            r#""access_token":"x""#,
            r#""access\u005ftoken":"s3cret-token-of-the-call""#,
            r#""access_token":"s3cret","access_token":"s3cret-token-of-the-call""#,
            r#""access_token":"\"code\":\"""#,
        ] {
            let body = format!(r#"{{"fhirAuthorization":{{{member},"scope":"a"}},"context":{{"code":"x"}}}}"#);
            assert_eq!(kept(&body, true), r#"{"fhirAuthorization":{"scope":"a"},"context":{"code":"x"}}"#, "{member}");
        }
    }

    #[test]
    fn many_members_take_no_longer_than_their_number() {
        let body = format!(r#"{{"a":[{}{{}}]}}"#, r#"{"_token":"x"},"#.repeat(300_000));
        let begun = std::time::Instant::now();
        assert!(!kept(&body, true).contains(r#""x""#));
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_grant_of_another_shape_is_not_kept() {
        for grant in [
            r#""s3cret-token-of-the-call""#,
            r#"["s3cret-token-of-the-call"]"#,
            "null",
            "7",
            r#"{"scope":{"access_token":"s3cret-token-of-the-call"}}"#,
        ] {
            let kept = kept(&format!(r#"{{"fhirAuthorization":{grant},"hook":"x"}}"#), true);
            assert!(!kept.contains("s3cret"), "{kept}");
            serde_json::from_str::<Value>(&kept).expect("still JSON");
        }
    }
}
