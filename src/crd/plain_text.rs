//! Makes text from a chart safe to display: one line, without HTML or Markdown markup that a client could interpret.

/// The text on one line, without characters that open a tag, a link or a code span.
pub(super) fn plain(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let letters = text.chars().map(|letter| match letter {
        '<' => '‹',
        '>' => '›',
        '[' => '(',
        ']' => ')',
        '`' => '\'',
        '|' => '/',
        letter => visible(letter),
    });
    let text: String = letters.collect();
    // Prevents clients from turning a URL in the text into a link.
    text.replace("://", ": //").replace("www.", "www .")
}

/// Whether the text can stay as it is, which is the usual case.
fn is_plain(text: &str) -> bool {
    let is_harmless = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'<' | b'>' | b'[' | b']' | b'`' | b'|');
    text.bytes().all(is_harmless) && !text.contains("://") && !text.contains("www.")
}

/// The text on one line, without characters that move a terminal's cursor or reorder the surrounding text.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(visible).collect()
}

fn visible(letter: char) -> char {
    if letter.is_control() || is_invisible(letter) { ' ' } else { letter }
}

/// Invisible characters, and those that change the text direction.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_line_breaks_do_not_survive() {
        assert_eq!(plain("see https://x.example or www.x.example"), "see https: //x.example or www .x.example");
        assert_eq!(plain("<b>[x](y)</b>\n`z`|\u{202e}"), "‹b›(x)(y)‹/b› 'z'/ ");
    }

    #[test]
    fn each_character_that_could_be_acted_on_is_replaced_by_itself() {
        let table = [
            ("a<b", "a‹b"),
            ("a>b", "a›b"),
            ("a[b", "a(b"),
            ("a]b", "a)b"),
            ("a`b", "a'b"),
            ("a|b", "a/b"),
            ("a\tb", "a b"),
            ("a\u{7f}b", "a b"),
            ("a://b", "a: //b"),
            ("www.a", "www .a"),
            ("ä", "ä"),
            ("M46.1 Sacroiliitis (left), 50% - it's \"known\"; #1 & *2*_", "M46.1 Sacroiliitis (left), 50% - it's \"known\"; #1 & *2*_"),
        ];
        for (text, expected) in table {
            assert_eq!(plain(text), expected);
        }
    }
}
