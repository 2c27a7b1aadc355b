//! Removing old records, so that what is left of each chain can still be proved.

use chrono::{DateTime, Utc};
use sqlx::{Executor as _, Row as _};
use uuid::Uuid;

use super::archive::Archive;
use super::chain::{Head, Record};
use super::checkpoint::Checkpoint;
use super::columns::bytes;
use super::database::{Database, Kind};
use super::error::LedgerError;
use super::place::Place;
use super::verify::{Finding, check};

/// How many records are removed at a time.
const PAGE: i64 = 500;

/// How a purge goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purged {
    /// So many more records are gone.
    Some(u64),
    /// A record ahead of the instant does not hold, and stays, with all behind it.
    Stopped(Finding),
    /// There is nothing left to remove.
    All,
}

/// Whether records are proved before they are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// They are; the first that does not hold stops the purge.
    Asked,
    /// They are not: what is wrong with them goes with them.
    Waived,
}

impl Archive {
    /// Removes some of the records that were written before an instant, from the beginning of their chain on.
    ///
    /// # Errors
    /// [`LedgerError`] where the database fails; all that was said to be gone is, and no more.
    pub async fn purge_some(&self, before: DateTime<Utc>, proof: Proof) -> Result<Purged, LedgerError> {
        for chain in self.database.chains().await? {
            let checkpoint = self.database.checkpoint(chain).await?;
            let from = checkpoint.map_or(Head::of_new(chain), |checkpoint| checkpoint.head);
            let mut records = self.database.chain_page(Place { chain, sequence: from.sequence }, PAGE).await?;
            let is_old = |record: &Option<Record>| record.as_ref().is_none_or(|record| record.recorded_at < before.timestamp_micros());
            let old = records.iter().take_while(|record| is_old(record)).count();
            records.truncate(old);
            let mut head = from;
            for record in &records {
                head = match (check(record.as_ref(), &head, &self.keys), record) {
                    (Ok(next), _) => next,
                    (Err(_), Some(record)) if proof == Proof::Waived => record.head(),
                    (Err(finding), _) => return Ok(Purged::Stopped(finding)),
                };
            }
            if records.is_empty() {
                continue;
            }
            let key = self.keys.sealing().ok_or(LedgerError::Sealing)?;
            let cards: Vec<Uuid> = records.iter().flatten().flat_map(|record| record.sealed.cards.iter().copied()).collect();
            self.database.remove_up_to(&Checkpoint::new(head, key), &cards).await?;
            return Ok(Purged::Some(u64::try_from(old).unwrap_or(u64::MAX)));
        }
        Ok(Purged::All)
    }

    /// How many records were written before an instant.
    ///
    /// # Errors
    /// [`LedgerError`] where the database fails.
    pub async fn count_before(&self, before: DateTime<Utc>) -> Result<u64, LedgerError> {
        let select = "SELECT COUNT(*) AS records FROM ledger_record WHERE recorded_at < $1";
        let count: i64 = sqlx::query(select).bind(before.timestamp_micros()).fetch_one(&self.database.pool).await?.try_get("records")?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Gives the room of removed records back to the disk.
    ///
    /// # Errors
    /// [`LedgerError`] where the database fails.
    pub async fn give_room_back(&self) -> Result<(), LedgerError> {
        if self.database.kind == Kind::Sqlite {
            let mut connection = self.database.pool.acquire().await?;
            connection.execute(sqlx::raw_sql("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")).await?;
        }
        Ok(())
    }
}

impl Database {
    /// Removes a chain's records up to a checkpoint, which is put in their place, and their cards.
    async fn remove_up_to(&self, checkpoint: &Checkpoint, cards: &[Uuid]) -> Result<(), LedgerError> {
        let Head { chain, sequence, .. } = checkpoint.head;
        let mut transaction = self.begin().await?;
        for card in cards {
            let remove = sqlx::query("DELETE FROM ledger_card WHERE card = $1").bind(bytes(*card));
            remove.execute(transaction.connection()?).await?;
        }
        let remove = sqlx::query("DELETE FROM ledger_record WHERE chain = $1 AND sequence <= $2").bind(bytes(chain)).bind(sequence);
        remove.execute(transaction.connection()?).await?;
        checkpoint.put(transaction.connection()?).await?;
        transaction.commit().await
    }
}
