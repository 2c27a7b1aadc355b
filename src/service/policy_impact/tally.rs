//! Counts what changes, and keeps the first changes for a list. Its size is bounded by the length of the list, the number of criteria and
//! versions, and not by the number of calls.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::judged_order::{ComparedVerdict, JudgedOrder};
use super::judgement::{CallJudgement, SideJudgement};
use super::order_comparison::{CriterionChange, OrderComparison};
use super::unjudged::UnjudgedError;
use crate::policy::Determination;

/// Identifies a call in a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallReference {
    /// Its line in a file, or its place among the calls of the ledger that were read; from 1.
    pub number: u64,
    /// The record's id, for a call of the ledger.
    pub record: Option<Uuid>,
}

/// Which policies something holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicySide {
    /// Both.
    Both,
    /// Only the policies in use.
    InUse,
    /// Only the proposed policies.
    Proposed,
}

/// An order whose determination changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedOrder {
    /// Its call.
    pub call: CallReference,
    /// `Patient/p1`
    pub patient: Option<String>,
    /// Both judgements.
    pub comparison: OrderComparison,
}

/// A call that is not judged by one or both sets of policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnjudgedCall {
    /// The call.
    pub call: CallReference,
    /// Which policies do not judge it.
    pub by: PolicySide,
    /// Why.
    pub error: UnjudgedError,
}

/// How a criterion's verdicts change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CriterionTally {
    /// The orders for which its verdict changes, for one joint or both.
    pub orders: u64,
    /// Those of them whose determination changes.
    pub changed_determinations: u64,
    /// The orders with each change of the verdict.
    pub verdicts: BTreeMap<(ComparedVerdict, ComparedVerdict), u64>,
}

/// What changes between two sets of policies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImpactTally {
    /// The calls that were read.
    pub calls: u64,
    /// Those that both sets of policies judge.
    pub judged_calls: u64,
    /// Those of them without an order in scope by either.
    pub calls_without_order: u64,
    /// The orders of the judged calls that at least one set of policies decides.
    pub orders: u64,
    /// The orders whose determination changes.
    pub changed_orders: u64,
    /// The orders with the same determination and another earliest date.
    pub moved_orders: u64,
    /// The orders by their determination in use and proposed; `None` where a set of policies does not decide the order.
    pub determinations: BTreeMap<(Option<Determination>, Option<Determination>), u64>,
    /// Each criterion whose verdict changes, by id.
    pub criteria: BTreeMap<String, CriterionTally>,
    /// The orders that each version in use decides, by `id|version`.
    pub versions_in_use: BTreeMap<String, u64>,
    /// The orders that each proposed version decides.
    pub versions_proposed: BTreeMap<String, u64>,
    /// The calls that are not judged, by the label of the cause and the policies that do not judge them.
    pub unjudged: BTreeMap<(&'static str, PolicySide), u64>,
    /// The calls that at least one set of policies does not judge.
    pub unjudged_calls: u64,
    /// The first orders whose determination changes.
    pub listed_orders: Vec<ChangedOrder>,
    /// The first calls that are not judged.
    pub listed_unjudged: Vec<UnjudgedCall>,
    /// The maximum length of each list.
    list_limit: usize,
}

impl ImpactTally {
    /// Nothing counted yet. Each list gets at most `list_limit` entries.
    #[must_use]
    pub fn new(list_limit: usize) -> Self {
        Self { list_limit, ..Self::default() }
    }

    /// Counts a call. Calls come in ascending order of their numbers.
    pub fn add(&mut self, call: &CallReference, judgement: CallJudgement) {
        self.calls += 1;
        match judgement {
            CallJudgement { in_use: Ok(in_use), proposed: Ok(proposed) } => self.add_judged(call, &in_use, &proposed),
            CallJudgement { in_use, proposed } => self.add_unjudged(call, in_use.err(), proposed.err()),
        }
    }

    fn add_judged(&mut self, call: &CallReference, in_use: &SideJudgement, proposed: &SideJudgement) {
        self.judged_calls += 1;
        count_versions(&mut self.versions_in_use, &in_use.orders);
        count_versions(&mut self.versions_proposed, &proposed.orders);
        let orders = OrderComparison::all_of(&in_use.orders, &proposed.orders);
        self.calls_without_order += u64::from(orders.is_empty());
        for comparison in orders {
            self.add_order(&comparison);
            if comparison.is_changed() && self.listed_orders.len() < self.list_limit {
                let patient = in_use.patient.clone().or_else(|| proposed.patient.clone());
                self.listed_orders.push(ChangedOrder { call: call.clone(), patient, comparison });
            }
        }
    }

    fn add_order(&mut self, order: &OrderComparison) {
        self.orders += 1;
        self.changed_orders += u64::from(order.is_changed());
        self.moved_orders += u64::from(order.is_moved());
        *self.determinations.entry((order.from, order.to)).or_default() += 1;
        let ids: BTreeSet<&str> = order.criteria.iter().map(|change| change.id.as_str()).collect();
        for id in ids {
            let changes = order.criteria.iter().filter(|change| change.id == id);
            self.criteria.entry(id.to_owned()).or_default().add(changes, order.is_changed());
        }
    }

