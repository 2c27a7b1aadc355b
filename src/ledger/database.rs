//! The ledger's database: SQLite in a file, or PostgreSQL. Both accept the same statements.
//! Not here: the statements; see [`super::insert`], [`super::reader`] and [`super::purge`].

use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode};
use sqlx::{
    Any, AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _, SqlSafeStr as _, SqlStr,
};
use tokio::time::timeout;
use url::Url;

use super::error::LedgerError;

/// Migration table of the ledger, separate from those of other tables.
const MIGRATIONS_TABLE: &str = "ledger_migrations";

/// The version of the tables.
const VERSION: i64 = 20_261_130_000_001;

/// The codes of SQLite and PostgreSQL for a table that does not exist.
const NO_TABLE: [&str; 2] = ["1", "42P01"];

const MAX_CONNECTIONS: u32 = 4;

/// How long a statement waits for another SQLite connection to finish writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Settings of every connection to a SQLite file. A transaction is on the disk when it ends. The write-ahead log is checkpointed beside the
/// writer ([`super::wal`]); SQLite's own checkpoint, which makes a writer wait, starts only at a much longer log. `secure_delete` erases a
/// row's old bytes when it moves within the file.
const FILE_SETTINGS: &str = "PRAGMA busy_timeout = 2000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    PRAGMA wal_autocheckpoint = 8000; PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = FAST";

/// How long creating the PostgreSQL tables may take, including waiting for other instances.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// A page holds a few rows without their contents.
const PAGE_SIZE: u32 = 8192;

/// The kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DatabaseKind {
    Sqlite,
    Postgres,
}

/// A database whose connections are opened on demand.
#[derive(Clone, Debug)]
pub(super) struct Database {
    pub(super) kind: DatabaseKind,
    pub(super) pool: AnyPool,
    options: AnyConnectOptions,
    settings: SqlStr,
}

impl Database {
    /// SQLite in an existing file.
    pub(super) fn from_file(path: &Path) -> Result<Self, LedgerError> {
        let mut url = Url::parse("sqlite:?mode=rw").map_err(|error| LedgerError::Unopened(sqlx::Error::Configuration(error.into())))?;
        url.set_path(&path.to_string_lossy());
        Self::new(DatabaseKind::Sqlite, &url, SqlStr::from_static(FILE_SETTINGS), BUSY_TIMEOUT)
    }

    /// PostgreSQL at a URL. `statement_timeout` applies to every statement.
    pub(super) fn from_url(url: &str, statement_timeout: Duration) -> Result<Self, LedgerError> {
        let url = Url::parse(url).map_err(|_| LedgerError::Unopened(sqlx::Error::Configuration("the URL is none".into())))?;
        let durable = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
        let settings = format!("SET statement_timeout = {}; {durable}", statement_timeout.as_millis());
        Self::new(DatabaseKind::Postgres, &url, AssertSqlSafe(settings).into_sql_str(), statement_timeout)
    }

