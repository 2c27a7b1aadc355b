//! The words of statements and cards, read from `cards.toml` so that they can be reviewed without code.
//! A template holds `{names}`; each is checked at start against what the code fills in.
//! Not here: which words are used when.

use std::collections::HashMap;
use std::fmt::{Display, Write as _};

use serde::Deserialize;
use toml::Spanned;

use super::definition_file::PolicyError;
use super::evaluation::Determination;
use super::form::Question;
use super::phrases::{CardText, Phrase};
use super::topics::{Topics, TopicsToml};

/// A text with places to fill in.
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
    /// Reads a text whose `{names}` must be among `arguments`.
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

    /// The text with its places filled in, by position.
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

/// How the cards of one determination read.
#[derive(Clone, Debug)]
pub struct DeterminationText {
    summary: Template,
    lead: Template,
    next: Template,
}

impl DeterminationText {
    /// The card's one line; the arguments are the order, service date, earliest date, criterion and what is missing.
    #[must_use]
    pub fn summary(&self, arguments: &[String; 5]) -> String {
        fill(&self.summary, arguments)
    }

    /// The first sentence below it.
    #[must_use]
    pub fn lead(&self, arguments: &[String; 5]) -> String {
        fill(&self.lead, arguments)
    }

    /// What to do next.
    #[must_use]
    pub fn next(&self, arguments: &[String; 5]) -> String {
        fill(&self.next, arguments)
    }
}

fn fill(template: &Template, arguments: &[String; 5]) -> String {
    template.fill(&arguments.each_ref().map(|argument| argument as &dyn Display))
}

/// The order for therapy a card can suggest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TherapyOrderText {
    /// The therapy's code system.
    pub system: String,
    /// The therapy's code, one of `conservative-therapy`.
    pub code: String,
    /// Its words.
    pub display: String,
    /// How long it is ordered for.
    pub weeks: u32,
    /// What the order says it is for.
    pub reason: String,
}

/// A reason a clinician can give for not following a card.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverrideReason {
    /// Letters and digits only, stable.
    pub code: String,
    /// What the clinician reads.
    pub display: String,
}

/// The words of one policy version.
#[derive(Debug)]
pub struct Wording {
    phrases: Vec<Template>,
    card_texts: Vec<Template>,
    asks: HashMap<Question, String>,
    sources: HashMap<String, String>,
    determinations: HashMap<(Determination, bool), DeterminationText>,
    /// What kind of card each order gets.
    pub topics: Topics,
    /// The order for therapy a card can suggest.
    pub therapy_order: TherapyOrderText,
    /// The reasons offered on a card that can be overridden.
    pub override_reasons: Vec<OverrideReason>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WordingToml {
    phrases: HashMap<String, Spanned<String>>,
    cards: HashMap<String, Spanned<String>>,
    asks: HashMap<String, Spanned<String>>,
    sources: HashMap<String, String>,
    determinations: HashMap<String, DeterminationToml>,
    override_reasons: Vec<OverrideReason>,
    topics: TopicsToml,
    therapy_order: TherapyOrderText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeterminationToml {
    summary: Spanned<String>,
    lead: Spanned<String>,
    next: Spanned<String>,
}

/// What the texts of a determination can name.
const DETERMINATION_ARGUMENTS: &[&str] = &["order", "service_date", "earliest_date", "criterion", "missing"];

/// A not-yet that names the day from which it would be supported.
const NOT_YET_FROM: &str = "not-yet-from";

/// A not-supported that would be a not-yet, were its day not beyond the twelve months.
const NOT_SUPPORTED_LATE: &str = "not-supported-late";

impl Wording {
    /// Reads `cards.toml`.
    pub(crate) fn read(file: &str, text: &str) -> Result<Self, PolicyError> {
        let read: WordingToml = toml::from_str(text).map_err(|error| PolicyError::of_toml(file, text, &error))?;
        let source = Source { file, text };
        let phrases = source.table("phrases", &read.phrases, Phrase::ALL.iter().map(|phrase| (phrase.key(), phrase.arguments())))?;
        let card_texts = source.table("cards", &read.cards, CardText::ALL.iter().map(|text| (text.key(), text.arguments())))?;
        let asks = source.asks(&read.asks)?;
        let determinations = source.determinations(&read.determinations)?;
        let topics = Topics::read(file, text, &read.topics)?;
        let WordingToml { override_reasons, therapy_order, sources, .. } = read;
        Ok(Self { phrases, card_texts, asks, sources, determinations, topics, therapy_order, override_reasons })
    }

    /// A phrase of a statement, its places filled in by position.
    pub(crate) fn say(&self, phrase: Phrase, arguments: &[&dyn Display]) -> String {
        self.phrases.get(phrase as usize).map(|template| template.fill(arguments)).unwrap_or_default()
    }

    /// A text of a card, its places filled in by position.
    pub(crate) fn card(&self, text: CardText, arguments: &[&dyn Display]) -> String {
        self.card_texts.get(text as usize).map(|template| template.fill(arguments)).unwrap_or_default()
    }

    /// What a question of the form asks for, as it stands in a list.
    #[must_use]
    pub fn ask(&self, question: Question) -> &str {
        self.asks.get(&question).map_or_else(|| question.link_id(), String::as_str)
    }

    /// What a list of the chart is called, by its name in an evaluation's `sources`.
    #[must_use]
    pub fn source<'s>(&'s self, name: &'s str) -> &'s str {
        self.sources.get(name).map_or(name, String::as_str)
    }

    /// The texts of a determination, which differ where it names a day.
    #[must_use]
    pub fn determination(&self, determination: Determination, dated: bool) -> Option<&DeterminationText> {
        self.determinations.get(&(determination, dated)).or_else(|| self.determinations.get(&(determination, false)))
    }
}

struct Source<'t> {
    file: &'t str,
    text: &'t str,
}

impl Source<'_> {
    fn fault(&self, at: &Spanned<String>, problem: impl Into<String>) -> PolicyError {
        PolicyError::at(self.file, self.text, at.span().start, problem)
    }

