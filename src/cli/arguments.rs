//! The commands and their options.
//! Not here: what they do.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Read every layer of the configuration and name each fault with its key and source.
    Check(ConfigFile),
}

#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// Configuration file (TOML).
    #[arg(long = "config", value_name = "FILE")]
    pub(super) path: Option<PathBuf>,
}
