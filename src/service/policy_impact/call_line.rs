//! Reads a call from a line of a file: a CDS Hooks request, or an object with the request as `request` and the instant to judge it as of as
//! `asOf`. Other members are ignored, so that worked cases with an `expected` result can be read as well.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::unjudged::UnjudgedError;
use crate::cds_hooks::body_text;

/// A call on a line.
#[derive(Debug)]
pub(super) struct CallLine<'a> {
    /// The request, as JSON.
    pub(super) body: &'a str,
    /// The instant to judge it as of, if the line has one.
    pub(super) as_of: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrappedCall<'a> {
    #[serde(borrow)]
    request: &'a RawValue,
    #[serde(borrow, default)]
    as_of: Option<Cow<'a, str>>,
}

impl<'a> CallLine<'a> {
    /// Parses a line. What is not an object with `request` is taken for a request, whose own errors are found when it is read.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, UnjudgedError> {
        let text = body_text(line).ok_or(UnjudgedError::NotUtf8)?;
        // serde reads a struct from an array, too.
        let wrapped = text.trim_start().starts_with('{').then(|| serde_json::from_str::<WrappedCall<'a>>(text).ok()).flatten();
        let Some(WrappedCall { request, as_of }) = wrapped else { return Ok(Self { body: text, as_of: None }) };
        let instant = |text: Cow<'_, str>| DateTime::parse_from_rfc3339(&text).map_err(|_| UnjudgedError::NotAnInstant);
        Ok(Self { body: request.get(), as_of: as_of.map(instant).transpose()?.map(|instant| instant.to_utc()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> (String, Option<String>) {
        let line = CallLine::parse(line.as_bytes()).expect("a line");
        (line.body.to_owned(), line.as_of.map(|instant| instant.to_string()))
    }

    #[test]
    fn a_line_is_a_request_or_holds_one() {
        let table = [
            (r#"{"hook":"order-sign"}"#, r#"{"hook":"order-sign"}"#, None),
            (r#"{"request":{"hook":"x"},"expected":[]}"#, r#"{"hook":"x"}"#, None),
            (r#" {"asOf":"2026-11-22T04:00:00-06:00","request":{}}"#, "{}", Some("2026-11-22 10:00:00 UTC")),
            ("{", "{", None),
            (r#"[{"hook":"x"}]"#, r#"[{"hook":"x"}]"#, None),
        ];
        for (line, body, as_of) in table {
            assert_eq!(parsed(line), (body.to_owned(), as_of.map(str::to_owned)), "{line}");
        }
    }

    #[test]
    fn an_instant_that_is_none_and_bytes_that_are_no_text_are_refused() {
        let error = |line: &[u8]| CallLine::parse(line).expect_err("an error").to_string();
        assert_eq!(error(br#"{"asOf":"2026-11-22","request":{}}"#), "`asOf` is not an instant such as 2026-11-22T10:00:00Z");
        assert_eq!(error(b"\xff"), "the line is not UTF-8 text");
    }
}
