//! Removing old records, so that what is left of each chain can still be proved.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use sqlx::{Executor as _, Row as _};
use uuid::Uuid;

use super::archive::Archive;
use super::chain::{ChainHead, Record};
use super::chain_position::ChainPosition;
use super::checkpoint::Checkpoint;
use super::columns::{bytes, spot};
use super::database::{Database, DatabaseKind};
use super::error::LedgerError;
use super::journal::Spot;
use super::reader::{Conditions, Value};
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

/// Removes records chain by chain, some at a time.
#[derive(Debug)]
pub struct Purge<'a> {
    archive: &'a Archive,
    before: DateTime<Utc>,
    proof: Proof,
    chains: VecDeque<Uuid>,
    /// Up to where the journal is cleared.
    cleared: Spot,
}

impl<'a> Purge<'a> {
    /// Of the records that were written before an instant.
    ///
    /// # Errors
    /// [`LedgerError`] where the database fails.
    pub async fn begin(archive: &'a Archive, before: DateTime<Utc>, proof: Proof) -> Result<Self, LedgerError> {
        let mut purge = Self { archive, before, proof, chains: archive.database.chains().await?.into(), cleared: Spot::default() };
        // One that was interrupted may have left records of rows that it removed.
        purge.clear_journal(archive.database.purged().await?)?;
        Ok(purge)
    }

    /// Removes from the journal what was removed from the rows.
    fn clear_journal(&mut self, end: Spot) -> Result<(), LedgerError> {
        let Some(journal) = &self.archive.database.journal else { return Ok(()) };
        journal.clear(self.cleared, end).map_err(LedgerError::Journal)?;
        self.cleared = end;
        Ok(())
    }

    /// Removes some, from the beginning of their chain on.
    ///
    /// # Errors
    /// [`LedgerError`] where the database fails; all that was said to be gone is, and no more.
    pub async fn step(&mut self) -> Result<Purged, LedgerError> {
        while let Some(chain) = self.chains.front().copied() {
            let from = match self.archive.beginning(chain).await? {
                Ok(head) => head,
                // A checkpoint of others' making is not to become one of ours.
                Err(finding) => return Ok(Purged::Stopped(finding)),
            };
            let records = self.old_ones(from).await?;
            let mut head = from;
            for record in &records {
                head = match (check(record.as_ref(), &head, &self.archive.keys), record) {
                    (Ok(next), _) => next,
                    (Err(_), Some(record)) if self.proof == Proof::Waived => record.head(),
                    (Err(finding), _) => return Ok(Purged::Stopped(finding)),
                };
            }
            if records.is_empty() {
                self.chains.pop_front();
                continue;
            }
            let key = self.archive.keys.sealing().ok_or(LedgerError::Sealing)?;
            let cards: Vec<Uuid> = records.iter().flatten().flat_map(|record| record.sealed.cards.iter().copied()).collect();
            let last = self.archive.database.journal_up_to(&head).await?;
            if self.archive.database.remove_up_to(&Checkpoint::new(head, key), from.sequence, &cards, last).await? {
                self.clear_journal(last.unwrap_or(self.cleared))?;
                return Ok(Purged::Some(u64::try_from(records.len()).unwrap_or(u64::MAX)));
            }
            // Somebody else purges, too: from where that got to.
        }
        Ok(Purged::All)
    }

    /// The next records up to the last one that is old: what stands ahead of an old one is.
    async fn old_ones(&self, from: ChainHead) -> Result<Vec<Option<Record>>, LedgerError> {
        let place = ChainPosition { chain: from.chain, sequence: from.sequence };
        let mut records = self.archive.database.chain_page(place, PAGE).await?;
        let is_old = |record: &Option<Record>| record.as_ref().is_some_and(|record| record.recorded_at < self.before.timestamp_micros());
        let old = records.iter().rposition(is_old).map_or(0, |last| last + 1);
        records.truncate(old);
        Ok(records)
    }
}

impl Archive {
    /// How many records were written before an instant.
    ///
    /// # Errors
    /// [`LedgerError`] where the database fails.
    pub async fn count_before(&self, before: DateTime<Utc>) -> Result<u64, LedgerError> {
        let mut conditions = Conditions::default();
        conditions.and("recorded_at < ?", [Value::Number(before.timestamp_micros())]);
        Ok(u64::try_from(self.database.count_of(&conditions).await?).unwrap_or_default())
    }

    /// Gives some of the room of removed records back to the disk; `false` when there is none left to give. A service that writes to the
    /// file meanwhile has its turn between two of these.
    ///
    /// # Errors
    /// [`LedgerError`] where the database fails.
    pub async fn give_room_back(&self) -> Result<bool, LedgerError> {
        if self.database.kind != DatabaseKind::Sqlite {
            return Ok(false);
        }
        let mut connection = self.database.pool.acquire().await?;
        connection.execute(sqlx::raw_sql("PRAGMA incremental_vacuum(500)")).await?;
        let left: i64 =
            sqlx::query("SELECT freelist_count AS pages FROM pragma_freelist_count").fetch_one(&mut *connection).await?.try_get("pages")?;
        Ok(left > 0)
    }
}

impl Database {
    /// Up to where the journal's records were purged.
    async fn purged(&self) -> Result<Spot, LedgerError> {
        if self.journal.is_none() {
            return Ok(Spot::default());
        }
        let select = "SELECT purged_file AS file, purged_position AS position FROM ledger_journal";
        Ok(spot(sqlx::query(select).fetch_optional(&self.pool).await?.as_ref())?.unwrap_or_default())
    }

    /// Where the last of a chain's records up to one ends in the journal.
    async fn journal_up_to(&self, head: &ChainHead) -> Result<Option<Spot>, LedgerError> {
        if self.journal.is_none() {
            return Ok(None);
        }
        let select = "SELECT content_file AS file, content_offset + content_length AS position FROM ledger_record \
            WHERE chain = $1 AND sequence <= $2 AND content_file IS NOT NULL ORDER BY place DESC LIMIT 1";
        spot(sqlx::query(select).bind(bytes(head.chain)).bind(head.sequence).fetch_optional(&self.pool).await?.as_ref())
    }

    /// Removes a chain's records up to a checkpoint, which is put in their place, and their cards; `false`, and nothing is done, if
    /// the chain does not begin behind `from` any more. In the journal they end at `last`, if they stand there.
    async fn remove_up_to(&self, checkpoint: &Checkpoint, from: i64, cards: &[Uuid], last: Option<Spot>) -> Result<bool, LedgerError> {
        let ChainHead { chain, sequence, .. } = checkpoint.head;
        let mut transaction = self.begin().await?;
        if self.kind == DatabaseKind::Sqlite {
            // Pages that are left are written over with zeros, too.
            transaction.connection()?.execute(sqlx::raw_sql("PRAGMA secure_delete = ON")).await?;
        }
        if !checkpoint.put(from, transaction.connection()?).await? {
            return Ok(false);
        }
        for card in cards {
            let remove = sqlx::query("DELETE FROM ledger_card WHERE card = $1").bind(bytes(*card));
            remove.execute(transaction.connection()?).await?;
        }
        let remove = sqlx::query("DELETE FROM ledger_record WHERE chain = $1 AND sequence <= $2").bind(bytes(chain)).bind(sequence);
        remove.execute(transaction.connection()?).await?;
        if let Some(Spot { file, offset }) = last {
            let update = sqlx::query("UPDATE ledger_journal SET purged_file = $1, purged_position = $2");
            update.bind(file.cast_signed()).bind(offset.cast_signed()).execute(transaction.connection()?).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}
