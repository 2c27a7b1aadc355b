//! What the application is given from outside; it outlives an application that a reload replaces.
//! Not here: what is made with it; see [`super::application`].

use std::sync::Arc;

use super::pending_answer::Refusals;
use super::smart::Sessions;
use crate::auth::smart::LaunchMemory;
use crate::auth::{AuthError, CallerMemory};
use crate::clock::Clock;
use crate::config::Config;
use crate::ids::IdSource;
use crate::ledger::{Ledger, LedgerError};

/// What the application is given from outside.
#[derive(Clone)]
pub struct Ports {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// New identifiers.
    pub ids: Arc<dyn IdSource>,
    /// What is remembered of callers; it outlives this application when the configuration is reloaded.
    pub callers: Arc<CallerMemory>,
    /// Where calls are kept; it outlives this application, too.
    pub ledger: Arc<Ledger>,
    /// Refused callers of the current minute.
    pub(super) refusals: Arc<Refusals>,
    /// Launches of the SMART app under way.
    pub(super) launches: Arc<LaunchMemory>,
    /// The apps that are open.
    pub(super) sessions: Arc<Sessions>,
}

impl Ports {
    /// Ports with a memory of callers as configuration has it, and without a ledger.
    ///
    /// # Errors
    /// [`AuthError`] when the memory's database cannot be set up.
    pub fn new(config: &Config, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Result<Self, AuthError> {
        Ok(Self {
            clock,
            ids,
            callers: Arc::new(CallerMemory::build(&config.auth)?),
            ledger: Arc::new(Ledger::off()),
            refusals: Arc::default(),
            launches: Arc::default(),
            sessions: Arc::default(),
        })
    }

    /// The same ports with the ledger that configuration names, which is opened to write.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be.
    pub async fn with_ledger(self, config: &Config) -> Result<Self, LedgerError> {
        let ledger = Ledger::open(&config.ledger, Arc::clone(&self.clock), Arc::clone(&self.ids)).await?;
        Ok(Self { ledger: Arc::new(ledger), ..self })
    }
}
