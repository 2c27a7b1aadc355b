//! The program itself: its exit codes, and that it stops on request.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use assert_cmd::assert::OutputAssertExt;
use tempfile::TempDir;

use crate::support::callers::{EC_KEY, key_set};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sij-cds"));
    // These tests do not cover the ledger.
    command.args(arguments).env("SIJ_CDS__LEDGER__URL", "off");
    command
}

#[test]
fn a_valid_configuration_is_0() {
    program(&["config", "check"]).assert().code(0).stdout("configuration is valid\n");
}

#[test]
fn an_invalid_configuration_is_2_and_its_fault_is_told() {
    let outcome = program(&["config", "check"]).env("SIJ_CDS__PLAN__NAME", "").assert().code(2);
    let told = String::from_utf8_lossy(&outcome.get_output().stderr).into_owned();
    assert_eq!(told, "sij-cds: `plan.name` in environment variable `SIJ_CDS__PLAN__NAME`: must not be empty\n");
}

#[test]
fn an_address_open_to_other_machines_is_2() {
    program(&["serve", "--listen", "0.0.0.0:0"]).assert().code(2);
}

#[test]
fn an_unknown_option_is_2() {
    program(&["serve", "--port", "1"]).assert().code(2);
}

#[test]
fn an_address_in_use_is_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    program(&["serve", "--listen", &address]).assert().code(1);
}

#[test]
fn serving_logs_its_start_and_ends_with_0_on_sigterm() {
    let mut service = program(&["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(service.stderr.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        serde_json::from_str::<serde_json::Value>(&line).unwrap()
    };
    assert!(next()["message"].as_str().unwrap().starts_with("development mode: callers are not authenticated"));
    let line = next();
    assert_eq!(line["message"], "listening");
    assert!(line["address"].as_str().unwrap().starts_with("127.0.0.1:"));

    Command::new("kill").args(["-TERM", &service.id().to_string()]).assert().success();
    assert_eq!(service.wait().unwrap().code(), Some(0));
}

const LEDGER_KEY: &str = "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Puts the ledger into a directory instead of switching it off.
fn keeping(mut command: Command, directory: &TempDir) -> Command {
    command.env("SIJ_CDS__LEDGER__URL", format!("sqlite:{}", directory.path().join("ledger.db").display()));
    command
}

/// Writes a key set and a configuration with one client; `more` may follow it.
fn configured(directory: &TempDir, keys: &str, more: &str) -> std::path::PathBuf {
    let key_file = directory.path().join("ehr.jwks.json");
    std::fs::write(&key_file, keys).unwrap();
    let path = directory.path().join("sij-cds.toml");
    let client = format!("[[clients]]\nname = \"ehr\"\niss = \"https://ehr.example\"\njwks_file = \"{}\"\n", key_file.display());
    let server = "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://cds.plan.example\"\n";
    let ledger = format!("[ledger]\nkeys = \"{LEDGER_KEY}\"\n");
    std::fs::write(&path, format!("{server}{ledger}{client}{more}")).unwrap();
    path
}

fn good_keys() -> String {
    key_set([EC_KEY.jwk("ehr-1")]).to_string()
}

#[test]
fn config_check_reads_the_files_that_the_configuration_names() {
    let directory = TempDir::new().unwrap();
    let path = configured(&directory, &good_keys(), "");
    keeping(program(&["config", "check", "--config", path.to_str().unwrap()]), &directory).assert().code(0);
    let path = configured(&directory, "{\"keys\": []}", "");
    let outcome = keeping(program(&["config", "check", "--config", path.to_str().unwrap()]), &directory).assert().code(2);
    let told = String::from_utf8_lossy(&outcome.get_output().stderr).into_owned();
    let keys = directory.path().join("ehr.jwks.json");
    assert_eq!(
        told,
        format!(
            "sij-cds: `clients.jwks_file` of `ehr`: cannot use `{}`: it has no usable key: RSA of 2048 to 8192 bits, or EC on P-256 or P-384, public, with a `kid`\n",
            keys.display()
        )
    );
}

/// A service started with a configuration, and its log.
struct Started {
    process: std::process::Child,
    log: BufReader<std::process::ChildStderr>,
}

impl Started {
    fn with(path: &std::path::Path, directory: &TempDir) -> Self {
        let mut process =
            keeping(program(&["serve", "--config", path.to_str().unwrap()]), directory).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        Self { process, log }
    }

    fn next_line(&mut self) -> serde_json::Value {
        let mut line = String::new();
        self.log.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn signal(&self, name: &str) {
        Command::new("kill").args([name, &self.process.id().to_string()]).assert().success();
    }
}

#[test]
fn on_sighup_a_good_configuration_is_taken_over_and_a_bad_one_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let path = configured(&directory, &good_keys(), "");
    let mut service = Started::with(&path, &directory);
    assert_eq!(service.next_line()["message"], "listening");

    configured(&directory, &good_keys(), "sub = \"client-1\"\n");
    service.signal("-HUP");
    assert_eq!(service.next_line()["message"], "configuration reloaded");

    for (keys, more, reason) in [
        (good_keys(), "iss = 7\n", "clients"),
        ("{}".to_owned(), "", "`clients.jwks_file` of `ehr`"),
        (good_keys(), "code_map = \"/nowhere/codes.csv\"\n", "`clients.code_map` of `ehr`: `/nowhere/codes.csv`: cannot be read"),
        (good_keys(), "[log]\nformat = \"json\"\nlevel = \"debug\"\n", "`log` cannot be changed without a restart"),
    ] {
        configured(&directory, &keys, more);
        service.signal("-HUP");
        let line = service.next_line();
        assert_eq!(line["message"], "configuration not reloaded; the old one stays");
        assert!(line["reason"].as_str().unwrap().contains(reason), "{line}");
    }
    std::fs::write(&path, format!("[server]\nlisten = \"127.0.0.1:0\"\n[ledger]\nkeys = \"{LEDGER_KEY}\"\n")).unwrap();
    service.signal("-HUP");
    let line = service.next_line();
    assert!(line["reason"].as_str().unwrap().starts_with("whether callers are authenticated"), "{line}");
    service.signal("-TERM");
    assert_eq!(service.next_line()["message"], "stopped");
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
}
