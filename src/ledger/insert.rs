//! Inserts many rows with few statements, so that a batch takes few round trips and each connection can keep all statements prepared.

use std::sync::LazyLock;

use sqlx::AnyConnection;
use uuid::Uuid;

use super::chain::Record;
use super::columns::{COLUMNS, WIDTH, bind, bytes};
use super::database::DatabaseKind;
use super::error::LedgerError;

/// Numbers of rows per statement; a few statements together insert any number of rows.
pub(super) const SIZES: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];

/// The statements for one kind of database, in the order of [`SIZES`].
struct Statements {
    records: Vec<String>,
    cards: Vec<String>,
}

static SQLITE: LazyLock<Statements> = LazyLock::new(|| Statements::new(DatabaseKind::Sqlite));
static POSTGRES: LazyLock<Statements> = LazyLock::new(|| Statements::new(DatabaseKind::Postgres));

impl Statements {
    fn new(kind: DatabaseKind) -> Self {
        let records = |rows| format!("INSERT INTO ledger_record ({COLUMNS}) VALUES {}", placeholders(kind, rows, WIDTH));
        // Card uuids are random: two calls sharing one is a defect, but no reason to lose either record.
        let cards =
            |rows| format!("INSERT INTO ledger_card (card, record_id) VALUES {} ON CONFLICT DO NOTHING", placeholders(kind, rows, 2));
        Self { records: SIZES.map(records).to_vec(), cards: SIZES.map(cards).to_vec() }
    }

    fn for_kind(kind: DatabaseKind) -> &'static Self {
        match kind {
            DatabaseKind::Sqlite => &SQLITE,
            DatabaseKind::Postgres => &POSTGRES,
        }
    }
}

/// Placeholders for the values of rows. SQLite takes longer to bind a numbered placeholder the more there are.
pub(super) fn placeholders(kind: DatabaseKind, rows: usize, width: usize) -> String {
    let value = |number: usize| match kind {
        DatabaseKind::Sqlite => "?".to_owned(),
        DatabaseKind::Postgres => format!("${number}"),
    };
    let row = |row: usize| format!("({})", (1..=width).map(|column| value(row * width + column)).collect::<Vec<_>>().join(", "));
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// Splits rows into chunks, each with the statement that inserts it.
pub(super) fn chunks<T>(mut rows: Vec<T>, statements: &'static [String]) -> Vec<(&'static str, Vec<T>)> {
    let mut chunks = Vec::new();
    for (size, statement) in SIZES.into_iter().zip(statements) {
        while rows.len() >= size {
            let rest = rows.split_off(size);
            chunks.push((statement.as_str(), std::mem::replace(&mut rows, rest)));
        }
    }
    chunks
}

/// Inserts records and their cards.
pub(super) async fn insert(connection: &mut AnyConnection, kind: DatabaseKind, records: Vec<Record>) -> Result<(), LedgerError> {
    let statements = Statements::for_kind(kind);
    let cards_of = |record: &Record| record.sealed.cards.iter().map(|card| (*card, record.sealed.id)).collect::<Vec<_>>();
    let cards: Vec<(Uuid, Uuid)> = records.iter().flat_map(cards_of).collect();
    for (statement, records) in chunks(records, &statements.records) {
        records.into_iter().fold(sqlx::query(statement), bind).execute(&mut *connection).await?;
    }
    for (statement, cards) in chunks(cards, &statements.cards) {
        let insert = cards.into_iter().fold(sqlx::query(statement), |insert, (card, record)| insert.bind(bytes(card)).bind(bytes(record)));
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_count_on_from_row_to_row() {
        assert_eq!(placeholders(DatabaseKind::Postgres, 2, 3), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!(placeholders(DatabaseKind::Sqlite, 2, 3), "(?, ?, ?), (?, ?, ?)");
        assert_eq!(COLUMNS.split(',').count(), WIDTH);
    }

    #[test]
    fn any_number_of_rows_is_inserted_in_order_by_statements_of_its_size() {
        for count in 0..300_usize {
            let rows: Vec<usize> = (0..count).collect();
            let chunks = chunks(rows.clone(), &SQLITE.cards);
            assert!(chunks.iter().all(|(statement, rows)| statement.matches("(?, ?)").count() == rows.len()));
            assert_eq!(chunks.into_iter().flat_map(|(_, rows)| rows).collect::<Vec<_>>(), rows);
        }
    }
}
