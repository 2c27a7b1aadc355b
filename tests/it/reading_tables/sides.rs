//! Sides of orders, Procedures and findings: every word, modifier and code, in every place, and conflicts between them.

use serde_json::{Value, json};

use super::{DAY, LOCAL, SNOMED, finding, history, left_order, verdict, with_member, words};
use crate::support::Call;
use crate::support::call::{concept, cpt, order, procedure};

const LEFT: &str = "7771000";
const RIGHT: &str = "24028007";

/// Each side with its words, and its joints.
const WORDS: [(&[&str], &[&str]); 3] = [
    (&["left", "Left", "LEFT", "lt", "LT", "l", "L"], &["left"]),
    (&["right", "Right", "RIGHT", "rt", "RT", "r", "R"], &["right"]),
    (&["bilateral", "Bilateral", "bilat", "Bilat", "both", "BOTH", "b/l", "B/L"], &["left", "right"]),
];

fn each_word() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    WORDS.iter().flat_map(|(words, joints)| words.iter().map(|word| (*word, *joints)))
}

/// The joints of an order.
#[track_caller]
fn joints(order: &Value) -> Vec<String> {
    let evaluation = Call::ordering([order.clone()]).evaluation();
    let sites = evaluation["orders"][0]["sites"].as_array().unwrap_or_else(|| panic!("{order} is out of scope"));
    sites.iter().map(|site| site["site"].as_str().unwrap().to_owned()).collect()
}

fn unsided() -> Value {
    order("o1", &cpt("27096"), DAY)
}

/// An order with a text in each place that may state a side.
fn in_every_place(text: &str) -> [Value; 4] {
    let coded = |member: &str| {
        let mut code = cpt("27096");
        if member == "text" {
            code["text"] = json!(text);
        } else {
            code["coding"][0]["display"] = json!(text);
        }
        with_member(unsided(), "code", &code)
    };
    let site = |site: Value| with_member(unsided(), "bodySite", &json!([site]));
    [coded("text"), coded("display"), site(words(text)), site(json!({"coding": [{"system": LOCAL, "code": "1", "display": text}]}))]
}

#[test]
fn every_word_for_a_side_is_read_in_every_place_of_an_order() {
    for (word, expected) in each_word() {
        for text in [format!("SI joint {word}"), format!("{word} SI joint"), format!("SIJ ({word})"), format!("SIJ, {word}-sided")] {
            for order in in_every_place(&text) {
                assert_eq!(joints(&order), expected, "{text} in {order}");
            }
        }
    }
}

#[test]
fn a_word_that_only_holds_one_for_a_side_is_none() {
    for text in ["leftover", "lateral", "unilateral", "bilaterally", "rtx", "ll", "b l", "bothersome", "upright"] {
        let expected: &[&str] = if text == "b l" { &["left"] } else { &["unspecified"] };
        for order in in_every_place(text) {
            assert_eq!(joints(&order), expected, "{text} in {order}");
        }
    }
}

#[test]
fn every_code_for_a_side_is_read_of_the_body_site() {
    let table: [(&str, &[&str]); 5] =
        [(LEFT, &["left"]), ("419161000", &["left"]), (RIGHT, &["right"]), ("419465000", &["right"]), ("51440002", &["left", "right"])];
    for (code, expected) in table {
        for site in [json!([concept(SNOMED, code)]), json!([concept(SNOMED, "39723000"), concept(SNOMED, code)])] {
            assert_eq!(joints(&with_member(unsided(), "bodySite", &site)), expected, "{site}");
        }
    }
}

/// The modifiers with their joints.
const MODIFIERS: [(&str, &[&str]); 3] = [("LT", &["left"]), ("RT", &["right"]), ("50", &["left", "right"])];

#[test]
fn every_modifier_is_read_behind_every_separator() {
    for (modifier, expected) in MODIFIERS {
        for separator in [":", "-", " ", ": ", " - "] {
            for code in ["27096", "G0260", "g0260"] {
                for modifiers in
                    [modifier.to_owned(), modifier.to_lowercase(), format!("59{separator}{modifier}"), format!("{modifier}{separator}59")]
                {
                    let code = format!("{code}{separator}{modifiers}");
                    assert_eq!(joints(&order("o1", &cpt(&code), DAY)), expected, "{code}");
                }
            }
        }
    }
}

/// The extension's value in each type that a modifier may have.
fn modifier_values(modifier: &str) -> Vec<Value> {
    let mut values = vec![json!({"valueCode": modifier})];
    for system in ["http://www.ama-assn.org/go/cpt", "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"] {
        let coding = json!({"system": system, "code": modifier});
        values.extend([json!({"valueCoding": coding}), json!({"valueCodeableConcept": {"coding": [coding]}})]);
    }
    let bare = json!({"code": modifier});
    values.extend([json!({"valueCoding": bare}), json!({"valueCodeableConcept": {"coding": [bare]}})]);
    values
}

