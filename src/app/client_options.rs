//! How to answer one call, besides the policy: the client's options, and each order's plan and Coverage. All of it is recorded with the
//! call, so that a replay answers the same way.
//! Not here: how it shapes the response; see [`super::answering`].

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::decision::Decision;
use super::plans::{Payer, Plan, PlanMatch, Plans};
use super::policies::Policies;
use crate::auth::VerifiedClient;
use crate::config::{CrdConfig, Dialect};
use crate::crd::CrdVersion;
use crate::evidence::{CoverageFound, DraftOrder, MemberCoverage, UnreadDraft};
use crate::policy::OrderEvaluation;

/// A client's answer options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of configuration")]
pub(super) struct AnswerOptions {
    pub(super) dialect: Dialect,
    /// Whether the client's users have a DTR app for documentation forms.
    pub(super) has_dtr: bool,
    /// Whether the client runs in shadow mode: it is shown nothing of the response.
    pub(super) is_shadowed: bool,
    /// Whether the client carries out system actions.
    pub(super) takes_system_actions: bool,
    /// Whether to refuse a call without a Coverage that can be judged.
    pub(super) is_strict: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) therapy_order_code: Option<String>,
    /// Where the client's EHR launches the SMART app, if registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) app: Option<String>,
    /// The CRD version for calls that name none.
    pub(super) default_version: CrdVersion,
}

impl AnswerOptions {
    pub(super) fn for_client(client: &VerifiedClient, crd: &CrdConfig, app: Option<&str>) -> Self {
        Self {
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
}

/// The plan that applies to one order, and the Coverage it is judged by.
#[derive(Debug)]
pub(super) struct OrderPlan<'p, 'a> {
    pub(super) plan: &'p Plan,
    pub(super) payer: Payer,
    pub(super) found: CoverageFound<'a>,
}

/// The recorded form of an [`OrderPlan`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeptOrderPlan {
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
pub(super) struct KeptPlans<P> {
    plans: Vec<P>,
    orders: Vec<KeptOrderPlan>,
}

/// The plan and Coverage of each order of a decision, in the decision's order.
pub(super) fn order_plans<'p, 'a>(
    plans: &'p Plans,
    client: &VerifiedClient,
    policies: &Policies,
    decision: &Decision<'a>,
) -> Vec<OrderPlan<'p, 'a>> {
    let plan_of = |_: usize, found: CoverageFound<'a>| {
        let is_handled = |member: &MemberCoverage<'a>| plans.of_coverage(client, member).payer == Payer::Handled;
        let found = found.narrowed(is_handled);
        let PlanMatch { plan, payer } = match &found {
            CoverageFound::One(member) => plans.of_coverage(client, member),
            CoverageFound::None | CoverageFound::Unavailable(_) | CoverageFound::Several(_) => {
                PlanMatch { plan: plans.of_client(client), payer: Payer::NotTold }
            }
        };
        OrderPlan { plan, payer, found }
    };
    of_orders(policies, decision, plan_of)
}

fn of_orders<'p, 'a>(
    policies: &Policies,
    decision: &Decision<'a>,
    plan_of: impl Fn(usize, CoverageFound<'a>) -> OrderPlan<'p, 'a>,
) -> Vec<OrderPlan<'p, 'a>> {
    let orders = decision.evaluation.orders.iter().enumerate();
    orders.map(|(place, order)| plan_of(place, coverage_of(policies, decision, order, order.service_date))).collect()
}

pub(super) fn coverage_of<'a>(
    policies: &Policies,
    decision: &Decision<'a>,
    order: &OrderEvaluation<'a>,
    on: NaiveDate,
) -> CoverageFound<'a> {
    let coverage = |draft: &DraftOrder<'a>| decision.patient_record.coverage(draft, decision.reading(policies.on(on)), on);
    let unread = || {
        let drafts = decision.patient_record.unread_drafts().iter();
        drafts.filter(|draft| draft.position == order.position).find_map(UnreadDraft::insured)
    };
    match decision.draft(order) {
        Some(draft) => coverage(draft),
        None => unread().as_ref().map_or(CoverageFound::None, coverage),
    }
}

impl<'p> KeptPlans<&'p Plan> {
    pub(super) fn from_orders(orders: &[OrderPlan<'p, '_>]) -> Self {
        let mut plans: Vec<&'p Plan> = Vec::new();
        let orders = orders.iter().map(|order| {
            let plan = plans.iter().position(|plan| std::ptr::eq(*plan, order.plan)).unwrap_or_else(|| {
                plans.push(order.plan);
                plans.len() - 1
            });
            let coverage = if let CoverageFound::One(member) = &order.found { Some(member.reference.to_string()) } else { None };
            KeptOrderPlan { plan, payer: order.payer, coverage }
        });
        let orders = orders.collect();
        Self { plans, orders }
    }
}

impl KeptPlans<Plan> {
    /// Restores the result of [`order_plans`] from the record; `None` if the record does not match the decision.
    pub(super) fn order_plans<'p, 'a>(&'p self, policies: &Policies, decision: &Decision<'a>) -> Option<Vec<OrderPlan<'p, 'a>>> {
        let plan_of = |place: usize| self.orders.get(place).and_then(|kept| self.plans.get(kept.plan));
        if self.orders.len() != decision.evaluation.orders.len() || (0..self.orders.len()).any(|place| plan_of(place).is_none()) {
            return None;
        }
        let nobody = self.plans.first()?;
        let order_plan = |place: usize, found: CoverageFound<'a>| {
            let kept = self.orders.get(place);
            let is_kept = |member: &MemberCoverage<'a>| kept.and_then(|kept| kept.coverage.as_deref()) == Some(member.reference.as_ref());
            let payer = kept.map_or(Payer::NotTold, |kept| kept.payer);
            OrderPlan { plan: plan_of(place).unwrap_or(nobody), payer, found: found.narrowed(is_kept) }
        };
        Some(of_orders(policies, decision, order_plan))
    }
}
