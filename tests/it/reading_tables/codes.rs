//! Codes: every name of every code system, in every spelling, with codes of every value set; and every spelling of a code.
//! The names and the sets come from the policy's data, so new ones are tested automatically.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{DAY, LOCAL, SNOMED, finding, left_order, naproxen, score, sessions, verdict, with_member, without_answers};
use crate::support::Call;
use crate::support::call::{condition, cpt, icd10, order, procedure};
use crate::support::markdown::document;

const FOLDER: &str = "cds-hooks/policies/sacroiliac-joint-interventions/2019-08";
const CPT: &str = "http://www.ama-assn.org/go/cpt";
const HCPCS: &str = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets";
const ICD10: &str = "http://hl7.org/fhir/sid/icd-10-cm";

/// The names of a code system: its URI and its aliases.
fn names(uri: &str) -> Vec<String> {
    let policy: toml::Table = document(&format!("{FOLDER}/policy.toml")).parse().unwrap();
    let system = policy["systems"].as_array().unwrap().iter().find(|system| system["uri"].as_str() == Some(uri));
    let aliases = system.unwrap_or_else(|| panic!("{uri} is no system")).get("aliases").and_then(toml::Value::as_array);
    let aliases = aliases.into_iter().flatten().map(|alias| alias.as_str().unwrap());
    std::iter::once(uri).chain(aliases).map(str::to_owned).collect()
}

/// The spellings of a name.
fn spellings(name: &str) -> Vec<String> {
    let mut found = vec![name.to_owned(), format!(" {name} "), format!("{name}/")];
    if let Some(rest) = name.strip_prefix("https:") {
        found.push(format!("http:{rest}"));
    } else if let Some(rest) = name.strip_prefix("http:") {
        found.extend([format!("https:{rest}"), format!("https:{rest}/")]);
    } else if let Some(oid) = name.strip_prefix("urn:oid:") {
        found.extend([oid.to_owned(), format!(" {oid}")]);
    }
    found
}

/// A code of a value set.
struct Sample {
    set: String,
    system: String,
    code: String,
}

impl Sample {
    #[track_caller]
    fn assert_found(&self, coding: &Value) {
        assert!(is_found(&self.set, coding), "{coding} is not found in {}", self.set);
    }

    fn is_billing_code(&self) -> bool {
        [CPT, HCPCS].contains(&self.system.as_str())
    }
}

fn coding(system: &str, code: &str) -> Value {
    json!({"system": system, "code": code})
}

/// The first and the last code of every system of every value set.
fn samples() -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER).join("valuesets");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let of_file = |path: PathBuf| {
        let set: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let name = set["id"].as_str().unwrap().to_owned();
        let of_system = move |include: Value| {
            let concepts = include["concept"].as_array().unwrap().clone();
            let ends = [concepts.first().cloned().unwrap(), concepts.last().cloned().unwrap()];
            let sample = |concept: Value| Sample {
                set: name.clone(),
                system: include["system"].as_str().unwrap().to_owned(),
                code: concept["code"].as_str().unwrap().trim_end_matches('*').to_owned(),
            };
            ends.map(sample)
        };
        set["compose"]["include"].as_array().unwrap().clone().into_iter().flat_map(of_system).collect::<Vec<_>>()
    };
    files.into_iter().flat_map(of_file).collect()
}

fn kind(order: Value) -> Value {
    Call::ordering([order]).evaluation()["orders"][0]["kind"].clone()
}

fn sites(order: Value) -> Vec<Value> {
    let evaluation = Call::ordering([order]).evaluation();
    evaluation["orders"][0]["sites"].as_array().unwrap().iter().map(|site| site["site"].clone()).collect()
}

fn has_note(call: &Call, kind: &str) -> bool {
    let evaluation = call.evaluation();
    evaluation["orders"][0]["notes"].as_array().into_iter().flatten().any(|note| note["kind"] == kind)
}

