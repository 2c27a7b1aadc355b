//! The policies of `fixtures/policies`, which the same program reads: a later version of the embedded one, and two others.

use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use serde_json::Value;
use sij_cds::decision::policy_check::{CheckDepth, check_policies};

use crate::support::module_graph::sources_of_this_crate;

const FOLDERS: [&str; 3] = ["2020-review", "medicare-like", "commercial"];

/// The newest version of each folder.
const NEWEST: [&str; 3] = ["2020-review/2020-02", "medicare-like/2023-03", "commercial/2024-01"];

const EMBEDDED: &str = "cds-hooks/policies/sacroiliac-joint-interventions/2019-08";

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn fixture(path: &str) -> PathBuf {
    in_repository("fixtures/policies").join(path)
}

/// What `sij-cds evaluate` prints about a base chart of a folder, with a text of the chart's file replaced.
fn evaluated(version: &str, chart: &str, (from, to): (&str, &str), format: &str) -> String {
    let text = std::fs::read_to_string(fixture(version).join("cases/charts").join(chart).with_extension("json")).unwrap();
    assert!(text.contains(from), "{chart} does not hold `{from}`");
    let chart: Value = serde_json::from_str(&text.replace(from, to)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let request = folder.path().join("request.json");
    std::fs::write(&request, chart["request"].to_string()).unwrap();
    let root = fixture(version.split('/').next().unwrap());
    let outcome = Command::new(env!("CARGO_BIN_EXE_sij-cds"))
        .args(["evaluate", "--as-of", chart["asOf"].as_str().unwrap(), "--format", format, "--policy-dir"])
        .args([root, request])
        .assert()
        .code(0);
    String::from_utf8(outcome.get_output().stdout.clone()).unwrap()
}

/// The lines of a text that a clinician reads first: the summary, what was judged, the criteria's titles and the policy.
fn headlines(text: &str) -> String {
    let is_headline = |line: &&str| {
        let starts = ["SI joint", "Left:", "  ✓", "  ✗", "  ?", "What to do", "Policy", "Guideline"];
        starts.iter().any(|start| line.starts_with(start))
    };
    text.lines().filter(is_headline).collect::<Vec<_>>().join("\n")
}

/// The version and the determination of a chart's order.
fn decided(version: &str, chart: &str, change: (&str, &str)) -> (String, String) {
    let result: Value = serde_json::from_str(&evaluated(version, chart, change, "json")).unwrap();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (word(&result["policy"]["version"]), word(&result["orders"][0]["determination"]))
}

#[test]
fn every_case_of_every_folder_agrees_with_the_engine() {
    for folder in FOLDERS {
        let versions = check_policies(Some(&fixture(folder)), CheckDepth::Cases).unwrap();
        let disagreeing: Vec<_> = versions.iter().flat_map(|version| &version.cases).filter(|case| !case.agrees()).collect();
        assert!(disagreeing.is_empty(), "{folder}: {disagreeing:#?}");
        let cases: Vec<_> = versions.iter().map(|version| version.cases.len()).collect();
        assert!(cases.iter().all(|cases| *cases > 0) && cases.last().is_some_and(|cases| *cases >= 20), "{folder}: {cases:?} cases");
    }
}

#[test]
fn the_value_sets_are_copies_of_the_embedded_ones() {
    for version in ["2020-review/2019-08", "2020-review/2020-02", "medicare-like/2023-03", "commercial/2024-01"] {
        for entry in std::fs::read_dir(in_repository(EMBEDDED).join("valuesets")).unwrap() {
            let original = entry.unwrap().path();
            let copy = fixture(version).join("valuesets").join(original.file_name().unwrap());
            assert_eq!(std::fs::read(&original).unwrap(), std::fs::read(&copy).unwrap(), "{}", copy.display());
        }
    }
}

#[test]
fn the_older_version_beside_the_review_is_a_copy_of_the_embedded_one() {
    for file in ["policy.toml", "cards.toml", "questionnaire.json"] {
        let read = |folder: PathBuf| std::fs::read_to_string(folder.join(file)).unwrap();
        assert!(read(in_repository(EMBEDDED)) == read(fixture("2020-review/2019-08")), "{file} of fixtures/policies/2020-review/2019-08");
    }
}

#[test]
fn the_review_decides_services_from_its_first_day_on() {
    let table = [("2019-12-31", "2019-08"), ("2020-01-31", "2019-08"), ("2020-02-01", "2020-02"), ("2026-12-01", "2020-02")];
    for (service_date, version) in table {
        let (decided_by, _) = decided("2020-review/2020-02", "first-injection", ("2020-03-02", service_date));
        assert_eq!(decided_by, version, "a service on {service_date}");
    }
}

#[test]
fn no_source_names_a_policy_of_the_fixtures() {
    let mut names = vec!["CP.MP.166".to_owned(), "LCD".to_owned(), "eviCore".to_owned(), "CMM-203".to_owned(), "2020-review".to_owned()];
    for version in NEWEST {
        let policy: toml::Table = std::fs::read_to_string(fixture(version).join("policy.toml")).unwrap().parse().unwrap();
        // The review shares its id with the embedded policy; only the version distinguishes them.
        let own = if version.starts_with("2020-review") { "version" } else { "id" };
        names.push(policy[own].as_str().unwrap().to_owned());
    }
    for (path, source) in sources_of_this_crate() {
        let found: Vec<_> = names.iter().filter(|name| source.contains(name.as_str())).collect();
        assert!(found.is_empty(), "{path} names {found:?}");
    }
}

#[test]
fn a_text_names_every_version_that_decided_an_order() {
    let second = r#"{"resourceType": "ServiceRequest", "id": "sr2", "status": "draft", "intent": "order", "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "27096"}]}, "occurrenceDateTime": "2020-01-31"}"#;
    let from = "\"entry\": [\n          {\n            \"resource\": {\n              \"resourceType\": \"ServiceRequest\"";
    let to = from.replacen("[\n", &format!("[ {{ \"resource\": {second} }},\n"), 1);
    let text = evaluated("2020-review/2020-02", "first-injection", (from, &to), "text");
    let versions: Vec<_> = text.split(", version ").skip(1).map(|rest| &rest[..7]).collect();
    assert_eq!(versions, ["2019-08", "2020-02"], "{text}");
    let of_2019 = evaluated("2020-review/2020-02", "first-injection", ("2020-03-02", "2019-12-31"), "text");
    assert!(of_2019.contains(", version 2019-08.") && !of_2019.contains(", version 2020-02."), "{of_2019}");
}

#[test]
fn the_review_is_told_by_its_version() {
    let text = evaluated("2020-review/2020-02", "second-diagnostic", ("2024-03-04", "2024-03-05"), "text");
    insta::assert_snapshot!(headlines(&text), @"
    SI joint injection, left: not before 2024-03-19. Less than 14 days since the first injection
    What to do: Move the order to 2024-03-19 or later.
    Left: second diagnostic injection (section I.B), not covered before 2024-03-19
      ✓ I.B.1 Less than 50% relief after the first injection
      ✗ I.B.2 14 days since the first injection
      ✓ III Within 12 months of the first injection
      ✓ V No other procedure in the visit
      ✓ VI Performed by a physician
      ✓ history Complete list of earlier injections
    Policy Sacroiliac Joint Interventions, version 2020-02. Decision support, not a guarantee of
    ");
}

#[test]
fn the_medicare_like_policy_asks_for_image_guidance() {
    let trigger_point = ("\"code\": \"27096\"}]}", "\"code\": \"20552\"}], \"text\": \"SI joint injection\"}");
    let text = evaluated("medicare-like/2023-03", "first-diagnostic", trigger_point, "text");
    insta::assert_snapshot!(headlines(&text), @"
    SI joint injection, left: not yet. Ordered without image guidance
    What to do: Order the injection under its code with image guidance. Then sign again.
    Left: first diagnostic injection, not covered yet
      ✓ A.1 Moderate or severe pain below L5 for 3 months
      ✓ A.2 Other causes of the pain ruled out
      ✓ A.3 3 positive provocation tests
      ✓ A.4 4 weeks of conservative therapy
      ✓ A.5 Pain despite conservative therapy
      ✓ D.1 Fewer than 4 sessions in 12 months
      ✗ D.2 Image guidance
      ✓ history Complete list of earlier injections
    Policy Sacroiliac Joint Injections and Procedures, version 2023-03. Decision support, not a
    ");
}

#[test]
fn the_medicare_like_policy_has_its_own_numbers_for_repeats() {
    let less_relief = ("\"valueDecimal\": 60", "\"valueDecimal\": 40");
    let text = evaluated("medicare-like/2023-03", "further-therapeutic", less_relief, "text");
    insta::assert_snapshot!(headlines(&text), @"
    SI joint injection, left: not covered as documented. Too little relief after the last therapeutic
    What to do: As documented, the policy does not cover this. If the record is wrong or incomplete,
    Left: therapeutic injection, not covered as documented
      ✓ C.1 75% relief after each diagnostic injection
      ✗ C.2 50% relief for 3 months after the last therapeutic injection
      ✓ D.1 Fewer than 4 sessions in 12 months
      ✓ D.2 Image guidance
      ✓ history Complete list of earlier injections
    Policy Sacroiliac Joint Injections and Procedures, version 2023-03. Decision support, not a
    ");
}

#[test]
fn the_commercial_policy_counts_the_faber_test() {
    let not_done = (
        "\"test-faber\", \"answer\": [{\"valueCoding\": {\"code\": \"positive\"",
        "\"test-faber\", \"answer\": [{\"valueCoding\": {\"code\": \"not-done\"",
    );
    let text = evaluated("commercial/2024-01", "diagnostic", not_done, "text");
    insta::assert_snapshot!(headlines(&text), @"
    SI joint injection, left: documentation missing for 1 criterion: Provocation tests
    What to do: Enter what is missing in the documentation form, then sign again.
    Left: diagnostic injection, documentation needed
      ✓ 1.a Pain over the SI joint
      ✓ 1.b Other causes of the pain ruled out
      ? 1.c 3 positive provocation tests
      ✓ 1.d 4 weeks of conservative care
      ✓ 1.e Pain despite conservative care
      ✓ history Complete list of earlier injections
    Guideline Sacroiliac Joint Injections, version 2024-01. Decision support, not a guarantee of
    ");
}
