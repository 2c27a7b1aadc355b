//! Maps records to rows. SQLite and PostgreSQL have the same columns, except that SQLite may store a content outside its row.
//! Not here: the tables, which `migrations/` creates.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, Row as _};
use uuid::Uuid;

use super::chain::{Hash, Record};
use super::entry::EntryKind;
use super::error::LedgerError;
use super::journal::{Extent, Journal, Spot};
use super::sealed::SealedEntry;

/// The columns of `ledger_record`, in binding order.
pub(super) const COLUMNS: &str = "chain, sequence, id, kind, instance, received_at, recorded_at, client, tenant, hook, status, cause, \
    policies, determination, patient_index, card, about, cards, key_id, summary, content, hash";

/// Where the content is stored, in SQLite.
pub(super) const EXTENT_COLUMNS: &str = "content_file, content_offset, content_length";

/// How many columns both databases have.
pub(super) const WIDTH: usize = 22;

pub(super) type Statement<'q> = Query<'q, Any, AnyArguments>;

/// Placeholders for the values of rows: `($1, $2), ($3, $4)`.
pub(super) fn placeholders(rows: usize, width: usize) -> String {
    let row = |row: usize| {
        let places: Vec<String> = (1..=width).map(|column| format!("${}", row * width + column)).collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// Binds a record's columns.
pub(super) fn bind<'q>(statement: Statement<'q>, record: &Record) -> Statement<'q> {
    let sealed = &record.sealed;
    statement
        .bind(bytes(record.chain))
        .bind(record.sequence)
        .bind(bytes(sealed.id))
        .bind(sealed.kind.as_str())
        .bind(record.instance.clone())
        .bind(sealed.received_at)
        .bind(record.recorded_at)
        .bind(sealed.client.clone())
        .bind(sealed.tenant.clone())
        .bind(sealed.hook.clone())
        .bind(sealed.status.map(i64::from))
        .bind(sealed.cause.clone())
        .bind(sealed.policies.clone())
        .bind(sealed.determination.clone())
        .bind(sealed.patient_index.clone())
        .bind(sealed.card.map(bytes))
        .bind(sealed.about.map(bytes))
        .bind(sealed.cards_bytes())
        .bind(sealed.key_id.clone())
        .bind(sealed.summary.clone())
        .bind(sealed.content.clone())
        .bind(record.hash.to_vec())
}

/// An id in its stored form.
pub(super) fn bytes(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

/// Where to read a record's content from.
#[derive(Clone, Copy, Debug)]
pub(super) enum ContentReading<'c> {
    /// Only from the row.
    Row,
    /// From the row or from the journal; the row also has [`EXTENT_COLUMNS`].
    Files(&'c Journal),
}

/// Reads a row of [`COLUMNS`].
pub(super) fn record(row: &AnyRow, reading: ContentReading<'_>) -> Result<Record, LedgerError> {
    let text = |column: &'static str| -> Result<Option<String>, LedgerError> { Ok(row.try_get(column)?) };
    let kind: String = row.try_get("kind")?;
    let sealed = SealedEntry {
        id: id(row, "id")?.ok_or(LedgerError::Unreadable { column: "id" })?,
        kind: EntryKind::from_text(&kind).ok_or(LedgerError::Unreadable { column: "kind" })?,
        received_at: row.try_get("received_at")?,
        client: text("client")?,
        tenant: text("tenant")?,
        hook: text("hook")?,
        status: status(row)?,
        cause: text("cause")?,
        policies: text("policies")?,
        determination: text("determination")?,
        patient_index: row.try_get("patient_index")?,
        card: id(row, "card")?,
        about: id(row, "about")?,
        cards: cards(row)?,
        key_id: row.try_get("key_id")?,
        summary: row.try_get("summary")?,
        content: content(row, reading)?,
    };
    Ok(Record {
        chain: id(row, "chain")?.ok_or(LedgerError::Unreadable { column: "chain" })?,
        sequence: row.try_get("sequence")?,
        instance: row.try_get("instance")?,
        recorded_at: row.try_get("recorded_at")?,
        sealed,
        hash: hash(row, "hash")?,
    })
}

fn content(row: &AnyRow, reading: ContentReading<'_>) -> Result<Option<Vec<u8>>, LedgerError> {
    if let ContentReading::Files(journal) = reading
        && let Some(extent) = extent(row)?
    {
        // Missing content fails to open, just as altered content does.
        let read = || journal.read(extent).map_err(LedgerError::Journal);
        return if extent.length == 0 { Ok(None) } else { Ok(Some(read()?.unwrap_or_default())) };
    }
    Ok(row.try_get("content")?)
}

/// Where a record's content is stored, if not in its row.
fn extent(row: &AnyRow) -> Result<Option<Extent>, LedgerError> {
    let Some(file) = number(row, "content_file")? else { return Ok(None) };
    let there = |column| number(row, column)?.ok_or(LedgerError::Unreadable { column });
    Ok(Some(Extent { from: Spot { file, offset: there("content_offset")? }, length: there("content_length")? }))
}

/// Reads a journal position, if present: `file` and `position`.
pub(super) fn spot(row: Option<&AnyRow>) -> Result<Option<Spot>, LedgerError> {
    let there = |row, column| number(row, column)?.ok_or(LedgerError::Unreadable { column });
    row.map(|row| Ok(Spot { file: there(row, "file")?, offset: there(row, "position")? })).transpose()
}

/// Reads a non-negative number, if present.
fn number(row: &AnyRow, column: &'static str) -> Result<Option<u64>, LedgerError> {
    let number: Option<i64> = row.try_get(column)?;
    number.map(|number| u64::try_from(number).map_err(|_| LedgerError::Unreadable { column })).transpose()
}

fn status(row: &AnyRow) -> Result<Option<u16>, LedgerError> {
    let status: Option<i64> = row.try_get("status")?;
    status.map(|status| u16::try_from(status).map_err(|_| LedgerError::Unreadable { column: "status" })).transpose()
}

/// Reads a record's card ids.
pub(super) fn cards(row: &AnyRow) -> Result<Vec<Uuid>, LedgerError> {
    let bytes: Option<Vec<u8>> = row.try_get("cards")?;
    let cards = bytes.unwrap_or_default();
    cards.chunks(size_of::<Uuid>()).map(|card| Uuid::from_slice(card).map_err(|_| LedgerError::Unreadable { column: "cards" })).collect()
}

/// Reads an id, if present.
pub(super) fn id(row: &AnyRow, column: &'static str) -> Result<Option<Uuid>, LedgerError> {
    let bytes: Option<Vec<u8>> = row.try_get(column)?;
    bytes.map(|bytes| Uuid::from_slice(&bytes).map_err(|_| LedgerError::Unreadable { column })).transpose()
}

/// Reads an authentication code.
pub(super) fn hash(row: &AnyRow, column: &'static str) -> Result<Hash, LedgerError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    Hash::try_from(bytes.as_slice()).map_err(|_| LedgerError::Unreadable { column })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_count_on_from_row_to_row() {
        assert_eq!(placeholders(2, 3), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!(COLUMNS.split(',').count(), WIDTH);
    }
}
