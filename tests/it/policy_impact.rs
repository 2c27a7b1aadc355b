//! `sij-cds policy impact`: what another policy would change, of calls in a file and of calls in the ledger.

use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::call::{cpt, order};
use crate::support::html::Html;
use crate::support::keeping::Keeping;
use crate::support::{Call, PolicyFolder, evaluated_requests, story};

const AS_OF: &str = "2026-11-22T10:00:00Z";

/// The patient of the story whose order changes.
const PATIENT: &str = "b1e51764-sij";

/// A policy that allows the second diagnostic injection after 7 days, not 14.
fn after_seven_days() -> PolicyFolder {
    let folder = PolicyFolder::new();
    folder.change("policy.toml", "second_injection_days = 14", "second_injection_days = 7");
    folder
}

/// A story's request on one line.
fn line(name: &str) -> String {
    serde_json::from_str::<Value>(&story(name).request).unwrap().to_string()
}

/// A file of calls: a second injection after 10 days with its instant, one after 15 days, a line that is cut off, an empty line, an empty chart,
/// and a call without an order.
struct CallFile(TempDir);

impl CallFile {
    fn new() -> Self {
        let empty = json!({"resourceType": "Bundle", "type": "collection", "entry": []});
        let mut without_order: Value = serde_json::from_str(&story("nothing-documented").request).unwrap();
        without_order["context"]["draftOrders"] = empty;
        let wrapped = format!(r#"{{"asOf":"{AS_OF}","request":{},"expected":[]}}"#, line("second-diagnostic-day-10"));
        Self::with_lines(&[
            &wrapped,
            &line("second-diagnostic-day-15"),
            r#"{"hook":"order-sign","context"#,
            "",
            &line("nothing-documented"),
            &without_order.to_string(),
        ])
    }

    fn with_lines(lines: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        std::fs::write(directory.path().join("calls.ndjson"), lines.join("\n")).unwrap();
        Self(directory)
    }

    /// The output of `policy impact` over this file.
    fn impact(&self, folder: &PolicyFolder, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sij-cds"));
        command.args(["policy", "impact", "--policy-dir", folder.path(), "--as-of", AS_OF, "--requests", "calls.ndjson"]).args(more);
        command.current_dir(self.0.path()).env("SIJ_CDS__SERVER__BODY_LIMIT_BYTES", "300000").output().unwrap()
    }

    fn json(&self, folder: &PolicyFolder, more: &[&str]) -> Value {
        let output = self.impact(folder, &[&["--format", "json"], more].concat());
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_changed_threshold_gives_the_matrix_of_the_orders_it_changes() {
    let report = CallFile::new().json(&after_seven_days(), &[]);
    let calls = json!({"read": 5, "judged": 4, "withoutOrder": 1, "notJudged": 1, "from": null, "to": null, "source": "calls.ndjson"});
    assert_eq!(report["calls"], calls);
    assert_eq!(report["orders"], json!({"judged": 3, "changed": 1, "earliestDateChanged": 0}));
    let pair = |from: &str, to: &str| json!({"from": from, "to": to, "orders": 1});
    let expected = [pair("supported", "supported"), pair("needs-documentation", "needs-documentation"), pair("not-yet", "supported")];
    assert_eq!(report["determinations"], json!(expected));
    let verdicts = json!([{"from": "not-met", "to": "met", "orders": 1}]);
    let title = "7 days since the first injection";
    let criterion = json!({"id": "I.B.2", "title": title, "orders": 1, "changedDeterminations": 1, "verdicts": verdicts});
    assert_eq!(report["criteria"], json!([criterion]));
    let order = json!({
        "line": 1,
        "orderNumber": 1,
        "serviceDate": "2026-11-24",
        "from": "not-yet",
        "to": "supported",
        "earliestDates": {"from": "2026-11-28", "to": null},
        "criteria": [{"id": "I.B.2", "joint": "left", "from": "not-met", "to": "met"}],
    });
    assert_eq!(report["changedOrders"], json!({"listed": [order], "unlisted": 0}));
}

#[test]
fn the_text_report_reads_from_the_result_to_the_orders() {
    let (calls, folder) = (CallFile::new(), after_seven_days());
    let output = calls.impact(&folder, &[]);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    let said = text(&output.stdout).replace(folder.path(), "DIR");
    insta::assert_snapshot!(said, @"
    1 determination of 3 orders changes: 33%
    ────────────────────────────────────────
    In use: the embedded policies
      - sacroiliac-joint-interventions 2019-08, for services from 2019-08-01 on: decided 3 orders
    Proposed: `DIR`
      - sacroiliac-joint-interventions 2019-08, for services from 2019-08-01 on: decided 3 orders
    Calls: 5 calls of `calls.ndjson`: 4 judged by both sets of policies, of which 1 had no order for
           these policies; 1 not judged

    Orders, by their determination in use (row) and proposed (column with the row's number):
                                        → 1.     → 2.     → 3.
      1. supported                         1        0        0
      2. documentation needed              0        1        0
      3. not yet                           1        0        0

      not yet → supported: 1 order

    Criteria whose verdict changes, and of how many changed determinations each is part:
      - I.B.2 7 days since the first injection: 1 order, 1 changed determination
          not met → met: 1 order

    1 call could not be judged:
      - it is not the JSON of a CDS Hooks call, by both: 1 call
        line 3: the body is not JSON (line 1, column 29)

    Orders whose determination changes:
      - line 1, order 1, service on 2026-11-24: not yet → supported
        I.B.2 (left): not met → met
    ");
}

#[test]
fn no_id_of_a_patient_or_order_is_printed_unless_asked_for() {
    let (calls, folder) = (CallFile::new(), after_seven_days());
    for format in ["text", "json", "html"] {
        let hidden = text(&calls.impact(&folder, &["--format", format]).stdout);
        assert!(!hidden.contains(PATIENT) && !hidden.contains("order-1"), "{hidden}");
        let shown = text(&calls.impact(&folder, &["--format", format, "--show-patients"]).stdout);
        assert!(shown.contains(&format!("Patient/{PATIENT}")) && shown.contains("ServiceRequest/order-1"), "{shown}");
    }
}

#[test]
fn lines_that_cannot_be_judged_are_counted_by_cause_and_named_by_number() {
    let long = " ".repeat(300_001);
    let other = r#"{"hook":"other","hookInstance":"i","context":{"userId":"u","patientId":"p"}}"#;
    let no_instant = format!(r#"{{"asOf":"today","request":{}}}"#, line("nothing-documented"));
    let calls = CallFile::with_lines(&["[1]", &long, other, &no_instant, "nonsense"]);
    let report = calls.json(&after_seven_days(), &[]);
    let listed = report["notJudged"]["listed"].as_array().unwrap();
    let found: Vec<_> = listed.iter().map(|call| (call["line"].as_u64().unwrap(), call["cause"].as_str().unwrap())).collect();
    let expected = [(1, "not-a-call"), (2, "line-too-long"), (3, "refused"), (4, "not-an-instant"), (5, "not-a-call")];
    assert_eq!(found, expected);
    assert_eq!(listed[1]["message"], "the line is longer than 300000 bytes (`server.body_limit_bytes`)");
    let cause = |cause: &str, calls: u64| json!({"cause": cause, "by": "both", "calls": calls});
    let causes = json!([cause("line-too-long", 1), cause("not-a-call", 2), cause("not-an-instant", 1), cause("refused", 1)]);
    assert_eq!(report["notJudged"]["causes"], causes);
    assert_eq!((&report["calls"]["notJudged"], &report["orders"]["judged"]), (&json!(5), &json!(0)));
}

#[test]
fn the_exit_code_is_1_only_if_asked_for_and_something_changes_or_is_not_judged() {
    let code = |calls: &CallFile, folder: &PolicyFolder, more: &[&str]| calls.impact(folder, more).status.code();
    let unchanged = CallFile::with_lines(&[&line("second-diagnostic-day-15")]);
    let changed = CallFile::with_lines(&[&line("second-diagnostic-day-10")]);
    let folder = after_seven_days();
    assert_eq!(code(&unchanged, &folder, &["--fail-on-change"]), Some(0));
    assert_eq!(code(&changed, &folder, &["--fail-on-change"]), Some(1));
    assert_eq!(code(&changed, &folder, &[]), Some(0));
    assert_eq!(code(&CallFile::with_lines(&["nonsense"]), &folder, &["--fail-on-change"]), Some(1));
    assert_eq!(code(&changed, &folder, &["--from", "2026-01-01"]), Some(2));
}

#[test]
fn lists_end_at_their_limit_and_the_rest_is_counted() {
    let day_ten = line("second-diagnostic-day-10");
    let calls = CallFile::with_lines(&vec![day_ten.as_str(); 200]);
    let report = calls.json(&after_seven_days(), &["--list", "3"]);
    let lines: Vec<_> = report["changedOrders"]["listed"].as_array().unwrap().iter().map(|order| order["line"].clone()).collect();
    assert_eq!((json!(lines), &report["changedOrders"]["unlisted"]), (json!([1, 2, 3]), &json!(197)));
    let said = text(&calls.impact(&after_seven_days(), &["--list", "0"]).stdout);
    assert!(said.ends_with("Orders whose determination changes:\n  and 200 more, which are not listed (`--list N`)\n"), "{said}");
}

#[test]
fn equal_policies_change_nothing_and_that_is_said() {
    let requests = evaluated_requests();
    let lines: Vec<String> = requests.iter().map(|case| case.request.replace('\n', " ")).collect();
    let report = CallFile::with_lines(&lines.iter().map(String::as_str).collect::<Vec<_>>()).json(&PolicyFolder::new(), &[]);
    let expected: usize = requests.iter().map(|case| case.expected["orders"].as_array().unwrap().len()).sum();
    assert!(expected > 300, "{expected}");
    assert_eq!(report["orders"], json!({"judged": expected, "changed": 0, "earliestDateChanged": 0}));
    assert_eq!((&report["criteria"], &report["calls"]["notJudged"]), (&json!([]), &json!(0)));
    let said = text(&CallFile::new().impact(&PolicyFolder::new(), &[]).stdout);
    assert!(said.starts_with("No determination changes, of 3 orders\n") && said.contains("the same as those in use."), "{said}");
}

#[test]
fn the_html_report_is_one_page_without_scripts_that_has_the_figures() {
    let page = text(&CallFile::new().impact(&after_seven_days(), &["--format", "html"]).stdout);
    let html = Html::parse(&page);
    assert_eq!(html.errors(), Vec::<String>::new());
    let foreign = ["script", "link", "img", "iframe", "object", "embed", "use", "image"];
    assert!(html.elements().iter().all(|element| !foreign.contains(&element.tag.as_str())), "{page}");
    let is_loading = |(name, _): &(String, String)| name == "src" || name == "href" || name.starts_with("on");
    assert!(html.elements().iter().all(|element| !element.attributes.iter().any(is_loading)) && !page.contains("url("), "{page}");
    assert_eq!(html.all("rect").len(), 1);
    assert!(html.all("svg").iter().all(|chart| chart.get("aria-labelledby") == Some("chart-title chart-text")));
    let tables: Vec<String> = html.all("caption").into_iter().map(|caption| caption.text).collect();
    assert!(tables[0].starts_with("Orders whose determination changes") && tables.len() == 6, "{tables:?}");
    assert!(page.contains(">not yet → supported</text><rect "), "{page}");
    for figures in ["not yet supported 1", "1 determination of 3 orders changes: 33%", "I.B.2 7 days since the first injection"] {
        assert!(html.text().contains(figures), "`{figures}` is not in:\n{}", html.text());
    }
}

#[test]
fn a_report_goes_to_a_file_that_only_its_owner_may_read() {
    let calls = CallFile::new();
    let path = calls.0.path().join("report.txt");
    let folder = after_seven_days();
    let printed = text(&calls.impact(&folder, &[]).stdout);
    let output = calls.impact(&folder, &["--output", path.to_str().unwrap()]);
    assert_eq!((text(&output.stdout).as_str(), std::fs::read_to_string(&path).unwrap()), ("", printed));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    std::fs::write(&path, "x".repeat(100_000)).unwrap();
    calls.impact(&folder, &["--format", "json", "--output", path.to_str().unwrap()]);
    assert!(serde_json::from_str::<Value>(&std::fs::read_to_string(&path).unwrap()).is_ok());
}

#[test]
fn a_version_of_later_services_judges_earlier_orders_only_if_it_is_named() {
    let folder = PolicyFolder::new();
    folder.add_from("2027-01", "2027-01-01");
    folder.change_in("2027-01", "policy.toml", "second_injection_days = 14", "second_injection_days = 7");
    let calls = CallFile::new();
    let said = text(&calls.impact(&folder, &[]).stdout);
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("Use --only-version 2027-01 to judge every order by it."), "{said}");
    assert_eq!(calls.json(&folder, &[])["orders"]["changed"], 0);
    let report = calls.json(&folder, &["--only-version", "2027-01"]);
    assert_eq!((&report["orders"]["changed"], &report["proposed"]["versions"][0]["orders"]), (&json!(1), &json!(3)));
    let output = calls.impact(&folder, &["--only-version", "2028-01"]);
    let told = "sij-cds: the proposed policies have no version `2028-01`, only `2019-08`, `2027-01`\n";
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(1), told));
}

#[test]
fn proposed_policies_with_an_error_are_refused_with_its_line() {
    let folder = PolicyFolder::new();
    folder.change("policy.toml", "effective_from = \"2019-08-01\"", "effective_from = \"2019-02-30\"");
    let output = CallFile::new().impact(&folder, &[]);
    let told = format!(
        "sij-cds: the proposed policies cannot be used: {}/2019-08/policy.toml:14: `2019-02-30` is not a date (YYYY-MM-DD)\n",
        folder.path()
    );
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), told));
}

