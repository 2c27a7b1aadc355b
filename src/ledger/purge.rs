//! Removing old records, so that what is left of each chain can still be proved.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;
use sqlx::{Executor as _, Row as _};
use uuid::Uuid;

use super::archive::Archive;
use super::chain::{Head, Record};
use super::checkpoint::Checkpoint;
use super::columns::bytes;
use super::contents::Spot;
use super::database::{Database, Kind};
use super::error::LedgerError;
use super::place::Place;
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
    /// Up to where contents are cleared.
    cleared: Spot,
}

impl<'a> Purge<'a> {
    /// Of the records that were written before an instant.
    ///
    /// # Errors
    /// [`LedgerError`] where the database fails.
    pub async fn begin(archive: &'a Archive, before: DateTime<Utc>, proof: Proof) -> Result<Self, LedgerError> {
        let mut purge = Self { archive, before, proof, chains: archive.database.chains().await?.into(), cleared: Spot::default() };
        // One that was interrupted may have left contents of rows that it removed.
        purge.clear_contents(Spot::default()).await?;
        Ok(purge)
    }

    /// Removes contents from the disk that there are no rows of any more: all ahead of the first that there is a row of, or where there
    /// is none, ahead of `last`, the end of the last that there was one of. A service that writes meanwhile writes behind that.
    async fn clear_contents(&mut self, last: Spot) -> Result<(), LedgerError> {
        let database = &self.archive.database;
        let Some(contents) = &database.contents else { return Ok(()) };
        let end = database.first_content().await?.unwrap_or(last);
        contents.clear(self.cleared, end).map_err(LedgerError::Contents)?;
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
            let last = self.archive.database.last_content_up_to(&head).await?;
            if self.archive.database.remove_up_to(&Checkpoint::new(head, key), from.sequence, &cards).await? {
                self.clear_contents(last.unwrap_or_default()).await?;
                return Ok(Purged::Some(u64::try_from(records.len()).unwrap_or(u64::MAX)));
            }
            // Somebody else purges, too: from where that got to.
        }
        Ok(Purged::All)
    }

    /// The next records up to the last one that is old: what stands ahead of an old one is.
    async fn old_ones(&self, from: Head) -> Result<Vec<Option<Record>>, LedgerError> {
        let place = Place { chain: from.chain, sequence: from.sequence };
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
        if self.database.kind != Kind::Sqlite {
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
    /// Where the first content stands that does not stand in its row.
    async fn first_content(&self) -> Result<Option<Spot>, LedgerError> {
        let select = "SELECT content_file AS file, content_offset AS position FROM ledger_record WHERE content_file IS NOT NULL \
            ORDER BY place LIMIT 1";
        spot(sqlx::query(select).fetch_optional(&self.pool).await?.as_ref())
    }

    /// Where the last content of a chain's records up to one ends.
    async fn last_content_up_to(&self, head: &Head) -> Result<Option<Spot>, LedgerError> {
        if self.contents.is_none() {
            return Ok(None);
        }
        let select = "SELECT content_file AS file, content_offset + content_length AS position FROM ledger_record \
            WHERE chain = $1 AND sequence <= $2 AND content_file IS NOT NULL ORDER BY place DESC LIMIT 1";
        spot(sqlx::query(select).bind(bytes(head.chain)).bind(head.sequence).fetch_optional(&self.pool).await?.as_ref())
    }

    /// Removes a chain's records up to a checkpoint, which is put in their place, and their cards; `false`, and nothing is done, if
    /// the chain does not begin behind `from` any more.
    async fn remove_up_to(&self, checkpoint: &Checkpoint, from: i64, cards: &[Uuid]) -> Result<bool, LedgerError> {
        let Head { chain, sequence, .. } = checkpoint.head;
        let mut transaction = self.begin().await?;
        if self.kind == Kind::Sqlite {
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
        transaction.commit().await?;
        Ok(true)
    }
}

fn spot(row: Option<&AnyRow>) -> Result<Option<Spot>, LedgerError> {
    let number = |row: &AnyRow, column: &'static str| -> Result<u64, LedgerError> {
        let number: i64 = row.try_get(column)?;
        u64::try_from(number).map_err(|_| LedgerError::Unreadable { column })
    };
    row.map(|row| Ok(Spot { file: number(row, "file")?, offset: number(row, "position")? })).transpose()
}
