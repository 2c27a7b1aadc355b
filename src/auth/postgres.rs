//! Used tokens in PostgreSQL, where several instances remember them together.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tracing::warn;

use super::refusal::Refusal;
use super::replay::TokenId;

/// How long a call waits for the database.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often tokens that are over are removed, in seconds.
const REMOVED_EVERY: i64 = 60;

/// How long after its end a token is removed, in seconds. Instances' clocks differ, and the fastest must not remove what is
/// good for another.
const REMOVED_AFTER: i64 = 60 * 60;

const MOST_CONNECTIONS: u32 = 8;

static MIGRATIONS: Migrator = sqlx::migrate!("src/auth/migrations");

/// One atomic statement: of two instances that take a token at the same moment, one affects a row and the other none.
const TAKE: &str = "INSERT INTO used_token (token, ends_at) VALUES ($1, $2) \
    ON CONFLICT (token) DO UPDATE SET ends_at = EXCLUDED.ends_at WHERE used_token.ends_at < $3";

const REMOVE: &str = "DELETE FROM used_token WHERE ends_at < $1";

/// The memory of several instances.
#[derive(Debug)]
pub(super) struct SharedTokens {
    pool: PgPool,
    /// The table is made by the first call that reaches the database, so that the service starts without it.
    is_migrated: OnceCell<()>,
    removed_at: AtomicI64,
}

impl SharedTokens {
    /// A memory in the database of a URL. Nothing is connected to yet.
    pub(super) fn new(url: &str) -> Result<Self, sqlx::Error> {
        let pool = PgPoolOptions::new().max_connections(MOST_CONNECTIONS).acquire_timeout(PATIENCE).connect_lazy(url)?;
        Ok(Self { pool, is_migrated: OnceCell::new(), removed_at: AtomicI64::new(0) })
    }

    pub(super) async fn take(&self, token: TokenId, end: i64, now: i64) -> Result<(), Refusal> {
        let outcome = timeout(PATIENCE, self.try_take(token, end, now)).await;
        match outcome {
            Ok(Ok(true)) => {
                self.remove_old(now);
                Ok(())
            }
            Ok(Ok(false)) => Err(Refusal::Replayed),
            Ok(Err(error)) => {
                warn!(%error, "used tokens cannot be remembered");
                Err(Refusal::NoReplayMemory)
            }
            Err(_) => {
                warn!("used tokens cannot be remembered: the database took too long");
                Err(Refusal::NoReplayMemory)
            }
        }
    }

    async fn try_take(&self, token: TokenId, end: i64, now: i64) -> Result<bool, MigrateError> {
        self.is_migrated.get_or_try_init(|| self.migrate()).await?;
        let done = sqlx::query(TAKE).bind(token.as_slice()).bind(end).bind(now).execute(&self.pool).await?;
        Ok(done.rows_affected() == 1)
    }

    /// In a task of its own: a call that gives up must not leave a connection behind that still holds the migrations' lock.
    async fn migrate(&self) -> Result<(), MigrateError> {
        let pool = self.pool.clone();
        let migrated = tokio::spawn(async move { MIGRATIONS.run(&pool).await });
        migrated.await.unwrap_or_else(|error| Err(MigrateError::Source(error.into())))
    }

    /// Removes what is over, now and then and beside the call.
    fn remove_old(&self, now: i64) {
        let removed_at = self.removed_at.load(Ordering::Relaxed);
        let is_due = now >= removed_at.saturating_add(REMOVED_EVERY);
        if !is_due || self.removed_at.compare_exchange(removed_at, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let pool = self.pool.clone();
        tokio::spawn(async move {
            if let Err(error) = sqlx::query(REMOVE).bind(now - REMOVED_AFTER).execute(&pool).await {
                warn!(%error, "used tokens that are over were not removed");
            }
        });
    }
}
