//! Statuses: of Procedures as injections, of Conditions, allergies, medications, Observations and forms.

use serde_json::{Value, json};

use super::{
    finding, first_injection, left_history, left_order, naproxen, prescription, problem, verdict, with_member, without_answers, words,
};
use crate::support::call::{concept, cpt, form, icd10, item, procedure};
use crate::support::{Call, story};

const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";

/// A Procedure's status, and how a dated injection of the joint with that status counts.
const PROCEDURE_STATUSES: [(Option<&str>, &str); 13] = [
    (Some("completed"), "injection"),
    (Some("preparation"), "none"),
    (Some("not-done"), "none"),
    (Some("stopped"), "none"),
    (Some("entered-in-error"), "none"),
    (Some("in-progress"), "possible"),
    (Some("on-hold"), "possible"),
    (Some("unknown"), "possible"),
    (Some("active"), "possible"),
    (Some("aborted"), "possible"),
    (Some("final"), "possible"),
    (Some(""), "possible"),
    (None, "possible"),
];

fn with_status(mut procedure: Value, status: Option<&str>) -> Value {
    match status {
        Some(status) => procedure["status"] = json!(status),
        None => _ = procedure.as_object_mut().unwrap().remove("status"),
    }
    procedure
}

fn undated(mut procedure: Value) -> Value {
    procedure.as_object_mut().unwrap().remove("performedDateTime");
    procedure
}

#[test]
fn every_status_of_a_coded_injection_is_read_with_a_date_and_without() {
    for (status, expected) in PROCEDURE_STATUSES {
        let injection = with_status(procedure("i1", &cpt("27096:LT"), "2026-08-03"), status);
        assert_eq!(left_history(&injection), expected, "{status:?}");
        let expected = if expected == "injection" { "possible" } else { expected };
        assert_eq!(left_history(&undated(injection)), expected, "{status:?} without a date");
    }
}

#[test]
fn every_status_of_an_injection_in_words_and_of_an_entry_without_a_code_is_read() {
    let codes = [
        words("Left SI joint injection"),
        json!({"coding": [{"system": "urn:example:local", "code": "7", "display": "Inj SIJ L"}]}),
        json!({}),
    ];
    for (code, (status, coded)) in codes.iter().flat_map(|code| PROCEDURE_STATUSES.map(|status| (code, status))) {
        let expected = if coded == "none" { "none" } else { "possible" };
        let entry = with_status(procedure("i1", code, "2026-08-03"), status);
        assert_eq!(left_history(&entry), expected, "{status:?} {code}");
        assert_eq!(left_history(&undated(entry)), expected, "{status:?} {code} without a date");
    }
}

#[test]
fn what_is_coded_as_something_else_is_no_injection_whatever_its_words() {
    for (system, code) in [
        ("http://www.ama-assn.org/go/cpt", "97110"),
        ("http://snomed.info/sct", "387713003"),
        ("http://www.cms.gov/Medicare/Coding/ICD10", "0JH60PZ"),
    ] {
        let code = json!({"coding": [{"system": system, "code": code}], "text": "SI joint injection"});
        for (status, _) in PROCEDURE_STATUSES {
            assert_eq!(left_history(&with_status(procedure("i1", &code, "2026-08-03"), status)), "none", "{status:?} {code}");
        }
    }
}

#[test]
fn words_make_an_entry_a_possible_injection_only_together() {
    let joint = ["sacroiliac joint", "Sacro-iliac", "SI joint", "SI-joints", "SIJ", "SI jt", "S.I. joint"];
    let act = ["injection", "injected", "inj", "arthrogram", "steroid", "steroids"];
    for (joint, act) in joint.iter().flat_map(|joint| act.map(|act| (joint, act))) {
        assert_eq!(left_history(&procedure("i1", &words(&format!("Left {joint} {act}")), "2026-08-03")), "possible", "{joint} {act}");
    }
    for text in joint.into_iter().chain(act).chain(["epidural injection", "SI joint fusion", "basijection"]) {
        assert_eq!(left_history(&procedure("i1", &words(text), "2026-08-03")), "none", "{text}");
    }
}

