//! Which options, and for each order which plan and Coverage, one call is answered with. All of it is recorded with the call, so that a
//! replay answers the same way.
//! Not here: how they shape the response; see [`crate::crd`].

use serde::{Deserialize, Serialize};

use crate::auth::VerifiedClient;
use crate::config::CrdConfig;
use crate::crd::{AnswerOptions, DecidedOrders, HealthPlan, OrderPlan, Payer, PlanMatch, Plans};
use crate::decision::Decision;
use crate::evidence::{CoverageFound, MemberCoverage};
use crate::policy::OrderEvaluation;

/// The options of a client. `app` is where its EHR launches the SMART app.
pub(crate) fn answer_options(client: &VerifiedClient, crd: &CrdConfig, app: Option<&str>) -> AnswerOptions {
    AnswerOptions {
        dialect: client.dialect(),
        has_dtr: client.has_dtr(),
        is_shadowed: client.is_shadowed(),
        takes_system_actions: client.takes_system_actions(),
        is_strict: client.strict().unwrap_or(crd.strict),
        therapy_order_code: client.therapy_order_code().map(str::to_owned),
        app: app.map(str::to_owned),
        default_version: crd.default_version,
    }
}

/// The recorded form of an [`OrderPlan`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordedOrderPlan {
    /// Index into the recorded plans.
    plan: usize,
    payer: Payer,
    /// The client's reference to the Coverage, if one was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coverage: Option<String>,
}

/// The plans of a call's orders, in recorded form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordedPlans<P> {
    plans: Vec<P>,
    orders: Vec<RecordedOrderPlan>,
}

/// The orders of a decision, for the response.
pub(crate) fn decided_orders<'d, 'a>(decision: &'d Decision<'a>) -> DecidedOrders<'d, 'a> {
    DecidedOrders {
        hook: decision.hook,
        evaluation: &decision.evaluation,
        patient_record: &decision.patient_record,
        insurance: &decision.insurance,
        sources: &decision.sources,
        user_id: &decision.user_id,
        encounter: decision.encounter.as_deref(),
    }
}

/// The plan and Coverage of each order of a decision, in the decision's order.
pub(crate) fn order_plans<'p, 'a>(plans: &'p Plans, client: &VerifiedClient, decision: &'p Decision<'a>) -> Vec<OrderPlan<'p, 'a>> {
    let order_plan = |order: &OrderEvaluation<'a>| {
        let (PlanMatch { plan, payer }, found) = plans.matched(client.plan(), decision.coverage(order));
        OrderPlan { policy: decision.policy(order), plan, payer, found }
    };
    decision.evaluation.orders.iter().map(order_plan).collect()
}

impl<'p> RecordedPlans<&'p HealthPlan> {
    pub(crate) fn from_orders(orders: &[OrderPlan<'p, '_>]) -> Self {
        let mut plans: Vec<&'p HealthPlan> = Vec::new();
        let orders = orders.iter().map(|order| {
            let plan = plans.iter().position(|plan| std::ptr::eq(*plan, order.plan)).unwrap_or_else(|| {
                plans.push(order.plan);
                plans.len() - 1
            });
            let coverage = if let CoverageFound::One(member) = &order.found { Some(member.reference.to_string()) } else { None };
            RecordedOrderPlan { plan, payer: order.payer, coverage }
        });
        let orders = orders.collect();
        Self { plans, orders }
    }
}

impl RecordedPlans<HealthPlan> {
    /// Restores the result of [`order_plans`] from the record; `None` if the record does not match the decision.
    pub(crate) fn order_plans<'p, 'a>(&'p self, decision: &'p Decision<'a>) -> Option<Vec<OrderPlan<'p, 'a>>> {
        let orders = &decision.evaluation.orders;
        let order_plan = |(order, recorded): (&OrderEvaluation<'a>, &RecordedOrderPlan)| {
            let is_recorded = |member: &MemberCoverage<'a>| recorded.coverage.as_deref() == Some(member.reference.as_ref());
            let found = decision.coverage(order).narrowed(is_recorded);
            let plan = self.plans.get(recorded.plan)?;
            Some(OrderPlan { policy: decision.policy(order), plan, payer: recorded.payer, found })
        };
        if orders.len() == self.orders.len() { orders.iter().zip(&self.orders).map(order_plan).collect() } else { None }
    }
}
