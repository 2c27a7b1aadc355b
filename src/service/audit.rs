//! Records calls, faults and refused callers in the ledger.
//! Invariant: no response leaves before it is recorded.
//! Not here: the contents of a call's record ([`super::call_record`]), and storage ([`crate::ledger`]).

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::call_error::CallError;
use super::ledger_usage::LedgerUsage;
use super::pending_answer::{HookAnswer, PendingAnswer};
use super::refusals::{Refusals, Turn, many_refusals};
use crate::auth::VerifiedClient;
use crate::clock::Clock;
use crate::ids::IdSource;
use crate::ledger::{Entry, EntryKind, Ledger, LedgerError, LedgerHealth, PendingWrite};

/// The ledger, with what its entries need: ids, and the time of day.
#[derive(Clone)]
pub struct AuditLog {
    /// The ledger.
    pub ledger: Arc<Ledger>,
    /// New identifiers.
    pub ids: Arc<dyn IdSource>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Counts of refused callers in the current minute.
    pub refusals: Arc<Refusals>,
    /// How many refused callers a minute get a record of their own.
    pub refusals_per_minute: NonZeroU32,
    /// The bytes that each client's records took today.
    pub usage: Arc<LedgerUsage>,
    /// The most bytes that a client's records may take a day.
    pub client_bytes_per_day: Option<NonZeroU64>,
}

impl AuditLog {
    /// Whether calls are recorded at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.ledger.is_on()
    }

    /// A new id, for a record or for a card.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        self.ids.new_id()
    }

    /// The ledger's health.
    pub async fn health(&self) -> LedgerHealth {
        self.ledger.health().await
    }

    /// Starts to record an entry. The answer stays pending until it is durable.
    pub(super) fn begin(&self, entry: Option<Entry<'_>>, answer: HookAnswer) -> Result<PendingAnswer, CallError> {
        let write = self.begin_write(entry.into_iter().collect()).map_err(|_| CallError::NotRecorded)?;
        Ok(PendingAnswer { answer, write })
    }

    /// Records entries; they are durable when this returns.
    ///
    /// # Errors
    /// [`CallError::NotRecorded`].
    pub async fn record(&self, entries: Vec<Entry<'_>>) -> Result<(), CallError> {
        let write = self.begin_write(entries).map_err(|_| CallError::NotRecorded)?;
        write.durable().await.map_err(|_| CallError::NotRecorded)
    }

    /// Refuses a client whose records took as many bytes today as they may.
    ///
    /// # Errors
    /// [`CallError::LedgerShareUsed`].
    pub(super) fn check_usage(&self, client: &VerifiedClient, now: DateTime<Utc>) -> Result<(), CallError> {
        let wait = self.usage.wait(client.name(), self.client_bytes_per_day, now);
        wait.map_or(Ok(()), |wait| Err(CallError::LedgerShareUsed { wait }))
    }

    /// Starts to write entries of one client, and counts their bytes.
    fn begin_write(&self, entries: Vec<Entry<'_>>) -> Result<PendingWrite, LedgerError> {
        let client = entries.first().and_then(|entry| entry.client.clone());
        let write = self.ledger.begin_write(entries)?;
        if let Some(client) = client.filter(|_| self.is_on()) {
            self.usage.add(&client, write.bytes(), self.clock.now());
        }
        Ok(write)
    }

    /// Records that an authenticated client's call failed, under a fixed cause name.
    ///
    /// # Errors
    /// [`CallError::NotRecorded`]; the fault must then not be reported either.
    pub async fn record_fault(&self, client: &VerifiedClient, cause: &'static str, status: Option<u16>) -> Result<(), CallError> {
        if !self.is_on() {
            return Ok(());
        }
        self.record(vec![self.fault(client, cause, status)]).await
    }

    /// Like [`AuditLog::record_fault`], without waiting for durability.
    pub fn record_fault_unwaited(&self, client: &VerifiedClient, cause: &'static str, status: Option<u16>) {
        if self.is_on() {
            self.ledger.write_in_background(self.fault(client, cause, status));
        }
    }

    fn fault(&self, client: &VerifiedClient, cause: &'static str, status: Option<u16>) -> Entry<'static> {
        let mut entry = Entry::new(self.new_id(), EntryKind::Fault, self.clock.now());
        entry.client = Some(client.name().to_owned());
        entry.tenant = client.tenant().map(str::to_owned);
        entry.cause = Some(cause.to_owned());
        entry.status = status;
        entry
    }

    /// Records a refused caller; `says_it_is` is the configured client that its token claims, unverified.
    pub fn record_refusal(&self, says_it_is: Option<&str>, cause: &'static str, status: u16) {
        if !self.is_on() {
            return;
        }
        let now = self.clock.now();
        let Turn { is_recorded, beyond } = self.refusals.turn(self.refusals_per_minute, now);
        if let Some(beyond) = beyond {
            self.ledger.write_in_background(many_refusals(self.ids.as_ref(), beyond));
        }
        if is_recorded {
            let mut entry = Entry::new(self.new_id(), EntryKind::Refusal, now);
            entry.client = says_it_is.map(str::to_owned);
            entry.cause = Some(cause.to_owned());
            entry.status = Some(status);
            self.ledger.write_in_background(entry);
        }
    }
}

/// Records the refused callers that were only counted, and closes the ledger. No more calls are answered after that.
pub async fn close_ledger(ledger: &Ledger, ids: &dyn IdSource, refusals: &Refusals) {
    if let Some(beyond) = refusals.rest() {
        ledger.write_in_background(many_refusals(ids, beyond));
    }
    ledger.close().await;
}
