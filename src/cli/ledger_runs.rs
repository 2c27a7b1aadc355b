//! The long-running ledger commands: export, purge, verify. Each shows its progress, and prints how to resume when interrupted.
//! Not here: processing records; see [`crate::ledger`].

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::ExitCode;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::arguments::ConfigFile;
use super::ledger::{archive, write};
use super::ledger_arguments::{ExportArguments, ExportFormat, PurgeArguments, VerifyArguments};
use super::ledger_expectations::Expectations;
use super::ledger_json::{HEADINGS, line, row};
use super::output::quiet_when_closed;
use super::terminal_text::printable;
use crate::clock::{Clock as _, SystemClock};
use crate::ledger::{Archive, ChainPosition, DefectFound, Export, OpenedRecord, Proof, Purge, Purged, Verification, Verified, Wanted};

/// The exit code after an interrupt, as shells report SIGINT.
const INTERRUPTED: u8 = 130;

/// A run's progress and its interrupt signal.
struct Run {
    bar: ProgressBar,
    interrupts: Signal,
}

impl Run {
    fn new(size: u64, what: &'static str) -> anyhow::Result<Self> {
        let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {human_pos} of {human_len}, {eta} left") {
            bar.set_style(style);
        }
        bar.set_message(what);
        Ok(Self { bar, interrupts: signal(SignalKind::interrupt()).context("cannot listen for signals")? })
    }

    /// Runs one step of the work; `None` on an interrupt, which cancels the step if it is pending.
    async fn step<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            _ = self.interrupts.recv() => None,
            done = work => Some(done),
        }
    }

    fn advance(&self, records: u64) {
        self.bar.inc(records);
    }

    /// Names defects above the progress bar.
    fn tell(&self, findings: &[DefectFound]) {
        self.bar.suspend(|| findings.iter().for_each(|finding| say(&finding.to_string())));
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}

#[expect(clippy::print_stderr, reason = "a command tells the person at the terminal how it stands")]
fn say(text: &str) {
    eprintln!("{}", printable(text));
}

fn interrupted(go_on: &str) -> ExitCode {
    say(&format!("interrupted; {go_on}"));
    ExitCode::from(INTERRUPTED)
}

/// Exports records, page by page.
pub(super) async fn export(arguments: ExportArguments) -> anyhow::Result<ExitCode> {
    let ExportArguments { selection, format, output, resume, file } = arguments;
    let archive = archive(file.path.as_deref()).await?;
    let wanted: Wanted = selection.into();
    let out: Box<dyn Write> = match &output {
        None => Box::new(io::stdout().lock()),
        Some(path) => {
            let mut options = OpenOptions::new();
            // A record is confidential, so only the owner may read the file.
            options.write(true).create(true).mode(0o600).append(resume.is_some()).truncate(resume.is_none());
            let file: File = options.open(path).with_context(|| format!("cannot write `{}`", path.display()))?;
            Box::new(file)
        }
    };
    let mut exporter = Exporter { out: BufWriter::new(out), format, defects: 0, locked: BTreeMap::new() };
    let mut run = Run::new(archive.count(&wanted).await?, "exporting")?;
    let outcome = exporter.export(&archive, &wanted, resume, &mut run).await;
    run.end();
    archive.close().await;
    for (key, records) in &exporter.locked {
        say(&format!("{records} records are exported without what is sealed: key `{key}` is missing"));
    }
    match outcome {
        Ok(Some(position)) => Ok(interrupted(&format!("go on with --resume {position}"))),
        Ok(None) if exporter.defects > 0 => {
            say(&format!("{} defects; damaged records are not exported", exporter.defects));
            Ok(ExitCode::FAILURE)
        }
        Ok(None) => Ok(ExitCode::SUCCESS),
        Err(error) => quiet_when_closed(Err(error)).map(|()| ExitCode::SUCCESS),
    }
}

struct Exporter {
    out: BufWriter<Box<dyn Write>>,
    format: ExportFormat,
    defects: usize,
    /// How many records are locked, by their missing key.
    locked: BTreeMap<String, u64>,
}

impl Exporter {
    /// Writes all records that hold, or those up to the position where it was interrupted, and names every defect.
    async fn export(
        &mut self,
        archive: &Archive,
        wanted: &Wanted,
        resume: Option<ChainPosition>,
        run: &mut Run,
    ) -> anyhow::Result<Option<ChainPosition>> {
        let mut export = Export::begin(archive, wanted, resume).await?;
        if self.format == ExportFormat::Csv && resume.is_none() {
            self.write_rows([HEADINGS.map(str::to_owned).to_vec()])?;
        }
        loop {
            let Some(page) = run.step(export.step()).await else {
                self.out.flush()?;
                return Ok(Some(export.position()));
            };
            let Some(page) = page? else {
                self.out.flush()?;
                return Ok(None);
            };
            self.write(&page.records)?;
            self.defects += page.findings.len();
            for record in page.records.iter().filter(|record| record.is_locked) {
                *self.locked.entry(record.key_id.clone()).or_default() += 1;
            }
            run.tell(&page.findings);
            run.advance(u64::try_from(page.records.len()).unwrap_or_default());
        }
    }

