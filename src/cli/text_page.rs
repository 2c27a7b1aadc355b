//! A plain-text page: lines of at most 100 columns, wrapped between words with a hanging indent. Control characters from a chart cannot
//! move a terminal's cursor. Not here: the content.

use super::terminal_text::is_unprintable;

/// Line width in columns; a longer word overflows.
const WIDTH: usize = 100;

/// A page being written.
#[derive(Debug, Default)]
pub(super) struct TextPage {
    text: String,
}

impl TextPage {
    /// Writes a text after `mark`, which is indented by `indent` columns; wrapped lines align with the text.
    pub(super) fn write(&mut self, indent: usize, mark: &str, text: &str) {
        let start = indent + mark.chars().count();
        self.text.push_str(&" ".repeat(indent));
        self.text.push_str(mark);
        let mut column = start;
        for word in text.replace(is_unprintable, " ").split_whitespace() {
            let length = word.chars().count();
            if column > start && column + 1 + length > WIDTH {
                self.text.push('\n');
                self.text.push_str(&" ".repeat(start));
                column = start;
            } else if column > start {
                self.text.push(' ');
                column += 1;
            }
            self.text.push_str(word);
            column += length;
        }
        self.text.push('\n');
    }

    /// Writes a line of columns as it is.
    pub(super) fn line(&mut self, columns: &str) {
        self.text.push_str(columns.replace(is_unprintable, " ").trim_end());
        self.text.push('\n');
    }

    /// Writes an empty line.
    pub(super) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// Underlines the last line.
    pub(super) fn rule(&mut self) {
        let last = self.text.lines().last().map_or(0, |line| line.chars().count());
        self.text.push_str(&"─".repeat(last));
        self.text.push('\n');
    }

    /// Returns the page.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(indent: usize, mark: &str, text: &str) -> String {
        let mut page = TextPage::default();
        page.write(indent, mark, text);
        page.finish()
    }

    #[test]
    fn a_long_text_is_broken_between_words_and_hangs_below_its_beginning() {
        let lines = written(2, "- ", &"nineteen characters ".repeat(10));
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("  - nineteen") && lines[1].starts_with("    ") && !lines[1].starts_with("     "), "{lines:?}");
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
    }

    #[test]
    fn a_word_longer_than_a_line_is_kept_whole() {
        let word = "x".repeat(WIDTH + 20);
        assert_eq!(written(0, "", &format!("a {word} b")), format!("a\n{word}\nb\n"));
    }

    #[test]
    fn a_line_break_or_escape_of_a_chart_does_not_survive() {
        assert_eq!(written(0, "- ", "one\n\u{1b}[2Jtwo\u{202e}"), "- one [2Jtwo\n");
    }
}
