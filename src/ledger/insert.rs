//! The statements that write many rows to PostgreSQL. There are few of them, so that a connection has each of them ready.

use std::sync::LazyLock;

use super::columns::{COLUMNS, WIDTH, placeholders};

/// How many rows a statement writes: any number is written by a few of these.
const SIZES: [usize; 4] = [64, 16, 4, 1];

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    Records,
    Cards,
}

/// What becomes of a row that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnDuplicate {
    /// It cannot be: the whole batch fails.
    IsFault,
    /// It was written before.
    IsSkipped,
}

/// Texts by rows, what becomes of known ones, and size.
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

/// The statement that writes so many rows, of one of [`chunks`].
pub(super) fn statement(rows: Rows, known: OnDuplicate, size: usize) -> &'static str {
    let is_it = |it: &&Statement| (it.rows, it.known, it.size) == (rows, known, size);
    STATEMENTS.iter().find(is_it).map_or("", |it| &it.text)
}

/// Rows in parts that there is a statement for.
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
