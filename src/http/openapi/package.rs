//! The schema of the body of `$questionnaire-package`, whose members depend on their `name` (DTR 2.2, `dtr-qpackage-input-parameters`).
//! Not here: parsing it ([`crate::app`]).

use serde_json::{Value, json};

/// The supported parameters. Others are ignored.
const NAMES: [&str; 5] = ["coverage", "order", "questionnaire", "context", "changedsince"];

/// The schema of the body.
pub(super) fn parameters() -> Value {
    let is_named = |names: &[&str]| json!({"required": ["name"], "properties": {"name": {"enum": names}}});
    let some = |names: &[&str]| json!({"contains": is_named(names)});
    json!({
        "description": "FHIR R4 Parameters: at least one Coverage, and an order, a form's canonical URL, or the id of a decision.",
        "type": "object",
        "required": ["resourceType", "parameter"],
        "properties": {
            "resourceType": {"const": "Parameters"},
            "parameter": {
                "type": "array",
                "minItems": 2,
                "maxItems": 100,
                "items": {"oneOf": members()},
                "allOf": [some(&["coverage"]), some(&["order", "questionnaire", "context"])]
            }
        }
    })
}

/// The schema of each parameter.
fn members() -> Vec<Value> {
    let member = |name: &str, member: &str, schema: &Value| json!({"type": "object", "required": ["name", member], "properties": {"name": {"const": name}, member: schema}});
    let id = json!({"type": "string", "minLength": 1});
    let patient = json!({"type": "string", "pattern": "^Patient/[A-Za-z0-9.-]{1,64}$"});
    let beneficiary = json!({"type": "object", "required": ["reference"], "properties": {"reference": patient}});
    let coverage = json!({"type": "object", "required": ["resourceType", "id", "beneficiary"],
        "properties": {"resourceType": {"const": "Coverage"}, "id": id, "beneficiary": beneficiary}});
    let order = json!({"type": "object", "required": ["resourceType", "id"], "properties": {"resourceType": {"type": "string"}, "id": id}});
    vec![
        member("coverage", "resource", &coverage),
        member("order", "resource", &order),
        member("questionnaire", "valueCanonical", &json!({"type": "string"})),
        member("context", "valueString", &json!({"type": "string"})),
        member("changedsince", "valueInstant", &json!({"type": "string", "format": "date-time"})),
        json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "not": {"enum": NAMES}}}}),
    ]
}
