//! Which orders get a determination, and why the others are skipped.

use serde_json::{Value, json};

use super::{DAY, LOCAL, with_member};
use crate::support::Call;
use crate::support::call::{concept, cpt, hcpcs, order};

fn injection() -> Value {
    order("o1", &cpt("27096:LT"), DAY)
}

/// Why an order is skipped; `None` if it gets a determination.
#[track_caller]
fn passed_over(order: Value) -> Option<String> {
    let evaluation = Call::ordering([order]).evaluation();
    let judged = evaluation["orders"].as_array().unwrap().len();
    let passed = evaluation["passedOver"].as_array().cloned().unwrap_or_default();
    assert_eq!(judged + passed.len(), 1, "an order is judged or passed over: {evaluation}");
    passed.first().map(|order| order["why"].as_str().unwrap().to_owned())
}

#[test]
fn every_status_of_an_order_is_read() {
    for status in ["draft", "active", "on-hold", "unknown"] {
        assert_eq!(passed_over(with_member(injection(), "status", &json!(status))), None, "{status}");
    }
    for status in ["revoked", "completed", "entered-in-error"] {
        assert_eq!(passed_over(with_member(injection(), "status", &json!(status))).as_deref(), Some("status"), "{status}");
    }
}

#[test]
fn every_intent_of_an_order_is_read() {
    for intent in ["proposal", "plan", "directive", "order", "original-order", "reflex-order", "filler-order", "instance-order"] {
        assert_eq!(passed_over(with_member(injection(), "intent", &json!(intent))), None, "{intent}");
    }
    assert_eq!(passed_over(with_member(injection(), "intent", &json!("option"))).as_deref(), Some("option"));
}

#[test]
fn an_order_not_to_perform_is_passed_over() {
    assert_eq!(passed_over(with_member(injection(), "doNotPerform", &json!(true))).as_deref(), Some("do-not-perform"));
    assert_eq!(passed_over(with_member(injection(), "doNotPerform", &json!(false))), None);
}

/// The result for the first of two orders, if the second replaces it and has an additional member.
fn replaced_by(member: &str, value: &Value) -> Value {
    let second = with_member(order("o2", &cpt("27096:LT"), DAY), "replaces", &json!([{"reference": "ServiceRequest/o1"}]));
    Call::ordering([injection(), with_member(second, member, value)]).evaluation()["passedOver"].clone()
}

#[test]
fn an_order_that_one_that_stands_replaces_is_passed_over() {
    assert_eq!(replaced_by("status", &json!("draft"))[0]["order"], "ServiceRequest/o1");
    assert_eq!(replaced_by("status", &json!("draft"))[0]["why"], "replaced");
    for (member, value, why) in
        [("status", json!("revoked"), "status"), ("intent", json!("option"), "option"), ("doNotPerform", json!(true), "do-not-perform")]
    {
        let passed = replaced_by(member, &value);
        assert_eq!(
            passed,
            json!([{"order": "ServiceRequest/o2", "why": why, "codes": ["http://www.ama-assn.org/go/cpt|27096:LT"]}]),
            "{member}"
        );
    }
}

#[test]
fn what_the_policy_does_not_decide_is_passed_over_with_its_codes() {
    for code in [cpt("72148"), cpt("62323"), cpt("20610"), concept(LOCAL, "27096"), json!({"text": "SI joint injection"}), json!({})] {
        assert_eq!(passed_over(order("o1", &code, DAY)).as_deref(), Some("not-in-scope"), "{code}");
    }
    let evaluation = Call::ordering([order("o1", &cpt("72148"), DAY)]).evaluation();
    assert_eq!(evaluation["passedOver"][0]["codes"], json!(["http://www.ama-assn.org/go/cpt|72148"]));
}

/// The kind of an order by its code, its text and its body site.
fn kind(code: &Value, text: &str, site: Option<&Value>) -> Value {
    let mut order = order("o1", code, DAY);
    if !text.is_empty() {
        order["code"]["text"] = json!(text);
    }
    if let Some(site) = site {
        order["bodySite"] = json!([site]);
    }
    Call::ordering([order]).evaluation()["orders"][0]["kind"].clone()
}

#[test]
fn every_kind_of_order_is_recognised_by_code_words_and_site() {
    let coded = concept("http://snomed.info/sct", "39723000");
    let worded = json!({"text": "Left SIJ"});
    let mut table = vec![
        (cpt("27096"), "", None, json!("injection")),
        (hcpcs("G0260"), "", None, json!("injection")),
        (cpt("64625"), "", None, json!("neurotomy")),
    ];
    for code in [cpt("20552"), cpt("20553"), cpt("20610"), cpt("20611")] {
        for site in [&coded, &worded] {
            table.push((code.clone(), "", Some(site), json!("injection")));
        }
        table.push((code.clone(), "SI joint injection", None, json!("injection")));
        table.push((code, "Knee injection", None, Value::Null));
    }
    for code in ["64635", "64636", "64640"] {
        table.push((cpt(code), "SI joint", None, json!("neurotomy")));
        table.push((cpt(code), "", Some(&coded), json!("neurotomy")));
        table.push((cpt(code), "", None, Value::Null));
    }
    for word in ["radiofrequency", "RFA", "rf", "neurotomy", "ablation", "rhizotomy", "denervation"] {
        table.push((cpt("64999"), "", None, Value::Null));
        for (text, site, expected) in [
            (format!("SIJ {word}"), None, json!("neurotomy")),
            (word.to_owned(), Some(&coded), json!("neurotomy")),
            (word.to_owned(), None, Value::Null),
        ] {
            assert_eq!(kind(&cpt("64999"), &text, site), expected, "64999 {text}");
        }
    }
    for (code, text, site, expected) in table {
        assert_eq!(kind(&code, text, site), expected, "{code} {text} {site:?}");
    }
}

#[test]
fn an_order_that_is_both_is_a_neurotomy_and_an_entry_of_the_chart_an_injection() {
    let both = json!({"coding": [cpt("27096")["coding"][0], cpt("64625")["coding"][0]]});
    assert_eq!(kind(&both, "", None), "neurotomy");
    assert_eq!(
        super::left_history(&with_member(
            crate::support::call::procedure("i1", &both, "2026-08-03"),
            "bodySite",
            &json!([{"text": "left"}])
        )),
        "injection"
    );
}

#[test]
fn an_unreadable_order_in_scope_is_judged_unless_it_says_that_it_does_not_stand() {
    for code in ["27096", "27096-LT", "G0260", "64625"] {
        let broken = with_member(order("o1", &cpt(code), DAY), "bodySite", &json!({"text": "left"}));
        let evaluation = Call::ordering([broken.clone()]).evaluation();
        let found = &evaluation["orders"][0];
        assert_eq!((found["determination"].as_str(), &found["sites"]), (Some("indeterminate"), &json!([])), "{code}");
        assert_eq!(found["kind"], if code == "64625" { "neurotomy" } else { "injection" });
        assert_eq!((found["diagnosis"].as_str(), found["serviceDate"].as_str()), (Some("unavailable"), Some(DAY)), "{code}");
        for (member, value) in [("status", json!("revoked")), ("intent", json!("option")), ("doNotPerform", json!(true))] {
            let evaluation = Call::ordering([with_member(broken.clone(), member, &value)]).evaluation();
            assert_eq!(evaluation["orders"], json!([]), "{code} {member}");
        }
    }
    let other = with_member(order("o1", &cpt("72148"), DAY), "bodySite", &json!({"text": "left"}));
    assert_eq!(Call::ordering([other]).evaluation()["orders"], json!([]));
}