    fn missing(&self, section: &str, key: &str) -> PolicyError {
        PolicyError::of_file(self.file, format!("`{key}` is missing in [{section}]"))
    }

    fn template(&self, text: &Spanned<String>, arguments: &[&str]) -> Result<Template, PolicyError> {
        Template::read(text.get_ref(), arguments).map_err(|problem| self.fault(text, problem))
    }

    /// The templates of a section, in the order of the keys the code knows.
    fn table<'k>(
        &self,
        section: &str,
        read: &HashMap<String, Spanned<String>>,
        known: impl Iterator<Item = (&'k str, &'k [&'k str])>,
    ) -> Result<Vec<Template>, PolicyError> {
        let mut templates = Vec::new();
        let mut keys = Vec::new();
        for (key, arguments) in known {
            let text = read.get(key).ok_or_else(|| self.missing(section, key))?;
            templates.push(self.template(text, arguments)?);
            keys.push(key);
        }
        match read.iter().find(|(key, _)| !keys.contains(&key.as_str())) {
            Some((key, text)) => Err(self.fault(text, format!("`{key}` is not used"))),
            None => Ok(templates),
        }
    }

    fn asks(&self, read: &HashMap<String, Spanned<String>>) -> Result<HashMap<Question, String>, PolicyError> {
        if let Some((key, text)) = read.iter().find(|(key, _)| Question::from_link_id(key).is_none()) {
            return Err(self.fault(text, format!("`{key}` is not a question of the form")));
        }
        Question::ALL
            .iter()
            .map(|question| {
                let text = read.get(question.link_id()).ok_or_else(|| self.missing("asks", question.link_id()))?;
                Ok((*question, text.get_ref().clone()))
            })
            .collect()
    }

    fn determinations(
        &self,
        read: &HashMap<String, DeterminationToml>,
    ) -> Result<HashMap<(Determination, bool), DeterminationText>, PolicyError> {
        let keys = Determination::ALL.map(|determination| (determination.as_str(), (determination, false)));
        let dated = [(NOT_YET_FROM, (Determination::NotYet, true)), (NOT_SUPPORTED_LATE, (Determination::NotSupported, true))];
        let keys = keys.into_iter().chain(dated);
        let text = |(key, determination)| {
            let texts = read.get(key).ok_or_else(|| self.missing("determinations", key))?;
            let template = |text| self.template(text, DETERMINATION_ARGUMENTS);
            let texts =
                DeterminationText { summary: template(&texts.summary)?, lead: template(&texts.lead)?, next: template(&texts.next)? };
            Ok((determination, texts))
        };
        if let Some((key, texts)) = read.iter().find(|(key, _)| !keys.clone().any(|(known, _)| known == key.as_str())) {
            return Err(self.fault(&texts.summary, format!("`{key}` is not a determination")));
        }
        keys.map(text).collect()
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