    fn write(&mut self, page: &[OpenedRecord]) -> anyhow::Result<()> {
        match self.format {
            ExportFormat::Ndjson => Ok(page.iter().try_for_each(|record| self.out.write_all(&line(record)))?),
            ExportFormat::Csv => self.write_rows(page.iter().map(row)),
        }
    }

    fn write_rows(&mut self, rows: impl IntoIterator<Item = Vec<String>>) -> anyhow::Result<()> {
        let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        for row in rows {
            table.write_record(row)?;
        }
        let table = table.into_inner().map_err(|error| anyhow::anyhow!("{}", error.error()))?;
        Ok(self.out.write_all(&table)?)
    }
}

/// Removes old records, page by page.
pub(super) async fn purge(arguments: PurgeArguments) -> anyhow::Result<ExitCode> {
    let PurgeArguments { before, unverified, file } = arguments;
    let archive = archive(file.path.as_deref()).await?;
    let proof = if unverified { Proof::Waived } else { Proof::Asked };
    let mut run = Run::new(archive.count_before(before).await?, "purging")?;
    let mut purge = Purge::begin(&archive, before, proof).await?;
    let mut removed = 0;
    let code = loop {
        match run.step(purge.step()).await.transpose()? {
            None => break interrupted(&format!("{removed} records are removed, and the same command goes on")),
            Some(Purged::All) => break ExitCode::SUCCESS,
            Some(Purged::Some(records)) => {
                removed += records;
                run.advance(records);
            }
            Some(Purged::Stopped(finding)) => {
                say(&format!("stopped: {finding}; `ledger verify` tells more, and --unverified removes such records too"));
                break ExitCode::FAILURE;
            }
        }
    };
    // If interrupted here, the next purge continues this.
    while code == ExitCode::SUCCESS && run.step(archive.give_room_back()).await.transpose()?.unwrap_or(false) {}
    run.end();
    archive.close().await;
    write(format!("{removed} records removed\n").as_bytes())?;
    Ok(code)
}

/// Verifies all chains.
pub(super) async fn verify(arguments: VerifyArguments) -> anyhow::Result<ExitCode> {
    let VerifyArguments { resume, expect, all_keys, file } = arguments;
    let archive = archive(file.path.as_deref()).await?;
    let Expectations { ends: observed, mut problems, mut unchecked } = Expectations::read(&expect, &archive)?;
    let mut verification = Verification::begin(&archive, resume, observed).await?;
    let mut run = Run::new(verification.size().await?, "verifying")?;
    loop {
        let before = verification.so_far().records;
        let step = run.step(verification.step()).await;
        run.advance(verification.so_far().records - before);
        match step.transpose()? {
            Some(true) => {}
            Some(false) => break,
            None => {
                run.end();
                verification.so_far().findings.iter().for_each(|finding| say(&finding.to_string()));
                let position = verification.position().unwrap_or(ChainPosition::BEGINNING);
                return Ok(interrupted(&format!("go on with --resume {position}")));
            }
        }
    }
    run.end();
    let verified = verification.so_far().clone();
    archive.close().await;
    problems.extend(verified.findings.iter().map(ToString::to_string));
    unchecked.extend(verified.unchecked.iter().map(ToString::to_string));
    let from = resume.map(|position| format!(" from {position} on")).unwrap_or_default();
    write(verified_text(&verified, &problems, &unchecked, &from).as_bytes())?;
    let is_complete = unchecked.is_empty() || !all_keys;
    Ok(if problems.is_empty() && is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn verified_text(verified: &Verified, problems: &[String], unchecked: &[String], from: &str) -> String {
    let Verified { records, ends, unchecked: locked, .. } = verified;
    let mut lines: Vec<String> = problems.iter().chain(unchecked).map(|line| printable(line).into_owned()).collect();
    lines.extend(verified.advice().iter().map(|advice| printable(advice).into_owned()));
    lines.extend(ends.iter().map(|end| format!("end {end}")));
    let locked: u64 = locked.iter().map(|unchecked| unchecked.records).sum();
    let not_checked = if locked == 0 { String::new() } else { format!("; {locked} records are not checked") };
    lines.push(match problems.len() {
        0 => format!("the ledger holds{from}: {records} records in {} chains{not_checked}", ends.len()),
        defects => format!("the ledger does not hold: {defects} defects; {records} records hold{not_checked}"),
    });
    lines.join("\n") + "\n"
}

/// Prints a signed checkpoint of each chain.
pub(super) async fn checkpoint(file: ConfigFile) -> anyhow::Result<ExitCode> {
    let archive = archive(file.path.as_deref()).await?;
    let checkpoints = archive.checkpoints(SystemClock.now()).await?;
    archive.close().await;
    let lines: Vec<String> = checkpoints.iter().map(|checkpoint| format!("{checkpoint}\n")).collect();
    write(lines.concat().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
