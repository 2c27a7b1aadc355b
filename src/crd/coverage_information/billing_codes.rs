//! The billing codes that an assertion applies to: the order's own codings from code systems used in claims.
//! Not here: whether the policy covers these codes; that is already decided.

use serde_json::Value;

use crate::cds_hooks::OrderJson;
use crate::policy::Policy;

/// CPT and HCPCS (CRD 2.2.1, "CRD Billing Codes"); the policy knows their aliases.
const SYSTEMS: [&str; 2] = ["http://www.ama-assn.org/go/cpt", "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"];

/// Maximum number of billing codes for one order.
const MAX_CODES: usize = 10;

/// The distinct codings of an order's `code`, or of an Appointment's `serviceType`, as the client wrote them.
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

/// The codings of a `CodeableConcept`, or of a list of them.
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

/// Whether a code system is used in claims.
#[must_use]
pub fn is_billing_system(policy: &Policy, system: &str) -> bool {
    SYSTEMS.iter().any(|known| policy.value_sets.is_same_system(system, known))
}
