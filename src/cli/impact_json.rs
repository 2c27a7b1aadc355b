//! An impact report as JSON, in the shape that `docs/policy-changes.md` documents. Members may be added to it, not renamed or removed.
//! Not here: its contents ([`super::impact_report`]).

use serde_json::{Value, json};

use super::impact_report::{CallsHeading, ImpactReport, PolicySetHeading};
use super::terminal_text::printable_json;
use crate::policy::Determination;
use crate::service::policy_impact::{CallReference, ChangedOrder, CriterionTally, PolicySide};

/// The version of the shape.
const REPORT_VERSION: u32 = 1;

/// The report as indented JSON.
pub(super) fn json(report: &ImpactReport) -> Result<String, serde_json::Error> {
    let tally = &report.tally;
    let value = json!({
        "policyImpact": REPORT_VERSION,
        "inUse": policies(&report.in_use),
        "proposed": policies(&report.proposed),
        "onlyVersion": report.only_version,
        "calls": calls(report),
        "orders": {
            "judged": tally.orders,
            "changed": tally.changed_orders,
            "earliestDateChanged": tally.moved_orders,
        },
        "determinations": determinations(report),
        "criteria": criteria(report),
        "notJudged": unjudged(report),
        "changedOrders": {
            "listed": tally.listed_orders.iter().map(|order| changed_order(report, order)).collect::<Value>(),
            "unlisted": report.unlisted_orders(),
        },
    });
    Ok(printable_json(&serde_json::to_string_pretty(&value)?).into_owned() + "\n")
}

fn policies(policies: &PolicySetHeading) -> Value {
    let version = |version: &super::impact_report::PolicyVersionHeading| {
        json!({
            "id": version.id,
            "version": version.version,
            "effectiveFrom": version.effective_from,
            "digest": version.digest,
            "orders": version.orders,
        })
    };
    json!({ "directory": policies.directory, "versions": policies.versions.iter().map(version).collect::<Value>() })
}

fn calls(report: &ImpactReport) -> Value {
    let (source, from, to) = match &report.calls {
        CallsHeading::Lines { name } => (name.trim_matches('`'), None, None),
        CallsHeading::Ledger { from, to } => ("ledger", *from, *to),
    };
    json!({
        "source": source,
        "from": from,
        "to": to,
        "read": report.tally.calls,
        "judged": report.tally.judged_calls,
        "withoutOrder": report.tally.calls_without_order,
        "notJudged": report.tally.unjudged_calls,
    })
}

fn determinations(report: &ImpactReport) -> Value {
    let pair = |((from, to), orders): (&(Option<Determination>, Option<Determination>), &u64)| json!({ "from": name(*from), "to": name(*to), "orders": orders });
    report.tally.determinations.iter().map(pair).collect()
}

/// The determination's name, as in the evaluation; null if there is none.
fn name(determination: Option<Determination>) -> Option<&'static str> {
    determination.map(Determination::as_str)
}

fn criteria(report: &ImpactReport) -> Value {
    let criterion = |(id, tally): (&String, &CriterionTally)| {
        let verdicts = tally.verdicts.iter();
        json!({
            "id": id,
            "title": report.titles.get(id),
            "orders": tally.orders,
            "changedDeterminations": tally.changed_determinations,
            "verdicts": verdicts
                .map(|((from, to), orders)| json!({ "from": from.as_str(), "to": to.as_str(), "orders": orders }))
                .collect::<Value>(),
        })
    };
    report.tally.criteria.iter().map(criterion).collect()
}

fn unjudged(report: &ImpactReport) -> Value {
    let causes = report.tally.unjudged.iter();
    let listed = report.tally.listed_unjudged.iter().map(|unjudged| {
        let own = json!({ "cause": unjudged.error.label(), "by": side(unjudged.by), "message": unjudged.error.to_string() });
        merged(call(report, &unjudged.call), own)
    });
    json!({
        "causes": causes
            .map(|((cause, by), calls)| json!({ "cause": cause, "by": side(*by), "calls": calls }))
            .collect::<Value>(),
        "listed": listed.collect::<Value>(),
        "unlisted": report.unlisted_causes(),
    })
}

fn side(side: PolicySide) -> &'static str {
    match side {
        PolicySide::Both => "both",
        PolicySide::InUse => "in-use",
        PolicySide::Proposed => "proposed",
    }
}

fn call(report: &ImpactReport, call: &CallReference) -> Value {
    match report.calls {
        CallsHeading::Lines { .. } => json!({ "line": call.number }),
        CallsHeading::Ledger { .. } => json!({ "number": call.number, "record": call.record }),
    }
}

fn changed_order(report: &ImpactReport, order: &ChangedOrder) -> Value {
    let comparison = &order.comparison;
    let [earliest_from, earliest_to] = comparison.earliest_dates;
    let criteria = comparison
        .criteria
        .iter()
        .map(|change| json!({ "id": change.id, "joint": change.joint, "from": change.from.as_str(), "to": change.to.as_str() }));
    let own = json!({
        "orderNumber": comparison.position + 1,
        "serviceDate": comparison.service_date,
        "from": name(comparison.from),
        "to": name(comparison.to),
        "earliestDates": { "from": earliest_from, "to": earliest_to },
        "criteria": criteria.collect::<Value>(),
    });
    let is_named = report.shows_patients || order.call.record.is_some();
    let named = if is_named { json!({ "order": comparison.order }) } else { json!({}) };
    let patient = if report.shows_patients { json!({ "patient": order.patient }) } else { json!({}) };
    [named, patient, own].into_iter().fold(call(report, &order.call), merged)
}

/// An object with the members of both.
fn merged(mut left: Value, right: Value) -> Value {
    if let (Value::Object(left), Value::Object(right)) = (&mut left, right) {
        left.extend(right);
    }
    left
}
