//! An order as one set of policies judges it: the parts that are compared.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::decision::Decision;
use crate::policy::{Determination, OrderEvaluation, Verdict};

/// A joint and a criterion, for example `left` and `I.A.4.b`.
pub(super) type CriterionOfJoint = (&'static str, String);

/// An order as one set of policies judges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedOrder {
    /// Its index among the call's orders.
    pub position: usize,
    /// `ServiceRequest/sr1`
    pub order: String,
    /// The day of service.
    pub service_date: NaiveDate,
    /// The determination.
    pub determination: Determination,
    /// For *not yet*: the first day it would be supported, if that is known.
    pub earliest_date: Option<NaiveDate>,
    /// The policy version that judged it, for example `sacroiliac-joint-interventions|2019-08`.
    pub policy: String,
    pub(super) verdicts: BTreeMap<CriterionOfJoint, ComparedVerdict>,
}

/// A criterion's verdict, or that the criterion was not among those of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ComparedVerdict {
    /// Met.
    Met,
    /// Not met.
    NotMet,
    /// Unknown.
    Unknown,
    /// Another section applies, or the order was not judged at all.
    NotAsked,
}

impl ComparedVerdict {
    /// The verdict's name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not-met",
            Self::Unknown => "unknown",
            Self::NotAsked => "not-asked",
        }
    }
}

impl From<Verdict> for ComparedVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Met => Self::Met,
            Verdict::NotMet => Self::NotMet,
            Verdict::Unknown => Self::Unknown,
        }
    }
}

impl JudgedOrder {
    /// The orders of a decision.
    pub(super) fn all_of(decision: &Decision<'_>) -> Vec<Self> {
        decision.evaluation.orders.iter().map(|order| Self::from_evaluation(order, decision.policy_name(order))).collect()
    }

    fn from_evaluation(order: &OrderEvaluation<'_>, policy: &str) -> Self {
        let verdicts = order.sites.iter().flat_map(|site| {
            let joint = site.site.as_str();
            site.criteria.iter().map(move |criterion| ((joint, criterion.id.as_str().to_owned()), criterion.verdict.into()))
        });
        Self {
            position: order.position,
            order: order.order.to_string(),
            service_date: order.service_date,
            determination: order.determination,
            earliest_date: order.earliest_date,
            policy: policy.to_owned(),
            verdicts: verdicts.collect(),
        }
    }
}