#[test]
fn the_joint_may_stand_in_the_body_site_and_the_act_in_the_code() {
    let entry = with_member(procedure("i1", &words("Steroid injection"), "2026-08-03"), "bodySite", &json!([words("Left SI joint")]));
    assert_eq!(left_history(&entry), "possible");
}

/// The verdict of I.A.5 with a herniated disc in this status: unknown while the Condition is active.
fn is_active(change: impl FnOnce(&mut Value)) -> bool {
    let mut disc = problem(&icd10("M51.26"));
    disc.as_object_mut().unwrap().remove("clinicalStatus");
    change(&mut disc);
    verdict(&without_answers(&["disc-or-facet-evidence"]).with("conditions", [disc]), "I.A.5") != "met"
}

/// A status as a code, in capitals, without a system, and as text.
fn written(system: &str, status: &str) -> [Value; 5] {
    [
        concept(system, status),
        json!({"coding": [{"code": status}]}),
        json!({"coding": [{"display": "x"}], "text": status}),
        words(status),
        words(&status.to_uppercase()),
    ]
}

#[test]
fn every_clinical_status_is_read_as_a_code_and_as_text() {
    let table = [("active", true), ("recurrence", true), ("relapse", true), ("inactive", false), ("remission", false), ("resolved", false)];
    for (status, expected) in table {
        for written in written(CLINICAL, status) {
            assert_eq!(is_active(|disc| disc["clinicalStatus"] = written.clone()), expected, "{written}");
            let ended = is_active(|disc| {
                disc["clinicalStatus"] = written.clone();
                disc["abatementDateTime"] = json!("2026-06-01");
            });
            assert!(!ended, "{written} with an abatement");
        }
    }
}

#[test]
fn a_clinical_status_that_is_none_is_as_if_absent() {
    for status in [Value::Null, concept(CLINICAL, "chronic"), words("Chronic"), json!({}), json!({"coding": []})] {
        for (abatement, expected) in [(None, true), (Some("abatementDateTime"), false), (Some("abatementString"), false)] {
            let found = is_active(|disc| {
                disc["clinicalStatus"] = status.clone();
                if let Some(abatement) = abatement {
                    disc[abatement] = json!(if abatement == "abatementString" { "last year" } else { "2026-06-01" });
                }
            });
            assert_eq!(found, expected, "{status} {abatement:?}");
        }
    }
}

#[test]
fn every_verification_status_is_read_as_a_code_and_as_text() {
    let table = [
        ("confirmed", true),
        ("provisional", true),
        ("differential", true),
        ("unconfirmed", true),
        ("refuted", false),
        ("entered-in-error", false),
    ];
    for (status, expected) in table {
        for written in written(VERIFICATION, status) {
            assert_eq!(is_active(|disc| disc["verificationStatus"] = written.clone()), expected, "{written}");
        }
    }
}

#[test]
fn of_several_codings_of_a_status_any_decides() {
    let two = |first: &str, second: &str| json!({"coding": [{"system": "urn:x", "code": first}, {"system": VERIFICATION, "code": second}]});
    assert!(!is_active(|disc| disc["verificationStatus"] = two("local", "refuted")));
    assert!(is_active(|disc| disc["clinicalStatus"] = two("local", "active")));
}

/// Whether an allergy to an NSAID with this status is a contraindication.
fn is_allergic(member: &str, value: &Value) -> bool {
    let allergy = json!({"resourceType": "AllergyIntolerance", "id": "a1", "patient": {"reference": "Patient/p1"},
        "code": concept("http://www.nlm.nih.gov/research/umls/rxnorm", "7258"), member: value});
    verdict(&left_order().with("allergies", [allergy]), "I.A.4.b") == "met"
}

#[test]
fn every_status_of_an_allergy_is_read_as_a_code_and_as_text() {
    let clinical = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
    let verification = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";
    let table = [
        ("clinicalStatus", clinical, "active", true),
        ("clinicalStatus", clinical, "inactive", false),
        ("clinicalStatus", clinical, "resolved", false),
        ("clinicalStatus", clinical, "chronic", true),
        ("verificationStatus", verification, "confirmed", true),
        ("verificationStatus", verification, "unconfirmed", true),
        ("verificationStatus", verification, "refuted", false),
        ("verificationStatus", verification, "entered-in-error", false),
    ];
    for (member, system, status, expected) in table {
        for written in written(system, status) {
            assert_eq!(is_allergic(member, &written), expected, "{member} {written}");
        }
    }
}

