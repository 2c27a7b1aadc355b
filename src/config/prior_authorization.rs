//! A plan's `prior_authorization`: its requirement before a service, by billing code.
//! Not here: when the criteria are met, which belongs to the policy; see `cds-hooks/policies`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Which services need prior authorization.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorAuthorization {
    /// For every unlisted code. Default: responses do not mention prior authorization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Stance>,
    /// By billing code, without modifiers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub codes: BTreeMap<String, Stance>,
}

/// A plan's requirement before a service, least strict first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stance {
    /// No prior authorization.
    NoAuth,
    /// Prior authorization, which the response itself grants if the policy supports the service.
    Satisfied,
    /// Prior authorization if certain conditions hold at the time of the service.
    Performpa,
    /// Prior authorization, which must be requested.
    AuthNeeded,
}

impl PriorAuthorization {
    /// The requirement for a service with these codes: the strictest of those listed, else the default. A modifier, which
    /// follows a colon, is not part of a code.
    #[must_use]
    pub fn stance<'c>(&self, codes: impl IntoIterator<Item = &'c str>) -> Option<Stance> {
        let listed = codes.into_iter().filter_map(|code| self.codes.get(code.split(':').next().unwrap_or(code)));
        listed.max().copied().or(self.default)
    }

    /// The codes that no order can have.
    pub(super) fn unusable_codes(&self) -> impl Iterator<Item = &String> {
        self.codes.keys().filter(|code| code.trim() != code.as_str() || code.is_empty() || code.contains(':'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_of_the_listed_codes_counts_else_the_default() {
        let codes = [("a", Stance::NoAuth), ("b", Stance::Satisfied), ("c", Stance::Performpa), ("d", Stance::AuthNeeded)];
        let codes: BTreeMap<_, _> = codes.into_iter().map(|(code, stance)| (code.to_owned(), stance)).collect();
        for (asked, default, expected) in [
            (&["a"][..], None, Some(Stance::NoAuth)),
            (&["a", "b"], None, Some(Stance::Satisfied)),
            (&["c", "b"], None, Some(Stance::Performpa)),
            (&["d", "c", "a"], None, Some(Stance::AuthNeeded)),
            (&["a:LT"], Some(Stance::AuthNeeded), Some(Stance::NoAuth)),
            (&["a", "x"], Some(Stance::AuthNeeded), Some(Stance::NoAuth)),
            (&["x"], Some(Stance::AuthNeeded), Some(Stance::AuthNeeded)),
            (&[], Some(Stance::NoAuth), Some(Stance::NoAuth)),
            (&["x"], None, None),
        ] {
            let configured = PriorAuthorization { default, codes: codes.clone() };
            assert_eq!(configured.stance(asked.iter().copied()), expected, "{asked:?}");
        }
    }
}
