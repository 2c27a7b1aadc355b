//! The context a card's link passes to the app through the EHR (CDS Hooks, "Link": `appContext`), in the forms in use: our own
//! JSON, the names of br-provider, and br-payer's query string.
//! Not here: trusting it. It passed through a browser, so it may only select from what the patient's own chart and the ledger
//! contain.

use serde_json::Value;
use url::form_urlencoded;

/// Maximum length of a text that is read.
const MAX_BYTES: usize = 8 * 1024;

/// Maximum length of an id, reference or canonical URL.
const MAX_VALUE_BYTES: usize = 512;

/// The contents of a card's `appContext`. None of it is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppContext {
    /// The coverage assertion, which is a ledger record.
    pub assertion: Option<String>,
    /// The order, as `Type/id`.
    pub order: Option<String>,
    /// The Coverage, as `Coverage/id`.
    pub coverage: Option<String>,
    /// The form's canonical URL.
    pub questionnaire: Option<String>,
}

/// The accepted names of each member, ours first.
const ASSERTION: [&str; 3] = ["assertion", "coverageAssertionId", "coverage-assertion-id"];
const ORDER: [&str; 2] = ["order", "orderRef"];
const COVERAGE: [&str; 2] = ["coverage", "coverageRef"];
const QUESTIONNAIRE: [&str; 1] = ["questionnaire"];

impl AppContext {
    /// Parses JSON or a query string. Text that is too long or in an unknown form yields an empty context.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text.len() > MAX_BYTES {
            return Self::default();
        }
        match serde_json::from_str(text) {
            Ok(Value::String(inner)) => Self::of_query(&inner),
            Ok(value) => Self::of_json(&value),
            Err(_) => Self::of_query(text),
        }
    }

    /// Reads it from a member of a token response: an object, or a string that contains one.
    #[must_use]
    pub fn of_member(member: &Value) -> Self {
        match member {
            Value::String(text) => Self::parse(text),
            other => Self::of_json(other),
        }
    }

    fn of_json(value: &Value) -> Self {
        Self::from_lookup(|names| names.iter().find_map(|name| value.get(*name)?.as_str()).map(str::to_owned))
    }

    fn of_query(text: &str) -> Self {
        let query = text.strip_prefix('?').unwrap_or(text);
        Self::from_lookup(|names| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| names.contains(&name.as_ref())).map(|(_, value)| value.into_owned())
        })
    }

    fn from_lookup(find: impl Fn(&[&str]) -> Option<String>) -> Self {
        Self {
            assertion: find(&ASSERTION).filter(|text| is_id(text)),
            order: find(&ORDER).and_then(|text| reference(&text)),
            coverage: find(&COVERAGE).and_then(|text| reference(&text)).filter(|text| text.starts_with("Coverage/")),
            questionnaire: find(&QUESTIONNAIRE).filter(|text| is_canonical(text)),
        }
    }
}

/// Whether a text can be a resource id. FHIR allows 64 characters; some EHRs use longer ids. The accepted characters need no
/// escaping in a path or query.
pub(super) fn is_id(text: &str) -> bool {
    let is_short = (1..=200).contains(&text.len());
    is_short && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')) && !matches!(text, "." | "..")
}

/// Returns `Type/id` of a relative or absolute reference. The base of an absolute one is dropped, because the app reads only
/// from the EHR's own server.
pub(super) fn reference(text: &str) -> Option<String> {
    if text.len() > MAX_VALUE_BYTES {
        return None;
    }
    let current = text.split_once("/_history/").map_or(text, |(current, _)| current);
    let mut parts = current.rsplit('/');
    let (id, resource_type) = (parts.next()?, parts.next()?);
    let is_type = resource_type.starts_with(|letter: char| letter.is_ascii_uppercase())
        && resource_type.len() <= 64
        && resource_type.bytes().all(|letter| letter.is_ascii_alphabetic());
    let is_relative = parts.next().is_none();
    let is_absolute = current.starts_with("https://") || current.starts_with("http://");
    (is_type && is_id(id) && (is_relative || is_absolute)).then(|| format!("{resource_type}/{id}"))
}

