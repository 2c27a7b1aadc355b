//! Substitutes the policy's numbers in its texts: `{exercise_therapy_weeks}` becomes that threshold, so that a text
//! always states the number that decides.

use serde_json::{Map, Value};

use super::definition::{Parameters, Thresholds};

/// The thresholds and parameters by name.
#[derive(Debug)]
pub(crate) struct Numbers(Map<String, Value>);

impl Numbers {
    pub(crate) fn new(thresholds: &Thresholds, parameters: &Parameters) -> Self {
        let both = [serde_json::to_value(thresholds), serde_json::to_value(parameters)];
        let members = both.into_iter().flatten().filter_map(|value| if let Value::Object(members) = value { Some(members) } else { None });
        Self(members.flatten().collect())
    }

    /// Substitutes the numbers that a text names; other names in braces stay unchanged.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| {
            let place = format!("{{{name}}}");
            if text.contains(&place) { text.replace(&place, &value.to_string()) } else { text }
        })
    }
}
