//! `sij-cds policy check`: the worked cases, an edited policy in a folder, and each error in its files.

use std::path::Path;
use std::process::Command;

use assert_cmd::assert::{Assert, OutputAssertExt};
use sij_cds::decision::policy_check::{CaseOutcome, CheckDepth, check_policies};

use crate::support::PolicyFolder;

impl PolicyFolder {
    fn remove(&self, file: &str) -> &Self {
        std::fs::remove_file(self.version("2019-08").join(file)).unwrap();
        self
    }

    fn write(&self, file: &str, text: &str) -> &Self {
        std::fs::write(self.version("2019-08").join(file), text).unwrap();
        self
    }

    fn check(&self) -> Assert {
        program(&["policy", "check", "--policy-dir", self.path()])
    }

    /// The first error at start-up, without the names of the program and the folder.
    fn fault(&self) -> String {
        let outcome = self.check().code(1).stdout("");
        let told = String::from_utf8(outcome.get_output().stderr.clone()).unwrap();
        told.strip_prefix(&format!("sij-cds: {}/", self.path())).unwrap_or(&told).trim_end().to_owned()
    }
}

fn program(arguments: &[&str]) -> Assert {
    Command::new(env!("CARGO_BIN_EXE_sij-cds")).args(arguments).assert()
}

fn printed(outcome: &Assert) -> String {
    String::from_utf8(outcome.get_output().stdout.clone()).unwrap()
}

#[test]
fn every_embedded_case_agrees_with_the_engine() {
    let versions = check_policies(None, CheckDepth::Cases).expect("the embedded policies can be used");
    let cases: Vec<_> = versions.iter().flat_map(|version| &version.cases).collect();
    let disagreeing: Vec<_> = cases.iter().filter(|case| !case.agrees()).collect();
    assert!(disagreeing.is_empty(), "{disagreeing:#?}");
    println!("{} cases agree", cases.len());
    assert!(cases.len() >= 439, "only {} cases found", cases.len());
}

#[test]
fn each_version_is_printed_with_its_size_and_then_the_count_of_cases() {
    let embedded = printed(&program(&["policy", "check"]).code(0).stderr(""));
    let (version, cases) = embedded.split_once('\n').unwrap();
    assert_eq!(version, "sacroiliac-joint-interventions 2019-08, from 2019-08-01: 36 value sets, 2015 codes, 22 criteria");
    assert!(cases.ends_with(" cases, 0 disagree\n"), "{cases}");
    assert_eq!(printed(&PolicyFolder::new().check().code(0)), embedded);
}

