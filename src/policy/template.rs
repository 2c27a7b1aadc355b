//! Texts with placeholders such as `{names}`, which are checked when they are read and filled in by position.
//! Not here: the texts ([`super::wording`], [`super::rule`]).

use std::fmt::{Display, Write as _};

/// A text with placeholders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Argument(usize),
}

impl Template {
    /// Parses a text whose `{names}` must be among `arguments`.
    pub(crate) fn read(text: &str, arguments: &[&str]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, after) = behind.split_once('}').ok_or_else(|| "a `{` is not closed".to_owned())?;
            let place = arguments.iter().position(|argument| *argument == name).ok_or_else(|| {
                format!(
                    "`{{{name}}}` cannot be filled in here; known: {}",
                    if arguments.is_empty() { "none".to_owned() } else { arguments.join(", ") }
                )
            })?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Argument(place));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self { pieces })
    }

    /// Substitutes the arguments, by position.
    pub(crate) fn fill(&self, arguments: &[&dyn Display]) -> String {
        let mut text = String::with_capacity(96);
        for piece in &self.pieces {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Argument(place) => {
                    if let Some(argument) = arguments.get(*place) {
                        // Writing to a String cannot fail.
                        let _ = write!(text, "{argument}");
                    }
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_in_by_position() {
        let template = Template::read("from {first} to {last}.", &["first", "last"]).expect("a template");
        assert_eq!(template.fill(&[&1, &"two"]), "from 1 to two.");
    }

    #[test]
    fn a_template_with_an_unknown_or_open_place_is_refused() {
        assert_eq!(Template::read("{other}", &["first"]).err().as_deref(), Some("`{other}` cannot be filled in here; known: first"));
        assert_eq!(Template::read("{first", &["first"]).err().as_deref(), Some("a `{` is not closed"));
    }
}
