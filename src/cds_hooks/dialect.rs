//! How a client in the field wants a decision said, as rules read from `cds-hooks/dialects/*.toml`. The decision is the same in each.
//! Not here: which client has which dialect, and where the files lie ([`crate::app`]).

use serde::Deserialize;

/// CDS Hooks sets no limit; Epic does.
const MAX_TOPIC_CODE_CHARS: usize = 100;

/// The rules of one dialect.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialectRules {
    /// How the detail is laid out.
    pub detail: DetailFormat,
    /// What the client is told to read the detail as, by Epic's extension.
    pub detail_content_type: Option<String>,
    /// How it is said which suggestions go together.
    pub selection_behavior: SelectionRule,
    /// Whether a suggestion holds one action at most.
    pub one_action_a_suggestion: bool,
    /// What the client carries out when a suggestion is taken; anything else is said to be done by hand.
    pub carries_out: Vec<SuggestionKind>,
    /// How a topic's code is written.
    pub topic_code: TopicCode,
    /// What an action's description says.
    pub action_description: ActionDescription,
    /// By which code therapy is ordered.
    pub therapy_order: TherapyOrder,
    /// Whether `reasonCode` goes beside `reason` in coverage information.
    pub reason_code_beside_reason: bool,
    /// Whether system actions are carried out.
    pub reads_system_actions: bool,
}

/// How a detail is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DetailFormat {
    /// GitHub Markdown.
    Markdown,
    /// Plain text; it can be read even where its line breaks are lost.
    Plain,
}

/// How it is said which suggestions go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SelectionRule {
    /// `at-most-one` where two would overwrite each other, else `any`.
    AsNeeded,
    /// `any`; of two that would overwrite each other the first alone is offered.
    Any,
}

/// What a suggestion does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuggestionKind {
    /// Makes an order.
    CreateOrder,
    /// Changes an order.
    UpdateOrder,
    /// Removes an order.
    DeleteOrder,
    /// Makes a Task.
    CreateTask,
}

/// How a topic's code is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TopicCode {
    /// As the code system has it.
    AsIs,
    /// Its letters and digits.
    LettersAndDigits,
}

/// What an action's description says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionDescription {
    /// What the action does.
    Action,
    /// All there is to say of the suggestion, for its label is not shown.
    WholeSuggestion,
}

/// By which code therapy is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TherapyOrder {
    /// The policy's own.
    PolicyCode,
    /// The key of an item on the site's preference list; without one, therapy is ordered by hand.
    PreferenceList,
}

impl DialectRules {
    /// Reads the rules.
    ///
    /// # Errors
    /// The first member that is missing, unknown or of another kind, with its line.
    pub fn read(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Whether a suggestion of this kind does something.
    #[must_use]
    pub fn carries_out(&self, kind: SuggestionKind) -> bool {
        self.carries_out.contains(&kind)
    }

    /// A topic's code. The same code always gives the same, for a client may remember an override by it.
    pub(super) fn topic_code(&self, code: &str) -> String {
        match self.topic_code {
            TopicCode::AsIs => code.to_owned(),
            TopicCode::LettersAndDigits => code.chars().filter(char::is_ascii_alphanumeric).take(MAX_TOPIC_CODE_CHARS).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
detail = "plain"
selection_behavior = "any"
one_action_a_suggestion = true
carries_out = ["delete-order"]
topic_code = "letters-and-digits"
action_description = "whole-suggestion"
therapy_order = "preference-list"
reason_code_beside_reason = false
reads_system_actions = true
"#;

    #[test]
    fn a_topic_is_written_in_letters_and_digits_where_it_has_to_be() {
        let rules = DialectRules::read(RULES).expect("rules");
        assert_eq!(rules.topic_code("therapy-alternatives-req"), "therapyalternativesreq");
        assert_eq!(rules.topic_code(&"a-".repeat(300)), "a".repeat(MAX_TOPIC_CODE_CHARS));
        assert!(rules.carries_out(SuggestionKind::DeleteOrder) && !rules.carries_out(SuggestionKind::UpdateOrder));
    }

    #[test]
    fn a_rule_that_is_unknown_or_missing_is_refused() {
        let table = [
            (format!("{RULES}colour = \"red\"\n"), "unknown field `colour`"),
            (RULES.replace("topic_code", "topic_codes"), "unknown field `topic_codes`"),
            (RULES.replace("one_action_a_suggestion = true\n", ""), "missing field `one_action_a_suggestion`"),
            (RULES.replace("\"plain\"", "\"html\""), "unknown variant `html`"),
            (RULES.replace("delete-order", "delete-patient"), "unknown variant `delete-patient`"),
        ];
        for (text, expected) in table {
            let fault = DialectRules::read(&text).expect_err("no rules").to_string();
            assert!(fault.contains(expected), "{fault}");
        }
    }
}