/// Whether a coding is found in a value set, judged by the evaluation.
fn is_found(set: &str, coding: &Value) -> bool {
    let code = json!({"coding": [coding]});
    let coded_site = json!([{"coding": [{"system": SNOMED, "code": "39723000"}]}]);
    let in_words = |code: &Value| with_member(code.clone(), "text", &json!("SI joint"));
    match set {
        "sij-injection" => kind(order("o1", &code, DAY)) == "injection",
        "sij-radiofrequency-neurotomy" => kind(order("o1", &code, DAY)) == "neurotomy",
        "joint-injection" => kind(with_member(order("o1", &code, DAY), "bodySite", &coded_site)) == "injection",
        "nerve-destruction" => kind(order("o1", &in_words(&code), DAY)) == "neurotomy",
        "sacroiliac-joint-structure" => kind(with_member(order("o1", &cpt("20610"), DAY), "bodySite", &json!([code]))) == "injection",
        "side-left" => sites(with_member(order("o1", &cpt("27096"), DAY), "bodySite", &json!([code]))) == ["left"],
        "side-right" => sites(with_member(order("o1", &cpt("27096"), DAY), "bodySite", &json!([code]))) == ["right"],
        "side-both" => sites(with_member(order("o1", &cpt("27096"), DAY), "bodySite", &json!([code]))) == ["left", "right"],
        "invasive-pain-procedure" | "sij-nerve-block" => {
            verdict_of(&Call::ordering([order("o1", &cpt("27096:LT"), DAY), order("o2", &code, DAY)]), "V") == "not-met"
        }
        "conservative-therapy" => {
            let injections = ["2026-08-01", "2026-09-01"].map(|day| procedure(day, &cpt("27096:LT"), day));
            let call = Call::ordering([order("o1", &cpt("27096:LT"), DAY), order("o2", &code, DAY)]);
            verdict_of(&call.with("procedures", injections), "I.C.2") == "met"
        }
        _ => is_found_in_chart(set, coding, &code),
    }
}

/// The verdict of a criterion of the first order.
fn verdict_of(call: &Call, id: &str) -> String {
    let evaluation = call.evaluation();
    let criteria = evaluation["orders"][0]["sites"][0]["criteria"].as_array().unwrap().clone();
    criteria.iter().find(|criterion| criterion["id"] == id).unwrap()["verdict"].as_str().unwrap().to_owned()
}

fn is_found_in_chart(set: &str, coding: &Value, code: &Value) -> bool {
    let is_met = |call: Call, id: &str| verdict(&call, id) == "met";
    let problem = |began: &str, code: &Value| with_member(condition("c1", code), "onsetDateTime", &json!(began));
    match set {
        "therapy-session" => is_met(left_order().with("procedures", sessions(code)), "I.A.4.a"),
        "activity-modification" => is_met(left_order().with("procedures", sessions(code)), "I.A.4.c"),
        "low-back-region" => {
            let site = json!([{"coding": [coding], "text": "Elsewhere"}]);
            let sessions = sessions(&cpt("97110")).into_iter().map(|session| with_member(session, "bodySite", &site));
            is_met(left_order().with("procedures", sessions), "I.A.4.a")
        }
        "nsaid" => {
            is_met(left_order().with("medicationStatements", [with_member(naproxen(), "medicationCodeableConcept", code)]), "I.A.4.b")
        }
        "nsaid-allergy" => {
            let allergy = json!({"resourceType": "AllergyIntolerance", "id": "a1", "patient": {"reference": "Patient/p1"}, "code": code});
            is_met(left_order().with("allergies", [allergy]), "I.A.4.b")
        }
        "nsaid-contraindication" => is_met(left_order().with("conditions", [problem("2026-05-04", code)]), "I.A.4.b"),
        "nsaid-caution" => {
            let named = with_member(code.clone(), "text", &json!("Caution of this table"));
            left_order()
                .with("conditions", [problem("2026-05-04", &named)])
                .criterion("I.A.4.b")
                .to_string()
                .contains("Caution of this table")
        }
        "disc-or-facet-pain" => !is_met(left_order().with("conditions", [problem("2026-05-04", code)]), "I.A.5"),
        "alternative-diagnoses" => has_note(&left_order().with("conditions", [problem("2026-05-04", code)]), "alternative-diagnosis"),
        "covered-diagnoses" => {
            left_order().with_order_member(0, "reasonCode", &json!([code])).evaluation()["orders"][0]["diagnosis"] == "on-order"
        }
        "sij-pain-diagnoses" => is_met(without_answers(&["adls-limited-since"]).with("conditions", [problem("2026-05-04", code)]), "I.A.1"),
        // A specific diagnosis of this month dates the pain, regardless of an unspecific one.
        "sij-specific-diagnoses" => {
            let unspecific = with_member(problem("2020-05-04", &icd10("M54.9")), "id", &json!("c0"));
            !is_met(without_answers(&["adls-limited-since"]).with("conditions", [unspecific, problem("2026-11-01", code)]), "I.A.1")
        }
        "sij-fusion" => {
            let call = left_order().with("conditions", [problem("2024-05-04", code)]);
            has_note(&call.with("procedures", [procedure("p9", code, "2024-05-04")]), "sij-fusion")
        }
        _ => is_found_elsewhere(set, coding, code),
    }
}

