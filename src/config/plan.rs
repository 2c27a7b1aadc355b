//! `[plan]` and `[[plans]]`: the health plan's identity, its members, and its presentation.
//! Not here: coverage rules, which belong to the policy; see `cds-hooks/policies`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::error::SectionError;
use crate::crd::{LineOfBusiness, PlanContact, PriorAuthorizationRules, comparable_name};

/// A health plan on whose behalf the service answers: `[plan]`, or one of `[[plans]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanConfig {
    /// The id that clients refer to it by. Required in `[[plans]]`.
    pub id: Option<String>,
    /// The card's source label if no Coverage names the insurer.
    pub name: String,
    /// The id of the policy that its members' orders are judged by. Default: the default policy.
    pub policy: Option<String>,
    /// The published policy that cards link to.
    pub policy_url: Option<PolicyUrl>,
    /// Whether a card of its own links to the published policy.
    #[serde(default)]
    pub policy_card: bool,
    /// Identifiers of its payer in Coverages.
    #[serde(default)]
    pub payer_identifiers: Vec<PayerIdentifier>,
    /// Names of its payer in Coverages, compared without regard to case and spacing.
    #[serde(default)]
    pub payer_names: Vec<String>,
    /// The lines of business it covers. Default: all.
    pub lines_of_business: Option<Vec<LineOfBusiness>>,
    /// Which services need prior authorization. Default: responses do not mention it.
    pub prior_authorization: Option<PriorAuthorizationRules>,
    /// The prefix of the authorization numbers it issues.
    #[serde(default = "default_prefix")]
    pub authorization_prefix: String,
    /// Contact for questions about a response.
    pub contact: Option<PlanContact>,
}

/// The URL of a published policy, http or https, in which `{section}` is a placeholder for a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyUrl(String);

/// A payer's identifier in a Coverage: `system|value`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PayerIdentifier(String);

fn default_prefix() -> String {
    "SIJ".to_owned()
}

/// Maximum length of an authorization number's prefix, in characters.
const MAX_PREFIX_CHARS: usize = 12;

impl PolicyUrl {
    /// The placeholder for a section.
    pub const SECTION: &str = "{section}";

    /// The original text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PolicyUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let filled = text.replace(Self::SECTION, "I.A");
        if filled.contains(['{', '}']) {
            return Err(format!("`{text}` has braces around something else than `{{section}}`"));
        }
        if is_http(&filled) { Ok(Self(text.to_owned())) } else { Err(format!("`{text}` is not an http or https URL")) }
    }
}

impl<'de> Deserialize<'de> for PolicyUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl PayerIdentifier {
    /// The original text: the system, a bar, the value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for PayerIdentifier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_whole = text.split_once('|').is_some_and(|(system, value)| !system.trim().is_empty() && !value.trim().is_empty());
        if is_whole {
            Ok(Self(text))
        } else {
            Err(D::Error::custom(format_args!("`{text}` is not a system and a value, as `system|value`")))
        }
    }
}

impl PlanConfig {
    pub(super) fn validate(&self) -> Vec<SectionError> {
        let mut faults = Vec::new();
        self.add_faults(&mut |key, message| faults.push(SectionError::new(key, message)));
        faults
    }

    fn add_faults(&self, add: &mut dyn FnMut(&'static str, &dyn fmt::Display)) {
        if self.id.as_ref().is_some_and(|id| id.trim().is_empty()) {
            add("id", &"must not be empty");
        }
        if self.name.trim().is_empty() {
            add("name", &"must not be empty");
        }
        if self.policy.as_ref().is_some_and(|id| id.trim().is_empty()) {
            add("policy", &"must not be empty");
        }
        if self.policy_card && self.policy_url.is_none() {
            add("policy_card", &"needs `policy_url`");
        }
        if self.payer_names.iter().any(|name| name.trim().is_empty()) {
            add("payer_names", &"must not be empty");
        }
        if let Some(lines) = &self.lines_of_business {
            if lines.is_empty() {
                add("lines_of_business", &"must name at least one; absent: all");
            }
            if lines.iter().collect::<BTreeSet<_>>().len() < lines.len() {
                add("lines_of_business", &"one stands twice");
            }
        }
        for code in self.prior_authorization.iter().flat_map(PriorAuthorizationRules::unusable_codes) {
            add("prior_authorization", &format_args!("`{code}` is not a billing code without modifiers"));
        }
        if !is_prefix(&self.authorization_prefix) {
            add("authorization_prefix", &format_args!("must be 1 to {MAX_PREFIX_CHARS} letters, digits and hyphens"));
        }
        if let Some(fault) = self.contact.as_ref().and_then(contact_fault) {
            add("contact", &fault);
        }
    }
}

fn contact_fault(contact: &PlanContact) -> Option<&'static str> {
    let texts = [&contact.name, &contact.phone, &contact.email, &contact.url];
    if texts.iter().all(|text| text.is_none()) {
        Some("must have a `name`, `phone`, `email` or `url`")
    } else if texts.into_iter().flatten().any(|text| text.trim().is_empty()) {
        Some("must not have an empty text")
    } else if contact.email.as_ref().is_some_and(|email| !email.contains('@')) {
        Some("`email` is not an e-mail address")
    } else if contact.url.as_ref().is_some_and(|url| !is_http(url)) {
        Some("`url` is not an http or https URL")
    } else {
        None
    }
}

/// The errors of every entry of `[[plans]]`, by its index. `first` is `[plan]`.
pub(super) fn validate_plans(first: &PlanConfig, plans: &[PlanConfig]) -> Vec<SectionError> {
    let mut faults = Vec::new();
    let mut ids: BTreeSet<&str> = first.id.as_deref().into_iter().collect();
    let mut payers = BTreeSet::new();
    payers.extend(claims(first));
    for (place, plan) in (1..).zip(plans) {
        let mut add = |key, message: &dyn fmt::Display| faults.push(SectionError::new(key, format_args!("entry {place}: {message}")));
        if !plan.id.as_deref().is_some_and(|id| ids.insert(id)) {
            add("id", &"must be there, and only once");
        }
        plan.add_faults(&mut add);
        let own: BTreeSet<_> = claims(plan).collect();
        for (key, claimed) in own.intersection(&payers) {
            add(key, &format_args!("`{claimed}` is another plan's already"));
        }
        payers.extend(own);
    }
    faults
}

/// The payers a plan claims, each with the key that claims it.
fn claims(plan: &PlanConfig) -> impl Iterator<Item = (&'static str, String)> {
    let identifiers = plan.payer_identifiers.iter().map(|identifier| ("payer_identifiers", identifier.0.clone()));
    identifiers.chain(plan.payer_names.iter().map(|name| ("payer_names", comparable_name(name))))
}

fn is_http(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn is_prefix(text: &str) -> bool {
    (1..=MAX_PREFIX_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
