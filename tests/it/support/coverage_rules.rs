//! CRD's rules for one repetition of coverage information: its invariants, rewritten from their expressions, and its cardinalities,
//! types and required value sets, for CRD 2.2.1 and 2.0.1; and the additional rules of our own protocol.

use serde_json::Value;
use sij_cds::crd::CrdVersion;

use super::coverage_information::{codes, instructions, parts, reasons, value, values};

/// A part, its cardinality, and the type of its value.
type Row = (&'static str, usize, usize, &'static str);

const PARTS_2_2: [Row; 17] = [
    ("coverage", 1, 1, "valueReference"),
    ("covered", 1, 1, "valueCode"),
    ("pa-needed", 0, 1, "valueCode"),
    ("doc-needed", 0, 9, "valueCode"),
    ("doc-purpose", 0, 9, "valueCode"),
    ("info-needed", 0, 9, "valueCode"),
    ("billingCode", 0, 99, "valueCoding"),
    ("reason", 0, 99, "valueCodeableConcept"),
    ("reasonCode", 0, 99, "valueCoding"),
    ("detail", 0, 99, "extension"),
    ("questionnaire", 0, 99, "valueCanonical"),
    ("date", 1, 1, "valueDate"),
    ("coverage-assertion-id", 1, 1, "valueString"),
    ("satisfied-pa-id", 0, 1, "valueString"),
    ("contact", 0, 99, "valueContactDetail"),
    ("expiry-date", 0, 1, "valueDate"),
    ("dependency", 0, 0, "valueReference"),
];

const PARTS_2_0: [Row; 15] = [
    ("coverage", 1, 1, "valueReference"),
    ("covered", 1, 1, "valueCode"),
    ("pa-needed", 0, 1, "valueCode"),
    ("doc-needed", 0, 1, "valueCode"),
    ("doc-purpose", 0, 9, "valueCode"),
    ("info-needed", 0, 9, "valueCode"),
    ("billingCode", 0, 99, "valueCoding"),
    ("reason", 0, 99, "valueCodeableConcept"),
    ("detail", 0, 99, "extension"),
    ("questionnaire", 0, 99, "valueCanonical"),
    ("date", 1, 1, "valueDate"),
    ("coverage-assertion-id", 1, 1, "valueString"),
    ("satisfied-pa-id", 0, 1, "valueString"),
    ("contact", 0, 99, "valueContactPoint"),
    ("dependency", 0, 0, "valueReference"),
];

/// Every violation of the guide or the protocol by a repetition.
pub(crate) fn coverage_violations(extension: &Value, version: CrdVersion) -> Vec<String> {
    let rows: &[Row] = match version {
        CrdVersion::V2_2 => &PARTS_2_2,
        CrdVersion::V2_0 => &PARTS_2_0,
    };
    let mut found = shape_violations(extension, rows);
    found.extend(invariants(extension, version).into_iter().filter(|(_, holds)| !holds).map(|(name, _)| name.to_owned()));
    found.extend(code_violations(extension, version));
    found.extend(word_violations(extension));
    found
}

fn shape_violations(extension: &Value, rows: &[Row]) -> Vec<String> {
    let mut found = Vec::new();
    for (url, least, most, kind) in rows {
        let parts = parts(extension, url);
        if parts.len() < *least || parts.len() > *most {
            found.push(format!("`{url}` stands {} times", parts.len()));
        }
        found.extend(
            parts.iter().filter(|part| part.get(kind).is_none() || part[kind].is_null()).map(|part| format!("not a {kind}: {part}")),
        );
    }
    let known = |part: &&Value| !rows.iter().any(|(url, ..)| part["url"] == *url);
    found.extend(extension["extension"].as_array().unwrap().iter().filter(known).map(|part| format!("unknown part {part}")));
    found
}

