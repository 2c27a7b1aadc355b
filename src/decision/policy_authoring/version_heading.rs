//! Sets the version and the first day in the text of a `policy.toml`. Comments and layout stay.

use chrono::NaiveDate;
use toml_edit::{DocumentMut, Item, TomlError, Value};

/// The keys that speak of the version they stand in, not of a copy of it.
const OWN_KEYS: [&str; 2] = ["effective_to", "next_review"];

/// A key that a copy does not take over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOutKey {
    /// `effective_to` or `next_review`.
    pub key: &'static str,
    /// Its value in the original, for example `2026-12-31`.
    pub value: String,
}

/// The text with another version and first day, and the keys that it leaves out.
pub(super) fn with_version(text: &str, version: &str, effective_from: NaiveDate) -> Result<(String, Vec<LeftOutKey>), TomlError> {
    let mut document: DocumentMut = text.parse()?;
    set(&mut document, "version", version);
    set(&mut document, "effective_from", &effective_from.to_string());
    let left_out = OWN_KEYS.into_iter().filter_map(|key| {
        let value = document.remove(key)?.as_str().unwrap_or_default().to_owned();
        Some(LeftOutKey { key, value })
    });
    let left_out = left_out.collect();
    Ok((document.to_string(), left_out))
}

/// Replaces a text; spaces and a comment around it stay.
fn set(document: &mut DocumentMut, key: &str, text: &str) {
    if let Some(value) = document.get_mut(key).and_then(Item::as_value_mut) {
        let decor = value.decor().clone();
        *value = Value::from(text);
        *value.decor_mut() = decor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> (String, Vec<LeftOutKey>) {
        let day = NaiveDate::from_ymd_opt(2027, 1, 15).expect("a date");
        with_version(text, "2027-01", day).expect("TOML")
    }

    #[test]
    fn only_the_two_values_change() {
        let text = "# Head.\nid = \"x\"\nversion   = \"2019-08\"  # printed\n\n# A day.\neffective_from = '2019-08-01'\n[a]\nversion = \"1\" # other\n";
        let expected = "# Head.\nid = \"x\"\nversion   = \"2027-01\"  # printed\n\n# A day.\neffective_from = \"2027-01-15\"\n[a]\nversion = \"1\" # other\n";
        assert_eq!(written(text), (expected.to_owned(), Vec::new()));
    }

    #[test]
    fn the_end_and_the_review_of_the_original_are_left_out() {
        let text =
            "version = \"1\"\neffective_from = \"2019-08-01\"\neffective_to = \"2026-12-31\"\nnext_review = \"2026-08-01\"\nid = \"x\"\n";
        let (copy, left_out) = written(text);
        assert_eq!(copy, "version = \"2027-01\"\neffective_from = \"2027-01-15\"\nid = \"x\"\n");
        let keys: Vec<_> = left_out.iter().map(|left| (left.key, left.value.as_str())).collect();
        assert_eq!(keys, [("effective_to", "2026-12-31"), ("next_review", "2026-08-01")]);
    }
}
