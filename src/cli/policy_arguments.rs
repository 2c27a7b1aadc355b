//! The `policy` commands and their options.
//! Not here: their implementation; see [`super::policy`] and [`super::policy_show`].

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::arguments::PolicyDirectory;

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Load every policy version and run its worked cases; prints each disagreement, and the exit code is then 1.
    Check(PolicyCheckArguments),
    /// Print every policy version as a reviewer reads it: numbers, indications, criteria, words, codes and texts.
    Show(PolicyShowArguments),
    /// Print what differs between two policy versions: numbers, indications, criteria, words, codes and texts.
    Diff(PolicyDiffArguments),
}

#[derive(Debug, Args)]
pub(super) struct PolicyCheckArguments {
    #[command(flatten)]
    pub(super) directory: PolicyDirectory,
    /// Also name what no case covers: verdicts of criteria, numbers, phrases. Takes some seconds.
    #[arg(long)]
    pub(super) coverage: bool,
}

#[derive(Debug, Args)]
pub(super) struct PolicyShowArguments {
    #[command(flatten)]
    pub(super) directory: PolicyDirectory,
    /// Text for people, or a page for a browser.
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: ReviewFormat,
}

/// How a policy version is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ReviewFormat {
    /// Text for people.
    Text,
    /// One file of HTML, without scripts.
    Html,
}

#[derive(Debug, Args)]
pub(super) struct PolicyDiffArguments {
    /// The folder of one version.
    #[arg(value_name = "FIRST")]
    pub(super) first: PathBuf,
    /// The folder of the other version.
    #[arg(value_name = "SECOND")]
    pub(super) second: PathBuf,
}
