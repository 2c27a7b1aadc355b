//! The application's external dependencies. They outlive an application that a configuration reload replaces.
//! Not here: their use; see [`super::App`].

use std::sync::Arc;

use super::used_tokens;

use crate::auth::{AuthError, CallerMemory};
use crate::clock::Clock;
use crate::config::Config;
use crate::ids::IdSource;
use crate::ledger::{Ledger, LedgerError};
use crate::service::{LedgerUsage, Refusals, close_ledger};
use crate::smart::Sessions;
use crate::smart::launch::LaunchMemory;

/// The application's external dependencies.
#[derive(Clone)]
pub struct Ports {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// New identifiers.
    pub ids: Arc<dyn IdSource>,
    /// State kept about callers; it survives a configuration reload.
    pub callers: Arc<CallerMemory>,
    /// The ledger of calls; it survives a configuration reload as well.
    pub ledger: Arc<Ledger>,
    /// Counts of refused callers in the current minute.
    pub(super) refusals: Arc<Refusals>,
    /// The bytes that each client's records took of the ledger today.
    pub(super) usage: Arc<LedgerUsage>,
    /// SMART app launches in progress.
    pub(super) launches: Arc<LaunchMemory>,
    /// Open SMART app sessions.
    pub(super) sessions: Arc<Sessions>,
}

impl Ports {
    /// Creates ports with the configured caller memory and without a ledger.
    ///
    /// # Errors
    /// [`AuthError`] if the memory's database cannot be set up.
    pub fn new(config: &Config, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Result<Self, AuthError> {
        Ok(Self {
            clock,
            ids,
            callers: Arc::new(CallerMemory::build(config)?),
            ledger: Arc::new(Ledger::off()),
            refusals: Arc::default(),
            usage: Arc::default(),
            launches: Arc::default(),
            sessions: Arc::default(),
        })
    }

    /// The same ports with the configured ledger, opened for writing. Used tokens are kept in its file, unless configured otherwise.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be opened.
    pub async fn with_ledger(self, config: &Config) -> Result<Self, LedgerError> {
        let ledger = Ledger::open(&config.ledger, Arc::clone(&self.clock), Arc::clone(&self.ids)).await?;
        let ports = Self { ledger: Arc::new(ledger), ..self };
        used_tokens::keep(config, &ports).await?;
        Ok(ports)
    }

    /// Records the remaining refusals and closes the ledger. No more calls are answered after that.
    pub async fn close(&self) {
        close_ledger(&self.ledger, self.ids.as_ref(), &self.refusals).await;
    }
}
