//! The texts of statements and cards, read from `cards.toml` so that they can be reviewed without code.
//! A template contains `{names}`; start-up checks each against the arguments that the code supplies.
//! Not here: when each text is used.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use toml::Spanned;

use super::card_topics::{Topics, TopicsToml};
use super::form::Question;
use super::outcomes::{OutcomeArguments, OutcomeKind, OutcomeText};
use super::phrases::{CardText, Phrase};
use super::policy_file::PolicyError;
use super::template::Template;

/// The therapy order that a card can suggest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TherapyOrderText {
    /// The therapy's code system.
    pub system: String,
    /// The therapy's code, one of `conservative-therapy`.
    pub code: String,
    /// Its display.
    pub display: String,
    /// The reason stated in the order.
    pub reason: String,
}

/// The codings for the side in a suggestion. Their codes are in `side-left` and `side-right`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideCodings {
    /// The code system.
    pub system: String,
    /// The left side.
    pub left: SideCoding,
    /// The right side.
    pub right: SideCoding,
}

/// The coding of one side.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideCoding {
    /// The code.
    pub code: String,
    /// Its display.
    pub display: String,
    /// The body site text. It names the joint, so that the changed order still does.
    pub text: String,
}

/// A reason a clinician can give for not following a card.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverrideReason {
    /// A stable code of letters and digits only.
    pub code: String,
    /// The text shown to the clinician.
    pub display: String,
}

/// The wording of one policy version.
#[derive(Debug)]
pub struct Wording {
    phrases: Vec<Template>,
    /// Whether each phrase was said.
    said: Vec<AtomicBool>,
    card_texts: Vec<Template>,
    asks: HashMap<Question, String>,
    sources: HashMap<String, String>,
    outcomes: HashMap<OutcomeKind, OutcomeText>,
    /// The codings for the side in a suggestion.
    pub side_codings: SideCodings,
    /// The card topics.
    pub topics: Topics,
    /// The therapy order that a card can suggest.
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
    determinations: HashMap<String, OutcomeToml>,
    side_codings: SideCodings,
    override_reasons: Vec<OverrideReason>,
    topics: TopicsToml,
    therapy_order: TherapyOrderText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutcomeToml {
    summary: Spanned<String>,
    lead: Spanned<String>,
    next: Spanned<String>,
}

impl Wording {
    /// Reads `cards.toml`. `criteria` are the ids of the policy's criteria.
    pub(crate) fn read(file: &str, text: &str, criteria: &[&str]) -> Result<Self, PolicyError> {
        let read: WordingToml = toml::from_str(text).map_err(|error| PolicyError::of_toml(file, text, &error))?;
        let source = CardsText { file, text };
        let phrases = source.table("phrases", &read.phrases, Phrase::ALL.iter().map(|phrase| (phrase.key(), phrase.arguments())))?;
        let card_texts = source.table("cards", &read.cards, CardText::ALL.iter().map(|text| (text.key(), text.arguments())))?;
        let asks = source.asks(&read.asks)?;
        let outcomes = source.outcomes(&read.determinations)?;
        let topics = Topics::read(file, text, &read.topics, criteria)?;
        let WordingToml { override_reasons, therapy_order, sources, side_codings, .. } = read;
        Ok(Self {
            said: phrases.iter().map(|_| AtomicBool::new(false)).collect(),
            phrases,
            card_texts,
            asks,
            sources,
            outcomes,
            side_codings,
            topics,
            therapy_order,
            override_reasons,
        })
    }

    /// Fails if a question of the form has no words for a list.
    pub(crate) fn has_asks_for(&self, file: &str, asked: &BTreeSet<Question>) -> Result<(), PolicyError> {
        match asked.iter().find(|question| !self.asks.contains_key(question)) {
            Some(question) => Err(PolicyError::of_file(file, format!("`{}` is missing in [asks]", question.link_id()))),
            None => Ok(()),
        }
    }

    /// Fills in a phrase of a statement, by position.
    pub(crate) fn say(&self, phrase: Phrase, arguments: &[&dyn Display]) -> String {
        // Writing only once keeps processors from contending for the flag.
        if let Some(said) = self.said.get(phrase as usize).filter(|said| !said.load(Ordering::Relaxed)) {
            said.store(true, Ordering::Relaxed);
        }
        self.phrases.get(phrase as usize).map(|template| template.fill(arguments)).unwrap_or_default()
    }

    /// The keys of the phrases that were not said since the wording was read.
    pub(crate) fn unsaid(&self) -> impl Iterator<Item = &'static str> {
        let phrases = Phrase::ALL.iter().zip(&self.said);
        phrases.filter(|(_, said)| !said.load(Ordering::Relaxed)).map(|(phrase, _)| phrase.key())
    }

    /// Fills in a card text, by position.
    pub(crate) fn card(&self, text: CardText, arguments: &[&dyn Display]) -> String {
        self.card_texts.get(text as usize).map(|template| template.fill(arguments)).unwrap_or_default()
    }

    /// The item that a question of the form asks for, worded for a list.
    #[must_use]
    pub fn ask(&self, question: Question) -> &str {
        self.asks.get(&question).map_or_else(|| question.link_id(), String::as_str)
    }

    /// The display name of a chart list, by its name in an evaluation's `sources`.
    #[must_use]
    pub fn source<'s>(&'s self, name: &'s str) -> &'s str {
        self.sources.get(name).map_or(name, String::as_str)
    }

    /// The texts of an outcome.
    #[must_use]
    pub fn outcome(&self, kind: OutcomeKind) -> Option<&OutcomeText> {
        self.outcomes.get(&kind)
    }
}

struct CardsText<'t> {
    file: &'t str,
    text: &'t str,
}

impl CardsText<'_> {
    fn fault(&self, at: &Spanned<String>, problem: impl Into<String>) -> PolicyError {
        PolicyError::at(self.file, self.text, at.span().start, problem)
    }

    fn missing(&self, section: &str, key: &str) -> PolicyError {
        PolicyError::of_file(self.file, format!("`{key}` is missing in [{section}]"))
    }

    fn template(&self, text: &Spanned<String>, arguments: &[&str]) -> Result<Template, PolicyError> {
        Template::read(text.get_ref(), arguments).map_err(|problem| self.fault(text, problem))
    }

    /// The templates of a section, in the order of the known keys.
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
        Ok(read.iter().filter_map(|(link_id, text)| Some((Question::from_link_id(link_id)?, text.get_ref().clone()))).collect())
    }

    fn outcomes(&self, read: &HashMap<String, OutcomeToml>) -> Result<HashMap<OutcomeKind, OutcomeText>, PolicyError> {
        if let Some((key, texts)) = read.iter().find(|(key, _)| OutcomeKind::from_key(key).is_none()) {
            return Err(self.fault(&texts.summary, format!("`{key}` is not a determination")));
        }
        let text = |kind: &OutcomeKind| {
            let texts = read.get(kind.key()).ok_or_else(|| self.missing("determinations", kind.key()))?;
            let template = |text| self.template(text, OutcomeArguments::NAMES);
            let texts = OutcomeText { summary: template(&texts.summary)?, lead: template(&texts.lead)?, next: template(&texts.next)? };
            Ok((*kind, texts))
        };
        OutcomeKind::ALL.iter().map(text).collect()
    }
}
