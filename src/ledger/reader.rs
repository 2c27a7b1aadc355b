//! Reads records: by id, by filter, and along their chains.
//! Not here: opening them; see [`super::opened_record`].

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::chain::Record;
use super::chain_position::ChainPosition;
use super::columns::{ContentReading, Statement, bytes, id, record};
use super::database::Database;
use super::entry::EntryKind;
use super::error::LedgerError;

/// Number of cards looked up in one statement.
const MAX_CARDS: usize = 500;

/// A value of a condition.
#[derive(Clone)]
pub(super) enum Value {
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// SQL conditions joined by AND.
#[derive(Clone, Default)]
pub(super) struct Conditions {
    words: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition; each `?` in `words` takes the next of the values.
    pub(super) fn and(&mut self, words: &str, values: impl IntoIterator<Item = Value>) {
        let mut parts = words.split('?');
        let mut text = parts.next().unwrap_or_default().to_owned();
        for (part, value) in parts.zip(values) {
            self.values.push(value);
            text.push('$');
            text.push_str(&self.values.len().to_string());
            text.push_str(part);
        }
        self.words.push(text);
    }

    /// Adds the condition that a column has one of these values.
    pub(super) fn and_one_of(&mut self, column: &str, values: Vec<Vec<u8>>) {
        let places = vec!["?"; values.len()].join(", ");
        self.and(&format!("{column} IN ({places})"), values.into_iter().map(Value::Bytes));
    }

    fn clause(&self) -> String {
        if self.words.is_empty() { String::new() } else { format!("WHERE {}", self.words.join(" AND ")) }
    }

    fn bind<'q>(&self, statement: Statement<'q>) -> Statement<'q> {
        self.values.iter().fold(statement, |statement, value| match value {
            Value::Number(number) => statement.bind(*number),
            Value::Text(text) => statement.bind(text.clone()),
            Value::Bytes(bytes) => statement.bind(bytes.clone()),
        })
    }
}

impl Database {
    /// The record with an id, or the call that showed the card with that id.
    pub(super) async fn find(&self, wanted: Uuid) -> Result<Option<Record>, LedgerError> {
        let mut conditions = Conditions::default();
        let values = [Value::Bytes(bytes(wanted)), Value::Bytes(bytes(wanted))];
        conditions.and("(id = ? OR id IN (SELECT record_id FROM ledger_card WHERE card = ?))", values);
        Ok(self.records(&conditions, "ORDER BY id", 1).await?.pop())
    }

    /// Clients' feedback on a call, oldest first: feedback that names the call or one of its cards.
    pub(super) async fn feedback_on(&self, call: Uuid, cards: &[Uuid], most: i64) -> Result<Vec<Record>, LedgerError> {
        let mut conditions = Conditions::default();
        let ids = std::iter::once(&call).chain(cards).map(|id| Value::Bytes(bytes(*id)));
        // Feedback names no call if its card could not be looked up when it arrived.
        let of_cards = if cards.is_empty() { String::new() } else { format!(" OR card IN ({})", vec!["?"; cards.len()].join(", ")) };
        conditions.and(&format!("(about = ?{of_cards})"), ids);
        conditions.and("kind = ?", [Value::Text(EntryKind::Feedback.as_str().to_owned())]);
        self.records(&conditions, "ORDER BY received_at, chain, sequence", most).await
    }

    /// Looks up cards and returns those found, each with its record.
    pub(super) async fn found_cards(&self, cards: &[Uuid]) -> Result<Vec<(Uuid, Uuid)>, LedgerError> {
        let mut found = Vec::new();
        for cards in cards.chunks(MAX_CARDS) {
            let mut conditions = Conditions::default();
            conditions.and_one_of("card", cards.iter().copied().map(bytes).collect());
            let select = format!("SELECT card, record_id FROM ledger_card {}", conditions.clause());
            for row in conditions.bind(sqlx::query(AssertSqlSafe(select))).fetch_all(&self.pool).await? {
                if let (Some(card), Some(record)) = (id(&row, "card")?, id(&row, "record_id")?) {
                    found.push((card, record));
                }
            }
        }
        Ok(found)
    }

    /// Records before the start of their chain, where there must be none.
    pub(super) async fn strays(&self) -> Result<Vec<ChainPosition>, LedgerError> {
        let select = "SELECT record.chain AS chain, record.sequence AS sequence FROM ledger_record AS record \
            LEFT JOIN ledger_checkpoint AS checkpoint ON checkpoint.chain = record.chain \
            WHERE record.sequence < 1 OR record.sequence <= COALESCE(checkpoint.sequence, 0) ORDER BY 1, 2 LIMIT 100";
        let rows = sqlx::query(select).fetch_all(&self.pool).await?;
        let place = |row: &AnyRow| Ok(ChainPosition { chain: id(row, "chain")?.unwrap_or_default(), sequence: row.try_get("sequence")? });
        rows.iter().map(place).collect()
    }

    /// The newest records that meet the conditions, newest first: ids are in time order. Does not read contents stored outside of
    /// the rows.
    pub(super) async fn newest(&self, conditions: &Conditions, most: i64) -> Result<Vec<Record>, LedgerError> {
        self.rows(conditions, "ORDER BY id DESC", most).await?.iter().map(|row| record(row, ContentReading::Row)).collect()
    }

