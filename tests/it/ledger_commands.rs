//! `sij-cds ledger …`: the output and exit code of each command.

use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use serde_json::Value;
use sij_cds::ledger::EntryKind;

use crate::support::keeping::Keeping;
use crate::support::opened_app::{AppAtWork, Surfer, hidden};
use crate::support::{empty_sign_call, story};

const STORY: &str = "second-diagnostic-day-10";

/// A ledger with a decided call, an undecided one, and feedback.
async fn kept() -> (Keeping, String) {
    let keeping = Keeping::new();
    let app = keeping.app().await;
    let answer = app.http.sign_text(&story(STORY).request).await;
    let card = answer.json()["cards"][0]["uuid"].as_str().unwrap().to_owned();
    let feedback = serde_json::json!({"feedback": [{"card": card, "outcome": "overridden"}]});
    app.http.feedback(&feedback).await;
    app.http.sign(&empty_sign_call()).await;
    app.ports.close().await;
    (keeping, card)
}

/// The exit code and output of a ledger command.
fn ledger(keeping: &Keeping, arguments: &[&str]) -> (i32, String) {
    keeping.command(arguments)
}

#[tokio::test(flavor = "multi_thread")]
async fn list_shows_the_newest_first_and_only_what_is_wanted() {
    let (keeping, card) = kept().await;
    let (code, text) = ledger(&keeping, &["list"]);
    assert_eq!((code, text.lines().count()), (0, 4), "{text}");
    let lines = |arguments: &[&str]| ledger(&keeping, arguments).1.lines().map(str::to_owned).collect::<Vec<_>>();
    let calls = lines(&["list", "--determination", "not-yet"]);
    assert_eq!(calls.len(), 1);
    assert!(calls[0].contains("ServiceRequest/order-1") && calls[0].contains("development"), "{calls:?}");
    assert!(lines(&["list", "--kind", "feedback"])[0].contains(&card));
    assert_eq!(lines(&["list", "--limit", "2"]).len(), 2);
    assert_eq!(lines(&["list", "--client", "nobody"]), [""; 0]);
    assert_eq!(lines(&["list", "--patient", "b1e51764-sij"]).len(), 1);
    assert_eq!(lines(&["list", "--to", "2026-11-22T10:00:00Z"]), [""; 0]);
    assert_eq!(lines(&["list", "--from", "2026-11-22T10:00:00Z"]).len(), 4);
    let json: Value = serde_json::from_str(&lines(&["list", "--format", "json", "--determination", "not-yet"])[0]).unwrap();
    assert_eq!((json["kind"].as_str(), json["hookInstance"].is_string()), (Some("call"), true));
    let (code, told) = ledger(&keeping, &["list", "--kind", "calls"]);
    assert!(code == 2 && told.contains("none of start, call, fault, refusal, feedback"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn show_tells_what_was_asked_decided_and_why() {
    let (keeping, card) = kept().await;
    let (code, text) = ledger(&keeping, &["show", &card]);
    assert_eq!(code, 0, "{text}");
    let parts = [
        "hook          order-sign",
        "order         ServiceRequest/order-1",
        "ServiceRequest/order-1 for 2026-11-24: not-yet, earliest 2026-11-28",
        "I.B.2    not-met        First injection 2026-11-14; 14 days are over on 2026-11-28.",
        "Procedure/procedure-1 (2026-11-14)",
        "SI joint injection, left: not before 2026-11-28. Less than 14 days since the first injection",
        "overridden",
    ];
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    let (_, json) = ledger(&keeping, &["show", &card, "--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["answer"]["cards"][0]["uuid"], card);
    assert_eq!(json["feedback"][0]["feedback"]["outcome"], "overridden");
    let nobody = "00000000-0000-0000-0000-000000000007";
    let told = format!("sij-cds: the ledger has no record or card `{nobody}`\n");
    assert_eq!(ledger(&keeping, &["show", nobody]), (1, told));
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_says_identical_or_what_differs() {
    let (keeping, card) = kept().await;
    let (code, text) = ledger(&keeping, &["replay", &card]);
    assert!(code == 0 && text.starts_with("identical: "), "{text}");
    let folder = crate::support::PolicyFolder::new();
    folder.change("policy.toml", "second_injection_days = 14", "second_injection_days = 7");
    let (code, text) = ledger(&keeping, &["replay", &card, "--policy-dir", folder.path()]);
    assert_eq!(code, 1);
    assert!(
        text.starts_with("note: the files of policy `sacroiliac-joint-interventions|2019-08` are not those that decided\ndifferent: "),
        "{text}"
    );
    assert!(text.contains("  /evaluation/orders/0/determination\n    recorded: \"not-yet\"\n    now:      \"supported\"\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn export_writes_every_record_and_goes_on_behind_a_place() {
    let (keeping, _) = kept().await;
    let (code, text) = ledger(&keeping, &["export"]);
    assert_eq!(code, 0, "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["kind"].as_str().unwrap()).collect::<Vec<_>>(), ["start", "call", "feedback", "call"]);
    let place = format!("{}:{}", lines[1]["chain"].as_str().unwrap(), lines[1]["sequence"]);
    let (_, rest) = ledger(&keeping, &["export", "--resume", &place]);
    assert_eq!(text.lines().skip(2).collect::<Vec<_>>(), rest.lines().collect::<Vec<_>>());
    let (_, table) = ledger(&keeping, &["export", "--format", "csv", "--kind", "call"]);
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 3);
    assert!(rows[0].starts_with("id,kind,receivedAt,") && rows[1].contains(",Patient/b1e51764-sij,"), "{table}");
    let file = keeping.file("export.ndjson");
    ledger(&keeping, &["export", "--output", file.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_and_purge_say_how_it_stands() {
    let (keeping, _) = kept().await;
    let (code, text) = ledger(&keeping, &["verify"]);
    assert!(code == 0 && text.ends_with("the ledger holds: 4 records in 1 chains\n"), "{text}");
    let end = text.lines().find_map(|line| line.strip_prefix("end ")).unwrap().to_owned();
    let chain = end.split(':').next().unwrap().to_owned();
    assert_eq!(ledger(&keeping, &["purge", "--before", "2026-11-22T10:00:00Z"]), (0, "0 records removed\n".to_owned()));
    keeping.tamper("DELETE FROM ledger_record WHERE sequence = 4").await;
    let (code, text) = ledger(&keeping, &["verify", "--expect", &end]);
    assert!(code == 1 && text.starts_with(&format!("chain {chain}: record 4 is missing, and it was there once\n")), "{text}");
    keeping.tamper("UPDATE ledger_record SET client = 'x' WHERE sequence = 2").await;
    let (code, text) = ledger(&keeping, &["purge", "--before", "2030-01-01T00:00:00Z"]);
    assert!(code == 1 && text.contains("record 2 was altered"), "{text}");
    assert_eq!(ledger(&keeping, &["purge", "--before", "2030-01-01T00:00:00Z", "--unverified"]), (0, "3 records removed\n".to_owned()));
    assert_eq!(keeping.records().await.iter().filter(|record| record.kind == EntryKind::Call).count(), 0);
    let (code, text) = ledger(&keeping, &["verify"]);
    assert!(code == 1 && text.starts_with(&format!("chain {chain}: record 4 is missing, and it was there once\n")), "{text}");
    std::fs::remove_file(keeping.file("ledger.db.lock")).unwrap();
    assert_eq!(ledger(&keeping, &["verify"]).0, 0);
}

#[test]
fn a_new_key_is_a_line_for_the_file_of_keys() {
    let keeping = Keeping::new();
    let (code, line) = ledger(&keeping, &["new-key", "--id", "2027"]);
    assert_eq!(code, 0);
    assert!(line.starts_with("2027:") && sij_cds::ledger::KeyRing::read(&line).is_ok(), "{line}");
}

#[test]
fn without_a_ledger_or_its_keys_it_is_2() {
    let keeping = Keeping::new();
    let (code, told) = ledger(&keeping, &["list"]);
    assert!(code == 2 && told.starts_with("sij-cds: `ledger.url`: cannot use `"), "{told}");
    assert_eq!(ledger(&keeping, &["migrate"]), (0, "the ledger's tables are those of this program\n".to_owned()));
    assert_eq!(ledger(&keeping, &["list"]), (0, String::new()));
    std::fs::write(keeping.file("keys"), "no key").unwrap();
    let (code, told) = ledger(&keeping, &["list"]);
    assert!(code == 2 && told.contains("line 1: must be `id:key`"), "{told}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sij-cds"));
    command.args(["ledger", "list"]).env("SIJ_CDS__LEDGER__URL", "off").assert().code(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opened_app_and_what_it_saved_are_listed_and_shown() {
    let (work, mut surfer) = (AppAtWork::of(&story("nothing-documented")).await, Surfer { agent: "browser/1", ..Surfer::default() });
    work.sign().await;
    let address = work.open(&mut surfer, &Value::Null).await;
    let page = work.get(&surfer, &address).await;
    let (csrf, order) = (hidden(&page, "csrf"), hidden(&page, "order"));
    work.send(&surfer, &address, &[("csrf", &csrf), ("order", &order), ("action", "save"), ("nsaid-weeks", "4")]).await;
    work.app.ports.close().await;
    for (kind, said) in [("app-opened", "ServiceRequest/order-1"), ("app-saved", "QuestionnaireResponse/written-")] {
        let (code, list) = ledger(&work.keeping, &["list", "--kind", kind]);
        assert!(code == 0 && list.contains(said) && list.contains("needs-documentation"), "{list}");
        let id = list.split_whitespace().find(|word| word.len() == 36).unwrap();
        let (code, text) = ledger(&work.keeping, &["show", id]);
        assert!(code == 0 && text.contains("Practitioner/dr-1") && text.contains("I.A.4.b"), "{text}");
        assert_eq!(text.contains("\"valueDecimal\"") || text.contains("\"valueInteger\""), kind == "app-saved", "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_records_end_neither_verify_nor_export() {
    let (keeping, _) = kept().await;
    keeping.tamper("UPDATE ledger_record SET client = 'x' WHERE sequence = 2").await;
    keeping.tamper("DELETE FROM ledger_record WHERE sequence = 3").await;
    let (code, text) = ledger(&keeping, &["verify"]);
    assert!(code == 1 && text.contains(": record 2 was altered\n") && text.contains(": record 3 is missing\n"), "{text}");
    assert!(text.ends_with("the ledger does not hold: 2 defects; 2 records hold\n"), "{text}");
    let (code, text) = ledger(&keeping, &["export"]);
    assert!(code == 1 && text.contains(": record 2 was altered\n") && text.contains(": record 3 is missing\n"), "{text}");
    assert!(text.ends_with("2 defects; damaged records are not exported\n"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with('{')).count(), 2, "{text}");
}
