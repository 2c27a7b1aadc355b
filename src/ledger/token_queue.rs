//! Used tokens on their way to the disk. They wait here until the writer's next transaction, which is usually that of their own call's
//! record, and so they cost no transaction of their own.
//! Not here: their table; see [`super::token_rows`].

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Duration, timeout};

use super::batch::Job;
use super::token_rows::TokenRow;

/// How many tokens may wait. They pile up only while nothing can be written.
const MAX_WAITING: usize = 4_096;

/// The tokens that are not durable yet, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct TokenQueue {
    waiting: Mutex<WaitingTokens>,
    /// How many of all tokens that ever came are durable; always the first ones.
    durable: AtomicU64,
}

#[derive(Debug, Default)]
struct WaitingTokens {
    rows: VecDeque<TokenRow>,
    /// How many ever came.
    count: u64,
}

/// A used token that may not be durable yet. If this is dropped, it is written without anybody waiting for it.
#[derive(Debug)]
#[must_use]
pub struct PendingToken {
    tokens: Arc<TokenQueue>,
    jobs: mpsc::Sender<Job>,
    /// How many tokens are durable as soon as this one is.
    number: u64,
    write_timeout: Duration,
}

impl TokenQueue {
    /// Queues a token; `None` if too many wait.
    pub(super) fn push(self: &Arc<Self>, row: TokenRow, jobs: &mpsc::Sender<Job>, write_timeout: Duration) -> Option<PendingToken> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.rows.len() >= MAX_WAITING {
            drop(waiting);
            write_soon(jobs);
            return None;
        }
        waiting.rows.push_back(row);
        waiting.count += 1;
        Some(PendingToken { tokens: Arc::clone(self), jobs: jobs.clone(), number: waiting.count, write_timeout })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).rows.is_empty()
    }

    /// The tokens for the writer's next transaction. They stay queued until [`TokenQueue::note_durable`]: a transaction may fail.
    pub(super) fn waiting(&self) -> Vec<TokenRow> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).rows.iter().cloned().collect()
    }

    /// Removes the first `count` tokens, which are durable now.
    pub(super) fn note_durable(&self, count: usize) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = count.min(waiting.rows.len());
        waiting.rows.drain(..count);
        self.durable.fetch_add(count as u64, Ordering::Release);
    }
}

impl PendingToken {
    fn is_durable(&self) -> bool {
        self.tokens.durable.load(Ordering::Acquire) >= self.number
    }

    /// Waits until the token is durable; `false` if it is not, or not known to be, within `ledger.write_timeout`.
    pub async fn durable(self) -> bool {
        if self.is_durable() {
            return true;
        }
        let (done, written) = oneshot::channel();
        if self.jobs.try_send(Job::Write(Vec::new(), Some(done))).is_err() {
            return false;
        }
        matches!(timeout(self.write_timeout, written).await, Ok(Ok(Ok(())))) && self.is_durable()
    }
}

impl Drop for PendingToken {
    fn drop(&mut self) {
        if !self.is_durable() {
            write_soon(&self.jobs);
        }
    }
}

/// Asks for a transaction. If the queue is full, one is due anyway.
fn write_soon(jobs: &mpsc::Sender<Job>) {
    _ = jobs.try_send(Job::Write(Vec::new(), None));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u8) -> TokenRow {
        TokenRow { issuer: "https://ehr.example".to_owned(), digest: [number; 32], remembered_until: 100 }
    }

    fn queue() -> (Arc<TokenQueue>, mpsc::Sender<Job>, mpsc::Receiver<Job>) {
        let (jobs, received) = mpsc::channel(8);
        (Arc::default(), jobs, received)
    }

    const LIMIT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_token_that_a_record_took_along_costs_no_transaction_of_its_own() {
        let (tokens, jobs, mut received) = queue();
        let pending = tokens.push(row(1), &jobs, LIMIT).expect("there is room");
        assert_eq!(tokens.waiting(), [row(1)]);
        tokens.note_durable(1);
        assert!(pending.durable().await && tokens.is_empty());
        assert!(received.try_recv().is_err(), "a transaction was asked for");
    }

    #[tokio::test]
    async fn a_token_without_a_record_asks_for_a_transaction_and_is_not_durable_without_it() {
        let (tokens, jobs, mut received) = queue();
        let [first, second] = [1, 2].map(|number| tokens.push(row(number), &jobs, LIMIT).expect("there is room"));
        assert!(!first.durable().await, "nothing was written");
        assert!(matches!(received.try_recv(), Ok(Job::Write(entries, Some(_))) if entries.is_empty()));
        let writing = tokio::spawn(second.durable());
        let (tokens_then, done) = loop {
            match received.recv().await {
                Some(Job::Write(_, Some(done))) => break (tokens.waiting(), done),
                other => assert!(matches!(other, Some(Job::Write(_, None))), "{other:?}"),
            }
        };
        assert_eq!(tokens_then, [row(1), row(2)], "what was not written is written again");
        tokens.note_durable(2);
        done.send(Ok(())).expect("it waits");
        assert!(writing.await.expect("it ends"));
    }

    #[tokio::test]
    async fn a_token_whose_call_is_given_up_is_written_without_it() {
        let (tokens, jobs, mut received) = queue();
        drop(tokens.push(row(1), &jobs, LIMIT));
        assert!(matches!(received.try_recv(), Ok(Job::Write(entries, None)) if entries.is_empty()));
        assert_eq!(tokens.waiting(), [row(1)]);
    }

    #[tokio::test]
    async fn tokens_do_not_pile_up_without_end() {
        let (tokens, jobs, mut received) = queue();
        let pending: Vec<_> = (0..MAX_WAITING).map_while(|_| tokens.push(row(1), &jobs, LIMIT)).collect();
        assert_eq!(pending.len(), MAX_WAITING);
        assert!(tokens.push(row(1), &jobs, LIMIT).is_none());
        assert!(received.try_recv().is_ok(), "a transaction is asked for, or none would ever be taken again");
    }
}
