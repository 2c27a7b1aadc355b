//! The card topic of each determination, read from `[topics]` of `cards.toml`. Topics are CRD 2.2.1's response types
//! (<https://hl7.org/fhir/us/davinci-crd/ValueSet-cardType.html>), which clients filter by and can turn off.
//! Not here: turning topics off ([`crate::cds_hooks`]).

use std::collections::HashMap;

use serde::Deserialize;
use toml::Spanned;

use super::criterion_id::CriterionId;
use super::evaluation::{Determination, OrderEvaluation};
use super::evaluation_notes::NoteKind;
use super::policy_file::PolicyError;

/// A card topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardTopic {
    /// Its code system.
    pub system: String,
    /// Its code.
    pub code: String,
    /// Its display.
    pub display: String,
}

/// The card topics by determination and criterion.
#[derive(Debug)]
pub struct Topics {
    determinations: EachDetermination<CardTopic>,
    if_any_not_met: HashMap<CriterionId, CardTopic>,
    ordered_already: CardTopic,
    policy: CardTopic,
}

/// The `[topics]` section as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TopicsToml {
    system: String,
    ordered_already: Spanned<String>,
    policy: Spanned<String>,
    displays: HashMap<String, String>,
    determinations: EachDetermination<Spanned<String>>,
    not_yet_if_any_not_met: HashMap<String, Spanned<String>>,
}

/// One value for each determination.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct EachDetermination<T> {
    supported: T,
    needs_documentation: T,
    not_yet: T,
    individual_consideration: T,
    indeterminate: T,
    not_supported: T,
}

impl<T> EachDetermination<T> {
    fn get(&self, determination: Determination) -> &T {
        match determination {
            Determination::Supported => &self.supported,
            Determination::NeedsDocumentation => &self.needs_documentation,
            Determination::NotYet => &self.not_yet,
            Determination::IndividualConsideration => &self.individual_consideration,
            Determination::Indeterminate => &self.indeterminate,
            Determination::NotSupported => &self.not_supported,
        }
    }

    fn try_map<U, E>(&self, read: impl Fn(&T) -> Result<U, E>) -> Result<EachDetermination<U>, E> {
        Ok(EachDetermination {
            supported: read(&self.supported)?,
            needs_documentation: read(&self.needs_documentation)?,
            not_yet: read(&self.not_yet)?,
            individual_consideration: read(&self.individual_consideration)?,
            indeterminate: read(&self.indeterminate)?,
            not_supported: read(&self.not_supported)?,
        })
    }
}

impl Topics {
    /// Checks that every named criterion and topic exists.
    pub(super) fn read(file: &str, text: &str, read: &TopicsToml, criteria: &[&str]) -> Result<Self, PolicyError> {
        let source = TopicsText { file, text, read, criteria };
        Ok(Self {
            determinations: read.determinations.try_map(|code| source.topic(code))?,
            ordered_already: source.topic(&read.ordered_already)?,
            policy: source.topic(&read.policy)?,
            if_any_not_met: source.criteria(&read.not_yet_if_any_not_met)?,
        })
    }

    /// The topic of a card that links to the published policy.
    #[must_use]
    pub fn policy(&self) -> &CardTopic {
        &self.policy
    }

    /// The card topic of an order. A criterion that is not met can set the topic of a not-yet order. A supported order with another
    /// active order has its own topic.
    #[must_use]
    pub fn for_order(&self, order: &OrderEvaluation<'_>) -> &CardTopic {
        if order.determination == Determination::Supported && order.notes.iter().any(|note| note.kind == NoteKind::OtherActiveOrder) {
            return &self.ordered_already;
        }
        let by_criterion = || not_met(order).find_map(|id| self.if_any_not_met.get(id));
        let by_criteria = (order.determination == Determination::NotYet).then(by_criterion).flatten();
        by_criteria.unwrap_or_else(|| self.determinations.get(order.determination))
    }
}

/// The criteria that are not met, for the joints that decided the order.
fn not_met<'o>(order: &'o OrderEvaluation<'_>) -> impl Iterator<Item = &'o CriterionId> {
    let deciding = order.sites.iter().filter(move |site| site.determination == order.determination);
    let criteria = deciding.flat_map(|site| &site.criteria);
    criteria.filter(|criterion| criterion.verdict.is_not_met()).map(|criterion| &criterion.id)
}

struct TopicsText<'t> {
    file: &'t str,
    text: &'t str,
    read: &'t TopicsToml,
    /// The ids of the policy's criteria.
    criteria: &'t [&'t str],
}

impl TopicsText<'_> {
    fn topic(&self, code: &Spanned<String>) -> Result<CardTopic, PolicyError> {
        let known = self.read.displays.get(code.get_ref());
        let display = known.ok_or_else(|| self.fault(code, format!("`{}` is not in [topics.displays]", code.get_ref())))?;
        Ok(CardTopic { system: self.read.system.clone(), code: code.get_ref().clone(), display: display.clone() })
    }

    fn criteria(&self, topics: &HashMap<String, Spanned<String>>) -> Result<HashMap<CriterionId, CardTopic>, PolicyError> {
        let entry = |(id, code): (&String, &Spanned<String>)| {
            if !self.criteria.contains(&id.as_str()) {
                return Err(self.fault(code, format!("unknown criterion `{id}`")));
            }
            Ok((CriterionId::from(id.as_str()), self.topic(code)?))
        };
        topics.iter().map(entry).collect()
    }

    fn fault(&self, at: &Spanned<String>, problem: String) -> PolicyError {
        PolicyError::at(self.file, self.text, at.span().start, problem)
    }
}
