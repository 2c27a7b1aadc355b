//! Reads the ledger back: lists, single records, exports.
//! Not here: verification ([`super::verify`]) and purging ([`super::purge`]).

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::chain::Record;
use super::chain_position::ChainPosition;
use super::database::Database;
use super::entry::EntryKind;
use super::error::LedgerError;
use super::file_writer::MAX_RECORDS_AT_ONCE;
use super::keys::KeyRing;
use super::opened_record::{Depth, OpenedRecord};
use super::opening::Readable;
use super::reader::{Conditions, Value};
use crate::config::LedgerConfig;

/// Maximum number of records on one page of an export.
const PAGE: i64 = 200;

/// Maximum number of feedback records shown for one call.
const MAX_FEEDBACK: i64 = 1_000;

/// The ledger, open for reading, whether or not a service is writing to it.
#[derive(Debug)]
pub struct Archive {
    pub(super) database: Database,
    /// Local records waiting to be forwarded to the database.
    pub(super) spool: Option<Database>,
    pub(super) keys: KeyRing,
}

/// A filter over records; a `None` field matches every record.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Received at this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// Received before this instant.
    pub to: Option<DateTime<Utc>>,
    /// From this client.
    pub client: Option<String>,
    /// About this patient, given as `Patient/1`.
    pub patient: Option<String>,
    /// With this as the most severe determination.
    pub determination: Option<String>,
    /// Of this kind.
    pub kind: Option<EntryKind>,
}

impl Archive {
    /// Opens the configured ledger; creates or migrates its tables if they do not match this program's schema.
    ///
    /// # Errors
    /// [`LedgerError`] if there is no ledger, or its keys or database cannot be used.
    pub async fn open(config: &LedgerConfig) -> Result<Self, LedgerError> {
        let Readable { database, spool, keys } = super::opening::open_to_read(config).await?;
        Ok(Self { database, spool, keys })
    }

    /// Creates or migrates the tables of the configured ledger.
    ///
    /// # Errors
    /// As [`Archive::open`], except that the keys are not checked.
    pub async fn migrate(config: &LedgerConfig) -> Result<(), LedgerError> {
        let database = super::opening::database_to_make(config).await?;
        database.migrate().await?;
        database.close().await;
        Ok(())
    }

    /// Counts the records in the local spool, except those that are already in the database but not yet removed from the spool.
    ///
    /// # Errors
    /// [`LedgerError`] if the spool cannot be read.
    pub async fn spooled(&self) -> Result<i64, LedgerError> {
        let Some(spool) = &self.spool else { return Ok(0) };
        let (mut place, mut waiting) = (ChainPosition::BEGINNING, 0);
        loop {
            let places = spool.ids_behind(place, PAGE).await?;
            let Some((last, _)) = places.last() else { return Ok(waiting) };
            place = *last;
            let ids: Vec<Uuid> = places.iter().map(|(_, id)| *id).collect();
            waiting += i64::try_from(ids.len()).unwrap_or(i64::MAX) - self.database.count_of_ids(&ids).await?;
        }
    }

    /// Counts journal records that have no rows, because the disk is full or the service is stuck. They cannot be looked up yet.
    ///
    /// # Errors
    /// [`LedgerError`] if the journal cannot be read.
    pub async fn without_rows(&self) -> Result<usize, LedgerError> {
        let Some(journal) = &self.database.journal else { return Ok(0) };
        let (mut spot, mut count) = (self.database.reached().await?, 0);
        loop {
            let records = journal.behind(spot, MAX_RECORDS_AT_ONCE).map_err(LedgerError::Journal)?;
            let Some((_, last)) = records.last() else { return Ok(count) };
            (spot, count) = (last.end(), count + records.len());
        }
    }

    /// Returns the newest records, newest first, without their contents.
    ///
    /// # Errors
    /// [`LedgerError`] if they cannot be read or opened.
    pub async fn newest(&self, wanted: &Wanted, most: u32) -> Result<Vec<OpenedRecord>, LedgerError> {
        let records = self.database.newest(&self.conditions(wanted), most.into()).await?;
        self.opened(records, Depth::Summary)
    }

