//! Makes text from a chart safe to display: one line, without HTML or Markdown markup that a client could interpret, and without anything that
//! a client would turn into a link. Characters with a meaning give way to look-alikes, blanks break up addresses, so that the text reads
//! the same where nothing is interpreted.

/// The text on one line, without markup and addresses.
pub(super) fn plain(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let shown: String = text.chars().map(look_alike).collect();
    without_block_mark(&without_inline_marks(shown.trim_start()))
}

/// Whether the text can stay as it is, which is the usual case.
fn is_plain(text: &str) -> bool {
    let has_meaning = |byte: &u8| {
        !matches!(byte, b' '..=b'}') || matches!(byte, b'<' | b'>' | b'[' | b']' | b'`' | b'|' | b'*' | b'\\' | b'_' | b'&' | b'@')
    };
    let begins_plainly = text.bytes().next().is_none_or(|byte| byte.is_ascii_alphabetic() || byte == b'(');
    let begins_address = |pair: &[u8]| match pair {
        [b'/', b'/'] | [b'w' | b'W', b'w' | b'W'] => true,
        [b'.', next] => next.is_ascii_alphabetic(),
        _ => false,
    };
    begins_plainly && !text.as_bytes().iter().any(has_meaning) && !text.as_bytes().windows(2).any(begins_address)
}

/// The text on one line, without characters that move a terminal's cursor or reorder the surrounding text.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// A character without a meaning that looks like this one.
fn look_alike(letter: char) -> char {
    match letter {
        '<' => '‹',
        '>' => '›',
        '[' => '(',
        ']' => ')',
        '`' => '\'',
        '|' => '/',
        '*' => '∗',
        '~' => '∼',
        '\\' => '∖',
        // A client may take another blank for a part of an address.
        letter if letter.is_whitespace() => ' ',
        letter => visible(letter),
    }
}

fn visible(letter: char) -> char {
    if letter.is_control() || is_invisible(letter) { ' ' } else { letter }
}

/// Whether a character is invisible or changes the text around it: soft hyphens, zero-width, bidirectional and line-separating characters,
/// annotations and tags.
pub(crate) fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Breaks up addresses and character references with blanks and with points that are none, and replaces underscores that could emphasize.
fn without_inline_marks(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 8);
    let mut rest = text.chars();
    let mut before = None;
    while let Some(letter) = rest.next() {
        let follows_text = before.is_some_and(|before: char| !before.is_whitespace());
        let after = rest.as_str();
        match letter {
            ':' if after.starts_with("//") => shown.push_str(": "),
            '/' if before == Some('/') && !after.starts_with(char::is_whitespace) => shown.push_str("/ "),
            '.' if ends_with_www(&shown) || follows_text && begins_top_level_domain(after) => shown.push('․'),
            '@' if follows_text => shown.push_str(" @"),
            '&' if begins_character_reference(after) => shown.push_str("& "),
            // Within a word, it emphasizes nothing (CommonMark, "Emphasis and strong emphasis").
            '_' if !(before.is_some_and(char::is_alphanumeric) && after.starts_with(char::is_alphanumeric)) => shown.push('ˍ'),
            letter => shown.push(letter),
        }
        before = Some(letter);
    }
    if ends_with_www(&shown) {
        // The sentence around it may go on with a point.
        shown.push(' ');
    }
    shown
}

/// GitHub Markdown makes a link of what begins with `www.`, whatever follows.
fn ends_with_www(shown: &str) -> bool {
    let mut last = shown.chars().rev();
    last.by_ref().take(3).filter(|letter| letter.eq_ignore_ascii_case(&'w')).count() == 3 && !last.next().is_some_and(char::is_alphanumeric)
}

/// Whether a client could take this, after a point, for the end of a host's name: two letters or more.
fn begins_top_level_domain(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(char::is_alphabetic) && letters.next().is_some_and(|letter| letter.is_alphanumeric() || letter == '-')
}

/// Whether this, after an ampersand, is a reference such as `#58;`, `#x3a;` or `colon;`.
fn begins_character_reference(text: &str) -> bool {
    let name = text.trim_start_matches('#');
    name.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric()).starts_with(';')
}

/// Replaces what would begin a heading, a list, a line or an underline at the start of a line.
fn without_block_mark(text: &str) -> String {
    const MARKS: [(char, char); 4] = [('#', '＃'), ('=', '＝'), ('-', '‑'), ('+', '＋')];
    for (mark, shown) in MARKS {
        if let Some(rest) = text.strip_prefix(mark).filter(|rest| matches!(mark, '#' | '=') || ends_mark(rest, mark)) {
            return format!("{shown}{rest}");
        }
    }
    let number = text.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
    let rest = text.strip_prefix(number).unwrap_or_default();
    let is_numbered = !number.is_empty() && rest.strip_prefix(['.', ')']).is_some_and(|rest| ends_mark(rest, ' '));
    if is_numbered { format!("{number} {rest}") } else { text.to_owned() }
}

