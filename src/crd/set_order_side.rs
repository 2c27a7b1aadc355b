//! Sets the side of an order: the body site, and the matching modifiers of CPT and HCPCS codes.
//! The rest of the order stays as the client wrote it.

use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use crate::cds_hooks::OrderJson;
use crate::policy::{Policy, Side, SideCoding, Site};

/// Separators between a procedure code and its modifier.
const BEFORE_MODIFIER: [char; 3] = [':', '-', ' '];

/// Adds a body site for the side to the order.
pub(super) fn with_side<'a>(policy: &Policy, order: OrderJson<'a>, site: Site) -> Option<OrderJson<'a>> {
    order.with_element("bodySite", &body_site(policy, site)?)
}

/// Restricts the order to one side: replaces all body sites, and changes the modifiers to that side. `None` if a modifier for another
/// side remains elsewhere.
pub(super) fn on_side_alone<'a>(policy: &Policy, order: OrderJson<'a>, site: Site) -> Option<OrderJson<'a>> {
    let modifier = modifier(policy, side(site)?)?;
    let order = match order.get("code") {
        Some(code) => {
            let code = on_side_in_code(policy, code, modifier)?;
            order.with("code", &code)?
        }
        None => order,
    };
    let order = order.with("bodySite", &[body_site(policy, site)?])?;
    (!has_other_modifier(policy, &order, modifier)).then_some(order)
}

fn side(site: Site) -> Option<Side> {
    match site {
        Site::Left => Some(Side::Left),
        Site::Right => Some(Side::Right),
        Site::Unspecified => None,
    }
}

fn body_site(policy: &Policy, site: Site) -> Option<serde_json::Value> {
    let codings = &policy.wording.side_codings;
    let SideCoding { code, display, text } = match site {
        Site::Left => &codings.left,
        Site::Right => &codings.right,
        Site::Unspecified => return None,
    };
    Some(json!({"coding": [{"system": codings.system, "code": code, "display": display}], "text": text}))
}

/// The modifier for a side.
fn modifier(policy: &Policy, side: Side) -> Option<&str> {
    policy.modifier_sides.iter().find(|(_, known)| **known == side).map(|(modifier, _)| modifier.as_str())
}

/// A `CodeableConcept` with the side modifiers of its codes replaced.
fn on_side_in_code(policy: &Policy, code: &str, modifier: &str) -> Option<Box<RawValue>> {
    let raw: &RawValue = serde_json::from_str(code).ok()?;
    let concept = OrderJson::read(raw)?;
    let codings = concept.elements("coding")?.iter().map(|coding| with_modifier(policy, coding, modifier)).collect::<Option<Vec<_>>>()?;
    let concept = if codings.is_empty() { concept } else { concept.with("coding", &codings)? };
    to_raw_value(&concept).ok()
}

fn with_modifier(policy: &Policy, coding: &RawValue, modifier: &str) -> Option<Box<RawValue>> {
    let coding = OrderJson::read(coding)?;
    let written: Option<String> = coding.get("code").and_then(|code| serde_json::from_str(code).ok());
    let changed = written.and_then(|written| {
        let (code, rest) = written.split_once(BEFORE_MODIFIER)?;
        let separator = written.get(code.len()..written.len() - rest.len())?;
        let modifiers = rest.split(BEFORE_MODIFIER).map(|known| if is_side(policy, known) { modifier } else { known });
        Some(format!("{code}{separator}{}", modifiers.collect::<Vec<_>>().join(separator)))
    });
    let coding = match changed {
        Some(code) => coding.with("code", &code)?,
        None => coding,
    };
    to_raw_value(&coding).ok()
}

fn is_side(policy: &Policy, modifier: &str) -> bool {
    policy.side_of_modifier(modifier) != Side::Unspecified
}

/// Whether an extension of the order or of its code has another side's modifier.
fn has_other_modifier(policy: &Policy, order: &OrderJson<'_>, modifier: &str) -> bool {
    let parts = ["code", "extension"].into_iter().filter_map(|name| order.get(name));
    let others = policy.modifier_sides.keys().filter(|known| *known != modifier).map(|known| format!("\"{known}\""));
    let others: Vec<_> = others.collect();
    parts.into_iter().any(|part| others.iter().any(|other| part.contains(other.as_str())))
}
