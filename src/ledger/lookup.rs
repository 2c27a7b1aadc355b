//! The running service's reads of its own ledger: one record, or the newest calls about a patient.
//! Not here: lists and exports for people; see [`super::archive`].

use tokio::time::timeout;
use uuid::Uuid;

use super::database::Database;
use super::entry::EntryKind;
use super::error::LedgerError;
use super::keeper::{Ledger, OpenLedger};
use super::opened_record::{Depth, OpenedRecord};
use super::reader::{Conditions, Value};

impl Ledger {
    /// Finds the record with an assertion id, or the record of the call that showed a card.
    ///
    /// # Errors
    /// [`LedgerError`] if it cannot be read within `ledger.write_timeout`, or cannot be opened.
    pub async fn find(&self, id: Uuid) -> Result<Option<OpenedRecord>, LedgerError> {
        let Some(keeping) = &self.0 else { return Ok(None) };
        for database in &keeping.databases {
            if let Some(record) = keeping.looked_up(database, database.find(id)).await? {
                return OpenedRecord::open(record, &keeping.keys.load(), Depth::Content).map(Some);
            }
        }
        Ok(None)
    }

    /// Returns the newest decided calls about a patient, given as `Patient/1`: newest first, at most `most`, without their contents.
    ///
    /// # Errors
    /// As [`Ledger::find`].
    pub async fn newest_calls(&self, patient: &str, most: u32) -> Result<Vec<OpenedRecord>, LedgerError> {
        let Some(keeping) = &self.0 else { return Ok(Vec::new()) };
        let mut calls = Vec::new();
        for database in &keeping.databases {
            calls.extend(keeping.decided_calls(database, patient, most).await?);
        }
        calls.sort_by_key(|call| std::cmp::Reverse((call.received_at, call.id)));
        calls.dedup_by_key(|call| call.id);
        calls.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(calls)
    }
}

impl OpenLedger {
    /// Runs a lookup after all durable records in the database have rows, within `ledger.write_timeout`.
    pub(super) async fn looked_up<T>(
        &self,
        database: &Database,
        look_up: impl Future<Output = Result<T, LedgerError>>,
    ) -> Result<T, LedgerError> {
        let found = async {
            database.settled().await?;
            look_up.await
        };
        timeout(self.write_timeout, found).await.unwrap_or(Err(LedgerError::TooSlow))
    }

    async fn decided_calls(&self, database: &Database, patient: &str, most: u32) -> Result<Vec<OpenedRecord>, LedgerError> {
        let keys = self.keys.load();
        let mut conditions = Conditions::default();
        conditions.and("kind = ?", [Value::Text(EntryKind::Call.as_str().to_owned())]);
        conditions.and("determination IS NOT NULL", []);
        conditions.and_one_of("patient_index", keys.all_indices(patient));
        let records = self.looked_up(database, database.newest(&conditions, most.into())).await?;
        records.into_iter().map(|record| OpenedRecord::open(record, &keys, Depth::Summary)).collect()
    }
}
