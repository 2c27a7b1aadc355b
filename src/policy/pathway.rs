//! The policy's indications: which injection history each is for, and the criteria that it asks for.
//! Not here: deciding the criteria ([`super::criteria`]).

use super::criterion_id::{CriterionId, PathwayId};
use super::reference::OrderKind;
use super::verdict::Verdict;

/// The pathway of an order whose injection history was not available.
pub const UNDETERMINED: &str = "undetermined";

/// An indication of the policy.
#[derive(Debug)]
pub struct Pathway {
    /// Its id.
    pub id: PathwayId,
    /// The kind of order it is for.
    pub kind: OrderKind,
    /// Its name with the policy's section.
    pub title: String,
    /// What an order is judged as: `a first injection`.
    pub judged_as: String,
    /// The ids of its criteria, in the policy's order.
    pub criteria: Vec<CriterionId>,
    pub(crate) history: HistoryCondition,
}

/// The injection history that a pathway is for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HistoryCondition {
    /// The number of injections in the episode; `None` for any.
    pub injections: Option<usize>,
    /// The least number of injections in the episode.
    pub injections_from: usize,
    /// Whether the first injection of the episode helped; `None` where that does not matter.
    pub first_helped: Option<Verdict>,
}

impl Pathway {
    /// The history that it is for, in words.
    #[must_use]
    pub fn history_words(&self) -> String {
        if self.kind == OrderKind::Neurotomy { "an order for radiofrequency neurotomy".to_owned() } else { self.history.words() }
    }
}

impl HistoryCondition {
    /// Whether a history with so many injections is one. `first_helped` is asked only where it matters.
    pub(crate) fn holds(&self, injections: usize, first_helped: impl FnOnce() -> Verdict) -> bool {
        self.injections.is_none_or(|number| number == injections)
            && self.injections_from <= injections
            && self.first_helped.is_none_or(|verdict| verdict == first_helped())
    }

    /// The largest number of injections that it names.
    pub(crate) fn largest(&self) -> usize {
        self.injections.unwrap_or_default().max(self.injections_from)
    }
}