fn is_found_elsewhere(set: &str, coding: &Value, code: &Value) -> bool {
    let nurse = json!({"system": "http://nucc.org/provider-taxonomy", "code": "363LF0000X"});
    let performed_by = |codings: Value| left_order().with_order_member(0, "performerType", &json!({"coding": codings}));
    match set {
        "non-physician-performer" => verdict(&performed_by(json!([coding])), "VI") == "not-met",
        "physician-performer" => verdict(&performed_by(json!([nurse, coding])), "VI") == "met",
        "plan-commercial" | "plan-medicaid" | "plan-medicare" => {
            let coverage = json!({"resourceType": "Coverage", "id": "v1", "status": "active", "type": code,
                "beneficiary": {"reference": "Patient/p1"}});
            let plan = left_order().with("coverage", [coverage]).evaluation()["plan"].as_str().unwrap().to_owned();
            plan.contains(set.trim_start_matches("plan-"))
        }
        "pain-severity-score" => {
            let scores = [("s1", "2026-08-01", 8), ("s2", "2026-09-01", 2)];
            let scores = scores.map(|(id, day, value)| with_member(score(id, day, value), "code", code));
            let call = left_order().with("procedures", [procedure("i1", &cpt("27096:LT"), "2026-08-01")]);
            call.with("observations", scores).site()["priorInjections"][0]["improved"] == "met"
        }
        "sij-tenderness" => verdict(&left_order().with("observations", [with_member(finding("x", true), "code", code)]), "I.A.2") == "met",
        _ if set.starts_with("test-") => {
            // Two of the form's three positive tests remain: the finding is the third.
            let is_answered = ["test-distraction", "test-compression", "test-thigh-thrust"].contains(&set);
            let call = without_answers(&[if is_answered { set } else { "test-distraction" }]);
            verdict(&call.with("observations", [with_member(finding("x", true), "code", code)]), "I.A.3") == "met"
        }
        _ => panic!("no test finds codes of `{set}`"),
    }
}

#[test]
fn a_code_of_every_set_is_found_under_every_name_of_its_system_in_every_spelling() {
    let mut tried = 0;
    for sample in samples() {
        for spelling in names(&sample.system).iter().flat_map(|name| spellings(name)) {
            sample.assert_found(&coding(&spelling, &sample.code));
            tried += 1;
        }
    }
    assert!(tried > 500, "only {tried} spellings");
}

#[test]
fn a_code_is_not_found_under_a_local_system() {
    for sample in samples() {
        let local = coding(LOCAL, &sample.code);
        assert!(!is_found(&sample.set, &local), "{local} is found in {}", sample.set);
    }
}

#[test]
fn a_code_is_found_in_either_case_and_a_diagnosis_without_its_dot() {
    for sample in samples() {
        sample.assert_found(&coding(&sample.system, &sample.code.to_lowercase()));
        sample.assert_found(&coding(&sample.system, &format!(" {} ", sample.code)));
        if sample.system == ICD10 {
            sample.assert_found(&coding(ICD10, &sample.code.replace('.', "")));
        }
    }
}

#[test]
fn cpt_and_hcpcs_are_one_namespace_which_modifiers_follow() {
    for sample in samples().iter().filter(|sample| sample.is_billing_code()) {
        let other = if sample.system == CPT { HCPCS } else { CPT };
        sample.assert_found(&coding(other, &sample.code));
        sample.assert_found(&json!({"code": sample.code}));
        for separator in [":", "-", " ", ": ", " - "] {
            sample.assert_found(&coding(&sample.system, &format!("{}{separator}59", sample.code)));
        }
        sample.assert_found(&coding(&sample.system, &format!("{}-59-76", sample.code)));
    }
}
