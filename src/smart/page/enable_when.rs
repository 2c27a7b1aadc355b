//! Decides whether a question is asked at all, by the form's `enableWhen` (FHIR R4 Questionnaire, section 2.44).
//! Not here: whether the answer would settle a criterion; the policy's evaluation decides that.

use serde::Deserialize;
use serde_json::Value;

use super::typed_date::typed_date;

/// The conditions of one item; an item without conditions is always asked.
#[derive(Clone, Debug)]
pub(super) struct EnableWhen {
    /// Whether one true condition suffices.
    pub any: bool,
    pub conditions: Vec<EnableCondition>,
}

/// One condition of the form.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct EnableCondition {
    question: String,
    operator: String,
    #[serde(flatten)]
    expected: serde_json::Map<String, Value>,
}

impl EnableWhen {
    /// Whether the item is asked. `answer` gives the answer text for a linkId.
    pub(super) fn holds<'a>(&self, answer: impl Fn(&str) -> Option<&'a str>) -> bool {
        let holds = |condition: &EnableCondition| condition.holds(answer(&condition.question));
        self.conditions.is_empty() || if self.any { self.conditions.iter().any(holds) } else { self.conditions.iter().all(holds) }
    }
}

impl EnableCondition {
    fn holds(&self, answer: Option<&str>) -> bool {
        let expected = self.expected.iter().find(|(name, _)| name.starts_with("answer")).map(|(_, value)| plain(value)).unwrap_or_default();
        let typed = answer.filter(|_| self.expected.contains_key("answerDate")).and_then(|answer| typed_date(answer).ok());
        let answer = typed.as_deref().or(answer);
        let ordered = || order(answer?, &expected);
        match self.operator.as_str() {
            "exists" => answer.is_some() == (expected == "true"),
            "=" => answer == Some(expected.as_str()),
            "!=" => answer.is_some_and(|answer| answer != expected),
            ">" => ordered().is_some_and(std::cmp::Ordering::is_gt),
            "<" => ordered().is_some_and(std::cmp::Ordering::is_lt),
            ">=" => ordered().is_some_and(std::cmp::Ordering::is_ge),
            "<=" => ordered().is_some_and(std::cmp::Ordering::is_le),
            // An operator from a later FHIR version does not hide the item.
            _ => true,
        }
    }
}

/// The text that a field of the page would hold for this value.
fn plain(value: &Value) -> String {
    let code = value.get("code").unwrap_or(value);
    code.as_str().map_or_else(|| code.to_string(), str::to_owned)
}

/// Compares numbers by value, and dates as text. A non-numeric answer does not compare with a number.
fn order(answer: &str, expected: &str) -> Option<std::cmp::Ordering> {
    match (answer.replace(',', ".").parse::<f64>(), expected.parse::<f64>()) {
        (Ok(answer), Ok(expected)) => answer.partial_cmp(&expected),
        (Err(_), Ok(_)) => None,
        (_, Err(_)) => Some(answer.cmp(expected)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enabling(json: &str) -> EnableWhen {
        EnableWhen { any: true, conditions: vec![serde_json::from_str(json).expect("a condition")] }
    }

    #[test]
    fn each_operator_compares_the_answer() {
        let table = [
            (r#"{"question":"q","operator":"=","answerBoolean":true}"#, Some("true"), true),
            (r#"{"question":"q","operator":"=","answerBoolean":true}"#, Some("false"), false),
            (r#"{"question":"q","operator":"=","answerCoding":{"system":"s","code":"left"}}"#, Some("left"), true),
            (r#"{"question":"q","operator":"!=","answerCoding":{"code":"left"}}"#, None, false),
            (r#"{"question":"q","operator":"exists","answerBoolean":false}"#, None, true),
            (r#"{"question":"q","operator":"<","answerInteger":3}"#, Some("2,5"), true),
            (r#"{"question":"q","operator":">=","answerDecimal":50}"#, Some("50"), true),
            (r#"{"question":"q","operator":">=","answerDecimal":50}"#, Some("much"), false),
            (r#"{"question":"q","operator":">","answerDate":"2026-01-01"}"#, Some("2025"), false),
            (r#"{"question":"q","operator":">","answerDate":"2026-01-01"}"#, Some("3/9/2026"), true),
            (r#"{"question":"q","operator":"=","answerDate":"2026-03-09"}"#, Some("03/09/2026"), true),
        ];
        for (condition, answer, expected) in table {
            assert_eq!(enabling(condition).holds(|_| answer), expected, "{condition} {answer:?}");
        }
    }

    #[test]
    fn without_conditions_an_item_is_asked() {
        assert!(EnableWhen { any: false, conditions: Vec::new() }.holds(|_| None));
    }
}