    fn add_unjudged(&mut self, call: &CallReference, in_use: Option<UnjudgedError>, proposed: Option<UnjudgedError>) {
        self.unjudged_calls += 1;
        let causes = match (in_use, proposed) {
            (Some(in_use), Some(proposed)) if in_use.label() == proposed.label() => vec![(PolicySide::Both, in_use)],
            (in_use, proposed) => {
                let of_side = |side, error: Option<UnjudgedError>| error.map(|error| (side, error));
                [of_side(PolicySide::InUse, in_use), of_side(PolicySide::Proposed, proposed)].into_iter().flatten().collect()
            }
        };
        for (by, error) in causes {
            *self.unjudged.entry((error.label(), by)).or_default() += 1;
            if self.listed_unjudged.len() < self.list_limit {
                self.listed_unjudged.push(UnjudgedCall { call: call.clone(), by, error });
            }
        }
    }

    /// Adds the counts of other calls. The lists keep the calls with the lowest numbers.
    pub fn merge(&mut self, other: Self) {
        self.calls += other.calls;
        self.judged_calls += other.judged_calls;
        self.calls_without_order += other.calls_without_order;
        self.orders += other.orders;
        self.changed_orders += other.changed_orders;
        self.moved_orders += other.moved_orders;
        self.unjudged_calls += other.unjudged_calls;
        add_counts(&mut self.determinations, other.determinations);
        add_counts(&mut self.versions_in_use, other.versions_in_use);
        add_counts(&mut self.versions_proposed, other.versions_proposed);
        add_counts(&mut self.unjudged, other.unjudged);
        for (id, tally) in other.criteria {
            self.criteria.entry(id).or_default().merge(tally);
        }
        self.listed_orders.extend(other.listed_orders);
        self.listed_orders.sort_by_key(|order| (order.call.number, order.comparison.position));
        self.listed_orders.truncate(self.list_limit);
        self.listed_unjudged.extend(other.listed_unjudged);
        self.listed_unjudged.sort_by_key(|call| (call.call.number, call.by));
        self.listed_unjudged.truncate(self.list_limit);
    }
}

impl CriterionTally {
    fn add<'c>(&mut self, changes: impl Iterator<Item = &'c CriterionChange>, is_determination_changed: bool) {
        self.orders += 1;
        self.changed_determinations += u64::from(is_determination_changed);
        // Both joints of an order may change alike.
        let verdicts: BTreeSet<_> = changes.map(|change| (change.from, change.to)).collect();
        for change in verdicts {
            *self.verdicts.entry(change).or_default() += 1;
        }
    }

    fn merge(&mut self, other: Self) {
        self.orders += other.orders;
        self.changed_determinations += other.changed_determinations;
        add_counts(&mut self.verdicts, other.verdicts);
    }
}

fn count_versions(versions: &mut BTreeMap<String, u64>, orders: &[JudgedOrder]) {
    for order in orders {
        match versions.get_mut(&order.policy) {
            Some(count) => *count += 1,
            None => _ = versions.insert(order.policy.clone(), 1),
        }
    }
}

fn add_counts<K: Ord>(counts: &mut BTreeMap<K, u64>, more: BTreeMap<K, u64>) {
    for (key, count) in more {
        *counts.entry(key).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(number: u64) -> (CallReference, CallJudgement) {
        (CallReference { number, record: None }, CallJudgement::unjudged(&UnjudgedError::NotUtf8))
    }

    fn tally(numbers: &[u64]) -> ImpactTally {
        let mut tally = ImpactTally::new(2);
        for (call, judgement) in numbers.iter().copied().map(broken) {
            tally.add(&call, judgement);
        }
        tally
    }

    #[test]
    fn merged_counts_are_sums_and_the_list_has_the_lowest_numbers() {
        let mut merged = tally(&[2, 5, 7]);
        merged.merge(tally(&[1, 6]));
        assert_eq!((merged.calls, merged.unjudged_calls, merged.judged_calls), (5, 5, 0));
        assert_eq!(merged.unjudged, BTreeMap::from([(("not-utf8", PolicySide::Both), 5)]));
        let listed: Vec<_> = merged.listed_unjudged.iter().map(|call| call.call.number).collect();
        assert_eq!(listed, [1, 2]);
    }

    #[test]
    fn a_call_that_one_side_judges_is_counted_for_the_other() {
        let mut tally = ImpactTally::new(2);
        let judgement = CallJudgement { in_use: Ok(SideJudgement::default()), proposed: Err(UnjudgedError::NoChart) };
        tally.add(&CallReference { number: 1, record: None }, judgement);
        assert_eq!(tally.unjudged, BTreeMap::from([(("no-chart", PolicySide::Proposed), 1)]));
        assert_eq!((tally.judged_calls, tally.unjudged_calls), (0, 1));
    }
}
