//! A plan's `prior_authorization`: its requirement before a service, by billing code.
//! Not here: when the criteria are met, which belongs to the policy; see `cds-hooks/policies`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::coverage_information::PriorAuthorization;

/// Which services need prior authorization.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorAuthorizationRules {
    /// For every unlisted code. Default: responses do not mention prior authorization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<PriorAuthorization>,
    /// By billing code, without modifiers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub codes: BTreeMap<String, PriorAuthorization>,
}

impl PriorAuthorizationRules {
    /// The requirement for a service with these codes: the strictest of those listed, else the default. A modifier, which
    /// follows a colon, is not part of a code.
    #[must_use]
    pub fn required<'c>(&self, codes: impl IntoIterator<Item = &'c str>) -> Option<PriorAuthorization> {
        let listed = codes.into_iter().filter_map(|code| self.codes.get(code.split(':').next().unwrap_or(code)));
        listed.max().copied().or(self.default)
    }

    /// The codes that no order can have.
    pub fn unusable_codes(&self) -> impl Iterator<Item = &String> {
        self.codes.keys().filter(|code| code.trim() != code.as_str() || code.is_empty() || code.contains(':'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_of_the_listed_codes_counts_else_the_default() {
        let codes = [
            ("a", PriorAuthorization::NoAuth),
            ("b", PriorAuthorization::Satisfied),
            ("c", PriorAuthorization::Performpa),
            ("d", PriorAuthorization::AuthNeeded),
        ];
        let codes: BTreeMap<_, _> = codes.into_iter().map(|(code, rule)| (code.to_owned(), rule)).collect();
        for (asked, default, expected) in [
            (&["a"][..], None, Some(PriorAuthorization::NoAuth)),
            (&["a", "b"], None, Some(PriorAuthorization::Satisfied)),
            (&["c", "b"], None, Some(PriorAuthorization::Performpa)),
            (&["d", "c", "a"], None, Some(PriorAuthorization::AuthNeeded)),
            (&["a:LT"], Some(PriorAuthorization::AuthNeeded), Some(PriorAuthorization::NoAuth)),
            (&["a", "x"], Some(PriorAuthorization::AuthNeeded), Some(PriorAuthorization::NoAuth)),
            (&["x"], Some(PriorAuthorization::AuthNeeded), Some(PriorAuthorization::AuthNeeded)),
            (&[], Some(PriorAuthorization::NoAuth), Some(PriorAuthorization::NoAuth)),
            (&["x"], None, None),
        ] {
            let configured = PriorAuthorizationRules { default, codes: codes.clone() };
            assert_eq!(configured.required(asked.iter().copied()), expected, "{asked:?}");
        }
    }
}
