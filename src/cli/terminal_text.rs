//! Makes texts of others safe to print: control characters move a terminal's cursor or forge lines, and invisible or bidirectional ones make a
//! text look like another.
//! Not here: chart text on cards, which [`crate::crd`] cleans.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::crd::is_invisible;

/// Whether a character is not to be printed: C0, DEL and C1, and invisible ones.
pub(super) fn is_unprintable(letter: char) -> bool {
    letter.is_control() || is_invisible(letter)
}

/// A text for one line: what is not to be printed is replaced, line breaks too.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(is_unprintable) { Cow::Owned(text.replace(is_unprintable, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// A text of several lines, whose line breaks are this program's own.
pub(super) fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// A JSON text that says the same without such characters: within strings they are escaped, between tokens a tab is a space. Line feeds,
/// which are never within a string, stay.
pub(super) fn printable_json(json: &str) -> Cow<'_, str> {
    let is_escaped = |letter: char| letter != '\n' && is_unprintable(letter);
    if !json.contains(is_escaped) {
        return Cow::Borrowed(json);
    }
    let mut printable = String::with_capacity(json.len() + 64);
    for letter in json.chars() {
        match letter {
            '\t' | '\r' => printable.push(' '),
            letter if is_escaped(letter) => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    _ = write!(printable, "\\u{unit:04x}");
                }
            }
            letter => printable.push(letter),
        }
    }
    Cow::Owned(printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_with_escapes() {
        let json = "{\t\"a\u{202e}\":\r[\"\u{e0041}\u{7f}\u{9b}\", \"\\u001b\\t\u{e9}\"]}\n";
        let printable = printable_json(json);
        assert_eq!(printable, "{ \"a\\u202e\": [\"\\udb40\\udc41\\u007f\\u009b\", \"\\u001b\\t\u{e9}\"]}\n");
        let values = [json, &printable].map(|json| serde_json::from_str::<serde_json::Value>(json).expect("JSON"));
        assert_eq!(values[0], values[1]);
    }

    #[test]
    fn ordinary_text_of_any_language_is_printed_as_it_is() {
        for text in ["Grüße, 患者, المريض, עִבְרִית, 👩‍⚕", "a b-c_d"] {
            let expected = text.replace('\u{200d}', "\u{fffd}");
            assert_eq!(printable(text), expected);
        }
        assert_eq!(printable_lines("a\nb\u{85}\n"), "a\nb\u{fffd}\n");
    }
}
