//! `sij-cds ledger …`: the short commands. The long-running ones are in [`super::ledger_runs`].
//! Not here: formatting a record as text ([`super::ledger_text`]) and as JSON ([`super::ledger_json`]).

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use tokio::runtime::Runtime;

use super::ledger_arguments::{LedgerCommand, ListArguments, NewKeyArguments, ReplayArguments, ShowArguments, ShownFormat};
use super::output::quiet_when_closed;
use super::terminal_text::printable;
use super::{ledger_json, ledger_runs, ledger_text};
use crate::app::{App, Ports};
use crate::auth::CallerMemory;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::ids::RandomIds;
use crate::ledger::{Archive, EntryKind, new_key_line};
use crate::service::Difference;

/// Runs a `ledger` command.
pub(super) fn run(command: LedgerCommand) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    match command {
        LedgerCommand::Migrate(file) => {
            let config = Config::load(file.path.as_deref())?;
            runtime.block_on(Archive::migrate(&config.ledger))?;
            runtime.block_on(async { CallerMemory::build(&config)?.create_token_table().await })?;
            write(b"the ledger's tables are those of this program\n")?;
            Ok(ExitCode::SUCCESS)
        }
        LedgerCommand::List(arguments) => list(&runtime, arguments).map(|()| ExitCode::SUCCESS),
        LedgerCommand::Show(arguments) => show(&runtime, &arguments).map(|()| ExitCode::SUCCESS),
        LedgerCommand::Replay(arguments) => replay(&runtime, arguments),
        LedgerCommand::Export(arguments) => runtime.block_on(ledger_runs::export(arguments)),
        LedgerCommand::Purge(arguments) => runtime.block_on(ledger_runs::purge(arguments)),
        LedgerCommand::Verify(arguments) => runtime.block_on(ledger_runs::verify(arguments)),
        LedgerCommand::Checkpoint(file) => runtime.block_on(ledger_runs::checkpoint(file)),
        LedgerCommand::NewKey(arguments) => new_key(arguments).map(|()| ExitCode::SUCCESS),
    }
}

/// Opens the configured ledger for reading.
pub(super) async fn archive(file: Option<&Path>) -> anyhow::Result<Archive> {
    let config = Config::load(file)?;
    Ok(Archive::open(&config.ledger).await?)
}

pub(super) fn write(text: &[u8]) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    quiet_when_closed(output.write_all(text).and_then(|()| output.flush()).map_err(Into::into))
}

fn list(runtime: &Runtime, arguments: ListArguments) -> anyhow::Result<()> {
    let records = runtime.block_on(async {
        let archive = archive(arguments.file.path.as_deref()).await?;
        let records = archive.newest(&arguments.selection.into(), arguments.limit).await?;
        archive.close().await;
        anyhow::Ok(records)
    })?;
    let lines: Vec<Vec<u8>> = match arguments.format {
        ShownFormat::Json => records.iter().map(ledger_json::line).collect(),
        ShownFormat::Text => {
            records.into_iter().map(|record| ledger_text::line(&ledger_text::printable_record(record)).into_bytes()).collect()
        }
    };
    write(&lines.concat())
}

fn show(runtime: &Runtime, arguments: &ShowArguments) -> anyhow::Result<()> {
    let (record, feedback) = runtime.block_on(async {
        let archive = archive(arguments.file.path.as_deref()).await?;
        let Some(record) = archive.find(arguments.id).await? else { bail!("the ledger has no record or card `{}`", arguments.id) };
        let feedback = if record.kind == EntryKind::Call { archive.feedback_on(&record).await? } else { Vec::new() };
        archive.close().await;
        anyhow::Ok((record, feedback))
    })?;
    let text = match arguments.format {
        ShownFormat::Json => ledger_json::pretty(&record, &feedback)?,
        ShownFormat::Text => {
            let feedback: Vec<_> = feedback.into_iter().map(ledger_text::printable_record).collect();
            ledger_text::whole(&ledger_text::printable_record(record), &feedback)?
        }
    };
    write(text.as_bytes())
}

fn replay(runtime: &Runtime, arguments: ReplayArguments) -> anyhow::Result<ExitCode> {
    let config = arguments.policies.config(arguments.file.path.as_deref())?;
    let record = runtime.block_on(async {
        let archive = Archive::open(&config.ledger).await?;
        let record = archive.find(arguments.id).await?;
        archive.close().await;
        anyhow::Ok(record)
    })?;
    let Some(record) = record else { bail!("the ledger has no record or card `{}`", arguments.id) };
    if record.is_locked {
        bail!("record `{}` cannot be replayed: key `{}` is missing", record.id, record.key_id);
    }
    let _within = runtime.enter();
    let app = App::build(&config, Ports::new(&config, Arc::new(SystemClock), Arc::new(RandomIds))?)?;
    let replay = app.hooks.replay(&record)?;
    let changed = replay.changed_policies.iter().map(|policy| format!("note: the files of policy `{policy}` are not those that decided"));
    let mut lines: Vec<String> = changed.collect();
    lines.extend(replay.other_program.iter().map(|program| format!("note: `{}` answered then", printable(program))));
    let is_identical = replay.differences.is_empty();
    let outcome = if is_identical { "identical" } else { "different" };
    lines.push(format!("{outcome}: {} as of {}", record.id, ledger_json::instant(&record.received_at)));
    for Difference { at, recorded, now } in &replay.differences {
        let shown = |value: &Option<String>| printable(value.as_deref().unwrap_or("nothing")).into_owned();
        lines.push(format!("  {}\n    recorded: {}\n    now:      {}", printable(at), shown(recorded), shown(now)));
    }
    write((lines.join("\n") + "\n").as_bytes())?;
    Ok(if is_identical { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn new_key(arguments: NewKeyArguments) -> anyhow::Result<()> {
    let id = arguments.id.unwrap_or_else(|| SystemClock.now().format("%Y-%m-%d").to_string());
    write(format!("{}\n", new_key_line(&id)?).as_bytes())
}
