//! A ledger in its own directory, with the service that writes to it and the archive that reads it.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use sij_cds::app::{App, Ports};
use sij_cds::clock::{Clock, FixedClock};
use sij_cds::config::Config;
use sij_cds::ids::RandomIds;
use sij_cds::ledger::{Archive, ChainPosition, Ledger, OpenedRecord, Verification, Verified, Wanted, new_key_line};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions as _, Row as _, SqliteConnection};
use tempfile::TempDir;

use super::{LogBuffer, TestApp, day_of_the_fixtures, default_config};

pub(crate) struct Keeping {
    directory: TempDir,
    pub(crate) config: Config,
    clock: Arc<dyn Clock>,
}

/// The service, and what to close when it ends.
pub(crate) struct KeepingApp {
    pub(crate) http: TestApp,
    pub(crate) ports: Ports,
}

impl Keeping {
    /// A SQLite ledger, on the date of the fixtures.
    pub(crate) fn new() -> Self {
        Self::with_clock(Arc::new(FixedClock::at(day_of_the_fixtures())))
    }

    pub(crate) fn with_clock(clock: Arc<dyn Clock>) -> Self {
        LogBuffer::of_this_run();
        let directory = TempDir::new().unwrap();
        let mut config = default_config();
        config.ledger.url = format!("sqlite:{}", directory.path().join("ledger.db").display()).into();
        config.ledger.spool_file = directory.path().join("spool.db");
        config.ledger.keys_file = Some(directory.path().join("keys"));
        std::fs::write(directory.path().join("keys"), new_key_line("first").unwrap()).unwrap();
        Self { directory, config, clock }
    }

    /// A file in the directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The journal files, oldest first.
    pub(crate) fn journal_files(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.file("ledger.db.journal")) else { return Vec::new() };
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    /// Seals with a new key from the next opening on; the old keys still open.
    pub(crate) fn rotate(&self, id: &str) {
        let old = std::fs::read_to_string(self.file("keys")).unwrap();
        std::fs::write(self.file("keys"), format!("{}\n{old}", new_key_line(id).unwrap())).unwrap();
    }

    /// A ledger for writing.
    pub(crate) async fn ledger(&self) -> Ledger {
        Ledger::open(&self.config.ledger, Arc::clone(&self.clock), Arc::new(RandomIds)).await.unwrap()
    }

    /// The service that records its calls here.
    pub(crate) async fn app(&self) -> KeepingApp {
        let ports = Ports::new(&self.config, Arc::clone(&self.clock), Arc::new(RandomIds)).unwrap();
        let ports = ports.with_ledger(&self.config).await.unwrap();
        KeepingApp { http: TestApp::of(&self.config, ports.clone()), ports }
    }

    /// Ports without a ledger.
    pub(crate) fn ports(&self) -> Ports {
        Ports::new(&self.config, Arc::clone(&self.clock), Arc::new(RandomIds)).unwrap()
    }

    /// The application without a service, for replaying records.
    pub(crate) fn replaying(&self) -> App {
        App::build(&self.config, self.ports()).unwrap()
    }

    pub(crate) async fn archive(&self) -> Archive {
        Archive::open(&self.config.ledger).await.unwrap()
    }

    /// All records, chain by chain.
    pub(crate) async fn records(&self) -> Vec<OpenedRecord> {
        let archive = self.archive().await;
        let (mut place, mut records) = (ChainPosition::BEGINNING, Vec::new());
        loop {
            let page = archive.page(place, &Wanted::default()).await.unwrap();
            let Some(last) = page.last() else { break };
            place = last.place;
            records.extend(page);
        }
        archive.close().await;
        records
    }

    pub(crate) async fn verified(&self) -> Verified {
        let archive = self.archive().await;
        let mut verification = Verification::begin(&archive, None, Vec::new()).await.unwrap();
        while verification.step().await.unwrap() {}
        let verified = verification.so_far().clone();
        drop(verification);
        archive.close().await;
        verified
    }

    /// The verification findings as text; empty if the ledger is intact.
    pub(crate) async fn defects(&self) -> Vec<String> {
        self.verified().await.findings.iter().map(ToString::to_string).collect()
    }

    /// The numbers that a statement selects.
    pub(crate) async fn rows(&self, select: &str) -> Vec<Vec<i64>> {
        self.selected(select).await.iter().map(|row| (0..row.len()).map(|column| row.get(column)).collect()).collect()
    }

    /// The bytes that a statement selects.
    pub(crate) async fn bytes(&self, select: &str) -> Vec<Vec<u8>> {
        self.selected(select).await.iter().map(|row| row.get(0)).collect()
    }

    async fn selected(&self, select: &str) -> Vec<SqliteRow> {
        let options = SqliteConnectOptions::new().filename(self.file("ledger.db"));
        let mut connection = options.connect().await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(select.to_owned())).fetch_all(&mut connection).await.unwrap()
    }

    /// Prevents other connections from writing rows until this connection is closed.
    pub(crate) async fn hold_rows(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.file("ledger.db"));
        let mut connection = options.connect().await.unwrap();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
        connection
    }

    /// Changes the file without the ledger's knowledge, and returns the number of rows changed.
    pub(crate) async fn tamper(&self, statement: &str) -> u64 {
        let options = SqliteConnectOptions::new().filename(self.file("ledger.db"));
        let mut connection = options.connect().await.unwrap();
        let done = sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
        done.rows_affected()
    }
}

/// The sealed content of a record.
pub(crate) fn content(record: &OpenedRecord) -> Value {
    serde_json::from_slice(record.content.as_deref().expect("it has a content")).unwrap()
}

/// The summary of a record, as lists show it.
pub(crate) fn summary(record: &OpenedRecord) -> Value {
    serde_json::from_slice(&record.summary).unwrap()
}