    /// Finds the record with an assertion id, or the record of the call that showed a card.
    ///
    /// # Errors
    /// [`LedgerError`] if it cannot be read or opened.
    pub async fn find(&self, id: Uuid) -> Result<Option<OpenedRecord>, LedgerError> {
        // Search the spool first: records forwarded in the meantime are then found in the database.
        let mut record = None;
        for database in self.spool.iter().chain([&self.database]) {
            if record.is_none() {
                record = database.find(id).await?;
            }
        }
        record.map(|record| OpenedRecord::open(record, &self.keys, Depth::Content)).transpose()
    }

    /// Returns the clients' feedback on a call's cards, oldest first.
    ///
    /// # Errors
    /// As [`Archive::find`].
    pub async fn feedback_on(&self, call: &OpenedRecord) -> Result<Vec<OpenedRecord>, LedgerError> {
        let records = self.database.feedback_on(call.id, &call.cards, MAX_FEEDBACK).await?;
        self.opened(records, Depth::Content)
    }

    /// Returns the next records after a position, chain by chain; empty at the end.
    ///
    /// # Errors
    /// As [`Archive::find`].
    pub async fn page(&self, after: ChainPosition, wanted: &Wanted) -> Result<Vec<OpenedRecord>, LedgerError> {
        let (conditions, mut after, mut kept) = (self.conditions(wanted), after, Vec::new());
        // A page whose records were all purged in the meantime is not the last page.
        while kept.is_empty() {
            let records = self.database.page(after, &conditions, PAGE).await?;
            let Some(last) = records.last() else { break };
            after = ChainPosition { chain: last.chain, sequence: last.sequence };
            for record in records {
                kept.extend(self.open_unless_purged(record).await?);
            }
        }
        Ok(kept)
    }

    /// Opens a record with its content; `None` if a purge removed the content after the row was read.
    async fn open_unless_purged(&self, record: Record) -> Result<Option<OpenedRecord>, LedgerError> {
        let place = ChainPosition { chain: record.chain, sequence: record.sequence };
        match OpenedRecord::open(record, &self.keys, Depth::Content) {
            Err(LedgerError::Altered { .. }) if self.is_purged(place).await? => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    async fn is_purged(&self, place: ChainPosition) -> Result<bool, LedgerError> {
        let checkpoint = self.database.checkpoint(place.chain).await?;
        Ok(checkpoint.is_some_and(|checkpoint| place.sequence <= checkpoint.head.sequence))
    }

    /// Counts the records that match.
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails.
    pub async fn count(&self, wanted: &Wanted) -> Result<u64, LedgerError> {
        let count = self.database.count_of(&self.conditions(wanted)).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Closes all connections.
    pub async fn close(self) {
        self.database.close().await;
        if let Some(spool) = self.spool {
            spool.close().await;
        }
    }

    fn opened(&self, records: Vec<Record>, depth: Depth) -> Result<Vec<OpenedRecord>, LedgerError> {
        records.into_iter().map(|record| OpenedRecord::open(record, &self.keys, depth)).collect()
    }

    fn conditions(&self, wanted: &Wanted) -> Conditions {
        let mut conditions = Conditions::default();
        let text = |text: &String| [Value::Text(text.clone())];
        if let Some(from) = wanted.from {
            conditions.and("received_at >= ?", [Value::Number(from.timestamp_micros())]);
        }
        if let Some(to) = wanted.to {
            conditions.and("received_at < ?", [Value::Number(to.timestamp_micros())]);
        }
        if let Some(client) = &wanted.client {
            conditions.and("client = ?", text(client));
        }
        if let Some(determination) = &wanted.determination {
            conditions.and("determination = ?", text(determination));
        }
        if let Some(kind) = wanted.kind {
            conditions.and("kind = ?", [Value::Text(kind.as_str().to_owned())]);
        }
        if let Some(patient) = &wanted.patient {
            // Each key produces its own index value.
            conditions.and_one_of("patient_index", self.keys.all_indices(patient));
        }
        conditions
    }
}