/// An order with an extension on itself, on its code and on its coding.
fn extended(value: &Value) -> [Value; 3] {
    let mut extension = value.clone();
    extension["url"] = json!("http://ehr.example.org/fhir/StructureDefinition/modifier");
    let (mut on_code, mut on_coding) = (unsided(), unsided());
    on_code["code"]["extension"] = json!([extension]);
    on_coding["code"]["coding"][0]["extension"] = json!([extension]);
    [with_member(unsided(), "extension", &json!([extension])), on_code, on_coding]
}

#[test]
fn every_modifier_is_read_of_an_extension_in_every_type_and_place() {
    for (modifier, expected) in MODIFIERS {
        for value in modifier_values(modifier) {
            for order in extended(&value) {
                assert_eq!(joints(&order), expected, "{order}");
            }
        }
    }
}

#[test]
fn a_modifier_of_another_system_is_none() {
    for order in extended(&json!({"valueCoding": {"system": LOCAL, "code": "LT"}})) {
        assert_eq!(joints(&order), ["unspecified"], "{order}");
    }
}

/// Body sites, a code and its text; the joints of an order that has them, and the side of an injection.
type Agreement = (&'static [&'static str], &'static str, &'static str, &'static [&'static str], &'static str);

/// How body sites, code and text combine: the joints of an order, and of an injection (`both`, `left`, `right` or `unspecified`).
const AGREEMENTS: [Agreement; 13] = [
    (&[], "27096", "", &["unspecified"], "unspecified"),
    (&[LEFT], "27096", "", &["left"], "left"),
    (&[LEFT], "27096:LT", "", &["left"], "left"),
    (&[LEFT, RIGHT], "27096", "", &["left", "right"], "both"),
    (&[], "27096:LT:RT", "", &["left", "right"], "both"),
    (&[LEFT], "27096:RT", "", &["unspecified"], "both"),
    (&[RIGHT], "27096:50", "", &["unspecified"], "both"),
    (&[LEFT, RIGHT], "27096:LT", "", &["unspecified"], "both"),
    (&[LEFT, RIGHT], "27096:50", "", &["left", "right"], "both"),
    (&[], "27096", "left and right", &["left", "right"], "both"),
    (&[LEFT], "27096", "right", &["left"], "left"),
    (&[], "27096:RT", "left", &["right"], "right"),
    (&[LEFT], "27096:RT", "right", &["unspecified"], "both"),
];

fn sided(mut resource: Value, sites: &[&str], code: &str, text: &str) -> Value {
    resource["code"] = cpt(code);
    if !text.is_empty() {
        resource["code"]["text"] = json!(text);
    }
    if !sites.is_empty() {
        resource["bodySite"] = sites.iter().map(|site| concept(SNOMED, site)).collect();
    }
    resource
}

#[test]
fn an_order_whose_sides_disagree_has_none_and_says_so() {
    for (sites, code, text, expected, _) in AGREEMENTS {
        let order = sided(unsided(), sites, code, text);
        assert_eq!(joints(&order), expected, "{order}");
        let speak_against_each_other = expected == ["unspecified"] && !sites.is_empty();
        let evaluation = Call::ordering([order.clone()]).evaluation();
        assert_eq!(evaluation.to_string().contains("contradictory-side"), speak_against_each_other, "{order}");
    }
}

#[test]
fn an_injection_whose_sides_disagree_was_of_both_joints() {
    for (sites, code, text, _, side) in AGREEMENTS {
        let injection = sided(procedure("i1", &cpt("27096"), "2026-08-03"), sites, code, text);
        for joint in ["LT", "RT"] {
            let expected = match (side, joint) {
                ("both", _) | ("left", "LT") | ("right", "RT") => "injection",
                ("unspecified", _) => "possible",
                _ => "none",
            };
            let order = Call::ordering([order("o1", &cpt(&format!("27096:{joint}")), DAY)]);
            assert_eq!(history(&order, &injection), expected, "{joint}: {injection}");
        }
    }
}

#[test]
fn every_word_for_a_side_is_read_in_every_place_of_an_injection() {
    for (word, expected) in each_word() {
        for order in in_every_place(&format!("SI joint {word}")) {
            let mut injection = procedure("i1", &order["code"], "2026-08-03");
            if let Some(site) = order.get("bodySite") {
                injection["bodySite"] = site.clone();
            }
            let is_of_left = if expected.contains(&"left") { "injection" } else { "none" };
            assert_eq!(history(&left_order(), &injection), is_of_left, "{injection}");
        }
    }
}

#[test]
fn a_finding_with_a_side_is_read_for_that_joint_alone() {
    for (word, joints) in each_word() {
        for (negative, place) in [
            (with_member(finding("sij-tenderness", false), "bodySite", &words(&format!("{word} SI joint"))), "bodySite"),
            (with_member(finding("sij-tenderness", false), "code", &with_text("sij-tenderness", word)), "code"),
        ] {
            let expected = if joints.contains(&"left") { "not-met" } else { "unknown" };
            assert_eq!(verdict(&left_order().with("observations", [negative]), "I.A.2"), expected, "{word} in {place}");
        }
    }
}

fn with_text(finding: &str, word: &str) -> Value {
    json!({"coding": [{"system": "urn:sij-cds:findings", "code": finding}], "text": format!("Tender, {word}")})
}
