//! Pages that a command writes: one file of HTML each, without scripts or anything from elsewhere.
//! Not here: their content.

use super::terminal_text::printable;

/// Nothing may be loaded or run; only the page's own style applies.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A complete page. `title` is text; `style` and `body` are CSS and HTML.
pub(super) fn page(title: &str, style: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{CONTENT_SECURITY_POLICY}\">\n\
         <title>{}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escaped(title)
    )
}

/// A text for HTML and SVG, in an element or in a quoted attribute, without control and invisible characters.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in printable(text).chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_makes_no_markup_and_nothing_invisible() {
        let table = [("a & <b>", "a &amp; &lt;b&gt;"), ("\"'", "&quot;&#39;"), ("a\u{1b}[2J\u{202e}", "a\u{fffd}[2J\u{fffd}")];
        for (text, html) in table {
            assert_eq!(escaped(text), html);
        }
    }
}
