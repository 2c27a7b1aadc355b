//! `sij-cds policy show` and `sij-cds policy diff`: a policy version as a reviewer reads it, and what differs between two.

use std::process::Command;

use assert_cmd::assert::{Assert, OutputAssertExt};

use crate::support::PolicyFolder;

fn program(arguments: &[&str]) -> Assert {
    Command::new(env!("CARGO_BIN_EXE_sij-cds")).args(arguments).assert()
}

fn printed(outcome: &Assert) -> String {
    String::from_utf8(outcome.get_output().stdout.clone()).unwrap()
}

#[test]
fn a_version_is_shown_with_its_numbers_criteria_words_and_codes() {
    let shown = printed(&program(&["policy", "show"]).success().stderr(""));
    let expected = [
        "sacroiliac-joint-interventions 2019-08, in effect from 2019-08-01",
        "relief_percent: 50",
        "- no injection in the episode",
        "- 1 injection in the episode, of which the first did not help",
        "I.A.3\n  - 3 positive provocation tests\n",
        "    - at least 3 positive of `test-distraction`, `test-compression`, ",
        "  - met by\n    - at least one of\n      - the form answers yes to `nsaid-contraindicated`, else an allergy in `nsaid-allergy` or an\n",
        "    - not\n      - at least 50% relief after the first injection",
        "  - waiting can meet it, if only a date is in the way",
        "left\n  - left\n  - lt\n  - l\n",
        "  - 27096 ",
        "phrases.yes: yes",
    ];
    for text in expected {
        assert!(shown.contains(text), "`{text}` is not in:\n{shown}");
    }
}

#[test]
fn the_page_has_everything_and_runs_nothing() {
    let folder = PolicyFolder::new();
    folder.change("policy.toml", "title = \"Tenderness over the SI joint\"", "title = \"Tenderness <b>over</b> the SI joint\"");
    let page = printed(&program(&["policy", "show", "--policy-dir", folder.path(), "--format", "html"]).success());
    for text in ["<h2>Criteria</h2>", "<h3>I.A.2</h3>", "Tenderness &lt;b&gt;over&lt;/b&gt; the SI joint", "default-src 'none'"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("http-equiv=\"refresh\""));
}

#[test]
fn two_versions_differ_where_they_were_changed() {
    let (before, after) = (PolicyFolder::new(), PolicyFolder::new());
    after
        .change("policy.toml", "exercise_therapy_weeks = 6", "exercise_therapy_weeks = 8")
        .change("policy.toml", "remedy = \"time\"\n", "")
        .change("policy.toml", "\"I.A.5\", \"I.A.6\", \"II\"", "\"I.A.6\", \"I.A.5\", \"II\"")
        .change("policy.toml", "left = [\"left\", \"lt\", \"l\"]", "left = [\"left\", \"lt\"]")
        .change("cards.toml", "yes = \"yes\"", "yes = \"aye\"");
    let of = |folder: &PolicyFolder| folder.version("2019-08").to_str().unwrap().to_owned();
    let same = printed(&program(&["policy", "diff", &of(&before), &of(&before)]).success());
    assert!(same.ends_with("0 entries differ\n"), "{same}");
    let differing = printed(&program(&["policy", "diff", &of(&before), &of(&after)]).success().stderr(""));
    let expected = [
        "exercise_therapy_weeks\n  - 6\n  + 8\n",
        "I.A.1\n  - waiting can meet it, if only a date is in the way\n  + not covered if it is not met\n",
        "I.A.4.a\n  - 6 weeks of exercise or manual therapy\n",
        "  + at least 8 weeks of therapy: `exercise-therapy-weeks` by the form, else a course of procedures\n    in `therapy-session`",
        "left\n  - l\n",
        "phrases.yes\n  - yes\n  + aye\n",
    ];
    for text in expected {
        assert!(differing.contains(text), "`{text}` is not in:\n{differing}");
    }
}

#[test]
fn a_change_of_any_setting_is_a_difference() {
    let changes = [
        (
            "policy.toml",
            "percent = \"{relief_percent}\"\nmonths = \"{relief_months}\"",
            "percent = \"{relief_percent}\"\nmonths = \"{interval_months}\"",
        ),
        ("policy.toml", "LT = \"left\"", "LT = \"right\""),
        ("policy.toml", "medicaid = \"Medicaid member:", "medicaid = \"Member of Medicaid:"),
        ("policy.toml", "since = \"2021-10-01\"", "since = \"2021-10-02\""),
        ("policy.toml", "aliases = [\"urn:oid:2.16.840.1.113883.6.88\"]", "aliases = []"),
        ("policy.toml", "judged_as = \"a first injection\"", "judged_as = \"an injection\""),
        ("policy.toml", "met = \"tenderness\"", "met = \"tender\""),
        ("policy.toml", "when_no = \"the form says that the pain does not limit", "when_no = \"the form says the pain does not limit"),
        ("policy.toml", "unless_met = true", "unless_met = false"),
        ("policy.toml", "corrected_by = \"nsaid-weeks\"\n", ""),
        ("policy.toml", "met_by = false\n", ""),
        ("questionnaire.json", "\"linkId\": \"pain-recurred\",\n", "\"linkId\": \"pain-recurred\",\n \"prefix\": \"7\",\n"),
        ("valuesets/nsaid.json", "\"display\": \"", "\"display\": \"The "),
    ];
    let original = PolicyFolder::new();
    let of = |folder: &PolicyFolder| folder.version("2019-08").to_str().unwrap().to_owned();
    for (file, from, to) in changes {
        let folder = PolicyFolder::new();
        folder.change(file, from, to);
        let differing = printed(&program(&["policy", "diff", &of(&original), &of(&folder)]).success());
        assert!(!differing.ends_with("\n0 entries differ\n"), "`{to}`: {differing}");
    }
}

#[test]
fn a_folder_of_two_versions_is_refused() {
    let folder = PolicyFolder::new();
    folder.add_from("2026-12", "2026-12-01");
    let outcome = program(&["policy", "diff", folder.path(), folder.path()]).code(1);
    let told = String::from_utf8(outcome.get_output().stderr.clone()).unwrap();
    assert_eq!(told, format!("sij-cds: `{}` holds 2 versions; name the folder of one\n", folder.path()));
}

#[test]
fn a_version_without_cases_fails_the_check() {
    let folder = PolicyFolder::new();
    std::fs::remove_dir_all(folder.version("2019-08").join("cases")).unwrap();
    let checked = printed(&program(&["policy", "check", "--policy-dir", folder.path()]).code(1));
    assert!(checked.contains("/2019-08: there is no case; a version needs some, so that its answers can be checked\n"), "{checked}");
}