fn is_canonical(text: &str) -> bool {
    (1..=MAX_VALUE_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn full() -> AppContext {
        AppContext {
            assertion: Some("0190-7af0".to_owned()),
            order: Some("ServiceRequest/1".to_owned()),
            coverage: Some("Coverage/2".to_owned()),
            questionnaire: Some("https://plan.example/Questionnaire/sij|2019-08".to_owned()),
        }
    }

    #[test]
    fn every_form_in_use_says_the_same() {
        let ours = json!({"assertion": "0190-7af0", "order": "ServiceRequest/1", "coverage": "Coverage/2", "questionnaire": "https://plan.example/Questionnaire/sij|2019-08"});
        let provider = json!({"coverageAssertionId": "0190-7af0", "orderRef": "https://ehr.example/fhir/ServiceRequest/1", "coverageRef": "Coverage/2", "questionnaire": "https://plan.example/Questionnaire/sij|2019-08"});
        let payer = "questionnaire=https%3A%2F%2Fplan.example%2FQuestionnaire%2Fsij%7C2019-08&order=ServiceRequest/1&coverage=Coverage%2F2&coverage-assertion-id=0190-7af0";
        assert_eq!(AppContext::parse(&ours.to_string()), full());
        assert_eq!(AppContext::of_member(&ours), full());
        assert_eq!(AppContext::of_member(&json!(ours.to_string())), full());
        assert_eq!(AppContext::of_member(&provider), full());
        assert_eq!(AppContext::parse(payer), full());
        assert_eq!(AppContext::parse(&format!("?{payer}")), full());
        assert_eq!(AppContext::parse(&json!(payer).to_string()), full());
    }

    #[test]
    fn what_is_forged_or_of_no_form_is_ignored() {
        for text in [
            "",
            "null",
            "7",
            "[]",
            "template",
            r#"{"order": 7, "coverage": {"reference": "Coverage/1"}}"#,
            r#"{"order": "../Patient/1"}"#,
            r#"{"order": "ServiceRequest/1/../../Patient/2"}"#,
            r#"{"order": "ServiceRequest/1?_include=*"}"#,
            r#"{"order": "javascript:alert(1)//ServiceRequest/1"}"#,
            r#"{"coverage": "Patient/1"}"#,
            r#"{"assertion": "' OR 1=1 --"}"#,
            r#"{"assertion": "<script>"}"#,
            r#"{"questionnaire": "two words"}"#,
            "order=ServiceRequest/%2e%2e&coverage-assertion-id=a%00b",
        ] {
            assert_eq!(AppContext::parse(text), AppContext::default(), "{text}");
        }
        let long = format!("{{\"assertion\": \"1\", \"x\": \"{}\"}}", "x".repeat(MAX_BYTES));
        assert_eq!(AppContext::parse(&long), AppContext::default());
        assert_eq!(AppContext::parse(&format!("questionnaire={}", "x".repeat(MAX_VALUE_BYTES + 1))), AppContext::default());
    }

    proptest! {
        #[test]
        fn reading_an_app_context_never_panics_and_keeps_its_bounds(text in prop_oneof![".*", "[{}\\[\\]\":,a-z]{0,300}", "(order|coverage|questionnaire)=[%&=/A-Za-z0-9]{0,60}"]) {
            let context = AppContext::parse(&text);
            for value in [&context.assertion, &context.order, &context.coverage, &context.questionnaire].into_iter().flatten() {
                prop_assert!(!value.is_empty() && value.len() <= MAX_VALUE_BYTES && value.is_ascii());
            }
        }

        #[test]
        fn whatever_json_an_app_context_is_it_never_panics(order in ".*", assertion in ".*") {
            let context = AppContext::of_member(&json!({"order": order, "assertion": assertion}));
            prop_assert!(context.order.is_none_or(|order| reference(&order) == Some(order.clone())));
        }
    }
}
