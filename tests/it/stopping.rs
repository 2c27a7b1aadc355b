//! The program on SIGTERM: it answers the calls in flight, accepts no more, and exits with 0.
//! Not here: connections that do not end; see [`super::http_connections`].

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{SERVICE, empty_sign_call};

struct RunningConfig {
    process: Child,
    log: BufReader<ChildStderr>,
    address: SocketAddr,
}

impl RunningConfig {
    fn start() -> Self {
        let arguments = ["serve", "--listen", "127.0.0.1:0"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_sij-cds"));
        // These tests do not cover the ledger.
        command.args(arguments).env("SIJ_CDS__LEDGER__URL", "off");
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let address = loop {
            let line = next_line(&mut log);
            if line["message"] == "listening" {
                break line["address"].as_str().unwrap().parse().unwrap();
            }
        };
        Self { process, log, address }
    }

    /// The lines up to one with this message.
    fn lines_until(&mut self, message: &str) -> Vec<Value> {
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &Value| line["message"] != message) {
            lines.push(next_line(&mut self.log));
        }
        lines
    }
}

fn next_line(log: &mut impl BufRead) -> Value {
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// The head of a call whose body is sent on request (`Expect`), so that the call is known to be in flight.
fn begin(address: SocketAddr, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "POST {SERVICE} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// Waits until the port accepts no more connections.
fn wait_until_closed(address: SocketAddr) {
    let mut closed = false;
    for _ in 0..1_000 {
        closed = TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err();
        if closed {
            break;
        }
        std::thread::yield_now();
    }
    assert!(closed, "connections are still taken");
}

#[test]
fn on_sigterm_the_call_in_flight_is_answered_and_no_other_is_taken() {
    let mut service = RunningConfig::start();
    let body = empty_sign_call().to_string();
    let mut stream = begin(service.address, &body);

    Command::new("kill").args(["-TERM", &service.process.id().to_string()]).status().unwrap();
    wait_until_closed(service.address);
    stream.write_all(body.as_bytes()).unwrap();

    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"{"cards":[]}"#), "{answer}");
    let lines = service.lines_until("stopped");
    assert!(lines.iter().any(|line| line["message"] == "answered" && line["status"] == 200), "{lines:?}");
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
}
