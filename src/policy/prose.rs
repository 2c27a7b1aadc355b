//! Helpers for composing text: capitalisation, truncation and lists without duplicates.
//! Not here: the texts themselves ([`super::wording`]).

/// Capitalises the first letter.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| with_first(first.to_uppercase(), letters.as_str())).unwrap_or_default()
}

/// Joins a case-converted first letter and the rest of the text.
pub(crate) fn with_first(first: impl Iterator<Item = char>, rest: &str) -> String {
    let mut text = String::with_capacity(rest.len() + 4);
    text.extend(first);
    text.push_str(rest);
    text
}

/// Truncates the text to at most `limit` characters, including the ellipsis.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    if text.len() <= limit || text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Removes duplicates and keeps the order.
pub(crate) fn each_once<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    extend_once(&mut found, items);
    found
}

/// Appends the items that are not in the list yet.
pub(crate) fn extend_once<T: PartialEq>(found: &mut Vec<T>, items: impl IntoIterator<Item = T>) {
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_character_and_marked() {
        assert_eq!(shortened("äöüß", 4), "äöüß");
        assert_eq!(shortened("äöüßé", 4), "äöü…");
    }
}