/// crd-ci-q1 to q9 of 2.2.1, q1 to q5 of 2.0.1. If the description requires more than the expression, that is tested too; if the
/// expression is neither true nor false for what the description allows (2.2.1's q4 for `withpa`), the description counts.
fn invariants(extension: &Value, version: CrdVersion) -> Vec<(&'static str, bool)> {
    let codes = |url: &str| codes(extension, url);
    let has = |url: &str| !parts(extension, url).is_empty();
    let says = |url: &str, code: &str| codes(url).contains(&code);
    let any_says = |code: &str| ["covered", "pa-needed", "doc-needed"].iter().any(|url| says(url, code));
    let implies = |left: bool, right: bool| !left || right;
    let q1 = implies(has("questionnaire"), has("doc-needed") && !says("doc-needed", "no-doc"));
    let q3 = has("info-needed") == any_says("conditional");
    let settled = ["satisfied", "no-auth", "noauth", "not-covered"].iter().any(|code| says("pa-needed", code));
    let q4 = implies(settled && has("doc-purpose"), !says("doc-purpose", "withpa") && !says("doc-purpose", "PA"));
    let q5 = says("pa-needed", "satisfied") == has("satisfied-pa-id");
    match version {
        CrdVersion::V2_0 => {
            // `where(covered, not not-covered) implies pa-needed`: empty for not-covered, so true only with pa-needed.
            vec![("q1", q1), ("q2", has("pa-needed")), ("q3", q3), ("q4", q4), ("q5", q5)]
        }
        CrdVersion::V2_2 => vec![
            ("q1", q1),
            ("q2", implies(says("covered", "not-covered"), !has("pa-needed"))),
            ("q3", q3),
            ("q4", q4),
            ("q5", q5),
            ("q6", implies(says("info-needed", "OTH"), has("reason"))),
            ("q7", values(extension, "reason").iter().all(|reason| reason["text"].is_string())),
            ("q8", implies(codes("doc-purpose").iter().any(|code| *code != "conditional"), has("reason"))),
            ("q9", implies(any_says("indeterminate"), has("reason"))),
        ],
    }
}

fn code_violations(extension: &Value, version: CrdVersion) -> Vec<String> {
    let is_2_2 = version == CrdVersion::V2_2;
    let mut table: Vec<(&str, Vec<&str>)> = vec![
        ("covered", vec!["covered", "not-covered", "conditional"]),
        ("pa-needed", vec!["no-auth", "auth-needed", "satisfied", "performpa", "conditional"]),
        ("doc-needed", vec!["clinical", "admin", "conditional"]),
        ("doc-purpose", vec!["withpa", "withclaim", "withorder", "retain-doc", "OTH"]),
        ("info-needed", vec!["performer", "location", "timeframe", "contract-window", "OTH"]),
    ];
    if is_2_2 {
        table.iter_mut().take(3).for_each(|(_, codes)| codes.push("indeterminate"));
    }
    let unknown = |(url, known): &(&str, Vec<&str>)| {
        let codes = codes(extension, url).into_iter().filter(|code| !known.contains(code));
        codes.map(|code| format!("{url} {code}")).collect::<Vec<_>>()
    };
    let mut found: Vec<String> = table.iter().flat_map(unknown).collect();
    for detail in parts(extension, "detail") {
        let count = |url: &str| parts(detail, url).len();
        if count("code") != 1 || count("value") != 1 || count("category") != usize::from(is_2_2) {
            found.push(format!("detail {detail}"));
        }
        found
            .extend((!is_2_2 && parts(detail, "value")[0].get("valueUrl").is_some()).then(|| format!("2.0.1 has no such value: {detail}")));
    }
    found.extend(
        (!is_2_2)
            .then(|| values(extension, "reason"))
            .into_iter()
            .flatten()
            .filter_map(|reason| reason.get("coding").map(|coding| format!("2.0.1 has no such reason: {coding}"))),
    );
    found
}

/// covinfo-2, instructions where information is needed, and short single-line texts.
fn word_violations(extension: &Value) -> Vec<String> {
    let aspects = ["Coverage: ", "Prior authorization: ", "Documentation: "];
    let told = instructions(extension);
    let mut found: Vec<String> = Vec::new();
    for reason in reasons(extension) {
        found.extend((!aspects.iter().any(|aspect| reason.starts_with(aspect))).then(|| format!("of which aspect: {reason}")));
    }
    found.extend((parts(extension, "info-needed").len() > told.len()).then(|| "nothing says what to do".to_owned()));
    for text in reasons(extension).into_iter().chain(told) {
        let is_fit =
            text.chars().count() <= 500 && !text.contains(char::is_control) && !text.contains(['{', '}']) && !text.trim().is_empty();
        found.extend((!is_fit).then(|| format!("text: {text}")));
    }
    found.extend(parts(extension, "date").into_iter().filter(|part| value(part) != "2026-11-22").map(|part| format!("{part}")));
    found
}
