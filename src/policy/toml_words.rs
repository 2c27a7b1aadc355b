//! What is wrong with a TOML file, in words for its author instead of the parser's.
//! Not here: where it is wrong ([`super::policy_file`]).

/// A parser's message in plain words; a message that is not known stays as it is.
pub(super) fn in_plain_words(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    if let Some(name) = message.strip_prefix("missing field ") {
        return format!("{name} is missing");
    }
    let unknown = ["unknown field ", "unknown variant "].into_iter().find_map(|prefix| message.strip_prefix(prefix));
    if let Some((name, expected)) = unknown.and_then(|rest| rest.split_once(", ")) {
        return format!("{name} is not known here{}", known(expected));
    }
    let mismatch = ["invalid type: ", "invalid value: "].into_iter().find_map(|prefix| message.strip_prefix(prefix));
    match mismatch.and_then(|rest| rest.split_once(", expected ")) {
        Some((found, expected)) => format!("expected {}, found {}", kind(expected), value(found)),
        None => message.to_owned(),
    }
}

/// The names that are known, after a semicolon.
fn known(expected: &str) -> String {
    let names = ["expected one of ", "expected "].into_iter().find_map(|prefix| expected.strip_prefix(prefix));
    names.map(|names| format!("; known: {names}")).unwrap_or_default()
}

/// What is expected.
fn kind(expected: &str) -> &str {
    match expected {
        "u32" | "u64" | "usize" | "an integer" => "a whole number from 0",
        "a string" => "a text",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

/// What was found.
fn value(found: &str) -> String {
    match found {
        "sequence" => "a list".to_owned(),
        "map" => "a table".to_owned(),
        found => {
            let quoted = found.split_once('`').and_then(|(_, rest)| rest.strip_suffix('`'));
            let text = found.strip_prefix("string ").map(|text| format!("the text {text}"));
            text.or_else(|| quoted.map(str::to_owned)).unwrap_or_else(|| found.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_no_words_of_the_parser() {
        let table = [
            ("missing field `title`", "`title` is missing"),
            ("unknown field `cited`, expected one of `id`, `title`", "`cited` is not known here; known: `id`, `title`"),
            ("unknown field `x`, expected `a`", "`x` is not known here; known: `a`"),
            ("unknown field `x`, there are no fields", "`x` is not known here"),
            ("unknown variant `luck`, expected one of `none`, `time`", "`luck` is not known here; known: `none`, `time`"),
            ("invalid type: floating point `3.5`, expected u32", "expected a whole number from 0, found 3.5"),
            ("invalid value: integer `-3`, expected u32", "expected a whole number from 0, found -3"),
            ("invalid type: string \"three\", expected u32", "expected a whole number from 0, found the text \"three\""),
            ("invalid type: map, expected a string", "expected a text, found a table"),
            ("invalid type: boolean `true`, expected struct CourseToml", "expected a table, found true"),
            ("duplicate key", "duplicate key"),
        ];
        for (message, plain) in table {
            assert_eq!(in_plain_words(message), plain);
        }
    }
}
