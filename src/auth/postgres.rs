//! Used tokens in PostgreSQL, shared by several instances.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use sqlx::SqlStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, Postgres};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::warn;

use super::refusal::Refusal;
use super::replay::{REMEMBERED_AFTER_END, UsedToken};

/// Timeout of a call's database access.
const QUERY_TIMEOUT: Duration = Duration::from_secs(1);

/// Timeout for creating the table, including the wait for other instances' migrations.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// Interval between removals of expired tokens, in seconds.
const CLEANUP_INTERVAL: i64 = 60;

const MAX_CONNECTIONS: u32 = 16;

/// One atomic statement: if two instances take the same token at once, it affects a row for only one of them.
const TAKE: &str = "INSERT INTO used_token (token, ends_at) VALUES ($1, $2) \
    ON CONFLICT (token) DO UPDATE SET ends_at = EXCLUDED.ends_at WHERE used_token.ends_at < $3";

const REMOVE: &str = "DELETE FROM used_token WHERE token IN (SELECT token FROM used_token WHERE ends_at < $1 LIMIT 5000)";

/// Why a database operation failed.
#[derive(Debug, thiserror::Error)]
enum DatabaseError {
    #[error("the database took too long")]
    TooSlow,
    #[error("the task ended early")]
    Ended,
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

/// The used tokens that several instances share.
#[derive(Clone, Debug)]
pub(super) struct SharedTokens(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pool: PgPool,
    /// The first call that reaches the database creates the table, so that the service starts without a database.
    is_migrated: AtomicBool,
    migrating: Arc<Mutex<()>>,
    removed_at: AtomicI64,
}

impl SharedTokens {
    /// Creates a store in the database at `url`. Does not connect yet.
    pub(super) fn new(url: &str) -> Result<Self, sqlx::Error> {
        let limit = QUERY_TIMEOUT.as_millis().to_string();
        let options = PgConnectOptions::from_str(url)?.options([("statement_timeout", limit.as_str())]);
        let pool = PgPoolOptions::new().max_connections(MAX_CONNECTIONS).acquire_timeout(QUERY_TIMEOUT).test_before_acquire(false);
        Ok(Self(Arc::new(Shared {
            pool: pool.connect_lazy_with(options),
            is_migrated: AtomicBool::new(false),
            migrating: Arc::default(),
            removed_at: AtomicI64::new(0),
        })))
    }

    pub(super) async fn take(&self, token: UsedToken<'_>, now: i64) -> Result<(), Refusal> {
        let (shared, id, end) = (Arc::clone(&self.0), token.id(), token.end);
        // Runs in a separate task, so that a caller that disconnects does not leave a connection in the middle of a statement.
        let taking = tokio::spawn(async move { shared.take(id.as_slice(), end, now).await });
        match taking.await.unwrap_or(Err(DatabaseError::Ended)) {
            Ok(true) => {
                self.remove_old(now);
                Ok(())
            }
            Ok(false) => Err(Refusal::Replayed),
            Err(error) => {
                warn!(%error, "used tokens cannot be remembered");
                Err(Refusal::NoReplayMemory)
            }
        }
    }

    /// Creates the table.
    pub(super) async fn create_table(&self) -> Result<(), sqlx::Error> {
        self.0.migrate().await.map_err(|error| match error {
            DatabaseError::Sql(error) => error,
            DatabaseError::Migrate(error) => sqlx::Error::Migrate(Box::new(error)),
            DatabaseError::TooSlow | DatabaseError::Ended => sqlx::Error::PoolTimedOut,
        })
    }

    /// Removes expired tokens in the background, at most once per interval.
    fn remove_old(&self, now: i64) {
        let removed_at = self.0.removed_at.load(Ordering::Relaxed);
        let is_due = now >= removed_at.saturating_add(CLEANUP_INTERVAL);
        if !is_due || self.0.removed_at.compare_exchange(removed_at, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            let remove = || shared.in_time(sqlx::query(REMOVE).bind(now - REMEMBERED_AFTER_END));
            loop {
                match remove().await {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(error) => return warn!(%error, "expired used tokens were not removed"),
                }
            }
        });
    }
}

type Statement<'q> = sqlx::query::Query<'q, Postgres, sqlx::postgres::PgArguments>;

impl Shared {
    async fn take(self: Arc<Self>, id: &[u8], end: i64, now: i64) -> Result<bool, DatabaseError> {
        if !self.is_migrated.load(Ordering::Acquire) {
            timeout(QUERY_TIMEOUT, self.migrate()).await.unwrap_or(Err(DatabaseError::TooSlow))?;
        }
        let take = || self.in_time(sqlx::query(TAKE).bind(id).bind(end).bind(now - REMEMBERED_AFTER_END));
        match take().await {
            // An idle connection broke, as all do when the database restarts: retry once.
            Err(DatabaseError::Sql(sqlx::Error::Io(_))) => Ok(take().await? == 1),
            taken => Ok(taken? == 1),
        }
    }

    /// Returns the number of rows a statement affects. Closes a connection that does not answer in time instead of returning
    /// it: the pool would wait for it until TCP times out.
    async fn in_time(&self, statement: Statement<'_>) -> Result<u64, DatabaseError> {
        let mut connection = self.pool.acquire().await?;
        let done = timeout(QUERY_TIMEOUT, statement.execute(&mut *connection)).await;
        if done.is_err() {
            drop(connection.detach());
        }
        Ok(done.map_err(|_| DatabaseError::TooSlow)??.rows_affected())
    }

    /// Creates the table, one task at a time. The task continues if its caller gives up.
    async fn migrate(self: &Arc<Self>) -> Result<(), DatabaseError> {
        let migrating = Arc::clone(&self.migrating).lock_owned().await;
        if self.is_migrated.load(Ordering::Acquire) {
            return Ok(());
        }
        let shared = Arc::clone(self);
        let made = tokio::spawn(async move {
            let connection = shared.pool.acquire().await?.detach();
            timeout(MIGRATION_TIMEOUT, make_table(connection)).await.unwrap_or(Err(DatabaseError::TooSlow))?;
            shared.is_migrated.store(true, Ordering::Release);
            drop(migrating);
            Ok(())
        });
        made.await.unwrap_or(Err(DatabaseError::Ended))
    }
}

/// Creates the table unless it exists, so that a role that may not create tables can use one that another role created. Always closes the
/// connection afterwards, which also releases the migration lock.
async fn make_table(mut connection: PgConnection) -> Result<(), DatabaseError> {
    // A separate migrations table keeps these apart from other migrations in the same database.
    let sql = SqlStr::from_static(include_str!("migrations/20261124000001_used_token.sql"));
    let mut migrator =
        Migrator::with_migrations(vec![Migration::new(20_261_124_000_001, "used token".into(), MigrationType::Simple, sql, false)]);
    migrator.dangerous_set_table_name("used_token_migrations");
    // Also set a limit on the server: while it waits for the lock, it does not notice that the client disconnected.
    sqlx::query("SET statement_timeout = '30s'").execute(&mut connection).await?;
    if sqlx::query_scalar("SELECT to_regclass('used_token') IS NOT NULL").fetch_one(&mut connection).await? {
        return Ok(());
    }
    migrator.run_direct(None, &mut connection, false).await?;
    Ok(())
}
