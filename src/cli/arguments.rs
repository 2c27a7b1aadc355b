//! The commands and their options.
//! Not here: their implementation.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::ledger_arguments::LedgerCommand;
use super::policy_arguments::PolicyCommand;
use crate::config::{Config, ConfigError, Layers, Overrides};

/// Coverage decisions for sacroiliac joint injections, through CDS Hooks.
///
/// Exit codes: 0 done, 1 the work failed, 2 wrong usage or configuration.
#[derive(Debug, Parser)]
#[command(name = "sij-cds", version)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve CDS Hooks calls until SIGTERM or Ctrl-C.
    Serve(ServeArguments),
    /// The configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Evaluate a CDS Hooks request from its prefetch and context only, or with `--fetch` as the service would.
    ///
    /// Prints one result as indented JSON or as text. With `--ndjson`, every input line is a request and yields one output
    /// line, in input order: its result, or `{"error":{"line":N,"problem":"…"}}`. Empty lines yield none. A line may have
    /// 64 MiB. A bad line does not stop the run; the exit code is then 1.
    #[command(verbatim_doc_comment)]
    Evaluate(EvaluateArguments),
    /// The clinical policies.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// The ledger of calls, answers and feedback.
    #[command(subcommand)]
    Ledger(LedgerCommand),
}

#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// Address and port to listen on, in place of `server.listen`.
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Option<SocketAddr>,
    /// Directory of policies, in place of `policy.directory`.
    #[arg(long, value_name = "DIR")]
    pub(super) policy_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct EvaluateArguments {
    /// File with the request, or `-` for standard input.
    #[arg(value_name = "REQUEST", default_value = "-")]
    pub(super) request: PathBuf,
    /// Evaluate as of this instant (RFC 3339, as `2026-11-22T10:00:00Z`) instead of now.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(super) as_of: Option<DateTime<Utc>>,
    /// How to print the result.
    #[arg(long, value_enum, default_value = "json")]
    pub(super) format: ReportFormat,
    /// Read one request per line and print one line of JSON for each.
    #[arg(long, conflicts_with = "format")]
    pub(super) ndjson: bool,
    /// Fetch what the prefetch lacks from the request's `fhirServer`, if the configuration names it.
    #[arg(long)]
    pub(super) fetch: bool,
    #[command(flatten)]
    pub(super) file: ConfigFile,
    #[command(flatten)]
    pub(super) policies: PolicyDirectory,
}

/// How a single result is printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ReportFormat {
    /// Indented JSON.
    Json,
    /// Text for people.
    Text,
}

pub(super) fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    let instant = DateTime::parse_from_rfc3339(text).map_err(|_| "not an instant such as 2026-11-22T10:00:00Z".to_owned())?;
    Ok(instant.to_utc())
}

/// The policies a command uses.
#[derive(Debug, Args)]
pub(super) struct PolicyDirectory {
    /// Directory of policies, in place of `policy.directory`.
    #[arg(long, value_name = "DIR")]
    pub(super) policy_dir: Option<PathBuf>,
}

impl PolicyDirectory {
    /// Loads the configuration from the environment and an optional file, overridden with this directory.
    pub(super) fn config(self, file: Option<&Path>) -> Result<Config, ConfigError> {
        let overrides = Overrides { policy_directory: self.policy_dir, ..Overrides::default() };
        Config::layered(Layers::of_process(file, overrides))
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Read every layer of the configuration and report each error with its key and source.
    Check(ConfigFile),
}

#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// Configuration file (TOML).
    #[arg(long = "config", value_name = "FILE")]
    pub(super) path: Option<PathBuf>,
}
