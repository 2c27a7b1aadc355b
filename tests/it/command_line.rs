//! The program itself: its exit codes, and that it stops when told.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use assert_cmd::assert::OutputAssertExt;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sij-cds"));
    command.args(arguments);
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
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["message"], "listening");
    assert!(line["address"].as_str().unwrap().starts_with("127.0.0.1:"));

    Command::new("kill").args(["-TERM", &service.id().to_string()]).assert().success();
    assert_eq!(service.wait().unwrap().code(), Some(0));
}
