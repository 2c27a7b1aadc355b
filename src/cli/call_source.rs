//! Where `policy impact` takes its calls from: the lines of a file, or the recorded calls of the ledger. Both are read a part at a time.
//! Not here: what a line says ([`crate::service::policy_impact`]).

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use anyhow::Context as _;
use tokio::runtime::Runtime;

use super::lines::{StreamLine, next_line};
use crate::ledger::{Export, OpenedRecord};

/// A batch of lines is complete at this number of lines, or of bytes.
const BATCH_LINES: usize = 64;
const BATCH_BYTES: usize = 1 << 20;

/// A batch of records is complete at this number.
const BATCH_RECORDS: usize = 16;

/// A call to judge.
pub(super) enum SourcedCall {
    /// A line, without its line feed.
    Line(Vec<u8>),
    /// A line longer than the limit, which was skipped.
    LineTooLong,
    /// A record of a call.
    Record(Box<OpenedRecord>),
    /// What the ledger finds wrong with a record, which is left out.
    DamagedRecord(String),
}

/// A call with its line, or its place among the records that were read; from 1.
pub(super) struct NumberedCall {
    pub(super) number: u64,
    pub(super) call: SourcedCall,
}

/// Reads calls in order.
pub(super) enum CallSource<'a> {
    Lines(LineSource),
    Ledger(LedgerSource<'a>),
}

/// The lines of a file or of standard input.
pub(super) struct LineSource {
    input: Box<dyn BufRead + Send>,
    name: String,
    /// Maximum length of a line in bytes.
    limit: usize,
    buffer: Vec<u8>,
    number: u64,
    /// The bytes that were read, without those of lines that are too long.
    bytes: u64,
}

/// The recorded calls of the ledger.
pub(super) struct LedgerSource<'a> {
    runtime: &'a Runtime,
    export: Export<'a>,
    page: VecDeque<SourcedCall>,
    number: u64,
}

impl CallSource<'_> {
    /// The next calls; empty at the end.
    pub(super) fn next_batch(&mut self) -> anyhow::Result<Vec<NumberedCall>> {
        match self {
            Self::Lines(lines) => lines.next_batch(),
            Self::Ledger(ledger) => ledger.next_batch(),
        }
    }

    /// How far the source was read: in bytes for a file, in records for the ledger.
    pub(super) fn position(&self) -> u64 {
        match self {
            Self::Lines(lines) => lines.bytes,
            Self::Ledger(ledger) => ledger.number,
        }
    }
}

impl LineSource {
    /// Opens a file, or standard input for `-`. Lines longer than `limit` bytes are skipped.
    pub(super) fn open(path: &Path, limit: usize) -> anyhow::Result<Self> {
        let name = shown(path);
        let input: Box<dyn BufRead + Send> = if path == Path::new("-") {
            Box::new(BufReader::new(io::stdin()))
        } else {
            Box::new(BufReader::new(File::open(path).with_context(|| format!("cannot read {name}"))?))
        };
        Ok(Self { input, name, limit, buffer: Vec::new(), number: 0, bytes: 0 })
    }

    fn next_batch(&mut self) -> anyhow::Result<Vec<NumberedCall>> {
        let (mut batch, mut batch_bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_LINES && batch_bytes < BATCH_BYTES {
            let line = next_line(&mut self.input, &mut self.buffer, self.limit).with_context(|| format!("cannot read {}", self.name))?;
            self.number += 1;
            let call = match line {
                StreamLine::End => break,
                StreamLine::TooLong => SourcedCall::LineTooLong,
                StreamLine::Text(text) => {
                    self.bytes += u64::try_from(text.len() + 1).unwrap_or_default();
                    if text.trim_ascii().is_empty() {
                        continue;
                    }
                    batch_bytes += text.len();
                    SourcedCall::Line(text.to_vec())
                }
            };
            batch.push(NumberedCall { number: self.number, call });
        }
        Ok(batch)
    }
}

impl<'a> LedgerSource<'a> {
    /// The calls that an export selects. `runtime` drives the database.
    pub(super) fn new(runtime: &'a Runtime, export: Export<'a>) -> Self {
        Self { runtime, export, page: VecDeque::new(), number: 0 }
    }

    fn next_batch(&mut self) -> anyhow::Result<Vec<NumberedCall>> {
        while self.page.is_empty() {
            let Some(page) = self.runtime.block_on(self.export.step())? else { return Ok(Vec::new()) };
            let mut findings = page.findings;
            findings.dedup_by_key(|finding| finding.position);
            self.page.extend(page.records.into_iter().map(|record| SourcedCall::Record(Box::new(record))));
            self.page.extend(findings.iter().map(|finding| SourcedCall::DamagedRecord(finding.to_string())));
        }
        let batch = self.page.drain(..BATCH_RECORDS.min(self.page.len()));
        let numbered = (self.number + 1..).zip(batch).map(|(number, call)| NumberedCall { number, call });
        let numbered: Vec<_> = numbered.collect();
        self.number += u64::try_from(numbered.len()).unwrap_or_default();
        Ok(numbered)
    }
}

/// The name of an input in messages.
pub(super) fn shown(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { format!("`{}`", path.display()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(text: &'static str, limit: usize) -> Vec<Vec<(u64, String)>> {
        let input = Box::new(text.as_bytes());
        let mut lines = LineSource { input, name: "memory".to_owned(), limit, buffer: Vec::new(), number: 0, bytes: 0 };
        let read = |lines: &mut LineSource| lines.next_batch().expect("memory can be read");
        let shown = |call: NumberedCall| match call.call {
            SourcedCall::Line(text) => (call.number, String::from_utf8_lossy(&text).into_owned()),
            _ => (call.number, "too long".to_owned()),
        };
        std::iter::from_fn(|| Some(read(&mut lines)).filter(|batch| !batch.is_empty()))
            .map(|batch| batch.into_iter().map(shown).collect())
            .collect()
    }

    #[test]
    fn empty_lines_are_numbered_and_left_out_and_long_ones_are_skipped() {
        let expected = [(1, "a".to_owned()), (3, "too long".to_owned()), (4, "b".to_owned())];
        assert_eq!(batches("a\n \nlonger\nb", 3), [expected]);
    }

    #[test]
    fn a_batch_ends_at_its_number_of_lines_or_bytes() {
        let many = "x\n".repeat(BATCH_LINES + 1);
        let sizes = |text: String, limit| batches(text.leak(), limit).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(many, 9), [BATCH_LINES, 1]);
        let large = format!("{}\ny\n", "x".repeat(BATCH_BYTES));
        assert_eq!(sizes(large, BATCH_BYTES), [1, 1]);
    }
}
