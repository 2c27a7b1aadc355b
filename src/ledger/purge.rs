//! Removes old records so that the rest of each chain can still be verified.

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

/// Number of records removed at a time.
const PAGE: i64 = 500;

/// The result of a purge step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purged {
    /// This many more records were removed.
    Some(u64),
    /// A record older than the cutoff fails verification; it and all records after it are kept.
    Stopped(Finding),
    /// There is nothing left to remove.
    All,
}

/// Whether to verify records before removing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Verify; the first defect stops the purge.
    Asked,
    /// Do not verify; defects are removed with their records.
    Waived,
}

/// Removes records chain by chain, in steps.
#[derive(Debug)]
pub struct Purge<'a> {
    archive: &'a Archive,
    before: DateTime<Utc>,
    proof: Proof,
    chains: VecDeque<Uuid>,
    /// The journal is erased up to here.
    cleared: Spot,
}

impl<'a> Purge<'a> {
    /// Starts a purge of the records written before an instant.
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails.
    pub async fn begin(archive: &'a Archive, before: DateTime<Utc>, proof: Proof) -> Result<Self, LedgerError> {
        let mut purge = Self { archive, before, proof, chains: archive.database.chains().await?.into(), cleared: Spot::default() };
        // An interrupted purge may have left journal records whose rows it removed.
        purge.clear_journal(archive.database.purged().await?)?;
        Ok(purge)
    }

    /// Removes journal records whose rows were removed.
    fn clear_journal(&mut self, end: Spot) -> Result<(), LedgerError> {
        let Some(journal) = &self.archive.database.journal else { return Ok(()) };
        journal.clear(self.cleared, end).map_err(LedgerError::Journal)?;
        self.cleared = end;
        Ok(())
    }

    /// Removes the next records, from the start of their chain.
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails; exactly the records reported as removed are removed.
    pub async fn step(&mut self) -> Result<Purged, LedgerError> {
        while let Some(chain) = self.chains.front().copied() {
            let from = match self.archive.beginning(chain).await? {
                Ok(head) => head,
                // Replacing a forged checkpoint would make it a valid one.
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
            // Another purge is running: continue from where it got to.
        }
        Ok(Purged::All)
    }

    /// The next records up to the last one before the cutoff; every record before an old one is old.
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
    /// Counts the records written before an instant.
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails.
    pub async fn count_before(&self, before: DateTime<Utc>) -> Result<u64, LedgerError> {
        let mut conditions = Conditions::default();
        conditions.and("recorded_at < ?", [Value::Number(before.timestamp_micros())]);
        Ok(u64::try_from(self.database.count_of(&conditions).await?).unwrap_or_default())
    }

    /// Returns some of the space of removed records to the disk; `false` when there is none left to return. Between two calls, a
    /// service that is writing to the file gets its turn.
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails.
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
    /// The journal position up to which records were purged.
    async fn purged(&self) -> Result<Spot, LedgerError> {
        if self.journal.is_none() {
            return Ok(Spot::default());
        }
        let select = "SELECT purged_file AS file, purged_position AS position FROM ledger_journal";
        Ok(spot(sqlx::query(select).fetch_optional(&self.pool).await?.as_ref())?.unwrap_or_default())
    }

    /// The journal position where a chain's last record up to `head` ends.
    async fn journal_up_to(&self, head: &ChainHead) -> Result<Option<Spot>, LedgerError> {
        if self.journal.is_none() {
            return Ok(None);
        }
        let select = "SELECT content_file AS file, content_offset + content_length AS position FROM ledger_record \
            WHERE chain = $1 AND sequence <= $2 AND content_file IS NOT NULL ORDER BY place DESC LIMIT 1";
        spot(sqlx::query(select).bind(bytes(head.chain)).bind(head.sequence).fetch_optional(&self.pool).await?.as_ref())
    }

    /// Replaces a chain's records up to a checkpoint with that checkpoint, and removes their cards; `false`, without any change, if the
    /// chain no longer starts after `from`. `last` is their end in the journal, if they are there.
    async fn remove_up_to(&self, checkpoint: &Checkpoint, from: i64, cards: &[Uuid], last: Option<Spot>) -> Result<bool, LedgerError> {
        let ChainHead { chain, sequence, .. } = checkpoint.head;
        let mut transaction = self.begin().await?;
        if self.kind == DatabaseKind::Sqlite {
            // Also overwrite freed pages with zeros.
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
