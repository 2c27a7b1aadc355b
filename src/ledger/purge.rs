//! Removes old records so that the rest of each chain can still be verified.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use sqlx::{Executor as _, Row as _};
use uuid::Uuid;

use super::archive::Archive;
use super::chain::Record;
use super::chain_ends::beginning_head;
use super::chain_position::{ChainHead, ChainPosition};
use super::chain_walk::{ChainWalk, Row};
use super::columns::bytes;
use super::database::{Database, DatabaseKind};
use super::error::LedgerError;
use super::finding::DefectFound;
use super::purge_checkpoint::Checkpoint;
use super::reader::{Conditions, Value};

/// Number of records removed at a time.
const PAGE: i64 = 500;

/// The result of a purge step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purged {
    /// This many more records were removed.
    Some(u64),
    /// A record older than the cutoff fails verification; it and all records after it are kept.
    Stopped(DefectFound),
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
}

impl<'a> Purge<'a> {
    /// Starts a purge of the records written before an instant.
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails.
    pub async fn begin(archive: &'a Archive, before: DateTime<Utc>, proof: Proof) -> Result<Self, LedgerError> {
        Ok(Self { archive, before, proof, chains: archive.database.chains().await?.into() })
    }

    /// Removes the next records, from the start of their chain.
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails; exactly the records reported as removed are removed.
    pub async fn step(&mut self) -> Result<Purged, LedgerError> {
        while let Some(chain) = self.chains.front().copied() {
            let from = match beginning_head(&self.archive.database, &self.archive.keys, chain).await? {
                Ok(head) => head,
                // Replacing a forged checkpoint would make it a valid one.
                Err(finding) => return Ok(Purged::Stopped(finding)),
            };
            let rows = self.old_rows(from).await?;
            if rows.is_empty() {
                self.chains.pop_front();
                continue;
            }
            let head = match self.last_of(&rows, from) {
                Ok(head) => head,
                Err(finding) => return Ok(Purged::Stopped(finding)),
            };
            let key = self.archive.keys.sealing().ok_or(LedgerError::Sealing)?;
            let records = rows.iter().filter_map(|row| row.record.as_ref());
            let cards: Vec<Uuid> = records.flat_map(|record| record.sealed.cards.iter().copied()).collect();
            if self.archive.database.remove_up_to(&Checkpoint::new(head, key), from.sequence, &cards).await? {
                return Ok(Purged::Some(u64::try_from(rows.len()).unwrap_or(u64::MAX)));
            }
            // Another purge is running: continue from where it got to.
        }
        Ok(Purged::All)
    }

    /// The head after these rows, which the chain's next record continues; or the defect that stops the purge. The last of the rows can be
    /// read, because its age is known.
    fn last_of(&self, rows: &[Row], from: ChainHead) -> Result<ChainHead, DefectFound> {
        let (mut head, mut walk) = (from, ChainWalk::after(&from));
        for row in rows {
            let finding = walk.step(row, &self.archive.keys).into_iter().next();
            head = match (finding, &row.record) {
                (None, Some(record)) => record.head(),
                (Some(_), record) if self.proof == Proof::Waived => record.as_ref().map_or(head, Record::head),
                (Some(finding), _) => return Err(finding),
                (None, None) => head,
            };
        }
        Ok(head)
    }

    /// The next records up to the last one before the cutoff; every record before an old one is old.
    async fn old_rows(&self, from: ChainHead) -> Result<Vec<Row>, LedgerError> {
        let position = ChainPosition { chain: from.chain, sequence: from.sequence };
        let mut rows = self.archive.database.chain_page(position, PAGE).await?;
        let is_old = |row: &Row| row.record.as_ref().is_some_and(|record| record.recorded_at < self.before.timestamp_micros());
        rows.truncate(rows.iter().rposition(is_old).map_or(0, |last| last + 1));
        Ok(rows)
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
        self.database.count(&conditions).await
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
    /// Replaces a chain's records up to a checkpoint with that checkpoint, and removes their cards; `false`, without any change, if the
    /// chain no longer starts after `from`.
    async fn remove_up_to(&self, checkpoint: &Checkpoint, from: i64, cards: &[Uuid]) -> Result<bool, LedgerError> {
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
        transaction.commit().await?;
        Ok(true)
    }
}
