//! Reads records: by id, by filter, and along their chains; and finds chains and their ends.
//! Not here: opening them; see [`super::opened_record`].

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::chain::Record;
use super::chain_position::{ChainHead, ChainPosition};
use super::chain_walk::Row;
use super::columns::{COLUMNS, Statement, bytes, chain_row, head, position, record, required_id};
use super::database::{Database, DatabaseKind};
use super::entry::EntryKind;
use super::error::LedgerError;
use super::finding::{Defect, DefectFound};

/// Number of cards looked up in one statement.
const MAX_CARDS: usize = 500;

/// A value of a condition.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// SQL conditions joined by AND.
#[derive(Clone, Debug, Default)]
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
        let marks = vec!["?"; values.len()].join(", ");
        self.and(&format!("{column} IN ({marks})"), values.into_iter().map(Value::Bytes));
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
        let by_card = if cards.is_empty() { String::new() } else { format!(" OR card IN ({})", vec!["?"; cards.len()].join(", ")) };
        conditions.and(&format!("(about = ?{by_card})"), ids);
        conditions.and("kind = ?", [Value::Text(EntryKind::Feedback.as_str().to_owned())]);
        self.records(&conditions, "ORDER BY received_at, chain, sequence", most).await
    }

    /// Looks up cards and returns those found, each with its record.
    pub(super) async fn calls_of_cards(&self, cards: &[Uuid]) -> Result<Vec<(Uuid, Uuid)>, LedgerError> {
        let mut found = Vec::new();
        for cards in cards.chunks(MAX_CARDS) {
            let mut conditions = Conditions::default();
            conditions.and_one_of("card", cards.iter().copied().map(bytes).collect());
            let select = format!("SELECT card, record_id FROM ledger_card {}", conditions.clause());
            for row in conditions.bind(sqlx::query(AssertSqlSafe(select))).fetch_all(&self.pool).await? {
                // A damaged row is as good as none.
                if let (Ok(card), Ok(record)) = (required_id(&row, "card"), required_id(&row, "record_id")) {
                    found.push((card, record));
                }
            }
        }
        Ok(found)
    }

    /// The newest records that meet the conditions, newest first: ids are in time order.
    pub(super) async fn newest(&self, conditions: &Conditions, most: i64) -> Result<Vec<Record>, LedgerError> {
        self.records(conditions, "ORDER BY id DESC", most).await
    }

    /// Rows after a position, chain by chain.
    pub(super) async fn page(&self, after: ChainPosition, conditions: &Conditions, most: i64) -> Result<Vec<Row>, LedgerError> {
        let mut conditions = conditions.clone();
        conditions.and("(chain, sequence) > (?, ?)", [Value::Bytes(bytes(after.chain)), Value::Number(after.sequence)]);
        self.chain_rows(&conditions, "ORDER BY chain, sequence", most).await
    }

    /// Rows of one chain after a position.
    pub(super) async fn chain_page(&self, after: ChainPosition, most: i64) -> Result<Vec<Row>, LedgerError> {
        let mut conditions = Conditions::default();
        conditions.and("chain = ?", [Value::Bytes(bytes(after.chain))]);
        conditions.and("sequence > ?", [Value::Number(after.sequence)]);
        self.chain_rows(&conditions, "ORDER BY sequence", most).await
    }

    /// The last row of a chain.
    pub(super) async fn last_row(&self, chain: Uuid) -> Result<Option<Row>, LedgerError> {
        let mut conditions = Conditions::default();
        conditions.and("chain = ?", [Value::Bytes(bytes(chain))]);
        Ok(self.chain_rows(&conditions, "ORDER BY sequence DESC", 1).await?.pop())
    }

    /// The first and the last rows of a chain after a position, in order: up to `most` of each, none of them twice.
    pub(super) async fn first_and_last_rows(&self, after: ChainPosition, most: usize) -> Result<Vec<Row>, LedgerError> {
        let chain = || Value::Bytes(bytes(after.chain));
        let sequence = || Value::Number(after.sequence);
        let end = |order| {
            let rows =
                format!("SELECT sequence FROM ledger_record WHERE chain = ? AND sequence > ? ORDER BY sequence {order} LIMIT {most}");
            format!("SELECT sequence FROM ({rows}) AS chain_end")
        };
        let mut conditions = Conditions::default();
        conditions.and("chain = ?", [chain()]);
        let ends = format!("sequence IN ({} UNION {})", end("ASC"), end("DESC"));
        conditions.and(&ends, [chain(), sequence(), chain(), sequence()]);
        self.chain_rows(&conditions, "ORDER BY sequence", i64::try_from(2 * most).unwrap_or(i64::MAX)).await
    }

    async fn chain_rows(&self, conditions: &Conditions, order: &str, most: i64) -> Result<Vec<Row>, LedgerError> {
        match self.rows(conditions, order, most).await {
            Ok(rows) => rows.iter().map(chain_row).collect(),
            // A damaged row prevents reading any row of the page.
            Err(error) if !error.is_unavailable() => self.chain_rows_one_by_one(conditions, order, most).await,
            Err(error) => Err(error),
        }
    }

    /// Reads each row separately. Only an error that says that a row is damaged leaves it without a record; any other one is returned.
    async fn chain_rows_one_by_one(&self, conditions: &Conditions, order: &str, most: i64) -> Result<Vec<Row>, LedgerError> {
        let select = format!("SELECT chain, sequence FROM ledger_record {} {order} LIMIT {most}", conditions.clause());
        let positions = conditions.bind(sqlx::query(AssertSqlSafe(select))).fetch_all(&self.pool).await?;
        let mut rows = Vec::new();
        for row in &positions {
            let position = position(row)?;
            let mut conditions = Conditions::default();
            conditions.and("chain = ?", [Value::Bytes(bytes(position.chain))]);
            conditions.and("sequence = ?", [Value::Number(position.sequence)]);
            match self.rows(&conditions, "", 1).await {
                // A row that is gone was purged since its position was read, and the caller finds out.
                Ok(found) => rows.push(Row { position, record: found.first().and_then(|row| record(row).ok()) }),
                Err(error) if error.is_row_damage() => rows.push(Row { position, record: None }),
                Err(error) => return Err(error),
            }
        }
        Ok(rows)
    }

    async fn records(&self, conditions: &Conditions, order: &str, most: i64) -> Result<Vec<Record>, LedgerError> {
        self.rows(conditions, order, most).await?.iter().map(record).collect()
    }

    async fn rows(&self, conditions: &Conditions, order: &str, most: i64) -> Result<Vec<AnyRow>, LedgerError> {
        let select = format!("SELECT {COLUMNS} FROM ledger_record {} {order} LIMIT {most}", conditions.clause());
        Ok(conditions.bind(sqlx::query(AssertSqlSafe(select))).fetch_all(&self.pool).await?)
    }

    /// Counts the records that meet the conditions.
    pub(super) async fn count(&self, conditions: &Conditions) -> Result<u64, LedgerError> {
        let select = format!("SELECT COUNT(*) AS records FROM ledger_record {}", conditions.clause());
        let count: i64 = conditions.bind(sqlx::query(AssertSqlSafe(select))).fetch_one(&self.pool).await?.try_get("records")?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Rows before the start of their chain, where there must be none.
    pub(super) async fn strays(&self) -> Result<Vec<ChainPosition>, LedgerError> {
        let select = "SELECT record.chain AS chain, record.sequence AS sequence FROM ledger_record AS record \
            LEFT JOIN ledger_checkpoint AS checkpoint ON checkpoint.chain = record.chain \
            WHERE record.sequence < 1 OR record.sequence <= COALESCE(checkpoint.sequence, 0) ORDER BY 1, 2 LIMIT 100";
        sqlx::query(select).fetch_all(&self.pool).await?.iter().map(position).collect()
    }

    /// Sequence numbers that several records of a chain have. The tables' index excludes that, unless it was removed or is damaged.
    pub(super) async fn issued_twice(&self) -> Result<Vec<ChainPosition>, LedgerError> {
        let select = "SELECT chain, sequence FROM ledger_record GROUP BY chain, sequence HAVING COUNT(*) > 1 ORDER BY 1, 2 LIMIT 100";
        sqlx::query(select).fetch_all(&self.pool).await?.iter().map(position).collect()
    }

    /// What SQLite finds wrong with its own file: damaged pages, and indices that miss rows.
    pub(super) async fn file_findings(&self) -> Result<Vec<DefectFound>, LedgerError> {
        if self.kind == DatabaseKind::Postgres {
            return Ok(Vec::new());
        }
        let rows = sqlx::query("PRAGMA integrity_check").fetch_all(&self.pool).await?;
        let lines = rows.iter().filter_map(|row| row.try_get::<String, _>(0).ok()).filter(|line| line != "ok");
        Ok(lines.map(|line| DefectFound { position: ChainPosition::BEGINNING, defect: Defect::File(line) }).collect())
    }

    /// Every chain, oldest first, including fully purged ones.
    pub(super) async fn chains(&self) -> Result<Vec<Uuid>, LedgerError> {
        let select = "SELECT chain FROM ledger_record GROUP BY chain UNION SELECT chain FROM ledger_checkpoint ORDER BY chain";
        sqlx::query(select).fetch_all(&self.pool).await?.iter().map(|row| required_id(row, "chain")).collect()
    }

    /// The newest chains, newest first, without fully purged ones.
    pub(super) async fn newest_chains(&self, most: i64) -> Result<Vec<Uuid>, LedgerError> {
        // Seeks each chain in the index instead of reading all of it.
        let select = "WITH RECURSIVE newest (chain) AS ( \
            SELECT (SELECT chain FROM ledger_record ORDER BY chain DESC LIMIT 1) UNION ALL \
            SELECT (SELECT older.chain FROM ledger_record AS older WHERE older.chain < newest.chain ORDER BY older.chain DESC LIMIT 1) \
            FROM newest WHERE newest.chain IS NOT NULL \
            ) SELECT chain FROM newest WHERE chain IS NOT NULL LIMIT $1";
        sqlx::query(select).bind(most).fetch_all(&self.pool).await?.iter().map(|row| required_id(row, "chain")).collect()
    }

    /// The start records of processes and chains.
    pub(super) async fn starts(&self) -> Result<Vec<Record>, LedgerError> {
        let mut conditions = Conditions::default();
        conditions.and("kind = ?", [Value::Text(EntryKind::Start.as_str().to_owned())]);
        // The walk along its chain names a start record that cannot be read.
        let rows = self.chain_rows_one_by_one(&conditions, "ORDER BY chain, sequence", i64::MAX).await?;
        Ok(rows.into_iter().filter_map(|row| row.record).collect())
    }

    /// The last start record of an instance that can be read.
    pub(super) async fn last_start(&self, instance: &str) -> Result<Option<Record>, LedgerError> {
        let mut conditions = Conditions::default();
        conditions.and("kind = 'start'", []);
        conditions.and("instance = ?", [Value::Text(instance.to_owned())]);
        Ok(self.chain_rows(&conditions, "ORDER BY recorded_at DESC, sequence DESC", 1).await?.pop().and_then(|row| row.record))
    }

    /// Whether a chain continues over restarts. In PostgreSQL each run of an instance has its own.
    pub(super) fn has_one_chain(&self) -> bool {
        self.kind == DatabaseKind::Sqlite
    }

    /// The last record written to a SQLite file, or the last purged one; `None` if there never was one.
    pub(super) async fn head(&self) -> Result<Option<ChainHead>, LedgerError> {
        for from in ["ledger_record ORDER BY place", "ledger_checkpoint ORDER BY recorded_at"] {
            let select = format!("SELECT chain, sequence, recorded_at, hash FROM {from} DESC LIMIT 1");
            if let Some(row) = sqlx::query(AssertSqlSafe(select)).fetch_optional(&self.pool).await? {
                return head(&row).map(Some);
            }
        }
        Ok(None)
    }

    /// The last record of the chain that an instance wrote most recently.
    pub(super) async fn last_head(&self, instance: &str) -> Result<Option<ChainHead>, LedgerError> {
        let newest = "SELECT chain FROM ledger_record WHERE kind = 'start' AND instance = $1 ORDER BY recorded_at DESC LIMIT 1";
        let Some(row) = sqlx::query(newest).bind(instance.to_owned()).fetch_optional(&self.pool).await? else { return Ok(None) };
        let last = "SELECT chain, sequence, recorded_at, hash FROM ledger_record WHERE chain = $1 ORDER BY sequence DESC LIMIT 1";
        let chain = bytes(required_id(&row, "chain")?);
        sqlx::query(last).bind(chain).fetch_optional(&self.pool).await?.as_ref().map(head).transpose()
    }
}
