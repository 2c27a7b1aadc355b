//! Judges the calls of a source on all cores. Each worker takes the next batch and keeps counts of its own, which are added up at the end.
//! Not here: judging a call ([`crate::service::policy_impact`]).

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::call_source::{CallSource, NumberedCall, SourcedCall};
use crate::service::policy_impact::{CallJudgement, CallReference, ImpactTally, PolicyComparison, UnjudgedError};

/// How often the progress is drawn, in times a second.
const DRAWS_PER_SECOND: u8 = 1;

/// What the calls of a source are judged with.
pub(super) struct ImpactRun<'r> {
    pub(super) comparison: &'r PolicyComparison,
    /// Maximum length of a line in bytes.
    pub(super) line_limit: usize,
    /// Maximum length of each list of the result.
    pub(super) list_limit: usize,
    pub(super) progress: ProgressBar,
}

impl ImpactRun<'_> {
    /// Judges every call and returns the counts.
    ///
    /// # Errors
    /// If the source cannot be read further.
    pub(super) fn tally(&self, source: CallSource<'_>) -> anyhow::Result<ImpactTally> {
        let source = Mutex::new(source);
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let mut whole = ImpactTally::new(self.list_limit);
        let parts: Vec<_> = thread::scope(|scope| {
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(|| self.tally_batches(&source))).collect();
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        self.progress.finish_and_clear();
        for part in parts {
            whole.merge(part?);
        }
        Ok(whole)
    }

    fn tally_batches(&self, source: &Mutex<CallSource<'_>>) -> anyhow::Result<ImpactTally> {
        let mut tally = ImpactTally::new(self.list_limit);
        loop {
            let batch = {
                let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
                let batch = source.next_batch()?;
                self.progress.set_position(source.position());
                batch
            };
            if batch.is_empty() {
                return Ok(tally);
            }
            for NumberedCall { number, call } in batch {
                let (record, judgement) = self.judged(&call);
                tally.add(&CallReference { number, record }, judgement);
            }
        }
    }

    fn judged(&self, call: &SourcedCall) -> (Option<uuid::Uuid>, CallJudgement) {
        let unjudged = |error| (None, CallJudgement::unjudged(&error));
        match call {
            SourcedCall::Line(text) => (None, self.comparison.judge_line(text)),
            SourcedCall::LineTooLong => unjudged(UnjudgedError::LineTooLong { limit_bytes: self.line_limit }),
            SourcedCall::Record(record) => (Some(record.id), self.comparison.judge_record(record)),
            SourcedCall::DamagedRecord(finding) => unjudged(UnjudgedError::Damaged(finding.clone())),
        }
    }
}

/// The progress of a run over this many bytes or records, on standard error if that is a terminal.
pub(super) fn progress(size: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND));
    let template = if size.is_some() { "judging calls {wide_bar} {percent}%, {eta} left" } else { "judging calls, {elapsed}" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
