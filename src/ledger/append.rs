//! Writing records: as many as wait, in one transaction.
//! Not here: who waits; see [`super::writer`].

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};
use uuid::Uuid;

use super::chain::{Hash, Head, Record};
use super::columns::{COLUMNS, WIDTH, bind, bytes, hash, id, placeholders};
use super::database::Database;
use super::error::LedgerError;

/// The records of one statement: SQLite takes 32,766 bound values, PostgreSQL 65,535.
const MOST_ROWS: usize = 256;

/// What becomes of a record that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It cannot be: the whole batch fails.
    IsFault,
    /// It was forwarded before.
    IsSkipped,
}

impl Known {
    fn clause(self) -> &'static str {
        match self {
            Self::IsFault => "",
            Self::IsSkipped => " ON CONFLICT DO NOTHING",
        }
    }
}

impl Database {
    /// Writes records, all or none; they are durable when this returns.
    pub(super) async fn append(&self, records: &[Record], known: Known) -> Result<(), LedgerError> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        for records in records.chunks(MOST_ROWS) {
            insert(&mut transaction, records, known).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// The last record of SQLite's own chain, or the last purged one; `None` where there never was one.
    pub(super) async fn head(&self) -> Result<Option<Head>, LedgerError> {
        let mut connection = self.pool.acquire().await?;
        head(&mut connection, "ORDER BY rowid DESC LIMIT 1", &[]).await
    }

    /// The last record of the chain an instance wrote last.
    pub(super) async fn head_of(&self, instance: &str) -> Result<Option<Head>, LedgerError> {
        let mut connection = self.pool.acquire().await?;
        let clause = "WHERE instance = $1 ORDER BY recorded_at DESC, sequence DESC LIMIT 1";
        head(&mut connection, clause, &[instance]).await
    }

    /// Writes something, to find out whether anything can be written.
    pub(super) async fn probe(&self, instance: &str, now: i64) -> Result<(), LedgerError> {
        let upsert = "INSERT INTO ledger_probe (instance, probed_at) VALUES ($1, $2) \
            ON CONFLICT (instance) DO UPDATE SET probed_at = EXCLUDED.probed_at";
        sqlx::query(upsert).bind(instance.to_owned()).bind(now).execute(&self.pool).await?;
        Ok(())
    }

    /// The oldest records, in the order they were written: of a spool.
    pub(super) async fn oldest(&self, most: i64) -> Result<Vec<Record>, LedgerError> {
        let select = format!("SELECT {COLUMNS} FROM ledger_record ORDER BY rowid LIMIT $1");
        let rows = sqlx::query(AssertSqlSafe(select)).bind(most).fetch_all(&self.pool).await?;
        let mut records: Vec<Record> = rows.iter().map(super::columns::record).collect::<Result<_, _>>()?;
        for record in &mut records {
            record.sealed.cards = self.cards_of(record.sealed.id).await?;
        }
        Ok(records)
    }

    async fn cards_of(&self, record: Uuid) -> Result<Vec<Uuid>, LedgerError> {
        let rows = sqlx::query("SELECT card FROM ledger_card WHERE record_id = $1").bind(bytes(record)).fetch_all(&self.pool).await?;
        let cards: Vec<Option<Uuid>> = rows.iter().map(|row| id(row, "card")).collect::<Result<_, _>>()?;
        Ok(cards.into_iter().flatten().collect())
    }

    /// Removes records that were forwarded.
    pub(super) async fn forget(&self, records: &[Record]) -> Result<(), LedgerError> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        for record in records {
            let id = bytes(record.sealed.id);
            sqlx::query("DELETE FROM ledger_record WHERE id = $1").bind(id.clone()).execute(&mut *transaction).await?;
            sqlx::query("DELETE FROM ledger_card WHERE record_id = $1").bind(id).execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// How many records there are.
    pub(super) async fn count(&self) -> Result<i64, LedgerError> {
        Ok(sqlx::query("SELECT COUNT(*) AS records FROM ledger_record").fetch_one(&self.pool).await?.try_get("records")?)
    }
}

async fn insert(connection: &mut AnyConnection, records: &[Record], known: Known) -> Result<(), LedgerError> {
    let places = placeholders(records.len(), WIDTH);
    let insert = format!("INSERT INTO ledger_record ({COLUMNS}) VALUES {places}{}", known.clause());
    let statement = records.iter().fold(sqlx::query(AssertSqlSafe(insert)), bind);
    statement.execute(&mut *connection).await?;
    let cards = records.iter().flat_map(|record| record.sealed.cards.iter().map(move |card| (*card, record)));
    let cards: Vec<(Uuid, &Record)> = cards.collect();
    if cards.is_empty() {
        return Ok(());
    }
    // A card's uuid is random: that two calls have one is a defect, and no reason to lose either.
    let insert =
        format!("INSERT INTO ledger_card (card, record_id, recorded_at) VALUES {} ON CONFLICT DO NOTHING", placeholders(cards.len(), 3));
    let statement = cards.iter().fold(sqlx::query(AssertSqlSafe(insert)), |statement, (card, record)| {
        statement.bind(bytes(*card)).bind(bytes(record.sealed.id)).bind(record.recorded_at)
    });
    statement.execute(&mut *connection).await?;
    Ok(())
}

async fn head(connection: &mut AnyConnection, clause: &str, arguments: &[&str]) -> Result<Option<Head>, LedgerError> {
    let select = format!("SELECT chain, sequence, recorded_at, hash FROM ledger_record {clause}");
    let statement = arguments.iter().fold(sqlx::query(AssertSqlSafe(select)), |statement, text| statement.bind((*text).to_owned()));
    if let Some(row) = statement.fetch_optional(&mut *connection).await? {
        return read_head(&row).map(Some);
    }
    if !arguments.is_empty() {
        return Ok(None);
    }
    let select = "SELECT chain, sequence, recorded_at, hash FROM ledger_checkpoint ORDER BY recorded_at DESC LIMIT 1";
    sqlx::query(select).fetch_optional(&mut *connection).await?.as_ref().map(read_head).transpose()
}

/// A head, from the columns of a record or a checkpoint.
pub(super) fn read_head(row: &AnyRow) -> Result<Head, LedgerError> {
    let chain = id(row, "chain")?.ok_or(LedgerError::Unreadable { column: "chain" })?;
    let hash: Hash = hash(row, "hash")?;
    Ok(Head { chain, sequence: row.try_get("sequence")?, recorded_at: row.try_get("recorded_at")?, hash })
}
