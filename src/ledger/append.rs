//! Writes batches of records to PostgreSQL, each in one transaction, and finds the ends of chains.
//! Not here: queueing ([`super::writer`]), and writing to a SQLite file ([`super::file_writer`]).

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::chain::{ChainHead, Hash, Record};
use super::columns::{bind, bytes, hash, id, spot};
use super::database::Database;
use super::error::LedgerError;
use super::insert::{OnDuplicate, Rows, chunks, statement};
use super::journal::Spot;
use super::reader::Conditions;

/// Statement timeout within a transaction that forwards spooled records.
const FORWARD_STATEMENT_TIMEOUT: &str = "SET LOCAL statement_timeout = '30s'";

impl Database {
    /// Writes records, all or none; they are durable when this returns.
    pub(super) async fn append_to_server(&self, records: &[Record]) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        insert(transaction.connection()?, records, OnDuplicate::IsFault).await?;
        transaction.commit().await
    }

    /// Writes records to PostgreSQL, all or none, and skips those already there. No call waits for this.
    pub(super) async fn bring(&self, records: &[Record]) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query(FORWARD_STATEMENT_TIMEOUT).execute(transaction.connection()?).await?;
        insert(transaction.connection()?, records, OnDuplicate::IsSkipped).await?;
        transaction.commit().await
    }

    /// The last record of SQLite's own chain, or the last purged one; `None` if there never was one.
    pub(super) async fn head(&self) -> Result<Option<ChainHead>, LedgerError> {
        for from in ["ledger_record ORDER BY place", "ledger_checkpoint ORDER BY recorded_at"] {
            let select = format!("SELECT chain, sequence, recorded_at, hash FROM {from} DESC LIMIT 1");
            if let Some(row) = sqlx::query(AssertSqlSafe(select)).fetch_optional(&self.pool).await? {
                return read_head(&row).map(Some);
            }
        }
        Ok(None)
    }

    /// The last record of the chain that an instance wrote most recently, optionally excluding one chain.
    pub(super) async fn head_of(&self, instance: &str, but: Option<Uuid>) -> Result<Option<ChainHead>, LedgerError> {
        let newest =
            "SELECT chain FROM ledger_record WHERE kind = 'start' AND instance = $1 AND chain <> $2 ORDER BY recorded_at DESC LIMIT 1";
        let query = sqlx::query(newest).bind(instance.to_owned()).bind(bytes(but.unwrap_or_default()));
        let Some(row) = query.fetch_optional(&self.pool).await? else { return Ok(None) };
        let chain: Vec<u8> = row.try_get("chain")?;
        let last = "SELECT chain, sequence, recorded_at, hash FROM ledger_record WHERE chain = $1 ORDER BY sequence DESC LIMIT 1";
        sqlx::query(last).bind(chain).fetch_optional(&self.pool).await?.as_ref().map(read_head).transpose()
    }

    /// The journal position up to which records have rows, in SQLite.
    pub(super) async fn reached(&self) -> Result<Spot, LedgerError> {
        let select = "SELECT file, position FROM ledger_journal";
        Ok(spot(sqlx::query(select).fetch_optional(&self.pool).await?.as_ref())?.unwrap_or_default())
    }

    /// Performs a trial write to check that the database accepts writes.
    pub(super) async fn probe(&self, instance: &str, now: i64) -> Result<(), LedgerError> {
        let upsert = "INSERT INTO ledger_probe (instance, probed_at) VALUES ($1, $2) \
            ON CONFLICT (instance) DO UPDATE SET probed_at = EXCLUDED.probed_at";
        sqlx::query(upsert).bind(instance.to_owned()).bind(now).execute(&self.pool).await?;
        Ok(())
    }

    /// Counts the records.
    pub(super) async fn count(&self) -> Result<i64, LedgerError> {
        self.count_of(&Conditions::default()).await
    }
}

async fn insert(connection: &mut AnyConnection, records: &[Record], known: OnDuplicate) -> Result<(), LedgerError> {
    for records in chunks(records) {
        let insert = sqlx::query(statement(Rows::Records, known, records.len()));
        records.iter().fold(insert, bind).execute(&mut *connection).await?;
    }
    let cards = records.iter().flat_map(|record| record.sealed.cards.iter().map(move |card| (*card, record.sealed.id)));
    let cards: Vec<(Uuid, Uuid)> = cards.collect();
    for cards in chunks(&cards) {
        // Card uuids are random: two calls sharing one is a defect, but no reason to lose either record.
        let insert = sqlx::query(statement(Rows::Cards, OnDuplicate::IsSkipped, cards.len()));
        let insert = cards.iter().fold(insert, |insert, (card, record)| insert.bind(bytes(*card)).bind(bytes(*record)));
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Reads a chain head from the columns of a record or a checkpoint.
pub(super) fn read_head(row: &AnyRow) -> Result<ChainHead, LedgerError> {
    let chain = id(row, "chain")?.ok_or(LedgerError::Unreadable { column: "chain" })?;
    let hash: Hash = hash(row, "hash")?;
    Ok(ChainHead { chain, sequence: row.try_get("sequence")?, recorded_at: row.try_get("recorded_at")?, hash })
}
