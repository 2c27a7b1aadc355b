//! The commands in README work as described and print the output shown.

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

use crate::support::markdown::{Block, block_after, blocks, document};
use crate::support::{TestApp, post};

const RUN: &str = "cargo run --release -- ";
const ADDRESS: &str = "http://127.0.0.1:8080";

fn readme() -> String {
    document("README.md")
}

/// Every command in README, one per line; a `\` at the end of a line continues it.
fn commands() -> Vec<String> {
    let shells = blocks(&readme()).into_iter().filter(|block| block.language == "sh");
    let text: String = shells.map(|block| block.text).collect();
    text.replace("\\\n", " ").lines().map(str::to_owned).collect()
}

/// The program with the arguments of a command, run in the project root.
fn program(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sij-cds"));
    command.args(arguments.split_whitespace()).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// The arguments of the only command that does the program's main job.
fn evaluate_arguments() -> String {
    let of_one_request = |command: &String| command.starts_with(&format!("{RUN}evaluate fixtures/")) && command.ends_with("--format text");
    let found: Vec<String> = commands().into_iter().filter(of_one_request).collect();
    let [command] = found.as_slice() else { panic!("{found:?}") };
    command[RUN.len()..].to_owned()
}

/// Whether `found` contains what is shown: every member of an object, the first elements of a list, and a text up to its `…`.
fn shows(shown: &Value, found: &Value) -> bool {
    match (shown, found) {
        (Value::Object(shown), Value::Object(found)) => {
            shown.iter().all(|(name, value)| found.get(name).is_some_and(|it| shows(value, it)))
        }
        (Value::Array(shown), Value::Array(found)) => {
            shown.len() <= found.len() && shown.iter().zip(found).all(|(shown, found)| shows(shown, found))
        }
        (Value::String(shown), Value::String(found)) => {
            shown.strip_suffix('…').map_or(shown == found, |beginning| found.starts_with(beginning))
        }
        (shown, found) => shown == found,
    }
}

#[test]
fn the_main_job_prints_what_readme_shows() {
    let arguments = evaluate_arguments();
    let outcome = program(&arguments).assert().success();
    let printed = String::from_utf8(outcome.get_output().stdout.clone()).unwrap();
    assert!(!printed.is_empty());
    if let Some(Block { text, .. }) = block_after(&readme(), "what the first command prints") {
        assert_eq!(printed, text);
    }
}

#[test]
fn every_other_command_succeeds() {
    let whole = |command: &&String| command.starts_with(RUN) && !command.contains(" serve") && !command.contains(['|', '<', '>']);
    let commands = commands();
    let runnable: Vec<&String> = commands.iter().filter(whole).collect();
    assert!(runnable.len() >= 3, "{runnable:?}");
    for command in runnable {
        program(&command[RUN.len()..]).assert().success();
    }
}

#[test]
fn one_command_passes_the_tests() {
    let tests: Vec<String> = commands().into_iter().filter(|command| command.starts_with("cargo test")).collect();
    assert_eq!(tests, ["cargo test"]);
}

#[tokio::test]
async fn the_call_yields_the_card_readme_shows() {
    let commands = commands();
    let curl = commands.iter().find(|command| command.starts_with("curl ")).expect("README has a curl command");
    let word = |prefix: &str| curl.split_whitespace().find_map(|word| word.strip_prefix(prefix)).unwrap_or_else(|| panic!("{curl}"));
    let body = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(word("@"))).unwrap();

    // The card does not depend on the date, so that readers who run the command see the same one.
    let answer = TestApp::new().send(post(word(ADDRESS), body)).await;

    let shown = block_after(&readme(), "part of the answer").expect("README shows the answer");
    let shown: Value = serde_json::from_str(&shown.text).unwrap();
    assert!(shows(&shown, &answer.json()), "{:#}", answer.json());
}

#[test]
fn every_file_readme_names_is_there() {
    let text = readme();
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let missing: Vec<&str> =
        links.filter(|link| !link.contains("://") && !Path::new(env!("CARGO_MANIFEST_DIR")).join(link).exists()).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
