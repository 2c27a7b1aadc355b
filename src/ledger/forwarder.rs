//! Forwards the records of the spool to PostgreSQL as soon as it is available again.
//! Not here: the forwarding itself; see [`super::spool`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::error::LedgerError;
use super::spool::{MAX_RECORDS, Spool};

/// How long PostgreSQL may take for a transaction of forwarded records; no call waits for it.
const FORWARD_TIMEOUT: Duration = Duration::from_mins(1);

/// Pauses between attempts while PostgreSQL is unavailable: the first, and the longest.
const MIN_RETRY_INTERVAL: Duration = Duration::from_millis(100);
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// Pause when there was nothing to forward.
const IDLE_INTERVAL: Duration = Duration::from_millis(500);

/// Minimum interval between log lines about waiting records and the cause.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

/// Runs until the databases are closed.
pub(super) async fn forward(spool: Arc<Spool>) {
    let (mut pause, mut most, mut told) = (MIN_RETRY_INTERVAL, MAX_RECORDS, None);
    loop {
        if spool.state.spooled() == 0 && !spool.state.has_left_over() {
            spool.state.to_forward.notified().await;
        }
        match timeout(FORWARD_TIMEOUT, spool.bring(most)).await.unwrap_or(Err(LedgerError::TooSlow)) {
            // Another task forwarded them, or the disk has no space to remove those already forwarded.
            Ok(0) => sleep(IDLE_INTERVAL).await,
            Ok(_) => {
                spool.state.note_reached(true);
                (pause, most) = (MIN_RETRY_INTERVAL, MAX_RECORDS);
            }
            Err(_) if spool.waiting.pool.is_closed() => return,
            Err(error) => {
                spool.state.note_reached(false);
                if told.is_none_or(|told: Instant| told.elapsed() >= WARNING_INTERVAL) {
                    let (reason, records) = (super::writer::reason(&error), spool.state.spooled());
                    warn!(reason, records, "records wait in the spool");
                    told = Some(Instant::now());
                }
                sleep(pause).await;
                pause = (pause * 2).min(MAX_RETRY_INTERVAL);
                // The batch may have been too large.
                most = (most / 2).max(1);
            }
        }
    }
}
