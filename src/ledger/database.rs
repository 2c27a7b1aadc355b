//! The ledger's database: SQLite in a file, or PostgreSQL. Both accept the same statements.
//! Not here: the statements; see [`super::append`], [`super::reader`] and [`super::purge`].

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode};
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions as _, Connection as _, Executor as _, Row as _, SqlStr};
use tokio::time::timeout;
use url::Url;

use super::columns::{COLUMNS, ContentReading, EXTENT_COLUMNS};
use super::error::LedgerError;
use super::file_writer::FileWriter;
use super::journal::Journal;

/// Migration table of the ledger, separate from those of other tables.
const MIGRATIONS_TABLE: &str = "ledger_migrations";

const MAX_CONNECTIONS: u32 = 4;

/// How long one SQLite connection waits for another to finish writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Settings of every connection to a SQLite file. A row is on the disk when its transaction ends (with a journal, the writer relaxes
/// that), and `secure_delete` erases a row's old bytes when it moves within the file.
pub(super) const FILE_SETTINGS: &str = "PRAGMA busy_timeout = 2000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    PRAGMA wal_autocheckpoint = 8000; PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = FAST";

/// How long creating the PostgreSQL tables may take, including waiting for other instances.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The writer of a file, and the lock that keeps other processes from writing.
#[derive(Clone, Debug)]
struct Own {
    writer: Arc<FileWriter>,
    lock: Arc<File>,
}

/// Fits several records, or one whose content is stored in its row.
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
    /// The journal beside the SQLite file, which may hold contents, and records without rows.
    pub(super) journal: Option<Journal>,
    is_migrated: Arc<AtomicBool>,
    /// Set for a file that only this process writes records to.
    own: Option<Own>,
}

impl Database {
    /// SQLite in a file, which is created if allowed.
    pub(super) fn of_file(path: &Path, may_make: bool) -> Result<Self, LedgerError> {
        let mut url = Url::parse("sqlite:").map_err(|error| LedgerError::Unopened(sqlx::Error::Configuration(error.into())))?;
        url.set_path(&path.to_string_lossy());
        url.set_query(Some(if may_make { "mode=rwc" } else { "mode=rw" }));
        Self::connect(DatabaseKind::Sqlite, &url, FILE_SETTINGS.to_owned(), BUSY_TIMEOUT)
    }

    /// PostgreSQL at a URL. `statement_timeout` applies to every statement.
    pub(super) fn of_server(url: &str, statement_timeout: Duration) -> Result<Self, LedgerError> {
        let url = Url::parse(url).map_err(|_| LedgerError::Unopened(sqlx::Error::Configuration("the URL is none".into())))?;
        Self::connect(DatabaseKind::Postgres, &url, server_settings(statement_timeout), statement_timeout)
    }

