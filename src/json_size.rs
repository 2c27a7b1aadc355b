//! What a JSON text costs in memory once it is read, estimated before any of it is parsed: a few bytes of text can become hundreds
//! of bytes of memory.
//! Not here: how much all calls may cost together; see [`crate::memory_budget`].

use std::num::NonZeroUsize;

use memchr::{memchr_iter, memchr2};

/// The text is held, recorded, compressed and in part repeated in the answer: so many bytes of memory for each of its own.
const BYTES_PER_BYTE: usize = 4;

/// Memory of an object or a list: the largest view that `{}` becomes, with the room that a growing list keeps free.
const BYTES_PER_CONTAINER: usize = 150;

/// Memory of any other value: a string with an escape becomes an allocation of its own.
const BYTES_PER_SCALAR: usize = 40;

/// Memory of a Bundle entry besides its objects: a resource's view is up to half a kilobyte.
const BYTES_PER_ENTRY: usize = 600;

/// How much memory a text may take, in multiples of its size. The charts of EHRs stay below 9.
const MAX_MULTIPLE: usize = 12;

/// A text that takes less memory than this, in bytes, may have any number of values.
const ALWAYS_ALLOWED: usize = 24 * 1024 * 1024;

/// A text that takes less than this, in bytes, is estimated from its punctuation alone.
const SMALL: usize = 4 * 1024 * 1024;

/// Why a text is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Oversize {
    /// Too many Bundle entries.
    #[error("more than {limit} Bundle entries")]
    Entries {
        /// The limit.
        limit: usize,
    },
    /// It takes more memory than one call may have.
    #[error("more in it than a call may take in memory")]
    Memory,
    /// Too many values for the text's size.
    #[error("far more JSON values than a chart of this size has")]
    Values,
}

/// The size of a JSON text. The figures are upper bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct JsonSize {
    /// The entries of all Bundles that are objects; others are not read.
    pub(crate) entries: usize,
    /// The memory that reading it takes, in bytes.
    pub(crate) memory: usize,
}

impl JsonSize {
    /// The size of a text, whether or not it is JSON.
    ///
    /// # Errors
    /// [`Oversize`] if it has more entries than `max_entries`, or would take too much memory.
    pub(crate) fn check(text: &[u8], max_entries: NonZeroUsize) -> Result<Self, Oversize> {
        let upper_bound = Counts::of_marks(text).size(text.len());
        // A usual call is small, and is not gone through value by value.
        let is_small = upper_bound.entries <= max_entries.get() && upper_bound.memory <= SMALL;
        Self::within(if is_small { upper_bound } else { Self::exact(text) }, text.len(), max_entries)
    }

    /// As [`Self::check`], with the exact number of entries.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(crate) fn check_exactly(text: &[u8], max_entries: NonZeroUsize) -> Result<Self, Oversize> {
        Self::within(Self::exact(text), text.len(), max_entries)
    }

    fn exact(text: &[u8]) -> Self {
        Scanner::default().scan(text).size(text.len())
    }

    fn within(size: Self, length: usize, max_entries: NonZeroUsize) -> Result<Self, Oversize> {
        if size.entries > max_entries.get() {
            return Err(Oversize::Entries { limit: max_entries.get() });
        }
        if size.memory > allowed(length) { Err(Oversize::Values) } else { Ok(size) }
    }
}

/// The memory that a text of this length may take.
fn allowed(length: usize) -> usize {
    length.saturating_mul(MAX_MULTIPLE).max(ALWAYS_ALLOWED)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    entries: usize,
    /// Objects and lists.
    containers: usize,
    /// All other values; an upper bound.
    scalars: usize,
}

impl Counts {
    /// Upper bounds from the number of braces, brackets and commas.
    fn of_marks(text: &[u8]) -> Self {
        let count = |mark| memchr_iter(mark, text).count();
        let (objects, lists, commas) = (count(b'{'), count(b'['), count(b','));
        Self { entries: objects, containers: objects + lists, scalars: commas }
    }

    fn size(self, length: usize) -> JsonSize {
        let Self { entries, containers, scalars } = self;
        let values = containers * BYTES_PER_CONTAINER + scalars * BYTES_PER_SCALAR + entries * BYTES_PER_ENTRY;
        JsonSize { entries, memory: length.saturating_mul(BYTES_PER_BYTE).saturating_add(values) }
    }
}

/// Counts values without building any.
#[derive(Debug, Default)]
struct Scanner {
    counts: Counts,
    /// For each open object or list, whether it is a list of entries.
    open: Vec<bool>,
    /// Whether the last string could be the name `entry`, and nothing but a colon followed.
    is_entry_next: bool,
}