/// Whether a mark of a list or of a line may end before this.
fn ends_mark(rest: &str, mark: char) -> bool {
    rest.is_empty() || rest.starts_with([mark, ' '])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_and_line_breaks_do_not_survive() {
        assert_eq!(plain("see https://x.example or www.x.example"), "see https: // x․example or www․x․example");
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
            ("a*b* **c**", "a∗b∗ ∗∗c∗∗"),
            ("~~a~~ ~5", "∼∼a∼∼ ∼5"),
            ("a\\.b", "a∖.b"),
            ("_a_ b_c d__e", "ˍaˍ b_c dˍˍe"),
            ("a://b", "a: // b"),
            ("a//b", "a// b"),
            ("www.a WWW.b awww.c", "www․a WWW․b awww.c"),
            ("http:a", "http:a"),
            ("evil.com/x a.b.example.org", "evil․com/x a.b․example․org"),
            ("a@b.com mailto:a@b.com", "a @b․com mailto:a @b․com"),
            ("&#58;&#x3a;&colon; &amp A&E; R&D", "& #58;& #x3a;& colon; &amp A& E; R&D"),
            ("# a", "＃ a"),
            ("===", "＝=="),
            ("- a", "‑ a"),
            ("---", "‑--"),
            ("-5 to 5", "-5 to 5"),
            ("+ a", "＋ a"),
            ("+5", "+5"),
            ("1. a", "1 . a"),
            ("12) a", "12 ) a"),
            ("1.5 mg", "1.5 mg"),
            ("    a", "a"),
            ("ä", "ä"),
            ("Pain, e.g. at rest, b.i.d., S.I. joint; Ph.D.", "Pain, e.g. at rest, b.i.d., S.I. joint; Ph.D."),
            ("M46.1 Sacroiliitis (left), 50% - it's \"known\"; #1 & 2/10", "M46.1 Sacroiliitis (left), 50% - it's \"known\"; #1 & 2/10"),
        ];
        for (text, expected) in table {
            assert_eq!(plain(text), expected);
        }
    }

    /// Blanks and look-alikes apart.
    fn folded(text: &str) -> String {
        let fold = |letter| match look_alike(letter) {
            '＃' => '#',
            '＝' => '=',
            '‑' => '-',
            '＋' => '+',
            '․' => '.',
            'ˍ' => '_',
            letter => letter,
        };
        text.chars().map(fold).filter(|letter| !letter.is_whitespace()).collect()
    }

    /// Words, and everything that Markdown, HTML or a client gives a meaning.
    fn mixtures() -> impl Strategy<Value = String> {
        let marks = [
            "a",
            "B c",
            "é",
            "漢",
            "7",
            " ",
            "  ",
            "    ",
            "\t",
            "\n",
            "\r\n",
            "\u{a0}",
            "\u{200b}",
            "\u{202e}",
            ".",
            ",",
            ";",
            ":",
            "(",
            ")",
            "[",
            "]",
            "![",
            "](",
            "<",
            ">",
            "</",
            "<b>",
            "<!--",
            "&",
            "&#58;",
            "&lt;",
            "&lt",
            "&#x2a;",
            "*",
            "**",
            "_",
            "__",
            "~",
            "~~",
            "`",
            "```",
            "|",
            "#",
            "##",
            "-",
            "---",
            "+",
            "=",
            "===",
            "1.",
            "1)",
            "\\",
            "!",
            "@",
            "/",
            "//",
            "://",
            "http:",
            "https://evil.com",
            "ftp://",
            "mailto:",
            "xmpp:",
            "www",
            "www.",
            "WWW.",
            "evil.com",
            "a@evil.com",
            "javascript:",
            "$",
            "^",
            "{",
            "}",
            "%",
            "\"",
            "'",
            ":-",
            "[x]",
            "[^1]",
            "evil.рф",
            "xn--p1ai",
            "localhost",
            "//localhost",
        ];
        proptest::collection::vec(proptest::sample::select(marks.to_vec()), 0..12).prop_map(|marks| marks.concat())
    }

    fn escaped(text: &str) -> String {
        text.replace('&', "&amp;").replace('"', "&quot;")
    }

    /// HTML by two renderers, one with GitHub's extensions, which make links of bare addresses.
    fn rendered(markdown: &str) -> [String; 2] {
        let mut options = comrak::Options::default();
        let extensions = &mut options.extension;
        (extensions.autolink, extensions.strikethrough, extensions.table, extensions.tasklist) = (true, true, true, true);
        options.render.r#unsafe = true;
        let extensions =
            pulldown_cmark::Options::ENABLE_GFM | pulldown_cmark::Options::ENABLE_STRIKETHROUGH | pulldown_cmark::Options::ENABLE_TABLES;
        let mut other = String::new();
        pulldown_cmark::html::push_html(&mut other, pulldown_cmark::Parser::new_ext(markdown, extensions));
        [comrak::markdown_to_html(markdown, &options), other]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_text_of_a_chart_is_rendered_as_itself_alone(text in mixtures()) {
            let plain = plain(&text);
            prop_assert_eq!(folded(&plain), folded(&text), "it does not read as the text");
            if plain.trim().is_empty() {
                return Ok(());
            }
            // A blank at the end or several between words are the renderer's to drop.
            let words = |html: &str| html.replace('"', "&quot;").split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            let shown = words(&escaped(&plain));
            for html in rendered(&plain) {
                prop_assert_eq!(words(&html), format!("<p>{shown}</p>"), "alone: {}", plain);
            }
            for html in rendered(&format!("Found:\n\n- {plain}\n- Title: {plain}. More\n\nAbout {plain}: it is so.")) {
                let expected = format!("<p>Found:</p> <ul> <li>{shown}</li> <li>Title: {shown}. More</li> </ul> <p>About {shown}: it is so.</p>");
                prop_assert_eq!(words(&html).replace(' ', ""), expected.replace(' ', ""), "within a detail: {}", plain);
            }
            let addresses = linkify::LinkFinder::new().url_must_have_scheme(false).links(&plain).count();
            prop_assert_eq!(addresses, 0, "a client could make a link of it: {}", plain);
        }
    }
}
