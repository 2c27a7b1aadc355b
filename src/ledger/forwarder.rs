//! Brings the records of the spool to PostgreSQL, in order and each once, as soon as it is back.
//! Not here: when records go to the spool; see [`super::store`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::append::Known;
use super::database::Database;
use super::error::LedgerError;
use super::state::State;

/// How many records are brought in one transaction.
const MOST_RECORDS: i64 = 200;

/// How long PostgreSQL may take for that; nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pauses between two tries while it is away: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Brings the spool's records to PostgreSQL.
pub(super) struct Forwarder {
    pub(super) spool: Database,
    pub(super) database: Database,
    pub(super) state: Arc<State>,
}

impl Forwarder {
    /// Runs until the pools are closed.
    pub(super) async fn run(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            if self.state.spooled() == 0 {
                self.state.to_forward.notified().await;
            }
            match self.forward().await {
                Ok(0) => sleep(FIRST_PAUSE).await,
                Ok(_) => pause = FIRST_PAUSE,
                Err(_) if self.spool.pool.is_closed() => return,
                Err(_) => {
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Brings some, and says how many. A crash between the two databases brings them again, and they are skipped.
    async fn forward(&self) -> Result<usize, LedgerError> {
        let records = self.spool.oldest(MOST_RECORDS).await.inspect_err(|_| warn!("the spool cannot be read"))?;
        if records.is_empty() {
            return Ok(0);
        }
        let bring = async {
            self.database.migrate_once().await?;
            self.database.append(&records, Known::IsSkipped).await
        };
        timeout(PATIENCE, bring).await.unwrap_or(Err(LedgerError::TooSlow))?;
        self.spool.forget(&records).await?;
        self.state.count_forwarded(records.len());
        metrics::counter!("sij_cds_ledger_forwarded_records_total").increment(records.len() as u64);
        if self.state.spooled() == 0 {
            info!("all records of the spool are in the database");
        }
        Ok(records.len())
    }
}