/// A ledger with a call whose order changes, one that does not, and one for another procedure, which is recorded without its chart.
async fn recorded() -> Keeping {
    let keeping = Keeping::new();
    let app = keeping.app().await;
    app.http.sign_text(&story("second-diagnostic-day-10").request).await;
    app.http.sign_text(&story("second-diagnostic-day-15").request).await;
    app.http.sign_text(&Call::ordering([order("o1", &cpt("20999"), "2026-12-01")]).text()).await;
    app.ports.close().await;
    keeping
}

fn of_ledger(keeping: &Keeping, folder: &PolicyFolder, more: &[&str]) -> (i32, String) {
    keeping.program(&[&["policy", "impact", "--policy-dir", folder.path()], more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_calls_are_judged_as_of_their_own_instant() {
    let keeping = recorded().await;
    let folder = after_seven_days();
    let (code, printed) = of_ledger(&keeping, &folder, &["--format", "json"]);
    assert_eq!(code, 0, "{printed}");
    let report: Value = serde_json::from_str(&printed).unwrap();
    let calls = json!({"source": "ledger", "from": null, "to": null, "read": 3, "judged": 3, "withoutOrder": 1, "notJudged": 0});
    assert_eq!(report["calls"], calls);
    let changed = &report["changedOrders"]["listed"][0];
    let (_, list) = keeping.command(&["list", "--determination", "not-yet"]);
    assert!(list.contains(changed["record"].as_str().unwrap()), "{list}");
    assert_eq!(
        (&changed["order"], &changed["from"], &changed["to"]),
        (&json!("ServiceRequest/order-1"), &json!("not-yet"), &json!("supported"))
    );
    assert!(!printed.contains(PATIENT), "{printed}");
    assert_eq!(keeping.command(&["verify"]).0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_select_recorded_calls_and_both_days_count() {
    let keeping = recorded().await;
    let folder = after_seven_days();
    for (days, read) in
        [(["--from", "2026-11-22"], 3), (["--to", "2026-11-22"], 3), (["--from", "2026-11-23"], 0), (["--to", "2026-11-21"], 0)]
    {
        let (_, printed) = of_ledger(&keeping, &folder, &[&["--format", "json"], days.as_slice()].concat());
        let report: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(report["calls"]["read"], read, "{days:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_call_without_its_chart_is_not_judged_by_a_policy_that_decides_its_order() {
    let keeping = recorded().await;
    let folder = PolicyFolder::new();
    folder.change(
        "valuesets/sij-injection.json",
        r#"{ "code": "27096","#,
        r#"{ "code": "20999", "display": "Another injection" }, { "code": "27096","#,
    );
    let (_, printed) = of_ledger(&keeping, &folder, &["--format", "json"]);
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(report["notJudged"]["causes"], json!([{"cause": "no-chart", "by": "proposed", "calls": 1}]), "{printed}");
    assert_eq!(report["calls"]["judged"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_records_and_those_whose_key_is_missing_are_counted() {
    let keeping = recorded().await;
    keeping.tamper("UPDATE ledger_record SET client = 'x' WHERE sequence = 2").await;
    let folder = after_seven_days();
    let (code, said) = of_ledger(&keeping, &folder, &[]);
    assert!(code == 0 && said.contains("the record is damaged, by both: 1 call\n"), "{said}");
    crate::support::keeping::write_secret(&keeping.file("keys"), &sij_cds::ledger::new_key_line("other").unwrap());
    let (_, said) = of_ledger(&keeping, &folder, &[]);
    assert!(said.contains("the key of the record is missing, by both: 3 calls\n"), "{said}");
}
