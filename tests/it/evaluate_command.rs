//! `sij-cds evaluate`: the contract's JSON, the text a nurse reads, and a stream of requests.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use assert_cmd::assert::{Assert, OutputAssertExt};
use serde_json::{Value, json};

const AS_OF: &str = "2026-11-22T10:00:00Z";

fn evaluate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sij-cds"));
    command.args(["evaluate", "--as-of", AS_OF]).args(arguments);
    command
}

fn story(name: &str, file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/stories").join(name).join(file)
}

fn json_of(name: &str, file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(story(name, file)).unwrap()).unwrap()
}

/// A story's request on one line.
fn line_of(name: &str) -> String {
    json_of(name, "request.json").to_string() + "\n"
}

fn text_of(name: &str) -> String {
    printed(&evaluate(&["--format", "text", story(name, "request.json").to_str().unwrap()]).assert().code(0))
}

fn printed(outcome: &Assert) -> String {
    String::from_utf8(outcome.get_output().stdout.clone()).unwrap()
}

fn told(outcome: &Assert) -> String {
    String::from_utf8(outcome.get_output().stderr.clone()).unwrap()
}

/// Runs the program with this input, written while the output is read.
fn piped(mut command: Command, input: impl AsRef<[u8]> + Send + 'static) -> Assert {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that stops early closes its input.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_ref())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.assert()
}

fn lines(outcome: &Assert) -> Vec<Value> {
    printed(outcome).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The orders of a result in the form of a story's expectation.
fn decisions(result: &Value) -> Value {
    let mut orders = result["orders"].clone();
    for order in orders.as_array_mut().unwrap() {
        let order = order.as_object_mut().unwrap();
        order.retain(|key, _| !matches!(key.as_str(), "codingNotes" | "assumptions" | "notes"));
        for site in order["sites"].as_array_mut().unwrap() {
            let verdicts: BTreeMap<_, _> = site["criteria"]
                .as_array()
                .unwrap()
                .iter()
                .map(|criterion| (criterion["id"].as_str().unwrap().to_owned(), criterion["verdict"].clone()))
                .collect();
            site["criteria"] = json!(verdicts);
            site.as_object_mut().unwrap().retain(|key, _| !matches!(key.as_str(), "priorInjections" | "possibleInjections"));
        }
    }
    orders
}

#[test]
fn every_story_is_decided_as_expected() {
    let stories = std::fs::read_dir(story("", "")).unwrap();
    let names: Vec<_> = stories.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.len() >= 22, "only {} stories found", names.len());
    let input: String = names.iter().map(|name| line_of(name)).collect();
    let results = lines(&piped(evaluate(&["--ndjson"]), input).code(0));
    assert_eq!(results.len(), names.len());
    for (name, result) in names.iter().zip(&results) {
        assert_eq!(decisions(result), json_of(name, "expected.json")["orders"], "{name}");
    }
}

#[test]
fn one_request_is_answered_with_indented_json_from_a_file_or_standard_input() {
    let name = "second-diagnostic-day-10";
    let from_file = printed(&evaluate(&[story(name, "request.json").to_str().unwrap()]).assert().code(0));
    assert!(from_file.starts_with("{\n  \"policy\": {\n    \"id\": \"sacroiliac-joint-interventions\",\n"), "{from_file}");
    assert!(from_file.ends_with("}\n"));
    for arguments in [&[][..], &["-"]] {
        assert_eq!(printed(&piped(evaluate(arguments), line_of(name)).code(0)), from_file);
    }
    let result: Value = serde_json::from_str(&from_file).unwrap();
    assert_eq!(result["asOf"], AS_OF);
    assert_eq!(decisions(&result), json_of(name, "expected.json")["orders"]);
}

#[test]
fn the_instant_decides_and_may_be_of_any_time_zone() {
    let request = story("first-injection-fully-documented", "request.json");
    let path = request.to_str().unwrap();
    let at = |instant: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sij-cds"));
        let outcome = command.args(["evaluate", "--as-of", instant, path]).assert().code(0);
        serde_json::from_str::<Value>(&printed(&outcome)).unwrap()
    };
    assert_eq!(at("2026-11-22T04:00:00-06:00"), at(AS_OF));
    assert_eq!(at(AS_OF)["orders"][0]["determination"], "supported");
    assert_eq!(at("2027-06-01T10:00:00Z")["asOf"], "2027-06-01T10:00:00Z");
}