    fn new(kind: DatabaseKind, url: &Url, settings: SqlStr, acquire_timeout: Duration) -> Result<Self, LedgerError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let options: AnyConnectOptions = AnyConnectOptions::from_url(url).map_err(LedgerError::Unopened)?.disable_statement_logging();
        let pool_settings = settings.clone();
        let pool = AnyPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(acquire_timeout)
            .test_before_acquire(kind == DatabaseKind::Postgres)
            .after_connect(move |connection, _| {
                let settings = pool_settings.clone();
                Box::pin(async move { connection.execute(sqlx::raw_sql(settings)).await.map(|_| ()) })
            });
        Ok(Self { kind, pool: pool.connect_lazy_with(options.clone()), options, settings })
    }

    /// Opens a connection outside of the pool.
    pub(super) async fn connect(&self) -> Result<AnyConnection, LedgerError> {
        let mut connection = AnyConnection::connect_with(&self.options).await.map_err(LedgerError::Unopened)?;
        connection.execute(sqlx::raw_sql(self.settings.clone())).await?;
        Ok(connection)
    }

    /// Creates the tables, unless they are there.
    pub(super) async fn migrate(&self) -> Result<(), LedgerError> {
        // A role without the right to create tables can still write to them.
        match self.versions().await?.as_slice() {
            [VERSION] => return Ok(()),
            [] => {}
            _ => return Err(LedgerError::OldTables),
        }
        let mut connection = self.connect().await?;
        if self.kind == DatabaseKind::Postgres {
            // Longer than for a record: another instance may be creating the tables.
            connection.execute("SET statement_timeout = '30s'").await?;
        }
        timeout(MIGRATION_TIMEOUT, run(&migrator(self.kind), connection)).await.unwrap_or(Err(LedgerError::TooSlow))
    }

    /// The versions of the tables that are there.
    async fn versions(&self) -> Result<Vec<i64>, LedgerError> {
        let select = "SELECT version FROM ledger_migrations WHERE success ORDER BY version";
        match sqlx::query(select).fetch_all(&self.pool).await {
            Ok(rows) => Ok(rows.iter().filter_map(|row| row.try_get("version").ok()).collect()),
            Err(sqlx::Error::Database(error)) if NO_TABLE.contains(&error.code().as_deref().unwrap_or_default()) => Ok(Vec::new()),
            Err(error) => Err(LedgerError::Unopened(error)),
        }
    }

    /// Begins a write transaction on a connection of the pool.
    pub(super) async fn begin(&self) -> Result<Transaction, LedgerError> {
        let mut transaction = Transaction(Some(self.pool.acquire().await?));
        sqlx::query(self.begin_statement()).execute(transaction.connection()?).await?;
        Ok(transaction)
    }

    /// The statement that begins a write transaction. SQLite's reserves the right to write at once, so that it waits for another writer.
    pub(super) fn begin_statement(&self) -> &'static str {
        match self.kind {
            DatabaseKind::Sqlite => "BEGIN IMMEDIATE",
            DatabaseKind::Postgres => "BEGIN",
        }
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Sets the layout of a new file, which is possible only while the file is empty.
pub(super) async fn lay_out(path: &Path) -> Result<(), LedgerError> {
    if std::fs::metadata(path).is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    let options = SqliteConnectOptions::new().filename(path).page_size(PAGE_SIZE).auto_vacuum(SqliteAutoVacuum::Incremental);
    let connection = options.journal_mode(SqliteJournalMode::Wal).connect().await.map_err(LedgerError::Unopened)?;
    connection.close().await.map_err(LedgerError::Unopened)
}

/// A transaction. Its connection returns to the pool only after a commit: after any other end, it may still have a transaction open
/// (SQLite rolls back a COMMIT that fails because the disk is full, which a library that counts transactions does not notice).
pub(super) struct Transaction(Option<PoolConnection<Any>>);

impl Transaction {
    pub(super) fn connection(&mut self) -> Result<&mut AnyConnection, LedgerError> {
        self.0.as_deref_mut().ok_or(LedgerError::Closed)
    }

    /// Commits; the writes are durable when this returns.
    pub(super) async fn commit(mut self) -> Result<(), LedgerError> {
        sqlx::query("COMMIT").execute(self.connection()?).await?;
        // Return the connection to the pool.
        self.0.take();
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            // Do not reuse the connection.
            drop(connection.detach());
        }
    }
}

/// The migration that creates this program's tables.
fn migrator(kind: DatabaseKind) -> Migrator {
    let sql = match kind {
        DatabaseKind::Sqlite => include_str!("migrations/sqlite/20261130000001_ledger.sql"),
        DatabaseKind::Postgres => include_str!("migrations/postgres/20261130000001_ledger.sql"),
    };
    let migration = Migration::new(VERSION, "ledger".into(), MigrationType::Simple, SqlStr::from_static(sql), false);
    let mut migrator = Migrator::with_migrations(vec![migration]);
    migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
    migrator
}

/// Runs the migration and then always closes the connection, which releases the migration lock.
async fn run(migrator: &Migrator, mut connection: AnyConnection) -> Result<(), LedgerError> {
    Ok(migrator.run_direct(None, &mut connection, false).await?)
}
