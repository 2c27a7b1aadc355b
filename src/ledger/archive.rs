//! Reads the ledger back: lists and single records.
//! Not here: exports ([`super::export`]), verification ([`super::verify`]) and purging ([`super::purge`]).

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::chain::Record;
use super::chain_position::End;
use super::database::Database;
use super::entry::EntryKind;
use super::error::LedgerError;
use super::keys::KeyRing;
use super::opened_record::{Depth, OpenedRecord};
use super::opening::OpenDatabase;
use super::reader::{Conditions, Value};
use crate::config::LedgerConfig;

/// Maximum number of feedback records shown for one call.
const MAX_FEEDBACK: i64 = 1_000;

/// The ledger, open for reading, whether or not a service is writing to it.
#[derive(Debug)]
pub struct Archive {
    pub(super) database: Database,
    pub(super) keys: KeyRing,
    /// How far the chain had got at least, as the lock file beside a SQLite file says.
    pub(super) noted_end: Option<End>,
}

/// A filter over records; a `None` field matches every record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// Opens the configured ledger; creates its tables if there are none.
    ///
    /// # Errors
    /// [`LedgerError`] if there is no ledger, or its keys or database cannot be used.
    pub async fn open(config: &LedgerConfig) -> Result<Self, LedgerError> {
        let OpenDatabase { database, keys, noted_end } = super::opening::open_to_read(config).await?;
        Ok(Self { database, keys, noted_end })
    }

    /// Creates the tables of the configured ledger.
    ///
    /// # Errors
    /// As [`Archive::open`], except that the keys are not checked.
    pub async fn migrate(config: &LedgerConfig) -> Result<(), LedgerError> {
        super::opening::create(config).await?.close().await;
        Ok(())
    }

    /// Returns the newest records, newest first, without their contents. A record whose key is missing is among them, locked.
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
        let record = self.database.find(id).await?;
        record.map(|record| OpenedRecord::open_or_locked(record, &self.keys, Depth::Content)).transpose()
    }

    /// Returns the clients' feedback on a call's cards, oldest first.
    ///
    /// # Errors
    /// As [`Archive::find`].
    pub async fn feedback_on(&self, call: &OpenedRecord) -> Result<Vec<OpenedRecord>, LedgerError> {
        let records = self.database.feedback_on(call.id, &call.cards, MAX_FEEDBACK).await?;
        self.opened(records, Depth::Content)
    }

    /// Counts the records that match.
    ///
    /// # Errors
    /// [`LedgerError`] if the database fails.
    pub async fn count(&self, wanted: &Wanted) -> Result<u64, LedgerError> {
        self.database.count(&self.conditions(wanted)).await
    }

    /// Closes all connections.
    pub async fn close(self) {
        self.database.close().await;
    }

    fn opened(&self, records: Vec<Record>, depth: Depth) -> Result<Vec<OpenedRecord>, LedgerError> {
        records.into_iter().map(|record| OpenedRecord::open_or_locked(record, &self.keys, depth)).collect()
    }

    pub(super) fn conditions(&self, wanted: &Wanted) -> Conditions {
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