impl Scanner {
    fn scan(mut self, text: &[u8]) -> Counts {
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            if byte.is_ascii_whitespace() || byte == b':' {
                continue;
            }
            if byte == b'"' {
                let length = string_length(rest);
                let (string, after) = rest.split_at(length.min(rest.len()));
                // A name with an escape may be any name.
                self.is_entry_next = string == b"entry" || string.contains(&b'\\');
                rest = after.get(1..).unwrap_or_default();
                continue;
            }
            self.take(byte);
        }
        self.counts
    }

    fn take(&mut self, byte: u8) {
        let is_entry = std::mem::take(&mut self.is_entry_next);
        match byte {
            b'{' | b'[' => {
                self.counts.containers += 1;
                self.counts.entries += usize::from(byte == b'{' && self.open.last() == Some(&true));
                self.open.push(is_entry && byte == b'[');
            }
            b'}' | b']' => _ = self.open.pop(),
            b',' => self.counts.scalars += 1,
            _ => {}
        }
    }
}

/// The length of a string up to its closing quote.
fn string_length(text: &[u8]) -> usize {
    let mut length = 0;
    while let Some(rest) = text.get(length..) {
        match memchr2(b'"', b'\\', rest) {
            Some(at) if rest.get(at) == Some(&b'\\') => length += at + 2,
            Some(at) => return length + at,
            None => break,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const LIMIT: NonZeroUsize = NonZeroUsize::new(3).expect("not zero");
    const MANY: NonZeroUsize = NonZeroUsize::new(20_000).expect("not zero");

    #[test]
    fn entries_are_counted_over_all_bundles_wherever_they_are_and_nothing_else_is() {
        for (json, expected) in [
            (r#"{"entry":[{},{},{}]}"#, true),
            (r#"{"entry":[{},{},{},{}]}"#, false),
            (r#"{"entry":[{},null,0],"b":{"entry":["",{},{}]}}"#, true),
            (r#"{"entry":[{},{}],"b":{"entry":[{},{}]}}"#, false),
            (r#"{"entry":[{"resource":{"entry":[{},{},{}]}}]}"#, false),
            (r#"{"entry" : [ {} , {} , {} , {} ]}"#, false),
            (r#"{"\u0065ntry":[{},{},{},{}]}"#, false),
            (r#"{"entry":[],"entry":[ ],"a":[1,2,3,4,5,6,7,8]}"#, true),
            (r#"{"entry":{"a":[{},{},{},{}]}}"#, true),
            (r#"{"a":"\"entry\":[","b":[{},{},{},{}]}"#, true),
            (r#"{"a":"entry","b":[{},{},{},{}]}"#, true),
            (r#"{"entry":[{"a":[1,2,3,4,5],"entry":{},"b":"],],],"}]}"#, true),
        ] {
            assert_eq!(JsonSize::check(json.as_bytes(), LIMIT).is_ok(), expected, "{json}");
        }
    }

    #[test]
    fn a_text_that_would_take_many_times_its_size_is_refused_once_it_is_large() {
        let (head, tail) = (r#"{"coding":["#, "null]}");
        for (element, is_refused) in [
            ("{},", true),
            ("[],", true),
            ("0,", true),
            (r#""\n","#, true),
            (r#""a","#, true),
            (r#"{"system":"http://snomed.info/sct","code":"161891005","display":"Backache"},"#, false),
            (r#""[{,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,}]","#, false),
        ] {
            for (size, is_refused) in [(4 * 1024 * 1024, is_refused), (256 * 1024, false)] {
                let json = format!("{head}{}{tail}", element.repeat(size / element.len()));
                let checked = JsonSize::check(json.as_bytes(), MANY);
                assert_eq!(checked.err(), is_refused.then_some(Oversize::Values), "{element} {size}");
            }
        }
    }

    #[test]
    fn the_counts_of_a_chart_are_those_of_its_values() {
        fn count(value: &Value, is_entry: bool, counts: &mut Counts) {
            match value {
                Value::Object(members) => {
                    counts.containers += 1;
                    counts.entries += usize::from(is_entry);
                    members.iter().for_each(|(name, member)| {
                        let entries = member.as_array().filter(|_| name == "entry");
                        counts.containers += usize::from(entries.is_some());
                        match entries {
                            Some(entries) => entries.iter().for_each(|entry| count(entry, true, counts)),
                            None => count(member, false, counts),
                        }
                    });
                }
                Value::Array(items) => {
                    counts.containers += 1;
                    for item in items {
                        count(item, false, counts);
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let text = include_str!("../fixtures/stories/first-injection-fully-documented/request.json");
        let (mut counts, scanned) = (Counts::default(), Scanner::default().scan(text.as_bytes()));
        count(&serde_json::from_str(text).expect("JSON"), false, &mut counts);
        assert_eq!((scanned.entries, scanned.containers), (counts.entries, counts.containers));
        let (marks, size) = (Counts::of_marks(text.as_bytes()), scanned.size(text.len()));
        assert!(marks.containers >= scanned.containers && marks.entries >= scanned.entries);
        assert!(size.memory < 9 * text.len(), "{size:?} of {}", text.len());
    }

    #[test]
    fn what_is_no_json_ends_the_scan_and_harms_nothing() {
        for text in [&b"\"\\"[..], b"\"", b"]]]]", b"\"entry\"", b"{\"entry\":[", b"\xff\xfe,", b""] {
            assert!(JsonSize::check(text, LIMIT).is_ok(), "{text:?}");
            _ = Scanner::default().scan(text);
        }
    }
}
