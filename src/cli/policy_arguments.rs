//! The `policy` commands and their options.
//! Not here: their implementation; see [`super::policy`], [`super::policy_show`], [`super::policy_files`] and [`super::policy_impact`].

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand, ValueEnum};

use super::arguments::{ConfigFile, PolicyDirectory, instant};

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Load every policy version and run its worked cases; prints each disagreement, and the exit code is then 1.
    ///
    /// Then checks them against the plans of the configuration, and prints the policies that judge no order.
    Check(PolicyCheckArguments),
    /// Print every policy version as a reviewer reads it: numbers, indications, criteria, words, codes and texts.
    Show(PolicyShowArguments),
    /// Print what differs between two policy versions: numbers, indications, criteria, words, codes and texts.
    Diff(PolicyDiffArguments),
    /// Which answers would change if a directory of policies went live? Judges recorded calls by the policy in use and by that directory.
    Impact(ImpactArguments),
    /// Write the embedded policies into a new or empty folder, as a beginning for a policy of your own.
    Export(ExportedFolder),
    /// Copy a policy version to a new folder, with a version and a first service date of its own.
    NewVersion(NewVersionArguments),
}

#[derive(Debug, Args)]
pub(super) struct ImpactArguments {
    /// Directory of the policies that might go live.
    #[arg(long, value_name = "DIR")]
    pub(super) policy_dir: PathBuf,
    /// Judge every order by this version of that directory, whatever its service date.
    #[arg(long, value_name = "VERSION")]
    pub(super) only_version: Option<String>,
    /// Calls of the ledger received on this day (YYYY-MM-DD, UTC) or later.
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(super) from: Option<NaiveDate>,
    /// Calls of the ledger received on this day (YYYY-MM-DD, UTC) or earlier.
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(super) to: Option<NaiveDate>,
    /// File with calls in place of the ledger, one a line, or `-` for standard input: a CDS Hooks request, or an object with
    /// `request` and, optionally, `asOf`. A line may be as long as a body of a call (`server.body_limit_bytes`).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to"])]
    pub(super) requests: Option<PathBuf>,
    /// Judge lines without `asOf` as of this instant (RFC 3339) instead of now.
    #[arg(long, value_name = "INSTANT", value_parser = instant, requires = "requests")]
    pub(super) as_of: Option<DateTime<Utc>>,
    /// Text for people, JSON for programs, or a page for a browser.
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: ImpactFormat,
    /// File to write, only its owner may read it. Default: standard output.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Maximum number of changed orders, and of calls that could not be judged, to list. All are counted.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(super) list: usize,
    /// Print the patient's id for each listed order and, for calls of a file, the order's own id.
    #[arg(long)]
    pub(super) show_patients: bool,
    /// Exit with 1 if a determination changes or a call could not be judged.
    #[arg(long)]
    pub(super) fail_on_change: bool,
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// The format of an impact report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ImpactFormat {
    /// Text for people.
    Text,
    /// Indented JSON.
    Json,
    /// One file of HTML, without scripts.
    Html,
}

#[derive(Debug, Args)]
pub(super) struct ExportedFolder {
    /// The folder to write into.
    #[arg(value_name = "DIR")]
    pub(super) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct NewVersionArguments {
    /// The folder of the version to copy.
    #[arg(value_name = "FROM")]
    pub(super) from: PathBuf,
    /// The folder to create.
    #[arg(value_name = "TO")]
    pub(super) to: PathBuf,
    /// The new version. Default: the name of the folder to create.
    #[arg(long, value_name = "VERSION")]
    pub(super) version: Option<String>,
    /// The first service date that the new version applies to (YYYY-MM-DD). Default: the first day of the month or the day that the
    /// version is named for.
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(super) effective_from: Option<NaiveDate>,
}

#[derive(Debug, Args)]
pub(super) struct PolicyCheckArguments {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    #[command(flatten)]
    pub(super) policies: PolicyDirectory,
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

fn day(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| "not a date such as 2027-01-01".to_owned())
}
