//! The statements that insert many rows into PostgreSQL. There are few of them, so that each connection can keep all of them prepared.

use std::sync::LazyLock;

use super::columns::{COLUMNS, WIDTH, placeholders};

/// Numbers of rows per statement; a few statements together insert any number of rows.
const SIZES: [usize; 4] = [64, 16, 4, 1];

/// What to insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    Records,
    Cards,
}

/// What to do about a row that already exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnDuplicate {
    /// Fail the whole batch.
    IsFault,
    /// Skip it, because it was written before.
    IsSkipped,
}

/// The statements, by kind of row, handling of duplicates, and size.
static STATEMENTS: LazyLock<Vec<Statement>> = LazyLock::new(|| {
    let mut texts = Vec::new();
    for rows in [Rows::Records, Rows::Cards] {
        for known in [OnDuplicate::IsFault, OnDuplicate::IsSkipped] {
            texts.extend(SIZES.map(|size| Statement { rows, known, size, text: text(rows, known, size) }));
        }
    }
    texts
});

struct Statement {
    rows: Rows,
    known: OnDuplicate,
    size: usize,
    text: String,
}

fn text(rows: Rows, known: OnDuplicate, size: usize) -> String {
    let (table, columns, width) = match rows {
        Rows::Records => ("ledger_record", COLUMNS, WIDTH),
        Rows::Cards => ("ledger_card", "card, record_id", 2),
    };
    let clause = match known {
        OnDuplicate::IsFault => "",
        OnDuplicate::IsSkipped => " ON CONFLICT DO NOTHING",
    };
    format!("INSERT INTO {table} ({columns}) VALUES {}{clause}", placeholders(size, width))
}

/// The statement that inserts `size` rows; `size` is the length of one of [`chunks`].
pub(super) fn statement(rows: Rows, known: OnDuplicate, size: usize) -> &'static str {
    let is_it = |it: &&Statement| (it.rows, it.known, it.size) == (rows, known, size);
    STATEMENTS.iter().find(is_it).map_or("", |it| &it.text)
}

/// Splits rows into chunks that a statement exists for.
pub(super) fn chunks<T>(mut rows: &[T]) -> Vec<&[T]> {
    let mut chunks = Vec::new();
    for size in SIZES {
        while let Some((chunk, rest)) = rows.split_at_checked(size) {
            chunks.push(chunk);
            rows = rest;
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_rows_is_written_by_statements_that_there_are() {
        for count in 0..300_u32 {
            let rows: Vec<u32> = (0..count).collect();
            let chunks = chunks(&rows);
            assert_eq!(chunks.concat(), rows);
            assert!(chunks.iter().all(|chunk| !statement(Rows::Records, OnDuplicate::IsFault, chunk.len()).is_empty()));
        }
    }
}
