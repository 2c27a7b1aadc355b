//! The ledger's database: SQLite in a file, or PostgreSQL. Both take the same statements.
//! Not here: what the statements say; see [`super::append`], [`super::reader`] and [`super::purge`].

use std::borrow::Cow;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode};
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions as _, Connection as _, Executor as _};
use tokio::time::timeout;
use url::Url;

use super::error::LedgerError;

/// Beside other tables' migrations, in a table of their own.
const MIGRATIONS_TABLE: &str = "ledger_migrations";

const MOST_CONNECTIONS: u32 = 4;

/// How long one connection of SQLite waits for another to be done writing, in milliseconds.
const BUSY_PATIENCE: u32 = 2_000;

/// How long making the tables of PostgreSQL may take, other instances' turns included.
const MIGRATION_PATIENCE: Duration = Duration::from_secs(30);

/// Keeps a file locked as long as it lives.
type Lock = Arc<File>;

/// A record of a call fills about one.
const PAGE_SIZE: u32 = 8192;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
}

/// A database, its connections made when they are needed.
#[derive(Clone, Debug)]
pub(super) struct Database {
    pub(super) kind: Kind,
    pub(super) pool: AnyPool,
    is_migrated: Arc<AtomicBool>,
    /// Held as long as this process writes to the file.
    lock: Option<Lock>,
}

impl Database {
    /// SQLite in a file, which is made if it may be. A record is on the disk when its transaction ends (`synchronous` FULL).
    pub(super) fn of_file(path: &Path, may_make: bool) -> Result<Self, LedgerError> {
        let mut url = Url::parse("sqlite:").map_err(|error| LedgerError::Unopened(sqlx::Error::Configuration(error.into())))?;
        url.set_path(&path.to_string_lossy());
        url.set_query(Some(if may_make { "mode=rwc" } else { "mode=rw" }));
        let settings = format!(
            "PRAGMA busy_timeout = {BUSY_PATIENCE}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY"
        );
        Self::of(Kind::Sqlite, &url, settings, Duration::from_millis(BUSY_PATIENCE.into()))
    }

    /// PostgreSQL at a URL. Every statement has `patience`.
    pub(super) fn of_server(url: &str, patience: Duration) -> Result<Self, LedgerError> {
        let url = Url::parse(url).map_err(|_| LedgerError::Unopened(sqlx::Error::Configuration("the URL is none".into())))?;
        Self::of(Kind::Postgres, &url, format!("SET statement_timeout = {}", patience.as_millis()), patience)
    }

    fn of(kind: Kind, url: &Url, settings: String, patience: Duration) -> Result<Self, LedgerError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let options: AnyConnectOptions = AnyConnectOptions::from_url(url).map_err(LedgerError::Unopened)?.disable_statement_logging();
        let pool = AnyPoolOptions::new()
            .max_connections(MOST_CONNECTIONS)
            .acquire_timeout(patience)
            // A connection that broke while nobody used it is found out before a batch is lost to it.
            .test_before_acquire(kind == Kind::Postgres)
            .after_connect(move |connection, _| {
                let settings = sqlx::AssertSqlSafe(settings.clone());
                Box::pin(async move { connection.execute(sqlx::raw_sql(settings)).await.map(|_| ()) })
            });
        Ok(Self { kind, pool: pool.connect_lazy_with(options), is_migrated: Arc::default(), lock: None })
    }

    /// The same database, whose file is locked by `lock` as long as it is in use.
    pub(super) fn holding(self, lock: File) -> Self {
        Self { lock: Some(Arc::new(lock)), ..self }
    }

    /// Makes or changes the tables, forward only.
    pub(super) async fn migrate(&self) -> Result<(), LedgerError> {
        let migrator = match self.kind {
            Kind::Sqlite => sqlx::migrate!("src/ledger/migrations/sqlite"),
            Kind::Postgres => sqlx::migrate!("src/ledger/migrations/postgres"),
        };
        let migrator = Migrator { table_name: Cow::Borrowed(MIGRATIONS_TABLE), ..migrator };
        let connection = self.pool.acquire().await.map_err(LedgerError::Unopened)?;
        let connection = connection.detach();
        match self.kind {
            Kind::Sqlite => run(&migrator, connection).await?,
            Kind::Postgres => {
                timeout(MIGRATION_PATIENCE, run_on_server(&migrator, connection)).await.unwrap_or(Err(LedgerError::TooSlow))?;
            }
        }
        self.is_migrated.store(true, Ordering::Release);
        Ok(())
    }

    /// The same, if it was not done yet: of a database that was away when the process began.
    pub(super) async fn migrate_once(&self) -> Result<(), LedgerError> {
        if !self.is_migrated.load(Ordering::Acquire) {
            self.migrate().await?;
        }
        Ok(())
    }

    /// Begins a transaction that writes.
    pub(super) async fn begin(&self) -> Result<Transaction, LedgerError> {
        let mut transaction = Transaction(Some(self.pool.acquire().await?));
        let begin = if self.kind == Kind::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
        sqlx::query(begin).execute(transaction.connection()?).await?;
        Ok(transaction)
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
        if let Some(lock) = &self.lock {
            // It ends with the process, if not now.
            _ = lock.unlock();
        }
    }
}

/// Says how a new file is laid out, which can be said only as long as it is empty.
pub(super) async fn lay_out(path: &Path) -> Result<(), LedgerError> {
    if std::fs::metadata(path).is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    let options = SqliteConnectOptions::new().filename(path).page_size(PAGE_SIZE).auto_vacuum(SqliteAutoVacuum::Incremental);
    let connection = options.journal_mode(SqliteJournalMode::Wal).connect().await.map_err(LedgerError::Unopened)?;
    connection.close().await.map_err(LedgerError::Unopened)
}

/// A transaction. Its connection is used again only if it is committed: after anything else nobody can tell what is still open on it
/// (a COMMIT that fails for want of room has been rolled back, and a library that counts transactions does not know).
pub(super) struct Transaction(Option<PoolConnection<Any>>);

impl Transaction {
    pub(super) fn connection(&mut self) -> Result<&mut AnyConnection, LedgerError> {
        self.0.as_deref_mut().ok_or(LedgerError::Closed)
    }

    /// What was written is durable when this returns.
    pub(super) async fn commit(mut self) -> Result<(), LedgerError> {
        sqlx::query("COMMIT").execute(self.connection()?).await?;
        // Back to the others.
        self.0.take();
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            // Not to be used again.
            drop(connection.detach());
        }
    }
}

/// The connection is closed afterwards, however that ends, and with it the lock that migrations hold goes.
async fn run(migrator: &Migrator, mut connection: AnyConnection) -> Result<(), LedgerError> {
    Ok(migrator.run_direct(None, &mut connection, false).await?)
}

async fn run_on_server(migrator: &Migrator, mut connection: AnyConnection) -> Result<(), LedgerError> {
    // Not as short as a record's: another instance may be making them.
    connection.execute("SET statement_timeout = '30s'").await?;
    run(migrator, connection).await
}