#[test]
fn a_changed_threshold_makes_its_cases_disagree() {
    let folder = PolicyFolder::new();
    folder.change("policy.toml", "second_injection_days = 14", "second_injection_days = 15");
    let printed = printed(&folder.check().code(1));
    let told = printed.split_once("/cases/i-b-response-to-injection.json: second-on-day-14: ").unwrap().1;
    insta::assert_snapshot!(told.lines().take(6).collect::<Vec<_>>().join("\n"), @"
    Day 14 after the first injection is not too early
      ServiceRequest/sr1 determination: expected supported, found not-yet
      ServiceRequest/sr1 earliestDate: expected nothing, found 2026-12-02
      ServiceRequest/sr1 left I.B.2: expected met, found not-met
      ServiceRequest/sr1 left determination: expected supported, found not-yet
      ServiceRequest/sr1 left earliestDate: expected nothing, found 2026-12-02
    ");
    assert!(printed.contains(": second-on-day-13: ") && !printed.contains(": second-on-day-15: "), "{printed}");
    let disagree = printed.lines().filter(|line| line.contains("/cases/")).count();
    assert!(printed.ends_with(&format!(" cases, {disagree} disagree\n")), "{printed}");
}

#[test]
fn a_case_that_expects_too_much_or_too_little_disagrees() {
    let folder = PolicyFolder::new();
    let chart = "cases/charts/bare.json";
    folder.change(chart, r#""I.A.1": "unknown","#, "").change(chart, r#""V": "met""#, r#""IV": "met""#);
    let versions = check_policies(Some(folder.0.path()), CheckDepth::Cases).unwrap();
    let case = versions[0].cases.iter().find(|case| case.file == chart).unwrap();
    let CaseOutcome::Disagrees(disagreements) = &case.outcome else { panic!("{:?}", case.outcome) };
    let places: Vec<_> = disagreements.iter().map(|found| (found.expected.as_deref(), found.found.as_deref())).collect();
    assert_eq!(places, [(None, Some("unknown")), (Some("met"), None), (None, Some("met"))], "{disagreements:?}");
}

#[test]
fn a_case_file_that_cannot_be_read_is_1_and_the_others_are_run() {
    let folder = PolicyFolder::new();
    folder.write("cases/broken.json", "{\n  \"title\": 1\n}").change("cases/charts/neurotomy.json", "\"order-sign\"", "\"other\"");
    let printed = printed(&folder.check().code(1));
    let path = folder.path();
    assert!(
        printed.contains(&format!("{path}/2019-08/cases/broken.json: invalid type: integer `1`, expected a string at line 2")),
        "{printed}"
    );
    let refused = format!(
        "{path}/2019-08/cases/charts/neurotomy.json: chart-neurotomy: the request is refused: this service answers order-sign, order-select, order-dispatch, appointment-book, encounter-start, encounter-discharge and patient-view\n"
    );
    assert!(printed.contains(&refused), "{printed}");
    let of_the_chart = printed.matches("/cases/iv-neurotomy.json: ").count();
    assert!(of_the_chart > 0 && printed.ends_with(&format!(" cases, {} disagree\n", of_the_chart + 2)), "{printed}");
}

/// The line of a policy file that contains a text.
fn line(file: &str, found: &str) -> usize {
    let text = std::fs::read_to_string(PolicyFolder::new().version("2019-08").join(file)).unwrap();
    text.lines().position(|line| line.starts_with(found)).unwrap() + 1
}

#[test]
fn an_unknown_criterion_is_named_with_its_line() {
    let folder = PolicyFolder::new();
    assert_eq!(
        folder.change("policy.toml", "id = \"I.A.1\"", "id = \"I.A.9\"").fault(),
        format!("2019-08/policy.toml:{}: `I.A.1` is not a criterion", line("policy.toml", "criteria = [\"I.A.1\""))
    );
}

#[test]
fn a_missing_value_set_is_named() {
    let folder = PolicyFolder::new();
    assert_eq!(folder.remove("valuesets/nsaid.json").fault(), "2019-08/valuesets/nsaid.json:1: the value set is missing");
}

#[test]
fn a_code_that_is_none_of_its_system_is_named_with_its_line() {
    let folder = PolicyFolder::new();
    assert_eq!(
        folder.change("valuesets/sij-injection.json", "\"27096\"", "\"2709\"").fault(),
        "2019-08/valuesets/sij-injection.json:19: `2709` is not a code of http://www.ama-assn.org/go/cpt"
    );
}

#[test]
fn a_date_that_is_none_is_named_with_its_line() {
    let folder = PolicyFolder::new();
    assert_eq!(
        folder.change("policy.toml", "effective_from = \"2019-08-01\"", "effective_from = \"2019-02-30\"").fault(),
        "2019-08/policy.toml:14: `2019-02-30` is not a date (YYYY-MM-DD)"
    );
}

#[test]
fn an_unknown_phrase_is_named_with_its_line() {
    let folder = PolicyFolder::new();
    assert_eq!(
        folder.change("cards.toml", "yes = \"yes\"", "yes = \"yes\"\nmaybe = \"maybe\"").fault(),
        format!("2019-08/cards.toml:{}: `maybe` is not used", line("cards.toml", "yes = \"yes\"") + 1)
    );
}

#[test]
fn a_kind_of_card_that_cannot_be_told_is_named_with_its_line() {
    let any = "\"I.A.4.a\" = \"therapy-alternatives-req\"";
    let table = [
        ("supported = \"guideline\"", "supported = \"guidance\"", "`guidance` is not in [topics.displays]"),
        ("supported = \"guideline\"", "approved = \"guideline\"", "`approved` is not known here; known: "),
        (any, "\"I.A.9\" = \"therapy-alternatives-req\"", "unknown criterion `I.A.9`"),
        (any, "\"I.A.4.a\" = \"therapy\"", "`therapy` is not in [topics.displays]"),
    ];
    for (from, to, problem) in table {
        let fault = PolicyFolder::new().change("cards.toml", &format!("\n{from}"), &format!("\n{to}")).fault();
        assert!(fault.starts_with(&format!("2019-08/cards.toml:{}: {problem}", line("cards.toml", from))), "{fault}");
    }
}

#[test]
fn a_snomed_ct_diagnosis_that_cannot_be_meant_is_named_with_its_line() {
    let entry = "code = \"782661001\"\nicd_10_cm = [\"M53.3\"]";
    let table = [
        ("code = \"29857009\"\nicd_10_cm = [\"M53.3\"]", 0, "`29857009` is not in sij-pain-diagnoses"),
        ("code = \"782661001\"\nicd_10_cm = [\"M53.2X8\"]", 1, "`M53.2X8` is not in covered-diagnoses"),
        ("code = \"782661001\"\nicd_10_cm = []", 0, "`782661001` has no ICD-10-CM code"),
        ("code = \"202487003\"\nicd_10_cm = [\"M53.3\"]", 0, "`202487003` stands twice"),
    ];
    for (to, below, problem) in table {
        let fault = PolicyFolder::new().change("policy.toml", entry, to).fault();
        assert_eq!(fault, format!("2019-08/policy.toml:{}: {problem}", line("policy.toml", "code = \"782661001\"") + below));
    }
}

#[test]
fn a_missing_question_is_named() {
    let folder = PolicyFolder::new();
    let other = folder.change("questionnaire.json", "\"linkId\": \"nsaid-weeks\"", "\"linkId\": \"nsaid-months\"");
    assert_eq!(other.fault(), "2019-08/questionnaire.json:1: question `nsaid-weeks` is missing, which a criterion reads");
}

#[test]
fn a_folder_without_a_policy_is_1() {
    let empty = tempfile::tempdir().unwrap();
    let path = empty.path().to_str().unwrap();
    let outcome = program(&["policy", "check", "--policy-dir", path]).code(1);
    assert_eq!(outcome.get_output().stderr, format!("sij-cds: `{path}` holds no policy.toml\n").into_bytes());
}

/// A folder with a second version, effective from 2026-12-01, that requires ten weeks of therapy.
fn two_versions() -> PolicyFolder {
    let folder = PolicyFolder::new();
    folder.add_from("2026-12", "2026-12-01").change_in(
        "2026-12",
        "policy.toml",
        "exercise_therapy_weeks = 6",
        "exercise_therapy_weeks = 10",
    );
    folder
}

#[test]
fn the_service_date_picks_the_version() {
    let folder = two_versions();
    let story = "fixtures/stories/first-injection-fully-documented/request.json";
    let request = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(story)).unwrap();
    let file = folder.0.path().join("request.txt");
    for (service_date, version, determination) in [("2026-11-30", "2019-08", "supported"), ("2026-12-01", "2026-12", "not-yet")] {
        std::fs::write(&file, request.replace("\"2026-12-01\"", &format!("\"{service_date}\""))).unwrap();
        let arguments = ["evaluate", "--as-of", "2026-11-22T10:00:00Z", "--policy-dir", folder.path(), file.to_str().unwrap()];
        let result: serde_json::Value = serde_json::from_str(&printed(&program(&arguments).code(0))).unwrap();
        let decided = (&result["policy"]["version"], &result["orders"][0]["serviceDate"], &result["orders"][0]["determination"]);
        assert_eq!(decided, (&version.into(), &service_date.into(), &determination.into()));
    }
}

#[test]
fn the_cases_of_a_version_are_decided_by_that_version_alone() {
    let folder = two_versions();
    let printed = printed(&folder.check().code(1));
    let versions: Vec<_> = printed.lines().filter(|line| line.starts_with("sacroiliac")).collect();
    assert!(versions[0].contains(" 2019-08, from 2019-08-01") && versions[1].contains(" 2026-12, from 2026-12-01"), "{versions:?}");
    assert!(printed.contains("/2026-12/cases/") && !printed.contains("/2019-08/cases/"), "{printed}");
}

#[test]
fn one_version_in_two_folders_is_refused_with_both_paths() {
    let folder = PolicyFolder::new();
    folder.add("copy");
    let (own, copy) = (folder.version("2019-08"), folder.version("copy"));
    assert_eq!(
        folder.fault(),
        format!(
            "sij-cds: version `2019-08` of policy `sacroiliac-joint-interventions` stands in two folders, `{}` and `{}`",
            own.display(),
            copy.display()
        )
    );
}

#[test]
fn two_versions_that_begin_on_one_day_are_refused_with_both_paths() {
    let folder = PolicyFolder::new();
    folder.add_from("2027-01", "2019-08-01");
    let (own, other) = (folder.version("2019-08"), folder.version("2027-01"));
    assert_eq!(
        folder.fault(),
        format!(
            "sij-cds: `effective_from` 2019-08-01 of policy `sacroiliac-joint-interventions` stands in two folders, `{}` and `{}`",
            own.display(),
            other.display()
        )
    );
}

#[test]
fn one_version_of_two_policies_is_no_repetition() {
    let folder = PolicyFolder::new();
    folder.add_policy("medicare", "medicare", "For Medicare");
    let versions = check_policies(Some(folder.0.path()), CheckDepth::Cases).expect("both policies can be used");
    let ids: Vec<&str> = versions.iter().map(|version| version.id.as_str()).collect();
    assert_eq!(ids, ["medicare", "sacroiliac-joint-interventions"]);
}

#[test]
fn a_policy_id_that_no_url_can_have_is_refused() {
    let folder = PolicyFolder::new();
    folder.change("policy.toml", "id = \"sacroiliac-joint-interventions\"", "id = \"SI joint\"");
    let own = folder.version("2019-08");
    let expected = format!("sij-cds: `{}`: policy id `SI joint` is not 1 to 64 letters, digits, hyphens and dots", own.display());
    assert_eq!(folder.fault(), expected);
}
