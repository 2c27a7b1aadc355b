//! Rules for how a particular client wants decisions presented, read from `cds-hooks/dialects/*.toml`. They do not change the decision.
//! Not here: which client uses which dialect, and the location of the files ([`crate::app`]).

use serde::Deserialize;

/// Epic's limit; CDS Hooks sets none.
const MAX_TOPIC_CODE_CHARS: usize = 100;

/// The rules of one dialect.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialectRules {
    /// The layout of the detail.
    pub detail: DetailFormat,
    /// The content type of the detail, sent in Epic's extension.
    pub detail_content_type: Option<String>,
    /// How the response states which suggestions can be combined.
    pub selection_behavior: SelectionRule,
    /// Whether a suggestion has at most one action.
    pub one_action_a_suggestion: bool,
    /// The suggestions that the client carries out; the card describes all others as steps to do by hand.
    pub carries_out: Vec<SuggestionKind>,
    /// The format of a topic's code.
    pub topic_code: TopicCode,
    /// The content of an action's description.
    pub action_description: ActionDescription,
    /// The code used to order therapy.
    pub therapy_order: TherapyOrder,
    /// Whether coverage information has `reasonCode` in addition to `reason`.
    pub reason_code_beside_reason: bool,
    /// Whether the client carries out system actions.
    pub reads_system_actions: bool,
}

/// The layout of a detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DetailFormat {
    /// GitHub Markdown.
    Markdown,
    /// Plain text, readable even if line breaks are lost.
    Plain,
}

/// How the response states which suggestions can be combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SelectionRule {
    /// `at-most-one` if two suggestions would overwrite each other, else `any`.
    AsNeeded,
    /// Always `any`; suggestions that would overwrite another one are described in the text instead.
    Any,
}

/// What a suggestion does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuggestionKind {
    /// Creates an order.
    CreateOrder,
    /// Changes an order.
    UpdateOrder,
    /// Removes an order.
    DeleteOrder,
    /// Creates a Task.
    CreateTask,
}

/// The format of a topic's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TopicCode {
    /// As in the code system.
    AsIs,
    /// Only its letters and digits.
    LettersAndDigits,
}

/// The content of an action's description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionDescription {
    /// What the action does.
    Action,
    /// Everything about the suggestion, because the client does not show its label.
    WholeSuggestion,
}

/// The code used to order therapy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TherapyOrder {
    /// The policy's own code.
    PolicyCode,
    /// The key of an item on the site's preference list; without a key, therapy is ordered by hand.
    PreferenceList,
}

impl DialectRules {
    /// Reads the rules.
    ///
    /// # Errors
    /// If a member is missing, unknown or of the wrong type; the error has its line.
    pub fn read(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Whether the client carries out suggestions of this kind.
    #[must_use]
    pub fn carries_out(&self, kind: SuggestionKind) -> bool {
        self.carries_out.contains(&kind)
    }

    /// A topic's code. It is stable, because a client may store an override by it.
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
