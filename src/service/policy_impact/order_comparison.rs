//! Compares the two judgements of an order.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::judged_order::{ComparedVerdict, CriterionOfJoint, JudgedOrder};
use crate::policy::Determination;

/// The two judgements of one order. An order that a set of policies does not decide has no determination there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderComparison {
    /// Its index among the call's orders.
    pub position: usize,
    /// `ServiceRequest/sr1`
    pub order: String,
    /// The day of service.
    pub service_date: NaiveDate,
    /// The determination by the policies in use.
    pub from: Option<Determination>,
    /// The determination by the proposed policies.
    pub to: Option<Determination>,
    /// The earliest dates by both, if *not yet* has one.
    pub earliest_dates: [Option<NaiveDate>; 2],
    /// The criteria whose verdicts differ.
    pub criteria: Vec<CriterionChange>,
}

/// A criterion whose verdict differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CriterionChange {
    /// `I.A.4.b`
    pub id: String,
    /// `left`, `right` or `unspecified`.
    pub joint: &'static str,
    /// The verdict by the policies in use.
    pub from: ComparedVerdict,
    /// The verdict by the proposed policies.
    pub to: ComparedVerdict,
}

impl OrderComparison {
    /// Compares the orders of a call, which are in the call's order on both sides.
    pub(super) fn all_of(in_use: &[JudgedOrder], proposed: &[JudgedOrder]) -> Vec<Self> {
        let positions: BTreeSet<usize> = in_use.iter().chain(proposed).map(|order| order.position).collect();
        let compared = |position| Self::new(at(in_use, position), at(proposed, position));
        positions.into_iter().filter_map(compared).collect()
    }

    fn new(in_use: Option<&JudgedOrder>, proposed: Option<&JudgedOrder>) -> Option<Self> {
        let order = in_use.or(proposed)?;
        Some(Self {
            position: order.position,
            order: order.order.clone(),
            service_date: order.service_date,
            from: in_use.map(|order| order.determination),
            to: proposed.map(|order| order.determination),
            earliest_dates: [in_use, proposed].map(|order| order.and_then(|order| order.earliest_date)),
            criteria: criterion_changes(in_use, proposed),
        })
    }

    /// Whether the determination differs.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.from != self.to
    }

    /// Whether only the earliest date differs.
    #[must_use]
    pub fn is_moved(&self) -> bool {
        let [from, to] = self.earliest_dates;
        !self.is_changed() && from != to
    }
}

/// The order at a position of the call.
fn at(orders: &[JudgedOrder], position: usize) -> Option<&JudgedOrder> {
    orders.iter().find(|order| order.position == position)
}

fn criterion_changes(in_use: Option<&JudgedOrder>, proposed: Option<&JudgedOrder>) -> Vec<CriterionChange> {
    let none = BTreeMap::new();
    let [from, to] = [in_use, proposed].map(|order| order.map_or(&none, |order| &order.verdicts));
    let keys: BTreeSet<&CriterionOfJoint> = from.keys().chain(to.keys()).collect();
    let verdict = |verdicts: &BTreeMap<CriterionOfJoint, ComparedVerdict>, key: &CriterionOfJoint| {
        verdicts.get(key).copied().unwrap_or(ComparedVerdict::NotAsked)
    };
    let change = |key: &CriterionOfJoint| {
        let (from, to) = (verdict(from, key), verdict(to, key));
        (from != to).then(|| CriterionChange { id: key.1.clone(), joint: key.0, from, to })
    };
    let mut changes: Vec<_> = keys.into_iter().filter_map(change).collect();
    changes.sort();
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(position: usize, determination: Determination, verdicts: &[(&'static str, &str, ComparedVerdict)]) -> JudgedOrder {
        JudgedOrder {
            position,
            order: format!("ServiceRequest/{position}"),
            service_date: NaiveDate::default(),
            determination,
            earliest_date: None,
            policy: "p|1".to_owned(),
            verdicts: verdicts.iter().map(|(joint, id, verdict)| ((*joint, (*id).to_owned()), *verdict)).collect(),
        }
    }

    #[test]
    fn orders_are_matched_by_position_and_one_side_may_lack_an_order() {
        let in_use = [judged(0, Determination::Supported, &[]), judged(2, Determination::NotYet, &[])];
        let proposed = [judged(1, Determination::Supported, &[]), judged(2, Determination::Supported, &[])];
        let found = OrderComparison::all_of(&in_use, &proposed);
        let determinations: Vec<_> = found.iter().map(|order| (order.position, order.from, order.to, order.is_changed())).collect();
        let (supported, not_yet) = (Some(Determination::Supported), Some(Determination::NotYet));
        let expected = [(0, supported, None, true), (1, None, supported, true), (2, not_yet, supported, true)];
        assert_eq!(determinations, expected);
    }

    #[test]
    fn each_joint_s_changed_verdicts_are_named_and_equal_ones_are_not() {
        use ComparedVerdict::{Met, NotAsked, NotMet, Unknown};
        let in_use = judged(0, Determination::NotYet, &[("left", "II", Met), ("left", "V", Met), ("right", "II", Unknown)]);
        let proposed = judged(0, Determination::NotYet, &[("left", "II", NotMet), ("left", "V", Met), ("left", "III", Met)]);
        let found = OrderComparison::all_of(&[in_use], &[proposed]);
        let changes: Vec<_> = found[0].criteria.iter().map(|change| (change.id.as_str(), change.joint, change.from, change.to)).collect();
        assert_eq!(changes, [("II", "left", Met, NotMet), ("II", "right", Unknown, NotAsked), ("III", "left", NotAsked, Met)]);
        assert!(!found[0].is_changed() && !found[0].is_moved());
    }

    #[test]
    fn another_earliest_date_alone_is_a_move() {
        let mut proposed = judged(0, Determination::NotYet, &[]);
        proposed.earliest_date = NaiveDate::from_ymd_opt(2026, 12, 1);
        let found = OrderComparison::all_of(&[judged(0, Determination::NotYet, &[])], &[proposed]);
        assert!(found[0].is_moved() && !found[0].is_changed());
    }
}
