//! Expands what a worked case expects, based on what its chart expects.
//! Not here: comparing it ([`super::check`]).

use serde_json::{Value, json};

use super::case_patch::merge;

/// The `orders` that a case expects, in full.
pub(super) fn expected_orders(expected: &Value, chart: &Value) -> Result<Vec<Value>, String> {
    let base = chart.get("orders").and_then(Value::as_array).cloned().unwrap_or_default();
    let first = base.first().ok_or_else(|| "the chart expects no order".to_owned())?;
    if let Some(orders) = expected.get("orders") {
        return orders.as_object().into_iter().flatten().map(|(id, order)| expected_order(id, order, &base, first)).collect();
    }
    let id = text_of(first, "order").trim_start_matches("ServiceRequest/").to_owned();
    Ok(vec![expected_order(&id, expected, &base, first)?])
}

fn expected_order(id: &str, own: &Value, all: &[Value], first: &Value) -> Result<Value, String> {
    let reference = format!("ServiceRequest/{id}");
    let base = all.iter().find(|order| text_of(order, "order") == reference).unwrap_or(first);
    let mut order = json!({"order": reference, "determination": own.get("determination")});
    if own.get("determination").is_none() {
        return Err(format!("`expected` of {reference} has no determination"));
    }
    for member in ["kind", "serviceDate", "diagnosis"] {
        put(&mut order, member, own.get(member).or_else(|| base.get(member)));
    }
    put(&mut order, "earliestDate", own.get("earliestDate"));
    let known = base.get("sites").and_then(Value::as_array).cloned().unwrap_or_default();
    let site_of =
        |name: &str| known.iter().find(|site| text_of(site, "site") == name).or_else(|| known.first()).cloned().unwrap_or_default();
    let sites: Vec<Value> = match (own.get("sites").and_then(Value::as_object), known.as_slice()) {
        (Some(sites), _) => sites.iter().map(|(name, site)| expected_site(name, site, &site_of(name))).collect(),
        (None, [only]) => {
            let name = own.get("site").and_then(Value::as_str).unwrap_or_else(|| text_of(only, "site"));
            vec![expected_site(name, own, only)]
        }
        (None, _) => return Err(format!("`expected` of {reference} needs `sites`")),
    };
    put(&mut order, "sites", Some(&Value::Array(sites)));
    Ok(order)
}

fn expected_site(name: &str, own: &Value, base: &Value) -> Value {
    let mut site = json!({"site": name});
    for member in ["pathway", "determination"] {
        put(&mut site, member, own.get(member).or_else(|| base.get(member)));
    }
    put(&mut site, "earliestDate", own.get("earliestDate"));
    let own_criteria = own.get("criteria").cloned().unwrap_or_else(|| json!({}));
    let mut criteria = if own.get("pathway").is_some() { json!({}) } else { base.get("criteria").cloned().unwrap_or_else(|| json!({})) };
    merge(&mut criteria, &own_criteria);
    put(&mut site, "criteria", Some(&criteria));
    site
}

fn put(target: &mut Value, member: &str, value: Option<&Value>) {
    if let (Some(target), Some(value)) = (target.as_object_mut(), value) {
        target.insert(member.to_owned(), value.clone());
    }
}

fn text_of<'v>(value: &'v Value, member: &str) -> &'v str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}