fn nsaids(key: &str, drug: &Value) -> String {
    verdict(&left_order().with(key, [drug.clone()]), "I.A.4.b")
}

#[test]
fn every_status_of_a_statement_on_a_drug_is_read() {
    let table = [
        ("active", "met"),
        ("completed", "met"),
        ("stopped", "met"),
        ("on-hold", "met"),
        ("entered-in-error", "unknown"),
        ("intended", "unknown"),
        ("unknown", "unknown"),
        ("not-taken", "unknown"),
    ];
    for (status, expected) in table {
        assert_eq!(nsaids("medicationStatements", &with_member(naproxen(), "status", &json!(status))), expected, "{status}");
    }
}

/// A prescription for thirty days.
fn thirty_days() -> Value {
    with_member(prescription(), "dispenseRequest", &json!({"expectedSupplyDuration": {"value": 30, "code": "d"}}))
}

#[test]
fn every_status_and_intent_of_a_prescription_is_read() {
    let statuses = [
        ("active", "met"),
        ("completed", "met"),
        ("stopped", "unknown"),
        ("on-hold", "unknown"),
        ("cancelled", "unknown"),
        ("entered-in-error", "unknown"),
        ("draft", "unknown"),
        ("unknown", "unknown"),
    ];
    for (status, expected) in statuses {
        assert_eq!(nsaids("medicationRequests", &with_member(thirty_days(), "status", &json!(status))), expected, "{status}");
    }
    for intent in ["order", "original-order", "reflex-order", "filler-order", "instance-order"] {
        assert_eq!(nsaids("medicationRequests", &with_member(thirty_days(), "intent", &json!(intent))), "met", "{intent}");
    }
    for intent in ["proposal", "plan", "option"] {
        assert_eq!(nsaids("medicationRequests", &with_member(thirty_days(), "intent", &json!(intent))), "unknown", "{intent}");
    }
    assert_eq!(nsaids("medicationRequests", &with_member(thirty_days(), "doNotPerform", &json!(true))), "unknown");
}

#[test]
fn a_drug_taken_as_needed_is_no_course() {
    for dosage in [json!([{"asNeededBoolean": true}]), json!([{"asNeededCodeableConcept": {"text": "pain"}}])] {
        assert_eq!(nsaids("medicationStatements", &with_member(naproxen(), "dosage", &dosage)), "unknown", "{dosage}");
        assert_eq!(nsaids("medicationRequests", &with_member(thirty_days(), "dosageInstruction", &dosage)), "unknown", "{dosage}");
    }
    assert_eq!(nsaids("medicationStatements", &with_member(naproxen(), "dosage", &json!([{"asNeededBoolean": false}]))), "met");
}

#[test]
fn every_status_of_a_finding_is_read() {
    let statuses = ["final", "amended", "corrected", "registered", "preliminary", "cancelled", "entered-in-error", "unknown"];
    for (place, status) in statuses.into_iter().enumerate() {
        let finding = with_member(finding("sij-tenderness", true), "status", &json!(status));
        let expected = if place < 3 { "met" } else { "unknown" };
        assert_eq!(verdict(&left_order().with("observations", [finding]), "I.A.2"), expected, "{status}");
    }
}

#[test]
fn every_way_of_writing_a_finding_is_read() {
    let of_code = |code: &str| json!({"valueCodeableConcept": {"coding": [{"code": code}]}});
    let flagged = |code: &str| json!({"interpretation": [{"coding": [{"code": code}]}]});
    let mut table = vec![(json!({"valueBoolean": true}), "met"), (json!({"valueBoolean": false}), "not-met"), (json!({}), "unknown")];
    for (codes, expected) in
        [(["10828004", "POS", "positive", "pos", "Positive"], "met"), (["260385009", "NEG", "negative", "neg", "Negative"], "not-met")]
    {
        table.extend(codes.into_iter().flat_map(|code| [(of_code(code), expected), (flagged(code), expected)]));
    }
    table.extend(["equivocal", "H", "1"].into_iter().flat_map(|code| [(of_code(code), "unknown"), (flagged(code), "unknown")]));
    for (value, expected) in table {
        let mut finding = finding("sij-tenderness", true);
        finding.as_object_mut().unwrap().remove("valueBoolean");
        finding.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        assert_eq!(verdict(&left_order().with("observations", [finding]), "I.A.2"), expected, "{value}");
    }
}

