//! Reads what `ledger verify --expect` names: chain ends that were observed earlier, as options or in files.
//! Not here: comparing them with the ledger; see [`crate::ledger::Verification`].

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::Context;

use super::ledger_arguments::ObservedEnd;
use super::lines::{StreamLine, next_line};
use crate::ledger::{Archive, CheckpointError, End, SignedCheckpoint};

/// Maximum length of a line; one of `ledger checkpoint` has about 350 bytes.
const MAX_LINE_BYTES: usize = 4096;

/// What was observed earlier.
#[derive(Debug, Default)]
pub(super) struct Expectations {
    /// The ends that must still be there.
    pub(super) ends: Vec<End>,
    /// The lines that prove nothing: forged, cut off, or something else.
    pub(super) problems: Vec<String>,
    /// The lines whose key is missing.
    pub(super) unchecked: Vec<String>,
}

impl Expectations {
    /// Reads files and ends. A line that is no end and no valid checkpoint is a problem, and the rest still counts.
    pub(super) fn read(expected: &[ObservedEnd], archive: &Archive) -> anyhow::Result<Self> {
        let mut expectations = Self::default();
        for expected in expected {
            match expected {
                ObservedEnd::End(end) => expectations.ends.push(*end),
                ObservedEnd::File(path) => expectations.read_file(path, archive)?,
            }
        }
        Ok(expectations)
    }

    fn read_file(&mut self, path: &Path, archive: &Archive) -> anyhow::Result<()> {
        let shown = path.display();
        let context = || format!("`{shown}` is no chain end as an earlier run printed it, and no file that can be read");
        let mut input = BufReader::new(File::open(path).with_context(context)?);
        let mut buffer = Vec::new();
        for number in 1_u64.. {
            let outcome = match next_line(&mut input, &mut buffer, MAX_LINE_BYTES).with_context(context)? {
                StreamLine::End => break,
                StreamLine::TooLong => Err(CheckpointError::Invalid),
                StreamLine::Text(line) if line.trim_ascii().is_empty() => continue,
                StreamLine::Text(line) => observed(line, archive),
            };
            match outcome {
                Ok(end) => self.ends.push(end),
                Err(error @ CheckpointError::MissingKey(_)) => self.unchecked.push(format!("line {number} of `{shown}` {error}")),
                Err(error) => self.problems.push(format!("line {number} of `{shown}` {error}")),
            }
        }
        Ok(())
    }
}

/// The end that a line names: a signed checkpoint, or an end as `verify` prints it.
fn observed(line: &[u8], archive: &Archive) -> Result<End, CheckpointError> {
    let line = std::str::from_utf8(line).map_err(|_| CheckpointError::Invalid)?.trim();
    if line.starts_with('{') {
        return archive.checked_end(&line.parse::<SignedCheckpoint>()?);
    }
    line.strip_prefix("end ").unwrap_or(line).parse().map_err(|_| CheckpointError::Invalid)
}
