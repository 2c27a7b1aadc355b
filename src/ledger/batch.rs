//! Group commit: the jobs that the writer takes together, and how long it waits for more. The wait ends when the batch is full, when no
//! more jobs arrive for some turns of the runtime, or after a short timeout. Calls that arrive together are written together, because each
//! transaction costs as much as a call's own work; when few calls arrive, none waits.
//! Not here: writing a batch; see [`super::writer`].

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::Instant;

use super::health::UnwritableCause;
use super::sealed::SealedEntry;

/// A batch of this many records, or of about this many bytes, is full.
const MAX_RECORDS: usize = 256;
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The longest wait for more.
const MAX_DELAY: Duration = Duration::from_millis(20);

/// This many turns of the runtime without a new job end the wait. The first turn may be this task's own, before other ready tasks run.
const IDLE_TURNS: usize = 2;

/// Whether the write succeeded. The log has the details of a failure.
pub(super) type WriteResult = Result<(), UnwritableCause>;

/// A request to the writer.
#[derive(Debug)]
pub(super) enum Job {
    /// Write entries, and notify the sender, if any, when they are durable.
    Write(Vec<SealedEntry>, Option<oneshot::Sender<WriteResult>>),
    /// Check whether anything can be written.
    Probe(oneshot::Sender<WriteResult>),
    /// Write the queued entries and end.
    Close(oneshot::Sender<WriteResult>),
}

/// Entries to write together.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<SealedEntry>,
    bytes: usize,
    /// Whether anything is to be written, even if only a start record.
    pub(super) has_writes: bool,
    pub(super) writes: Vec<oneshot::Sender<WriteResult>>,
    pub(super) probes: Vec<oneshot::Sender<WriteResult>>,
    pub(super) closing: Option<oneshot::Sender<WriteResult>>,
}

impl Batch {
    /// Waits for a job and takes it together with those that arrive with it; `None` if no more jobs can arrive.
    pub(super) async fn next(queue: &mut mpsc::Receiver<Job>) -> Option<Self> {
        let mut batch = Self::default();
        batch.add(queue.recv().await?);
        let (end, mut idle) = (Instant::now() + MAX_DELAY, 0);
        while idle < IDLE_TURNS && batch.has_room() && Instant::now() < end {
            yield_now().await;
            idle = if batch.drain(queue) { 0 } else { idle + 1 };
        }
        Some(batch)
    }

    /// Takes the queued jobs, and returns whether there were any.
    fn drain(&mut self, queue: &mut mpsc::Receiver<Job>) -> bool {
        let mut has_more = false;
        while self.has_room()
            && let Ok(job) = queue.try_recv()
        {
            self.add(job);
            has_more = true;
        }
        has_more
    }

    fn add(&mut self, job: Job) {
        match job {
            // The call was already answered with 503: a record would describe an answer that was never sent.
            Job::Write(_, Some(done)) if done.is_closed() => {}
            Job::Write(entries, done) => {
                self.has_writes = true;
                self.bytes += entries.iter().map(SealedEntry::size).sum::<usize>();
                self.entries.extend(entries);
                self.writes.extend(done);
            }
            Job::Probe(done) => self.probes.push(done),
            Job::Close(done) => self.closing = Some(done),
        }
    }

    fn has_room(&self) -> bool {
        self.entries.len() < MAX_RECORDS && self.bytes < MAX_BYTES && self.closing.is_none()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::super::entry::{Entry, EntryKind};
    use super::super::keys::{KeyRing, new_key_line};
    use super::*;

    fn sealed() -> SealedEntry {
        let keys = KeyRing::read(&new_key_line("a").expect("random")).expect("a key");
        SealedEntry::seal(Entry::new(Uuid::from_u128(7), EntryKind::Call, DateTime::UNIX_EPOCH), &keys).expect("sealed")
    }

    /// Sends `count` jobs, one at each turn of the runtime.
    async fn send(queue: mpsc::Sender<Job>, count: usize) {
        let entry = sealed();
        for _ in 0..count {
            queue.send(Job::Write(vec![entry.clone()], None)).await.expect("there is room");
            yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn jobs_that_keep_arriving_are_taken_together_without_a_delay() {
        let (sender, mut queue) = mpsc::channel(8);
        let sending = tokio::spawn(send(sender, MAX_RECORDS - 1));
        let begun = Instant::now();
        let batch = Batch::next(&mut queue).await.expect("a batch");
        assert_eq!((batch.entries.len(), begun.elapsed()), (MAX_RECORDS - 1, Duration::ZERO));
        sending.await.expect("it ends");
        assert!(Batch::next(&mut queue).await.is_none(), "the queue is closed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_batch_does_not_wait_and_no_job_is_lost_between_two() {
        let (sender, mut queue) = mpsc::channel(8);
        tokio::spawn(send(sender, 3 * MAX_RECORDS));
        for _ in 0..3 {
            assert_eq!(Batch::next(&mut queue).await.expect("a batch").entries.len(), MAX_RECORDS);
        }
        assert!(Batch::next(&mut queue).await.is_none());
    }

    #[tokio::test]
    async fn an_entry_whose_caller_gave_up_is_not_written() {
        let (sender, mut queue) = mpsc::channel(8);
        let (done, waiting) = oneshot::channel();
        drop(waiting);
        sender.send(Job::Write(vec![sealed()], Some(done))).await.expect("there is room");
        let batch = Batch::next(&mut queue).await.expect("a batch");
        assert!(batch.entries.is_empty() && !batch.has_writes);
    }
}