    fn connect(kind: DatabaseKind, url: &Url, settings: String, statement_timeout: Duration) -> Result<Self, LedgerError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let options: AnyConnectOptions = AnyConnectOptions::from_url(url).map_err(LedgerError::Unopened)?.disable_statement_logging();
        let pool = AnyPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(statement_timeout)
            // Detect a connection that broke while idle before a batch is lost to it.
            .test_before_acquire(kind == DatabaseKind::Postgres)
            .after_connect(move |connection, _| {
                let settings = sqlx::AssertSqlSafe(settings.clone());
                Box::pin(async move { connection.execute(sqlx::raw_sql(settings)).await.map(|_| ()) })
            });
        Ok(Self { kind, pool: pool.connect_lazy_with(options), journal: None, is_migrated: Arc::default(), own: None })
    }

    /// The same database, with this process as the only writer while it holds `lock`.
    pub(super) fn written_to(self, path: &Path, lock: File) -> Self {
        let writer = FileWriter::new(path, self.journal.clone());
        Self { own: Some(Own { writer: Arc::new(writer), lock: Arc::new(lock) }), ..self }
    }

    /// The columns to read a record from.
    pub(super) fn columns(&self) -> String {
        if self.journal.is_some() { format!("{COLUMNS}, {EXTENT_COLUMNS}") } else { COLUMNS.to_owned() }
    }

    /// How to read a record with its content.
    pub(super) fn reading(&self) -> ContentReading<'_> {
        self.journal.as_ref().map_or(ContentReading::Row, ContentReading::Files)
    }

    /// The same database with a journal; without one, rows contain whole records.
    pub(super) fn with_journal(self, journal: Option<Journal>) -> Self {
        Self { journal, ..self }
    }

    /// The writer of this file, if this process is the only writer.
    pub(super) fn writer(&self) -> Result<&Arc<FileWriter>, LedgerError> {
        self.own.as_ref().map(|own| &own.writer).ok_or(LedgerError::Closed)
    }

    /// Waits until every durable record has a row and can be looked up.
    pub(super) async fn settled(&self) -> Result<(), LedgerError> {
        let Some(own) = &self.own else { return Ok(()) };
        if own.writer.is_settled() {
            return Ok(());
        }
        let writer = Arc::clone(&own.writer);
        // Settling may block on the disk.
        tokio::task::spawn_blocking(move || writer.settle()).await.unwrap_or(Err(LedgerError::Closed))
    }

    /// Creates or migrates the tables, forward only.
    pub(super) async fn migrate(&self) -> Result<(), LedgerError> {
        let migrator = migrator(self.kind);
        // A role without the right to create tables can still write to them.
        if !self.is_migrated_to(&migrator).await {
            let connection = self.pool.acquire().await.map_err(LedgerError::Unopened)?.detach();
            match self.kind {
                DatabaseKind::Sqlite => run(&migrator, connection).await?,
                DatabaseKind::Postgres => {
                    timeout(MIGRATION_TIMEOUT, run_on_server(&migrator, connection)).await.unwrap_or(Err(LedgerError::TooSlow))?;
                }
            }
        }
        self.is_migrated.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether the tables already match this program's schema.
    async fn is_migrated_to(&self, migrator: &Migrator) -> bool {
        let select = "SELECT MAX(version) AS version FROM ledger_migrations WHERE success";
        let Ok(row) = sqlx::query(select).fetch_one(&self.pool).await else { return false };
        let version: Option<i64> = row.try_get("version").ok().flatten();
        version.is_some() && version == migrator.iter().map(|migration| migration.version).max()
    }

    /// Migrates unless already done, for a database that was unavailable at startup.
    pub(super) async fn migrate_once(&self) -> Result<(), LedgerError> {
        if !self.is_migrated.load(Ordering::Acquire) {
            self.migrate().await?;
        }
        Ok(())
    }

    /// Begins a write transaction.
    pub(super) async fn begin(&self) -> Result<Transaction, LedgerError> {
        let mut transaction = Transaction(Some(self.pool.acquire().await?));
        let begin = if self.kind == DatabaseKind::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
        sqlx::query(begin).execute(transaction.connection()?).await?;
        Ok(transaction)
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
        if let Some(own) = &self.own {
            own.writer.close();
            // If unlocking fails, the lock ends with the process.
            _ = own.lock.unlock();
        }
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

/// The migrations that create this program's tables.
fn migrator(kind: DatabaseKind) -> Migrator {
    const LEDGER: i64 = 20_261_125_000_001;
    const JOURNAL: i64 = 20_261_126_000_001;
    let migration =
        |version, name: &'static str, sql| Migration::new(version, name.into(), MigrationType::Simple, SqlStr::from_static(sql), false);
    let mut migrator = Migrator::with_migrations(match kind {
        DatabaseKind::Sqlite => vec![
            migration(LEDGER, "ledger", include_str!("migrations/sqlite/20261125000001_ledger.sql")),
            migration(JOURNAL, "journal", include_str!("migrations/sqlite/20261126000001_journal.sql")),
        ],
        DatabaseKind::Postgres => vec![migration(LEDGER, "ledger", include_str!("migrations/postgres/20261125000001_ledger.sql"))],
    });
    migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
    migrator
}

fn server_settings(statement_timeout: Duration) -> String {
    let durable = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
    format!("SET statement_timeout = {}; {durable}", statement_timeout.as_millis())
}

/// Runs the migrations and then always closes the connection, which releases the migration lock.
async fn run(migrator: &Migrator, mut connection: AnyConnection) -> Result<(), LedgerError> {
    Ok(migrator.run_direct(None, &mut connection, false).await?)
}

async fn run_on_server(migrator: &Migrator, mut connection: AnyConnection) -> Result<(), LedgerError> {
    // Longer than for a record: another instance may be creating the tables.
    connection.execute("SET statement_timeout = '30s'").await?;
    run(migrator, connection).await
}
