//! The spool: local records waiting for PostgreSQL, and how they are forwarded in order and exactly once.
//! Not here: when records go to the spool; see [`super::store`].

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Row as _};
use tokio::sync::Mutex;
use tracing::warn;

use super::chain::Record;
use super::columns::{bytes, cards, record};
use super::database::Database;
use super::error::LedgerError;
use super::state::WriterState;

/// Number of records forwarded in one transaction.
pub(super) const MAX_RECORDS: i64 = 200;

/// The spool, and the database that receives its records.
#[derive(Debug)]
pub(super) struct Spool {
    pub(super) waiting: Database,
    pub(super) database: Database,
    pub(super) state: Arc<WriterState>,
    /// The last spool row that is in the database but could not be removed from the spool; 0 if there is none. The lock is held
    /// while records are forwarded.
    brought: Mutex<i64>,
}

impl Spool {
    pub(super) fn new(waiting: Database, database: Database, state: Arc<WriterState>) -> Self {
        Self { waiting, database, state, brought: Mutex::default() }
    }

    /// Forwards at most `most` records and returns how many. After a crash between the two databases they are sent again and skipped.
    pub(super) async fn bring(&self, most: i64) -> Result<usize, LedgerError> {
        let mut brought = self.brought.lock().await;
        let (records, last) = self.waiting.behind(*brought, most).await?;
        if !records.is_empty() {
            self.database.migrate_once().await?;
            self.database.bring(&records).await?;
            *brought = last;
            self.state.count_forwarded(records.len());
            metrics::counter!("sij_cds_ledger_forwarded_records_total").increment(records.len() as u64);
        }
        if *brought > 0 {
            // Row numbers are never reused, so this removes no other record, whatever its reported outcome.
            // A full disk also prevents removals. Records that stay are known to be forwarded; a new process recognizes them by id.
            match self.waiting.forget(*brought).await {
                Ok(()) => {
                    *brought = 0;
                    self.state.note_left_over(false);
                }
                Err(error) => {
                    self.state.note_left_over(true);
                    // The write-ahead log may be taking the space that is needed.
                    _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.waiting.pool).await;
                    warn!(reason = super::writer::reason(&error), "records that are in the database cannot be removed from the spool");
                }
            }
        }
        Ok(records.len())
    }

    /// Forwards all spooled records. The caller is the only one that adds records, so none arrive meanwhile.
    pub(super) async fn bring_all(&self) -> Result<(), LedgerError> {
        while self.bring(MAX_RECORDS).await? > 0 {}
        Ok(())
    }
}

impl Database {
    /// The oldest records after a row, and the row of the last of them.
    async fn behind(&self, row: i64, most: i64) -> Result<(Vec<Record>, i64), LedgerError> {
        let select = format!("SELECT {}, place FROM ledger_record WHERE place > $1 ORDER BY place LIMIT $2", self.columns());
        let rows = sqlx::query(AssertSqlSafe(select)).bind(row).bind(most).fetch_all(&self.pool).await?;
        let last = rows.last().map(|row| row.try_get("place")).transpose()?.unwrap_or(row);
        Ok((rows.iter().map(|row| record(row, self.reading())).collect::<Result<_, _>>()?, last))
    }

    /// Removes the records up to a row, and their cards.
    async fn forget(&self, row: i64) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        let select = "SELECT cards FROM ledger_record WHERE place <= $1 AND cards IS NOT NULL";
        let rows = sqlx::query(select).bind(row).fetch_all(transaction.connection()?).await?;
        for row in &rows {
            for card in cards(row)? {
                let remove = sqlx::query("DELETE FROM ledger_card WHERE card = $1").bind(bytes(card));
                remove.execute(transaction.connection()?).await?;
            }
        }
        sqlx::query("DELETE FROM ledger_record WHERE place <= $1").bind(row).execute(transaction.connection()?).await?;
        transaction.commit().await
    }
}