#[test]
fn the_text_of_an_order_that_must_wait() {
    insta::assert_snapshot!(text_of("second-diagnostic-day-10"), @"
    SI joint injection, left: not before 2026-11-28. Less than 14 days since the first injection
    ────────────────────────────────────────────────────────────────────────────────────────────
    Service on 2026-11-24 for Patient/b1e51764-sij, judged on 2026-11-22 (ServiceRequest/order-1)
    The policy does not cover a service on 2026-11-24, but can from 2026-11-28 on.
    What to do: Move the order to 2026-11-28 or later.

    ✓ met, ✗ not met, ? not known

    Left: second diagnostic injection (section I.B), not covered before 2026-11-28
      Earlier injections of this episode:
        - 2026-11-14: less than 50% relief
      ✓ I.B.1 Less than 50% relief after the first injection
        20% relief after the injection of 2026-11-14.
        - 2026-11-20: form: percent relief after the earlier injection (of 2026-11-14): 20
      ✗ I.B.2 14 days since the first injection
        First injection 2026-11-14; 14 days are over on 2026-11-28.
        - 2026-11-14: injection: 27096 Sacroiliac joint injection with image guidance
      ✓ III Within 12 months of the first injection
        First injection 2026-11-14; 12 months end on 2027-11-14.
        - 2026-11-14: injection: 27096 Sacroiliac joint injection with image guidance
      ✓ V No other procedure in the visit
        None among the orders and procedures that could be read.
      ✓ VI Performed by a physician
        The order does not say who performs it; taken to be a physician.
      ✓ history Complete list of earlier injections
        No entry in the chart could be a further injection.

    Notes:
      - The last injection (2026-11-14) brought 20% relief, less than 50%.
      - The order names a diagnosis the policy lists.
      - Assumed: the order does not say who performs it; taken to be a physician.

    Policy Sacroiliac Joint Interventions, version 2019-08. Decision support, not a guarantee of
    payment.
    ");
}

#[test]
fn the_text_of_a_chart_with_nothing_documented() {
    insta::assert_snapshot!(text_of("nothing-documented"), @"
    SI joint injection, right: documentation missing for 8 criteria
    ───────────────────────────────────────────────────────────────
    Service on 2026-12-01 for Patient/cc9ed094-sij, judged on 2026-11-22 (ServiceRequest/order-1)
    Nothing on record speaks against it, but not everything the policy asks for is documented.
    What to do: Enter what is missing in the documentation form, then sign again.

    ✓ met, ✗ not met, ? not known

    Right: first diagnostic injection (section I.A), documentation needed
      ? I.A.1 Pain for 3 months that limits daily activities
        Not documented.
      ? I.A.2 Tenderness over the SI joint
        Not documented.
      ? I.A.3 3 positive provocation tests
        Not documented.
      ? I.A.4 Pain despite conservative care
        Not documented.
      ? I.A.4.a 6 weeks of exercise or manual therapy
        Not documented.
      ? I.A.4.b NSAIDs for 3 weeks, or contraindicated / not tolerated
        Not documented.
      ? I.A.4.c 6 weeks of activity modification
        Not documented.
      ✓ I.A.5 Disc or facet joint pain ruled out
        No active disc or facet diagnosis on the problem list.
      ? I.A.6 Other likely diagnoses ruled out
        Not documented.
      ✓ V No other procedure in the visit
        None among the orders and procedures that could be read.
      ✓ VI Performed by a physician
        The order does not say who performs it; taken to be a physician.
      ✓ history Complete list of earlier injections
        No entry in the chart could be a further injection.
      To document:
        - since when the pain has limited daily activities
        - whether the pain limits daily activities
        - whether the pain is below L5 and not following a nerve root
        - which joint was examined
        - tenderness over the SI joint
        - distraction test
        - compression test
        - thigh thrust test
        - Gaenslen test
        - sacral thrust test
        - whether conservative care failed
        - weeks of physical therapy, chiropractic or home exercise
        - whether NSAIDs are contraindicated or not tolerated
        - weeks of NSAIDs
        - weeks of activity modification
        - whether another diagnosis is more likely

    Notes:
      - The order names a diagnosis the policy lists.
      - Assumed: the order does not say who performs it; taken to be a physician.

    Policy Sacroiliac Joint Interventions, version 2019-08. Decision support, not a guarantee of
    payment.
    ");
}

#[test]
fn no_story_is_told_in_lines_wider_than_a_hundred_columns() {
    for entry in std::fs::read_dir(story("", "")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let text = text_of(&name);
        // A word longer than a line, such as a resource id, is not broken.
        let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > 100 && line.trim().contains(' ')).collect();
        assert_eq!(wide, Vec::<&str>::new(), "{name}");
    }
}

#[test]
fn what_the_chart_holds_cannot_move_the_cursor_of_a_terminal() {
    let mut request = json_of("two-procedures-one-visit", "request.json");
    let orders = request["context"]["draftOrders"]["entry"].as_array_mut().unwrap();
    for order in orders {
        order["resource"]["code"]["text"] = json!("\u{1b}[2J\u{202e}x\ny");
        order["resource"]["code"]["coding"][0]["display"] = json!("\u{1b}[2J\u{202e}x\ny");
    }
    let text = printed(&piped(evaluate(&["--format", "text"]), request.to_string()).code(0));
    assert!(text.contains("[2J x y"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
}

#[test]
fn a_call_without_an_order_in_scope_is_told_so() {
    let mut request = json_of("nothing-documented", "request.json");
    request["context"]["draftOrders"]["entry"] = json!([]);
    let text = printed(&piped(evaluate(&["--format", "text"]), request.to_string()).code(0));
    assert!(text.starts_with("No order of this call is for a sacroiliac joint injection"), "{text}");
}

#[test]
fn a_bad_request_is_1_and_told_with_its_path() {
    let table = [
        ("{", "sij-cds: standard input: the body is not JSON (line 1, column 1)\n"),
        (
            r#"{"hook":"order-sign","hookInstance":"i","context":{"userId":"u"}}"#,
            "sij-cds: standard input: `context.patientId` is missing\n",
        ),
        (
            r#"{"hook":"patient-view","hookInstance":"i","context":{"userId":"u","patientId":"p"}}"#,
            "sij-cds: standard input: this service answers order-sign, order-select, order-dispatch and appointment-book (at `hook`)\n",
        ),
    ];
    for (request, expected) in table {
        let outcome = piped(evaluate(&[]), request).code(1).stdout("");
        assert_eq!(told(&outcome), expected);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_1() {
    let outcome = evaluate(&["no-such-file.json"]).assert().code(1);
    assert!(told(&outcome).starts_with("sij-cds: cannot read `no-such-file.json`: "), "{}", told(&outcome));
}

#[test]
fn wrong_usage_is_2() {
    let table: [&[&str]; 4] =
        [&["--as-of", "yesterday"], &["--format", "xml"], &["--ndjson", "--format", "text"], &["--policy-dir", "no-such-directory"]];
    for arguments in table {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sij-cds"));
        command.arg("evaluate").args(arguments).stdin(Stdio::null()).assert().code(2);
    }
}

#[test]
fn a_bad_line_is_answered_in_its_place_and_stops_nothing() {
    let mut input = line_of("nothing-documented").into_bytes();
    input.extend_from_slice(b"not JSON\n\n  \r\n\xff\n");
    input.extend_from_slice(line_of("radiofrequency-neurotomy").trim_end().as_bytes());
    let results = lines(&piped(evaluate(&["--ndjson"]), input).code(1));
    assert_eq!(results.len(), 4);
    assert_eq!(results[0]["orders"][0]["determination"], "needs-documentation");
    assert_eq!(results[1], json!({"error": {"line": 2, "problem": "the body is not JSON (line 1, column 2)"}}));
    assert_eq!(results[2], json!({"error": {"line": 5, "problem": "the body is not UTF-8"}}));
    assert_eq!(results[3]["orders"][0]["kind"], "neurotomy");
}

#[test]
fn no_lines_give_none() {
    for input in ["", "\n", "\n\n \n"] {
        piped(evaluate(&["--ndjson"]), input).code(0).stdout("").stderr("");
    }
}

#[test]
fn a_line_beyond_64_mib_is_a_bad_line() {
    let mut input = vec![b' '; 64 * 1024 * 1024 + 1];
    input.push(b'\n');
    input.extend_from_slice(line_of("nothing-documented").as_bytes());
    let results = lines(&piped(evaluate(&["--ndjson"]), input).code(1));
    assert_eq!(results.len(), 2);
    assert_eq!(results[0], json!({"error": {"line": 1, "problem": "the line is longer than 64 MiB"}}));
    assert_eq!(results[1]["orders"][0]["determination"], "needs-documentation");
}

#[test]
fn a_result_comes_before_the_next_line_is_awaited() {
    let mut child = evaluate(&["--ndjson"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut results) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    for _ in 0..2 {
        stdin.write_all(line_of("nothing-documented").as_bytes()).unwrap();
        let mut result = String::new();
        results.read_line(&mut result).unwrap();
        assert!(result.starts_with("{\"policy\""), "{result}");
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let mut child = evaluate(&["--ndjson"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let line = line_of("nothing-documented");
    // The program stops reading before all input is written.
    let written = (0..2000).take_while(|_| stdin.write_all(line.as_bytes()).is_ok()).count();
    drop(stdin);
    assert!(written < 2000);
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!((child.wait().unwrap().code(), told.as_str()), (Some(0), ""));
}
