//! The running service's reads of its own ledger: one record, or the newest calls about a patient.
//! Not here: lists and exports for people; see [`super::archive`].

use uuid::Uuid;

use super::entry::EntryKind;
use super::error::LedgerError;
use super::handle::Ledger;
use super::opened_record::{Depth, OpenedRecord};
use super::reader::{Conditions, Value};

impl Ledger {
    /// Finds the record with an assertion id, or the record of the call that showed a card.
    ///
    /// # Errors
    /// [`LedgerError`] if it cannot be read within `ledger.write_timeout`, or cannot be opened.
    pub async fn find(&self, id: Uuid) -> Result<Option<OpenedRecord>, LedgerError> {
        let Some(open) = &self.0 else { return Ok(None) };
        let record = open.in_time(open.database.find(id)).await?;
        record.map(|record| OpenedRecord::open(record, &open.keys.load(), Depth::Content)).transpose()
    }

    /// Returns the newest decided calls about a patient, given as `Patient/1`: newest first, at most `most`, without their contents.
    ///
    /// # Errors
    /// As [`Ledger::find`].
    pub async fn newest_calls(&self, patient: &str, most: u32) -> Result<Vec<OpenedRecord>, LedgerError> {
        let Some(open) = &self.0 else { return Ok(Vec::new()) };
        let keys = open.keys.load();
        let mut conditions = Conditions::default();
        conditions.and("kind = ?", [Value::Text(EntryKind::Call.as_str().to_owned())]);
        conditions.and("determination IS NOT NULL", []);
        conditions.and_one_of("patient_index", keys.all_indices(patient));
        let records = open.in_time(open.database.newest(&conditions, most.into())).await?;
        records.into_iter().map(|record| OpenedRecord::open(record, &keys, Depth::Summary)).collect()
    }
}
