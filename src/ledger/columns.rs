//! Maps records to rows. Both databases have the same columns.
//! Not here: the tables, which `migrations/` creates.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, Row as _};
use uuid::Uuid;

use super::chain::Record;
use super::chain_position::{ChainHead, ChainPosition, Hash};
use super::chain_walk::Row;
use super::entry::EntryKind;
use super::error::LedgerError;
use super::sealed::SealedEntry;

/// The columns of `ledger_record`, in binding order.
pub(super) const COLUMNS: &str = "chain, sequence, id, kind, instance, received_at, recorded_at, client, tenant, hook, status, cause, \
    policies, determination, patient_index, card, about, cards, key_id, previous, hash, summary, content";

/// How many they are.
pub(super) const WIDTH: usize = 23;

pub(super) type Statement<'q> = Query<'q, Any, AnyArguments>;

/// Binds a record's columns.
pub(super) fn bind(statement: Statement<'_>, record: Record) -> Statement<'_> {
    let Record { chain, sequence, instance, recorded_at, sealed, previous, hash } = record;
    let cards = sealed.cards_bytes();
    statement
        .bind(bytes(chain))
        .bind(sequence)
        .bind(bytes(sealed.id))
        .bind(sealed.kind.as_str())
        .bind(instance)
        .bind(sealed.received_at)
        .bind(recorded_at)
        .bind(sealed.client)
        .bind(sealed.tenant)
        .bind(sealed.hook)
        .bind(sealed.status.map(i64::from))
        .bind(sealed.cause)
        .bind(sealed.policies)
        .bind(sealed.determination)
        .bind(sealed.patient_index)
        .bind(sealed.card.map(bytes))
        .bind(sealed.about.map(bytes))
        .bind(cards)
        .bind(sealed.key_id)
        .bind(previous.to_vec())
        .bind(hash.to_vec())
        .bind(sealed.summary)
        .bind(sealed.content)
}

/// An id in its stored form.
pub(super) fn bytes(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

/// Reads a row of [`COLUMNS`].
pub(super) fn record(row: &AnyRow) -> Result<Record, LedgerError> {
    let text = |column: &'static str| -> Result<Option<String>, LedgerError> { Ok(row.try_get(column)?) };
    let kind: String = row.try_get("kind")?;
    let sealed = SealedEntry {
        id: required_id(row, "id")?,
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
        content: row.try_get("content")?,
    };
    Ok(Record {
        chain: required_id(row, "chain")?,
        sequence: row.try_get("sequence")?,
        instance: row.try_get("instance")?,
        recorded_at: row.try_get("recorded_at")?,
        sealed,
        previous: hash(row, "previous")?,
        hash: hash(row, "hash")?,
    })
}

/// Reads a row of [`COLUMNS`] whose record may be damaged.
pub(super) fn chain_row(row: &AnyRow) -> Result<Row, LedgerError> {
    Ok(Row { position: position(row)?, record: record(row).ok() })
}

/// Reads `chain` and `sequence`.
pub(super) fn position(row: &AnyRow) -> Result<ChainPosition, LedgerError> {
    Ok(ChainPosition { chain: required_id(row, "chain")?, sequence: row.try_get("sequence")? })
}

/// Reads a chain head from the columns of a record or a checkpoint.
pub(super) fn head(row: &AnyRow) -> Result<ChainHead, LedgerError> {
    let ChainPosition { chain, sequence } = position(row)?;
    Ok(ChainHead { chain, sequence, recorded_at: row.try_get("recorded_at")?, hash: hash(row, "hash")? })
}

fn status(row: &AnyRow) -> Result<Option<u16>, LedgerError> {
    let status: Option<i64> = row.try_get("status")?;
    status.map(|status| u16::try_from(status).map_err(|_| LedgerError::Unreadable { column: "status" })).transpose()
}

fn cards(row: &AnyRow) -> Result<Vec<Uuid>, LedgerError> {
    let bytes: Option<Vec<u8>> = row.try_get("cards")?;
    let cards = bytes.unwrap_or_default();
    cards.chunks(size_of::<Uuid>()).map(|card| Uuid::from_slice(card).map_err(|_| LedgerError::Unreadable { column: "cards" })).collect()
}

/// Reads an id, if present.
fn id(row: &AnyRow, column: &'static str) -> Result<Option<Uuid>, LedgerError> {
    let bytes: Option<Vec<u8>> = row.try_get(column)?;
    bytes.map(|bytes| Uuid::from_slice(&bytes).map_err(|_| LedgerError::Unreadable { column })).transpose()
}

/// Reads an id that must be present.
pub(super) fn required_id(row: &AnyRow, column: &'static str) -> Result<Uuid, LedgerError> {
    id(row, column)?.ok_or(LedgerError::Unreadable { column })
}

/// Reads an authentication code.
pub(super) fn hash(row: &AnyRow, column: &'static str) -> Result<Hash, LedgerError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    Hash::try_from(bytes.as_slice()).map_err(|_| LedgerError::Unreadable { column })
}
