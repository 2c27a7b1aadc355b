//! The program itself, with a ledger in a file and a log that the test reads.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use sij_cds::ledger::new_key_line;
use tempfile::TempDir;

use super::callers::PUBLIC_URL;
use super::keeping::write_secret;
use super::{SERVICE, empty_sign_call};

/// A configuration file in this directory, with a ledger beside it and these `[[clients]]`.
pub(crate) fn configuration_file(directory: &TempDir, clients: &str) -> PathBuf {
    let file = |name: &str| directory.path().join(name);
    if !file("keys").exists() {
        write_secret(&file("keys"), &new_key_line("first").unwrap());
    }
    let (ledger, keys) = (file("ledger.db"), file("keys"));
    let ledger = format!("[ledger]\nurl = \"sqlite:{}\"\nkeys_file = \"{}\"\n", ledger.display(), keys.display());
    std::fs::write(file("config.toml"), format!("[server]\npublic_url = \"{PUBLIC_URL}\"\n{ledger}{clients}")).unwrap();
    file("config.toml")
}

/// The program, with its log.
pub(crate) struct RunningProgram {
    process: Child,
    log: BufReader<ChildStderr>,
    address: String,
}

impl RunningProgram {
    pub(crate) fn start(configuration: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sij-cds"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(configuration);
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let mut program = Self { process, log, address: String::new() };
        program.line("listening")["address"].as_str().unwrap().clone_into(&mut program.address);
        program
    }

    /// The next line with this message.
    pub(crate) fn line(&mut self, message: &str) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "the log ended before `{message}`");
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["message"] == message {
                return line;
            }
        }
    }

    /// Makes a call that signs nothing, and returns the status of its answer.
    pub(crate) async fn call(&self, token: &str) -> u16 {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        let request = client.post(format!("http://{}{SERVICE}", self.address)).bearer_auth(token);
        let answer = request.header("content-type", "application/json").body(empty_sign_call().to_string()).send().await.unwrap();
        answer.status().as_u16()
    }

    /// Reloads the configuration.
    pub(crate) fn reload(&mut self) {
        Command::new("kill").args(["-HUP", &self.process.id().to_string()]).status().unwrap();
        self.line("configuration reloaded");
    }
}

/// Ends the program as `kill -9` does.
impl Drop for RunningProgram {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
