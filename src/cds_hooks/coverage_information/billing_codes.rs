//! The billing codes an assertion holds for: the order's own codings in the systems claims are made with.
//! Not here: whether the policy decides them; it has been asked already.

use serde_json::Value;

use super::super::order_json::OrderJson;
use crate::policy::Policy;

/// CPT and HCPCS (CRD 2.2.1, "CRD Billing Codes"); the policy knows their other names.
const SYSTEMS: [&str; 2] = ["http://www.ama-assn.org/go/cpt", "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"];

/// One thing ordered has no more codes than this.
const MAX_CODES: usize = 10;

/// The codings of an order's `code`, or of an Appointment's `serviceType`, as the client wrote them, each once.
pub(super) fn billing_codes(policy: &Policy, order: &OrderJson<'_>) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for coding in ["code", "serviceType"].into_iter().flat_map(|name| codings(order, name)) {
        if found.len() == MAX_CODES {
            break;
        }
        if is_billed(policy, &coding) && !found.contains(&coding) {
            found.push(coding);
        }
    }
    found
}

/// The codings of a `CodeableConcept`, or of each of a list of them.
fn codings(order: &OrderJson<'_>, name: &str) -> Vec<Value> {
    let concepts = match order.get(name).and_then(|text| serde_json::from_str(text).ok()) {
        Some(Value::Array(concepts)) => concepts,
        Some(concept) => vec![concept],
        None => Vec::new(),
    };
    let codings = concepts.iter().filter_map(|concept| concept.get("coding")?.as_array());
    codings.flatten().cloned().collect()
}

fn is_billed(policy: &Policy, coding: &Value) -> bool {
    let text = |name: &str| coding.get(name).and_then(Value::as_str).unwrap_or_default();
    !text("code").is_empty() && is_billing_system(policy, text("system"))
}

/// Whether claims are made with the codes of a system.
#[must_use]
pub fn is_billing_system(policy: &Policy, system: &str) -> bool {
    SYSTEMS.iter().any(|known| policy.value_sets.is_same_system(system, known))
}
