//! Keeps used tokens in the ledger's SQLite file: connects the port of [`crate::auth`] to the ledger.
//! Not here: PostgreSQL, which [`crate::auth`] speaks with itself.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::Ports;
use crate::auth::{DurableTokens, StoredToken};
use crate::config::{AuthMode, Config, ReplayStore};
use crate::ledger::{Ledger, LedgerError, TokenRow};

/// The ledger as a store of used tokens.
#[derive(Debug)]
struct LedgerTokens(Arc<Ledger>);

impl DurableTokens for LedgerTokens {
    fn begin_write(&self, token: StoredToken) -> Option<BoxFuture<'static, bool>> {
        let StoredToken { issuer, digest, remembered_until } = token;
        let pending = self.0.begin_token(TokenRow { issuer, digest, remembered_until })?;
        Some(pending.durable().boxed())
    }
}

/// Keeps used tokens where the configuration says, and loads those of earlier processes before the first call is taken.
pub(super) async fn keep(config: &Config, ports: &Ports) -> Result<(), LedgerError> {
    let is_elsewhere = config.replay_database().is_some() || config.auth.replay_store == ReplayStore::Memory;
    if config.auth_mode() == AuthMode::Development || is_elsewhere || !ports.ledger.keeps_tokens() {
        return Ok(());
    }
    let rows = ports.ledger.tokens(ports.clock.now().timestamp()).await?;
    let stored = rows.into_iter().map(|TokenRow { issuer, digest, remembered_until }| StoredToken { issuer, digest, remembered_until });
    ports.callers.keep_used_tokens(Arc::new(LedgerTokens(Arc::clone(&ports.ledger))), stored.collect());
    Ok(())
}
