//! Substitutes the policy's numbers in its texts: `{exercise_therapy_weeks}` becomes that threshold, so that a text
//! always states the number that decides.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use toml::Spanned;

use super::definition::Parameters;

/// The thresholds as written, by name.
pub(super) type ThresholdsToml = BTreeMap<String, Spanned<u32>>;

/// The thresholds and parameters by name.
#[derive(Debug)]
pub(crate) struct Numbers(Map<String, Value>);

impl Numbers {
    pub(crate) fn new(thresholds: &ThresholdsToml, parameters: &Parameters) -> Self {
        let mut numbers: Map<_, _> = thresholds.iter().map(|(name, value)| (name.clone(), Value::from(*value.get_ref()))).collect();
        numbers.extend(parameters.by_name());
        Self(numbers)
    }

    /// Substitutes the numbers that a text names; other names in braces stay unchanged.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| {
            let place = format!("{{{name}}}");
            if text.contains(&place) { text.replace(&place, &value.to_string()) } else { text }
        })
    }
}
