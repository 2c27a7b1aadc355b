//! Counts decisions and feedback.
//! Not here: what the metrics mean; see [`crate::telemetry`].

use std::collections::{BTreeSet, HashMap};

use metrics::Counter;

use crate::auth::VerifiedClient;
use crate::cds_hooks::{Feedback, Hook, Outcome};
use crate::crd::OrderPlan;
use crate::decision::Policies;
use crate::policy::{CriterionId, Evaluation, OrderKind, PassedOver, Policy, SiteEvaluation, Verdict};

/// The `plan` label of the default plan.
const DEFAULT_PLAN: &str = "default";

/// The `reason` labels for feedback without an override reason, and for one that the policy does not list.
const NO_REASON: &str = "none";
const OTHER_REASON: &str = "other";

/// The pre-registered counters, and the allowed label values.
#[derive(Debug)]
pub(super) struct DecisionMetrics {
    verdicts: HashMap<CriterionId, [Counter; 3]>,
    override_reasons: BTreeSet<String>,
}

impl DecisionMetrics {
    pub(super) fn new(policies: &Policies) -> Self {
        let counters = |id: &CriterionId| [Verdict::Met, Verdict::NotMet, Verdict::Unknown].map(|verdict| verdict_counter(id, verdict));
        let criteria = policies.all().flat_map(Policy::criteria);
        let reasons = policies.all().flat_map(|policy| &policy.wording.override_reasons);
        Self {
            verdicts: criteria.map(|criterion| (criterion.id.clone(), counters(&criterion.id))).collect(),
            override_reasons: reasons.map(|reason| reason.code.clone()).collect(),
        }
    }

    /// Counts a call whose orders were decided.
    pub(super) fn decided(&self, hook: Hook, client: &VerifiedClient, plans: &[OrderPlan<'_, '_>], evaluation: &Evaluation<'_>) {
        let hook = hook.as_str();
        metrics::counter!("sij_cds_calls_decided_total", "hook" => hook, "client" => client.name().to_owned()).increment(1);
        for (order, plan) in evaluation.orders.iter().zip(plans) {
            let plan = plan.plan.id.as_deref().unwrap_or(DEFAULT_PLAN);
            let (kind, determination) = (kind_label(order.kind), order.determination.as_str());
            metrics::counter!("sij_cds_orders_total", "hook" => hook, "client" => client.name().to_owned(), "plan" => plan.to_owned(),
                "kind" => kind, "determination" => determination)
            .increment(1);
            order.sites.iter().for_each(|site| self.count_verdicts(site));
        }
    }

    /// Counts a call's orders without a determination, by reason.
    pub(super) fn passed_over(hook: Hook, client: &VerifiedClient, passed_over: &[PassedOver<'_>]) {
        for order in passed_over {
            metrics::counter!("sij_cds_orders_passed_over_total", "hook" => hook.as_str(), "client" => client.name().to_owned(),
                "reason" => order.why.as_str())
            .increment(1);
        }
    }

    fn count_verdicts(&self, site: &SiteEvaluation<'_>) {
        for criterion in &site.criteria {
            let Some([met, not_met, unknown]) = self.verdicts.get(&criterion.id) else { continue };
            match criterion.verdict {
                Verdict::Met => met,
                Verdict::NotMet => not_met,
                Verdict::Unknown => unknown,
            }
            .increment(1);
        }
    }

    /// Counts a feedback entry. Only reason codes that the policy lists become labels, because any other value is the caller's choice.
    pub(super) fn fed_back(&self, client: &VerifiedClient, feedback: &Feedback<'_>) {
        let reason = match feedback.override_reason_code() {
            Some(code) => self.override_reasons.get(code.as_ref()).map_or(OTHER_REASON, String::as_str),
            None if feedback.has_override_reason() => OTHER_REASON,
            None => NO_REASON,
        };
        let outcome = match feedback.outcome {
            Outcome::Accepted => "accepted",
            Outcome::Overridden => "overridden",
        };
        let (client, reason) = (client.name().to_owned(), reason.to_owned());
        metrics::counter!("sij_cds_feedback_total", "client" => client, "outcome" => outcome, "override_reason" => reason).increment(1);
    }
}

fn verdict_counter(id: &CriterionId, verdict: Verdict) -> Counter {
    let verdict = match verdict {
        Verdict::Met => "met",
        Verdict::NotMet => "not-met",
        Verdict::Unknown => "unknown",
    };
    metrics::counter!("sij_cds_verdicts_total", "criterion" => id.to_string(), "verdict" => verdict)
}

fn kind_label(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Injection => "injection",
        OrderKind::Neurotomy => "neurotomy",
    }
}
