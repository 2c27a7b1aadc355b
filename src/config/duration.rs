//! Durations in text form: `"250ms"`, `"4s"`, `"2m"`, `"24h"`.
//! Not here: calendar periods (weeks, months), which belong to the policy.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

/// Upper bound for every duration, so that adding one to a date cannot overflow.
const MAX_DURATION: Duration = Duration::from_hours(366 * 24);

/// For `#[serde(deserialize_with)]`: parses a positive duration as humantime writes it.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| D::Error::custom(format_args!("`{text}` is not a time such as \"250ms\", \"4s\", \"2m\" or \"24h\"")))
}

/// Like [`deserialize`], for a key that may be absent.
pub(super) fn deserialize_optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    deserialize(deserializer).map(Some)
}

fn parse(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok().filter(|duration| !duration.is_zero() && *duration <= MAX_DURATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_a_number_and_a_unit() {
        let table = [
            ("250ms", Some(Duration::from_millis(250))),
            ("4s", Some(Duration::from_secs(4))),
            ("2m", Some(Duration::from_mins(2))),
            ("0s", None),
            ("4", None),
            ("s", None),
            ("", None),
            ("1m 30s", Some(Duration::from_secs(90))),
            ("-4s", None),
            ("1.5s", Some(Duration::from_millis(1_500))),
            ("24h", Some(Duration::from_hours(24))),
            ("4d", Some(Duration::from_hours(96))),
            ("8784h", Some(Duration::from_hours(8_784))),
            ("8785h", None),
            ("99999999999999999999s", None),
            ("18446744073709551615m", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