/// A form with one answer and one additional member.
fn is_form_counted(member: &str, value: &Value) -> bool {
    let answer = item("conservative-care-failed", &json!({"valueBoolean": true}));
    let call: Call = left_order().with("questionnaireResponses", [with_member(form("f1", [answer]), member, value)]);
    let counts = verdict(&call, "I.A.4") == "met";
    assert_ne!(counts, call.evaluation().to_string().contains("form-not-counted"), "a form counts or is named: {member} {value}");
    counts
}

/// Additional forms beside one that counts and answers one question.
#[test]
fn a_form_of_another_time_is_named_where_it_could_have_answered_what_is_open() {
    let mut texts = std::collections::BTreeSet::new();
    for authored in ["2026-05-01T09:00:00Z", "2026-11-24T09:00:00Z"] {
        let old = with_member(form("f2", [item("pain-interferes-adls", &json!({"valueBoolean": true}))]), "authored", &json!(authored));
        let call = left_order()
            .with("questionnaireResponses", [form("f1", [item("conservative-care-failed", &json!({"valueBoolean": true}))]), old]);
        let evaluation = call.evaluation();
        let notes: Vec<_> =
            evaluation["orders"][0]["notes"].as_array().unwrap().iter().filter(|note| note["kind"] == "form-not-counted").collect();
        assert_eq!(notes.len(), 1, "{authored}: {evaluation}");
        assert_eq!(notes[0]["resources"], json!(["QuestionnaireResponse/f2"]), "{authored}");
        texts.insert(notes[0]["text"].to_string());
    }
    assert_eq!(texts.len(), 2, "{texts:?}");
}

#[test]
fn a_form_of_another_time_is_not_named_where_every_question_has_its_answer() {
    let mut call = Call(serde_json::from_str(&story("first-injection-fully-documented").request).unwrap());
    let forms = call.0["prefetch"]["questionnaireResponses"]["entry"].as_array_mut().unwrap();
    let mut old = forms[0].clone();
    old["resource"]["id"] = json!("old");
    old["resource"]["authored"] = json!("2026-05-01T09:00:00Z");
    forms.push(old);
    let evaluation = call.evaluation();
    assert_eq!(evaluation["orders"][0]["determination"], "supported");
    assert!(!evaluation.to_string().contains("form-not-counted"), "{evaluation}");
}

#[test]
fn every_status_canonical_and_age_of_a_form_counts_or_is_named() {
    let table = [
        ("status", "completed", true),
        ("status", "amended", true),
        ("status", "in-progress", false),
        ("status", "stopped", false),
        ("questionnaire", "sij-injection-documentation", true),
        ("questionnaire", "http://payer.example.org/fhir/Questionnaire/sij-injection-documentation|2.0.0", true),
        ("questionnaire", "https://x.example/a/b/sij-injection-documentation|9", true),
        ("authored", "2026-11-22T09:00:00Z", true),
        ("authored", "2026-11-22", true),
        ("authored", "2026-08-24T00:00:00Z", true),
        ("authored", "2026-08-23T23:00:00Z", false),
        ("authored", "2026-11", false),
        ("authored", "2026-11-23T09:00:00Z", false),
    ];
    for (member, value, expected) in table {
        assert_eq!(is_form_counted(member, &json!(value)), expected, "{member} {value}");
    }
}

#[test]
fn a_condition_of_the_chart_changes_nothing_where_it_is_not_active() {
    let disc = with_member(problem(&icd10("M51.26")), "clinicalStatus", &concept(CLINICAL, "resolved"));
    let evaluation = first_injection().with("conditions", [disc]).evaluation();
    assert_eq!(evaluation["orders"][0]["determination"], "supported");
}
