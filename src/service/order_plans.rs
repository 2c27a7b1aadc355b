//! Which options, and for each order which plan and Coverage, one call is answered with. All of it is recorded with the call, so that a
//! replay answers the same way.
//! Not here: how they shape the response; see [`crate::crd`].

use serde::{Deserialize, Serialize};

use crate::auth::VerifiedClient;
use crate::config::CrdConfig;
use crate::crd::{AnswerOptions, DecidedOrders, HealthPlan, OrderPlan, Payer, PlanMatch, Plans};
use crate::decision::{Decision, Policies};
use crate::evidence::{CoverageFound, MemberCoverage};

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
pub(crate) fn order_plans<'p, 'a>(
    plans: &'p Plans,
    client: &VerifiedClient,
    policies: &'p Policies,
    decision: &Decision<'a>,
) -> Vec<OrderPlan<'p, 'a>> {
    let pinned = client.plan();
    let plan_for = |_: usize, found: CoverageFound<'a>| {
        let is_handled = |member: &MemberCoverage<'a>| plans.found(pinned, member).payer == Payer::Handled;
        let found = found.narrowed(is_handled);
        let PlanMatch { plan, payer } = match &found {
            CoverageFound::One(member) => plans.found(pinned, member),
            CoverageFound::None | CoverageFound::Unavailable(_) | CoverageFound::Several(_) => plans.without_coverage(pinned),
        };
        (plan, payer, found)
    };
    each_order(policies, decision, plan_for)
}

fn each_order<'p, 'a>(
    policies: &'p Policies,
    decision: &Decision<'a>,
    plan_for: impl Fn(usize, CoverageFound<'a>) -> (&'p HealthPlan, Payer, CoverageFound<'a>),
) -> Vec<OrderPlan<'p, 'a>> {
    let orders = decision.evaluation.orders.iter().enumerate();
    let order_plan = |(place, order)| {
        let (plan, payer, found) = plan_for(place, decision.coverage(policies, order, order.service_date));
        OrderPlan { policy: policies.on(order.service_date), plan, payer, found }
    };
    orders.map(order_plan).collect()
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
    pub(crate) fn order_plans<'p, 'a>(&'p self, policies: &'p Policies, decision: &Decision<'a>) -> Option<Vec<OrderPlan<'p, 'a>>> {
        let plan_of = |place: usize| self.orders.get(place).and_then(|recorded| self.plans.get(recorded.plan));
        if self.orders.len() != decision.evaluation.orders.len() || (0..self.orders.len()).any(|place| plan_of(place).is_none()) {
            return None;
        }
        let nobody = self.plans.first()?;
        let plan_for = |place: usize, found: CoverageFound<'a>| {
            let recorded = self.orders.get(place);
            let is_recorded =
                |member: &MemberCoverage<'a>| recorded.and_then(|recorded| recorded.coverage.as_deref()) == Some(member.reference.as_ref());
            let payer = recorded.map_or(Payer::NotTold, |recorded| recorded.payer);
            (plan_of(place).unwrap_or(nobody), payer, found.narrowed(is_recorded))
        };
        Some(each_order(policies, decision, plan_for))
    }
}
