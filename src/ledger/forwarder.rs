//! Brings the records of the spool to PostgreSQL as soon as it is back.
//! Not here: how; see [`super::spool`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::error::LedgerError;
use super::spool::{MAX_RECORDS, Spool};

/// How long PostgreSQL may take for a transaction of them; nobody waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// The pauses between two tries while it is away: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// The pause where there was nothing to bring.
const IDLE_PAUSE: Duration = Duration::from_millis(500);

/// For so long it is not said again that records wait, and why.
const SILENCE: Duration = Duration::from_mins(1);

/// Runs until the databases are closed.
pub(super) async fn forward(spool: Arc<Spool>) {
    let (mut pause, mut most, mut told) = (FIRST_PAUSE, MAX_RECORDS, None);
    loop {
        if spool.state.spooled() == 0 && !spool.state.has_left_over() {
            spool.state.to_forward.notified().await;
        }
        match timeout(PATIENCE, spool.bring(most)).await.unwrap_or(Err(LedgerError::TooSlow)) {
            // Somebody else brought them, or there is no room to remove those that are brought.
            Ok(0) => sleep(IDLE_PAUSE).await,
            Ok(_) => {
                spool.state.note_reached(true);
                (pause, most) = (FIRST_PAUSE, MAX_RECORDS);
            }
            Err(_) if spool.waiting.pool.is_closed() => return,
            Err(error) => {
                spool.state.note_reached(false);
                if told.is_none_or(|told: Instant| told.elapsed() >= SILENCE) {
                    let (reason, records) = (super::writer::reason(&error), spool.state.spooled());
                    warn!(reason, records, "records wait in the spool");
                    told = Some(Instant::now());
                }
                sleep(pause).await;
                pause = (pause * 2).min(MAX_PAUSE);
                // They may have been too many at once.
                most = (most / 2).max(1);
            }
        }
    }
}
