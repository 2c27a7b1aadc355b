//! Reads the pathways of `policy.toml`, and reports by line those that cannot be meant.
//! Not here: what they mean ([`super::pathway`]), and the criteria ([`super::rule_file`]).

use std::collections::BTreeSet;

use toml::Spanned;

use super::definition::CriterionDefinition;
use super::pathway::{HistoryCondition, Pathway, UNDETERMINED};
use super::policy_file::PolicyError;
use super::reference::OrderKind;
use super::rule::{CriterionRole, CriterionRule};
use super::rule_file::RuleSource;
use super::rule_toml::{CriterionToml, HelpedToml, PathwayToml};
use super::verdict::Verdict;

/// The most injections that a pathway can name.
const MAX_INJECTIONS: usize = 100;

impl RuleSource<'_> {
    /// The pathways, in the file's order. Every criterion belongs to one, and every history has one.
    pub(super) fn pathways(
        &self,
        read: &[PathwayToml],
        criteria: &[CriterionDefinition],
        read_criteria: &[CriterionToml],
    ) -> Result<Vec<Pathway>, PolicyError> {
        let mut pathways: Vec<Pathway> = Vec::new();
        for pathway in read {
            let id = pathway.id.get_ref();
            if id == UNDETERMINED || pathways.iter().any(|known| known.id.as_str() == id) {
                let problem = format!("pathway `{id}` stands twice, or has the name of a history that is not available");
                return Err(self.fault(&pathway.id, problem));
            }
            pathways.push(self.pathway(pathway, criteria)?);
        }
        let is_used = |id: &str| pathways.iter().flat_map(|pathway| &pathway.criteria).any(|used| used.as_str() == id);
        if let Some(unused) = read_criteria.iter().find(|criterion| !is_used(criterion.id.get_ref())) {
            return Err(self.fault(&unused.id, format!("criterion `{}` belongs to no pathway", unused.id.get_ref())));
        }
        match (fault_of_histories(&pathways), read.first()) {
            (None, _) => Ok(pathways),
            (Some(problem), Some(first)) => Err(self.fault(&first.id, problem)),
            (Some(problem), None) => Err(PolicyError::of_file(self.file, problem)),
        }
    }

    fn pathway(&self, read: &PathwayToml, criteria: &[CriterionDefinition]) -> Result<Pathway, PolicyError> {
        let numbers = [read.injections.unwrap_or_default(), read.injections_from];
        if numbers.into_iter().any(|number| number > MAX_INJECTIONS) {
            return Err(self.fault(&read.id, format!("a pathway is for at most {MAX_INJECTIONS} injections")));
        }
        let mut known: Vec<&CriterionDefinition> = Vec::new();
        for id in &read.criteria {
            let criterion = self.pathway_criterion(read, id, criteria)?;
            if known.iter().any(|other| other.id == criterion.id) {
                return Err(self.fault(id, format!("`{}` stands twice", id.get_ref())));
            }
            known.push(criterion);
        }
        let with_role = |role| known.iter().filter(|criterion| criterion.rule.role() == role).count();
        let problem = if known.is_empty() {
            Some("the pathway has no criterion")
        } else if with_role(CriterionRole::Continuation) > 1 {
            Some("the pathway has two limits of time after the first injection")
        } else if read.order == OrderKind::Injection && with_role(CriterionRole::History) == 0 {
            Some("the pathway needs the criterion that every earlier injection is known")
        } else if read.order == OrderKind::Injection && with_role(CriterionRole::History) == known.len() {
            Some("the pathway asks for nothing else, so that every such order would be covered")
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(self.fault(&read.id, problem));
        }
        let helped = |helped| match helped {
            HelpedToml::Yes => Verdict::Met,
            HelpedToml::No => Verdict::NotMet,
            HelpedToml::Unknown => Verdict::Unknown,
        };
        Ok(Pathway {
            id: read.id.get_ref().as_str().into(),
            kind: read.order,
            title: self.words(&read.title)?,
            judged_as: self.words(&read.judged_as)?,
            criteria: known.iter().map(|criterion| criterion.id.clone()).collect(),
            history: HistoryCondition {
                injections: read.injections,
                injections_from: read.injections_from,
                first_helped: read.first_helped.map(helped),
            },
        })
    }

    /// A criterion of a pathway, which can be decided for its orders and its history.
    fn pathway_criterion<'c>(
        &self,
        read: &PathwayToml,
        id: &Spanned<String>,
        criteria: &'c [CriterionDefinition],
    ) -> Result<&'c CriterionDefinition, PolicyError> {
        let written = id.get_ref();
        let known = criteria.iter().find(|criterion| criterion.id.as_str() == written);
        let known = known.ok_or_else(|| self.fault(id, format!("`{written}` is not a criterion")))?;
        let is_excluded = matches!(known.rule, CriterionRule::Excluded);
        let problem = if is_excluded != (read.order == OrderKind::Neurotomy) {
            "cannot be decided for such an order: a neurotomy is excluded, an injection is not"
        } else if !is_excluded && read.is_for_none() && known.has(CriterionRule::needs_an_injection) {
            "is about an earlier injection, and this pathway is for a joint without one"
        } else if known.has(|rule| read.injections.is_some_and(|number| number < rule.applies_from())) {
            "is about more injections than this pathway is for, and would never apply"
        } else {
            return Ok(known);
        };
        Err(self.fault(id, format!("`{written}` {problem}")))
    }
}

/// A history that no pathway is for, or the pathway that is never the first to fit, in words.
fn fault_of_histories(pathways: &[Pathway]) -> Option<String> {
    let of_kind = |kind| pathways.iter().filter(move |pathway| pathway.kind == kind);
    let mut neurotomies = of_kind(OrderKind::Neurotomy);
    if neurotomies.next().is_none() {
        return Some("no pathway is for an order for radiofrequency neurotomy".to_owned());
    }
    if let Some(second) = neurotomies.next() {
        return Some(never_applies(second));
    }
    let largest = of_kind(OrderKind::Injection).map(|pathway| pathway.history.largest()).max().unwrap_or_default();
    let mut applied = BTreeSet::new();
    for (number, helped) in (0..=largest + 1).flat_map(|number| responses(number).iter().map(move |helped| (number, *helped))) {
        match of_kind(OrderKind::Injection).find(|pathway| pathway.history.holds(number, || helped)) {
            Some(pathway) => applied.insert(pathway.id.as_str()),
            None => return Some(format!("no pathway is for {}", history_words(number, helped))),
        };
    }
    of_kind(OrderKind::Injection).find(|pathway| !applied.contains(pathway.id.as_str())).map(never_applies)
}

fn never_applies(pathway: &Pathway) -> String {
    format!("pathway `{}` never applies: an earlier one fits every such history, or none has it", pathway.id)
}

/// What can be known of the first injection's response.
fn responses(injections: usize) -> &'static [Verdict] {
    if injections == 0 { &[Verdict::Unknown] } else { &[Verdict::Met, Verdict::NotMet, Verdict::Unknown] }
}

fn history_words(injections: usize, helped: Verdict) -> String {
    let words = match helped {
        Verdict::Met => "it is known that it helped",
        Verdict::NotMet => "it is known that it did not help",
        Verdict::Unknown => "it is not known whether it helped",
    };
    match injections {
        0 => "a first injection".to_owned(),
        1 => format!("an order after 1 injection, of which {words}"),
        number => format!("an order after {number} injections, of whose first {words}"),
    }
}
