//! `sij-cds evaluate`: evaluates one request, or one per line.
//! Not here: reading and deciding a request ([`crate::service`]), and reading lines ([`super::lines`]).

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::runtime::Runtime;

use super::arguments::{EvaluateArguments, ReportFormat};
use super::lines::{StreamLine, next_line};
use super::output::quiet_when_closed;
use super::report_text;
use crate::app::{App, Ports};
use crate::clock::{Clock, SystemClock};
use crate::decision::{FetchedPages, Report};
use crate::ids::RandomIds;
use crate::service::CallError;

/// Maximum length of a line. A longer one is a bad line, so memory is bounded.
const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;

/// Evaluates one request, or every line of a stream.
pub(super) fn run(arguments: EvaluateArguments) -> anyhow::Result<ExitCode> {
    let config = arguments.policies.config(arguments.file.path.as_deref())?;
    let as_of = arguments.as_of.unwrap_or_else(|| SystemClock.now());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    let _within = runtime.enter();
    let app = App::build(&config, Ports::new(&config, Arc::new(SystemClock), Arc::new(RandomIds))?)?;
    let evaluator = Evaluator { app: &app, as_of, runtime: arguments.fetch.then_some(&runtime) };
    let input = Input::from_path(arguments.request);
    let mut output = BufWriter::new(io::stdout().lock());
    if arguments.ndjson {
        let mut results = Results { evaluator, output, bad: 0 };
        quiet_when_closed(results.write_all(&input))?;
        return Ok(if results.bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let body = input.text()?;
    let text = evaluator.evaluate(&body, |report| match arguments.format {
        ReportFormat::Json => serde_json::to_string_pretty(report).map(|json| json + "\n"),
        ReportFormat::Text => Ok(report_text::text(report)),
    });
    let text = text.map_err(|error| anyhow!("{}: {}", input.name(), problem(&error)))??;
    quiet_when_closed(output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(Into::into))?;
    Ok(ExitCode::SUCCESS)
}

/// Evaluates requests as of one instant.
struct Evaluator<'s> {
    app: &'s App,
    as_of: DateTime<Utc>,
    /// Runs the fetches for missing prefetch, if enabled.
    runtime: Option<&'s Runtime>,
}

impl Evaluator<'_> {
    fn evaluate<T>(&self, body: &str, read: impl FnOnce(&Report<'_, '_>) -> T) -> Result<T, CallError> {
        match self.runtime {
            Some(runtime) => {
                let pages = FetchedPages::default();
                Ok(read(&runtime.block_on(self.app.hooks.evaluate_fetching(body, self.as_of, &pages))?.report()))
            }
            None => Ok(read(&self.app.hooks.evaluate(body, self.as_of)?.report())),
        }
    }
}

/// A file, or standard input.
enum Input {
    File(PathBuf),
    Standard,
}

impl Input {
    fn from_path(path: PathBuf) -> Self {
        if path == Path::new("-") { Self::Standard } else { Self::File(path) }
    }

    fn name(&self) -> String {
        match self {
            Self::File(path) => format!("`{}`", path.display()),
            Self::Standard => "standard input".to_owned(),
        }
    }

    fn open(&self) -> anyhow::Result<Box<dyn Read>> {
        Ok(match self {
            Self::File(path) => Box::new(File::open(path).with_context(|| format!("cannot read {}", self.name()))?),
            Self::Standard => Box::new(io::stdin().lock()),
        })
    }

    fn text(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        self.open()?.read_to_string(&mut text).with_context(|| format!("cannot read {}", self.name()))?;
        Ok(text)
    }
}

/// The output for a line that cannot be evaluated.
#[derive(Serialize)]
struct BadLine {
    error: LineError,
}

#[derive(Serialize)]
struct LineError {
    /// Counted from 1, including empty lines.
    line: usize,
    problem: String,
}

/// Writes the results of a stream as they are produced.
struct Results<'s, W> {
    evaluator: Evaluator<'s>,
    output: W,
    /// The number of lines that could not be evaluated.
    bad: usize,
}

impl<W: Write> Results<'_, W> {
    /// Writes one result per line, in input order. Skips empty lines and continues after a bad one.
    fn write_all(&mut self, input: &Input) -> anyhow::Result<()> {
        let mut lines = BufReader::new(input.open()?);
        let mut buffer = Vec::new();
        for number in 1.. {
            if !lines.buffer().contains(&b'\n') {
                // Reading the next line may block, so flush the results so far.
                self.output.flush()?;
            }
            match next_line(&mut lines, &mut buffer, MAX_LINE_BYTES).with_context(|| format!("cannot read {}", input.name()))? {
                StreamLine::End => break,
                StreamLine::Text(text) if text.trim_ascii().is_empty() => {}
                StreamLine::Text(text) => self.write(number, text)?,
                StreamLine::TooLong => self.write_fault(number, format!("the line is longer than {} MiB", MAX_LINE_BYTES >> 20))?,
            }
        }
        Ok(self.output.flush()?)
    }

    fn write(&mut self, number: usize, line: &[u8]) -> io::Result<()> {
        let output = &mut self.output;
        let outcome = std::str::from_utf8(line)
            .map_err(|_| CallError::NotUtf8)
            .and_then(|line| self.evaluator.evaluate(line, |report| serde_json::to_writer(output, report)));
        match outcome {
            Ok(written) => written.map_err(io::Error::from).and_then(|()| writeln!(self.output)),
            Err(error) => self.write_fault(number, problem(&error)),
        }
    }

    fn write_fault(&mut self, line: usize, problem: String) -> io::Result<()> {
        self.bad += 1;
        serde_json::to_writer(&mut self.output, &BadLine { error: LineError { line, problem } })?;
        writeln!(self.output)
    }
}

/// The error message, with the JSON path if the message does not contain it.
fn problem(error: &CallError) -> String {
    let words = error.to_string();
    match error.expression() {
        Some(path) if !words.contains(&format!("`{path}`")) => format!("{words} (at `{path}`)"),
        Some(_) | None => words,
    }
}
