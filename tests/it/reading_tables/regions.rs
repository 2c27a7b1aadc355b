//! Regions: the body region stated by therapy, drugs, scores and findings.

use serde_json::{Value, json};

use super::{LOCAL, SNOMED, finding, left_order, naproxen, score, sessions, verdict, with_member, words};
use crate::support::Call;
use crate::support::call::{concept, condition, cpt, icd10, procedure};

/// Texts that name the region of the joint.
const HERE: [&str; 20] = [
    "Low back",
    "Backache",
    "Lumbar spine",
    "Lumbosacral region",
    "Sacrum",
    "Sacroiliac joint",
    "SIJ",
    "SI joint",
    "SI-joints",
    "Pelvis",
    "Pelvic girdle",
    "Buttock",
    "Buttocks",
    "Gluteal region",
    "Hip",
    "Coccyx",
    "Lumbago",
    "Sciatica",
    "Spondylosis",
    "knee and hip",
];

/// Texts that name another region.
const ELSEWHERE: [&str; 16] = [
    "Knee",
    "Shoulder",
    "Ankle",
    "Neck",
    "Cervical spine",
    "Thoracic spine",
    "Wrist",
    "Elbow",
    "Foot",
    "Thumb",
    "Head",
    "Chest",
    "Jaw",
    "Plantar fascia",
    "ship",
    "SI the joint",
];

/// Texts that do not state a region: only a side.
const SIDES: [&str; 9] = ["Left", "Right side", "lt", "R", "Bilateral", "both", "B/L", "Left (qualifier value)", "unilateral left"];

fn is_therapy_counted(member: &str, statement: &Value) -> bool {
    let sessions = sessions(&cpt("97110")).into_iter().map(|session| with_member(session, member, statement));
    verdict(&left_order().with("procedures", sessions), "I.A.4.a") == "met"
}

fn is_drug_counted(reason: &Value) -> bool {
    let drug = with_member(naproxen(), "reasonCode", &json!([reason]));
    verdict(&left_order().with("medicationStatements", [drug]), "I.A.4.b") == "met"
}

fn is_score_counted(site: &Value) -> bool {
    let scores = [score("s1", "2026-08-03", 8), with_member(score("s2", "2026-09-01", 2), "bodySite", site)];
    let call = left_order().with("procedures", [procedure("i1", &cpt("27096:LT"), "2026-08-03")]).with("observations", scores);
    call.site()["priorInjections"][0]["improved"] == "met"
}

fn is_finding_counted(site: &Value) -> bool {
    let finding = with_member(finding("sij-tenderness", true), "bodySite", site);
    verdict(&left_order().with("observations", [finding]), "I.A.2") == "met"
}

/// Whether an entry of each kind counts with this text in each place that states a region.
fn counted(text: &str) -> [(&'static str, bool); 5] {
    [
        ("body site of therapy", is_therapy_counted("bodySite", &json!([words(text)]))),
        ("reason of therapy", is_therapy_counted("reasonCode", &json!([words(text)]))),
        ("reason of a drug", is_drug_counted(&words(text))),
        ("body site of a score", is_score_counted(&words(text))),
        ("body site of a finding", is_finding_counted(&words(text))),
    ]
}

#[test]
fn every_word_for_the_region_counts_in_every_place() {
    for text in HERE {
        for (place, is_counted) in counted(text) {
            assert!(is_counted, "`{text}` as {place}");
        }
    }
}

#[test]
fn every_other_region_counts_nowhere() {
    for text in ELSEWHERE {
        for (place, is_counted) in counted(text) {
            assert!(!is_counted, "`{text}` as {place}");
        }
    }
}

#[test]
fn a_side_alone_names_no_region() {
    for text in SIDES {
        let site = words(text);
        assert!(is_therapy_counted("bodySite", &json!([site])), "{text}");
        assert!(text.to_lowercase().starts_with('r') || is_score_counted(&site), "{text}");
    }
}

#[test]
fn a_drug_for_pain_or_inflamed_joints_counts_and_one_for_the_head_does_not() {
    let table = [
        ("Pain", true),
        ("Chronic pain", true),
        ("Painful joints", true),
        ("Arthritis", true),
        ("Osteoarthritis", true),
        ("Osteoarthritis of the knee", true),
        ("Musculoskeletal strain", true),
        ("Inflammation", true),
        ("Headache", false),
        ("Head pain", false),
        ("Pain, headache", false),
        ("Migraine", false),
        ("Dysmenorrhea", false),
        ("Fever", false),
    ];
    for (text, is_counted) in table {
        assert_eq!(is_drug_counted(&words(text)), is_counted, "{text}");
    }
}

#[test]
fn a_reason_is_read_from_its_code() {
    let table = [
        (icd10("M54.50"), true, true),
        (icd10("M46.1"), true, true),
        (icd10("M51.26"), true, true),
        (icd10("M17.11"), false, true),
        (icd10("M05.9"), false, true),
        (icd10("M19.90"), false, true),
        (icd10("R52"), false, true),
        (icd10("G89.4"), false, true),
        (icd10("M20.10"), false, false),
        (icd10("M75.41"), false, false),
        (icd10("G43.909"), false, false),
        // A code that is in no value set and no diagnosis list states no region.
        (concept(LOCAL, "knee"), true, true),
        (concept(SNOMED, "239873007"), true, true),
    ];
    for (reason, counts_as_therapy, counts_as_drug) in table {
        assert_eq!(is_therapy_counted("reasonCode", &json!([reason])), counts_as_therapy, "therapy for {reason}");
        assert_eq!(is_drug_counted(&reason), counts_as_drug, "a drug for {reason}");
    }
}

#[test]
fn a_body_site_is_read_from_its_code() {
    let table = [
        (concept(SNOMED, "39723000"), true),
        (concept(SNOMED, "37822005"), true),
        (concept(SNOMED, "7771000"), true),
        (concept(SNOMED, "72696002"), false),
        (concept(LOCAL, "72696002"), true),
    ];
    for (site, is_counted) in table {
        assert_eq!(is_therapy_counted("bodySite", &json!([site])), is_counted, "{site}");
        assert_eq!(is_score_counted(&site), is_counted, "{site}");
        assert_eq!(is_finding_counted(&site), is_counted, "{site}");
    }
}

#[test]
fn one_statement_of_the_region_among_others_counts() {
    for sites in [json!([words("Knee"), words("Hip")]), json!([words("Left"), words("Back")])] {
        assert!(is_therapy_counted("bodySite", &sites), "{sites}");
    }
    assert!(!is_therapy_counted("bodySite", &json!([words("Left"), words("Knee")])));
}

/// Therapy for a Condition of the chart.
fn therapy_for(code: &Value) -> Call {
    let reason = json!([{"reference": "Condition/why"}]);
    let sessions = sessions(&cpt("97110")).into_iter().map(|session| with_member(session, "reasonReference", &reason));
    left_order().with("procedures", sessions).with("conditions", [condition("why", code)])
}

#[test]
fn the_reason_may_be_a_condition_of_the_chart() {
    let table =
        [(icd10("M54.50"), "met"), (icd10("M17.11"), "unknown"), (words("Knee sprain"), "unknown"), (words("Low back pain"), "met")];
    for (code, expected) in table {
        assert_eq!(verdict(&therapy_for(&code), "I.A.4.a"), expected, "{code}");
    }
}