    /// Records after a position, chain by chain.
    pub(super) async fn page(&self, after: ChainPosition, conditions: &Conditions, most: i64) -> Result<Vec<Record>, LedgerError> {
        let mut conditions = conditions.clone();
        conditions.and("(chain, sequence) > (?, ?)", [Value::Bytes(bytes(after.chain)), Value::Number(after.sequence)]);
        self.records(&conditions, "ORDER BY chain, sequence", most).await
    }

    /// Records of one chain after a position; `None` for a record that cannot be decoded.
    pub(super) async fn chain_page(&self, after: ChainPosition, most: i64) -> Result<Vec<Option<Record>>, LedgerError> {
        let mut conditions = Conditions::default();
        conditions.and("chain = ?", [Value::Bytes(bytes(after.chain))]);
        conditions.and("sequence > ?", [Value::Number(after.sequence)]);
        match self.rows(&conditions, "ORDER BY sequence", most).await {
            Ok(rows) => Ok(rows.iter().map(|row| record(row, self.reading()).ok()).collect()),
            // A value of an unexpected type: it prevents reading any row of the page.
            Err(LedgerError::Database(sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. })) => {
                self.one_by_one(&conditions, "ORDER BY sequence", most).await
            }
            Err(error) => Err(error),
        }
    }

    /// Reads each record separately.
    async fn one_by_one(&self, conditions: &Conditions, order: &str, most: i64) -> Result<Vec<Option<Record>>, LedgerError> {
        let select = format!("SELECT chain, sequence FROM ledger_record {} {order} LIMIT {most}", conditions.clause());
        let places = conditions.bind(sqlx::query(AssertSqlSafe(select))).fetch_all(&self.pool).await?;
        let mut records = Vec::new();
        for place in &places {
            let mut conditions = Conditions::default();
            conditions.and("chain = ?", [Value::Bytes(place.try_get("chain")?)]);
            conditions.and("sequence = ?", [Value::Number(place.try_get("sequence")?)]);
            let found = self.rows(&conditions, "", 1).await;
            records.push(found.ok().as_ref().and_then(|rows| rows.first()).and_then(|row| record(row, self.reading()).ok()));
        }
        Ok(records)
    }

    async fn records(&self, conditions: &Conditions, order: &str, most: i64) -> Result<Vec<Record>, LedgerError> {
        self.rows(conditions, order, most).await?.iter().map(|row| record(row, self.reading())).collect()
    }

    async fn rows(&self, conditions: &Conditions, order: &str, most: i64) -> Result<Vec<AnyRow>, LedgerError> {
        let select = format!("SELECT {} FROM ledger_record {} {order} LIMIT {most}", self.columns(), conditions.clause());
        Ok(conditions.bind(sqlx::query(AssertSqlSafe(select))).fetch_all(&self.pool).await?)
    }

    /// Ids of records after a position, each with its own position.
    pub(super) async fn ids_behind(&self, after: ChainPosition, most: i64) -> Result<Vec<(ChainPosition, Uuid)>, LedgerError> {
        let select = "SELECT chain, sequence, id FROM ledger_record WHERE (chain, sequence) > ($1, $2) ORDER BY chain, sequence LIMIT $3";
        let rows = sqlx::query(select).bind(bytes(after.chain)).bind(after.sequence).bind(most).fetch_all(&self.pool).await?;
        let place = |row: &AnyRow| {
            let place = ChainPosition { chain: id(row, "chain")?.unwrap_or_default(), sequence: row.try_get("sequence")? };
            Ok((place, id(row, "id")?.unwrap_or_default()))
        };
        rows.iter().map(place).collect()
    }

    /// Counts how many of these records exist.
    pub(super) async fn count_of_ids(&self, ids: &[Uuid]) -> Result<i64, LedgerError> {
        let mut conditions = Conditions::default();
        conditions.and_one_of("id", ids.iter().copied().map(bytes).collect());
        self.count_of(&conditions).await
    }

    /// Counts the records that meet the conditions.
    pub(super) async fn count_of(&self, conditions: &Conditions) -> Result<i64, LedgerError> {
        let select = format!("SELECT COUNT(*) AS records FROM ledger_record {}", conditions.clause());
        Ok(conditions.bind(sqlx::query(AssertSqlSafe(select))).fetch_one(&self.pool).await?.try_get("records")?)
    }

    /// Every chain, oldest first, including fully purged ones.
    pub(super) async fn chains(&self) -> Result<Vec<Uuid>, LedgerError> {
        let select = "SELECT chain FROM ledger_record GROUP BY chain UNION SELECT chain FROM ledger_checkpoint ORDER BY chain";
        let rows = sqlx::query(select).fetch_all(&self.pool).await?;
        let chains: Vec<Option<Uuid>> = rows.iter().map(|row| id(row, "chain")).collect::<Result<_, _>>()?;
        Ok(chains.into_iter().flatten().collect())
    }

    /// The start records of processes and chains.
    pub(super) async fn starts(&self) -> Result<Vec<Record>, LedgerError> {
        let mut conditions = Conditions::default();
        conditions.and("kind = ?", [Value::Text(EntryKind::Start.as_str().to_owned())]);
        // Verification of the chain finds a record that cannot be decoded.
        Ok(self.one_by_one(&conditions, "ORDER BY chain, sequence", i64::MAX).await?.into_iter().flatten().collect())
    }
}
