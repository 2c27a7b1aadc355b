//! Maps arguments to a command, and its result to an exit code.
//! Not here: the commands.

use std::process::ExitCode;

use clap::Parser;

use super::arguments::{Arguments, Command, ConfigCommand};
use super::policy_arguments::PolicyCommand;
use super::terminal_text::printable_lines;
use super::{config, evaluate, ledger, policy, policy_files, policy_impact, policy_show, serve};
use crate::app::BuildError;
use crate::auth::AuthError;
use crate::config::ConfigError;
use crate::decision::{EngineError, PoliciesError};
use crate::http::TlsError;
use crate::ledger::LedgerError;

const FAILED: u8 = 1;
const USAGE_OR_CONFIGURATION: u8 = 2;

/// Runs the command given by the process's arguments.
///
/// Exits immediately, with 2 or 0, if the arguments are wrong or ask for help.
#[must_use]
pub fn run() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(arguments).map(|()| ExitCode::SUCCESS),
        Command::Config(ConfigCommand::Check(file)) => config::check(&file).map(|()| ExitCode::SUCCESS),
        Command::Evaluate(arguments) => evaluate::run(arguments),
        Command::Policy(PolicyCommand::Check(arguments)) => policy::check(arguments),
        Command::Policy(PolicyCommand::Show(arguments)) => policy_show::show(arguments),
        Command::Policy(PolicyCommand::Diff(arguments)) => policy_show::diff(arguments),
        Command::Policy(PolicyCommand::Impact(arguments)) => policy_impact::run(&arguments),
        Command::Policy(PolicyCommand::Export(folder)) => policy_files::export(&folder).map(|()| ExitCode::SUCCESS),
        Command::Policy(PolicyCommand::NewVersion(arguments)) => policy_files::new_version(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Ledger(command) => ledger::run(command),
    };
    outcome.unwrap_or_else(|error| report(&error))
}

#[expect(clippy::print_stderr, reason = "a command tells the person at the terminal why it failed")]
fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("sij-cds: {}", printable_lines(&format!("{error:#}")));
    ExitCode::from(if is_of_configuration(error) { USAGE_OR_CONFIGURATION } else { FAILED })
}

/// Whether the error is in a configuration key, or in a file one names.
fn is_of_configuration(error: &anyhow::Error) -> bool {
    let of_clients = matches!(error.downcast_ref(), Some(BuildError::Auth(_) | BuildError::Smart(_)));
    let of_policies = matches!(error.downcast_ref(), Some(BuildError::Engine(EngineError::Policies(PoliciesError::Settings(_)))))
        || matches!(error.downcast_ref(), Some(PoliciesError::Settings(_)));
    let of_ledger = matches!(error.downcast_ref(), Some(LedgerError::Keys { .. } | LedgerError::Unusable { .. } | LedgerError::Off));
    of_clients || of_policies || of_ledger || error.is::<ConfigError>() || error.is::<AuthError>() || error.is::<TlsError>()
}
