//! `sij-cds policy impact`: which answers a directory of policies would change.
//! Not here: judging calls ([`super::impact_run`]) and the three formats of the report ([`super::impact_text`], [`super::impact_json`],
//! [`super::impact_html`]).

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use chrono::{Days, NaiveDate, NaiveTime};
use tokio::runtime::Runtime;

use super::call_source::{CallSource, LedgerSource, LineSource, shown};
use super::impact_report::{CallsHeading, ImpactReport, PolicySetHeading};
use super::impact_run::{ImpactRun, progress};
use super::ledger::write;
use super::policy_arguments::{ImpactArguments, ImpactFormat};
use super::{impact_html, impact_json, impact_text};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, Layers, Overrides};
use crate::ledger::{Archive, EntryKind, Export, Wanted};
use crate::service::policy_impact::{ImpactTally, PolicyComparison};

/// Judges the calls by both sets of policies and prints what changes. The exit code is 1 only with `--fail-on-change`.
pub(super) fn run(arguments: &ImpactArguments) -> anyhow::Result<ExitCode> {
    let path = arguments.file.path.as_deref();
    let config = Config::load(path)?;
    let overrides = Overrides { policy_directory: Some(arguments.policy_dir.clone()), ..Overrides::default() };
    let proposed = Config::layered(Layers::of_process(path, overrides))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    // FHIR clients must be constructed inside a runtime, although nothing is fetched.
    let within = runtime.enter();
    let as_of = arguments.as_of.unwrap_or_else(|| SystemClock.now());
    let comparison = PolicyComparison::build(&config, &proposed, arguments.only_version.as_deref(), as_of)?;
    drop(within);
    // Opened first, so that a file that cannot be written does not cost a run.
    let output = arguments.output.as_deref().map(open_output).transpose()?;
    let judging = Judging { arguments, config: &config, runtime: &runtime, comparison: &comparison };
    let tally = match &arguments.requests {
        Some(requests) => judging.tally_lines(requests)?,
        None => judging.tally_ledger()?,
    };
    let is_changed = tally.changed_orders > 0 || tally.unjudged_calls > 0;
    let report = judging.report(tally);
    let text = match arguments.format {
        ImpactFormat::Text => impact_text::text(&report),
        ImpactFormat::Json => impact_json::json(&report)?,
        ImpactFormat::Html => impact_html::report_page(&report),
    };
    print(output, arguments.output.as_deref(), &text)?;
    Ok(if arguments.fail_on_change && is_changed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What a run has at hand.
struct Judging<'j> {
    arguments: &'j ImpactArguments,
    config: &'j Config,
    runtime: &'j Runtime,
    comparison: &'j PolicyComparison,
}

impl<'j> Judging<'j> {
    fn tally_lines(&self, path: &Path) -> anyhow::Result<ImpactTally> {
        let lines = LineSource::open(path, self.line_limit())?;
        let size = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|file| file.len());
        self.run(size).tally(CallSource::Lines(lines))
    }

    fn tally_ledger(&self) -> anyhow::Result<ImpactTally> {
        let wanted = wanted(self.arguments.from, self.arguments.to);
        let archive = self.runtime.block_on(Archive::open(&self.config.ledger))?;
        let size = self.runtime.block_on(archive.count(&wanted))?;
        let export = self.runtime.block_on(Export::begin(&archive, &wanted, None))?;
        let tally = self.run(Some(size)).tally(CallSource::Ledger(LedgerSource::new(self.runtime, export)));
        self.runtime.block_on(archive.close());
        tally
    }

    fn run(&self, size: Option<u64>) -> ImpactRun<'j> {
        ImpactRun { comparison: self.comparison, line_limit: self.line_limit(), list_limit: self.arguments.list, progress: progress(size) }
    }

    fn line_limit(&self) -> usize {
        self.config.server.body_limit_bytes.get()
    }

    fn report(&self, tally: ImpactTally) -> ImpactReport {
        let ImpactArguments { policy_dir, only_version, from, to, requests, show_patients, .. } = self.arguments;
        let calls = match requests {
            Some(path) => CallsHeading::Lines { name: shown(path) },
            None => CallsHeading::Ledger { from: *from, to: *to },
        };
        let (in_use, proposed) = (self.comparison.policies_in_use(), self.comparison.proposed_policies());
        ImpactReport {
            in_use: PolicySetHeading::new(self.config.policy.directory.as_deref(), in_use, &tally.versions_in_use),
            proposed: PolicySetHeading::new(Some(policy_dir), proposed, &tally.versions_proposed),
            only_version: only_version.clone(),
            titles: ImpactReport::titles(in_use, proposed, &tally),
            calls,
            shows_patients: *show_patients,
            tally,
        }
    }
}

/// The recorded calls of the days from `from` through `to`, in UTC.
fn wanted(from: Option<NaiveDate>, to: Option<NaiveDate>) -> Wanted {
    let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let after = to.and_then(|day| day.checked_add_days(Days::new(1)));
    Wanted { from: from.map(midnight), to: after.map(midnight), kind: Some(EntryKind::Call), ..Wanted::default() }
}

fn open_output(path: &Path) -> anyhow::Result<File> {
    // The report may name patients, so only the owner may read it. What the file holds stays until the report is complete.
    let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    opened.with_context(|| format!("cannot write `{}`", path.display()))
}

fn print(output: Option<File>, path: Option<&Path>, text: &str) -> anyhow::Result<()> {
    let (Some(mut file), Some(path)) = (output, path) else { return write(text.as_bytes()) };
    // A device or a pipe has no length to set.
    _ = file.set_len(0);
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write `{}`", path.display()))
}
