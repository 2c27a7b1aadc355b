//! Compares new coverage information with what the order already has (CRD 2.2.1, resp-35), and puts it into the order, leaving
//! everything else as the client wrote it (resp-37).

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value, to_value};

use super::extension::{COVERAGE_INFORMATION, Extension};
use crate::cds_hooks::OrderJson;

/// Parts excluded from the comparison: they differ in every assertion. The Coverage is compared by type and id instead.
const PASSING: [&str; 3] = ["coverage", "date", "coverage-assertion-id"];

/// Replaces the order's extensions for the same Coverage with the new ones, or appends them. `None` if the content is unchanged, or if the
/// order's `extension` is not a list.
pub(super) fn put_on<'a>(order: OrderJson<'a>, coverage: &str, new: &[Extension]) -> Option<OrderJson<'a>> {
    let present = order.elements("extension")?;
    let ours: Vec<Option<Value>> = present.iter().map(|element| of_coverage(element, coverage)).collect();
    let says_nothing_new = match ours.iter().flatten().count() {
        // The usual case: the order has none for this Coverage.
        0 => new.is_empty(),
        _ => essences(ours.iter().flatten()) == essences(&new.iter().map(to_value).collect::<Result<Vec<_>, _>>().ok()?),
    };
    if says_nothing_new {
        return None;
    }
    let mut new: Option<Vec<_>> = Some(new.iter().map(to_raw_value).collect::<Result<_, _>>().ok()?);
    let mut list: Vec<Box<RawValue>> = Vec::new();
    for (element, own) in present.into_iter().zip(ours) {
        if own.is_some() {
            list.extend(new.take().into_iter().flatten());
        } else {
            list.push(element);
        }
    }
    list.extend(new.into_iter().flatten());
    order.with("extension", &list)
}

/// The extension, if it is coverage information for this Coverage.
fn of_coverage(element: &RawValue, coverage: &str) -> Option<Value> {
    let extension: Value = serde_json::from_str(element.get()).ok()?;
    let is_ours = text(&extension, "url") == Some(COVERAGE_INFORMATION);
    let is_for_it = is_ours && references(&extension).any(|reference| resource(reference) == resource(coverage));
    is_for_it.then_some(extension)
}

/// The Coverage references in an extension.
fn references(extension: &Value) -> impl Iterator<Item = &str> {
    let named = parts(extension).filter(|part| text(part, "url") == Some("coverage"));
    named.filter_map(|part| text(part.get("valueReference")?, "reference"))
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str()
}

fn parts(extension: &Value) -> impl Iterator<Item = &Value> {
    extension.get("extension").and_then(Value::as_array).into_iter().flatten()
}

/// Type and id of a reference, without base URL and version; any other form is returned unchanged.
fn resource(reference: &str) -> Cow<'_, str> {
    let reference = reference.trim();
    let unversioned = reference.split_once("/_history/").map_or(reference, |(before, _)| before);
    let mut segments = unversioned.rsplit('/');
    match (segments.next(), segments.next()) {
        (Some(id), Some(kind)) => Cow::Owned(format!("{kind}/{id}")),
        (Some(_), None) | (None, _) => Cow::Borrowed(reference),
    }
}

/// The content of the extensions, sorted for comparison.
fn essences<'v>(extensions: impl IntoIterator<Item = &'v Value>) -> Vec<String> {
    sorted(extensions.into_iter().map(essence))
}

/// The content of one extension, without the parts that always differ.
fn essence(extension: &Value) -> String {
    let lasting = parts(extension).filter(|part| text(part, "url").is_none_or(|url| !PASSING.contains(&url)));
    sorted(lasting.map(|part| number_for_the_same(part).unwrap_or_else(|| settled(part).to_string()))).join(",")
}

/// An authorization number without its record id. The text around the id says whose number it is and for what. A new number for
/// the same service is not a change, but a number copied from another order is, and gets replaced.
fn number_for_the_same(part: &Value) -> Option<String> {
    let number = text(part, "valueString").filter(|_| text(part, "url") == Some("satisfied-pa-id"))?;
    let (rest, mark) = number.rsplit_once('-')?;
    let (prefix, _) = rest.rsplit_once('-')?;
    Some(format!("{prefix}-{mark}"))
}

/// An extension with its parts sorted, and without element ids from the client.
fn settled(value: &Value) -> Value {
    let Value::Object(members) = value else { return value.clone() };
    let lasting = members.iter().filter(|(name, _)| *name != "id");
    let members = lasting.map(|(name, value)| match value {
        Value::Array(parts) if name == "extension" => {
            let parts = sorted(parts.iter().map(|part| settled(part).to_string()));
            (name.clone(), Value::from(parts))
        }
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            (name.clone(), value.clone())
        }
    });
    Value::Object(members.collect())
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<_> = texts.collect();
    texts.sort_unstable();
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_compared_by_type_and_id() {
        for reference in ["Coverage/c1", "https://ehr.example.org/fhir/Coverage/c1", "Coverage/c1/_history/2", " Coverage/c1"] {
            assert_eq!(resource(reference), "Coverage/c1", "{reference}");
        }
        for reference in ["urn:uuid:c1", "#c1", ""] {
            assert_eq!(resource(reference), reference);
        }
    }
}
