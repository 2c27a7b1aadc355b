//! The `ledger` commands and their options.
//! Not here: their implementation; see [`super::ledger`].

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

use super::arguments::{ConfigFile, PolicyDirectory, instant};
use crate::crd::record_of;
use crate::ledger::{ChainPosition, End, EntryKind, Wanted};
use crate::policy::Determination;

#[derive(Debug, Subcommand)]
pub(super) enum LedgerCommand {
    /// Create or update the ledger's tables; `serve` does so when it starts.
    Migrate(ConfigFile),
    /// List the latest records, newest first.
    List(ListArguments),
    /// Show a request, the decision and its reasons, the response, and the feedback on it.
    Show(ShowArguments),
    /// Answer a recorded call again, at its own instant and by the policy version that decided it. 0: identical; 1: different.
    Replay(ReplayArguments),
    /// Export records, chain by chain. 0: all, those whose key is missing without what it sealed; 1: some are damaged; they are named and left out.
    Export(ExportArguments),
    /// Remove records written before an instant. The rest can still be verified.
    Purge(PurgeArguments),
    /// Verify that no record was altered or is missing. 0: verified, or not checked for want of a key; 1: prints every defect.
    Verify(VerifyArguments),
    /// Print a signed line of JSON for each chain: how far it has got, and its last code. Keep it elsewhere, for `verify --expect`.
    Checkpoint(ConfigFile),
    /// Print a new key as a line for `ledger.keys_file`.
    NewKey(NewKeyArguments),
}

/// Filters records.
#[derive(Debug, Args)]
pub(super) struct RecordSelection {
    /// Received at this instant (RFC 3339) or later.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    from: Option<DateTime<Utc>>,
    /// Received before this instant.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    to: Option<DateTime<Utc>>,
    /// Of this client, by its configured name.
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// Of this patient, by id.
    #[arg(long, value_name = "ID")]
    patient: Option<String>,
    /// With this as the most severe determination of the call's orders.
    #[arg(long, value_parser = determination)]
    determination: Option<String>,
    /// start, call, fault, refusal or feedback.
    #[arg(long, value_parser = kind)]
    kind: Option<EntryKind>,
}

impl From<RecordSelection> for Wanted {
    fn from(selection: RecordSelection) -> Self {
        let RecordSelection { from, to, client, patient, determination, kind } = selection;
        let patient = patient.map(|id| format!("Patient/{}", id.strip_prefix("Patient/").unwrap_or(&id)));
        Self { from, to, client, patient, determination, kind }
    }
}

fn determination(text: &str) -> Result<String, String> {
    let names: Vec<&str> = Determination::ALL.into_iter().map(Determination::as_str).collect();
    if names.contains(&text) { Ok(text.to_owned()) } else { Err(format!("none of {}", names.join(", "))) }
}

fn kind(text: &str) -> Result<EntryKind, String> {
    EntryKind::from_text(text).ok_or_else(|| "none of start, call, fault, refusal, feedback, app-opened, app-saved".to_owned())
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    pub(super) selection: RecordSelection,
    /// Maximum number of records.
    #[arg(long, default_value_t = 50)]
    pub(super) limit: u32,
    /// Text for people, or one line of JSON per record.
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: ShownFormat,
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// The output format of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ShownFormat {
    /// Text for people.
    Text,
    /// JSON.
    Json,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The assertion id, an authorization number, or the uuid of a card.
    #[arg(value_name = "ASSERTION", value_parser = assertion)]
    pub(super) id: Uuid,
    /// Text for people, or the whole record as JSON.
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: ShownFormat,
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    /// The assertion id, an authorization number, or the uuid of a card.
    #[arg(value_name = "ASSERTION", value_parser = assertion)]
    pub(super) id: Uuid,
    #[command(flatten)]
    pub(super) file: ConfigFile,
    #[command(flatten)]
    pub(super) policies: PolicyDirectory,
}

#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    #[command(flatten)]
    pub(super) selection: RecordSelection,
    /// One JSON object per line with all recorded data, or a table without requests and responses.
    #[arg(long, value_enum, default_value = "ndjson")]
    pub(super) format: ExportFormat,
    /// File to write: overwritten, or appended to with --resume. Default: standard output.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Resume after this position, as an interrupted export printed it.
    #[arg(long, value_name = "CHAIN:SEQUENCE")]
    pub(super) resume: Option<ChainPosition>,
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    /// One JSON object per line (<https://github.com/ndjson/ndjson-spec>).
    Ndjson,
    /// A table (RFC 4180).
    Csv,
}

#[derive(Debug, Args)]
pub(super) struct PurgeArguments {
    /// Remove records written before this instant (RFC 3339).
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(super) before: DateTime<Utc>,
    /// Also remove records that fail verification; otherwise the first of them stops the purge.
    #[arg(long)]
    pub(super) unverified: bool,
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    /// Resume after this position, as an interrupted run printed it.
    #[arg(long, value_name = "CHAIN:SEQUENCE")]
    pub(super) resume: Option<ChainPosition>,
    /// A chain end printed by an earlier run, whose record must still exist; or a file of such ends and of lines of `ledger checkpoint`.
    /// Can be given several times.
    #[arg(long, value_name = "CHAIN:SEQUENCE:CODE|FILE", value_parser = expected)]
    pub(super) expect: Vec<ObservedEnd>,
    /// Exit with 1 also if records are not checked because their key is missing.
    #[arg(long)]
    pub(super) all_keys: bool,
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

#[derive(Debug, Args)]
pub(super) struct NewKeyArguments {
    /// The key's id, in records and on its line.
    #[arg(long, value_name = "ID")]
    pub(super) id: Option<String>,
}

/// What `verify --expect` names.
#[derive(Clone, Debug)]
pub(super) enum ObservedEnd {
    End(End),
    File(PathBuf),
}

#[expect(clippy::unnecessary_wraps, reason = "clap's value parsers return a result")]
fn expected(text: &str) -> Result<ObservedEnd, String> {
    Ok(text.parse().map_or_else(|_| ObservedEnd::File(text.into()), ObservedEnd::End))
}

fn assertion(text: &str) -> Result<Uuid, String> {
    record_of(text).ok_or_else(|| "it is no assertion id, no authorization's number and no uuid of a card".to_owned())
}
