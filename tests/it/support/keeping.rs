//! A ledger in its own directory, with the service that writes to it and the archive that reads it.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use sij_cds::app::{App, Ports};
use sij_cds::clock::{Clock, FixedClock};
use sij_cds::config::Config;
use sij_cds::ids::RandomIds;
use sij_cds::ledger::{Archive, Export, ExportedPage, Ledger, LedgerError, OpenedRecord, Verification, Verified, Wanted, new_key_line};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions as _, Row as _};
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
        config.ledger.keys_file = Some(directory.path().join("keys"));
        write_secret(&directory.path().join("keys"), &new_key_line("first").unwrap());
        Self { directory, config, clock }
    }

    /// A file in the directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Seals with a new key from the next opening on; the old keys still open.
    pub(crate) fn rotate(&self, id: &str) {
        let old = std::fs::read_to_string(self.file("keys")).unwrap();
        std::fs::write(self.file("keys"), format!("{}\n{old}", new_key_line(id).unwrap())).unwrap();
    }

    /// A ledger for writing.
    pub(crate) async fn ledger(&self) -> Ledger {
        self.try_ledger().await.unwrap()
    }

    /// A ledger for writing, or why it is refused.
    pub(crate) async fn try_ledger(&self) -> Result<Ledger, LedgerError> {
        Ledger::open(&self.config.ledger, Arc::clone(&self.clock), Arc::new(RandomIds)).await
    }

    /// The ledger's files as they are on the disk at this moment, as a killed process leaves them.
    pub(crate) fn killed(&self) -> Self {
        let left = Self::new();
        for name in ["ledger.db", "ledger.db-wal", "ledger.db.lock", "keys"] {
            if let Ok(bytes) = std::fs::read(self.file(name)) {
                std::fs::write(left.file(name), bytes).unwrap();
            }
        }
        left
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

    /// All records that hold, chain by chain.
    pub(crate) async fn records(&self) -> Vec<OpenedRecord> {
        self.exported(&Wanted::default()).await.records
    }

    /// The records that a filter selects, and the defects that exporting them names.
    pub(crate) async fn exported(&self, wanted: &Wanted) -> ExportedPage {
        let archive = self.archive().await;
        let mut export = Export::begin(&archive, wanted, None).await.unwrap();
        let mut whole = ExportedPage::default();
        while let Some(page) = export.step().await.unwrap() {
            whole.records.extend(page.records);
            whole.findings.extend(page.findings);
        }
        archive.close().await;
        whole
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

    /// The exit code and output of a `ledger` command.
    pub(crate) fn command(&self, arguments: &[&str]) -> (i32, String) {
        self.program(&[&["ledger"], arguments].concat())
    }

    /// The exit code and output of a command that reads this ledger.
    pub(crate) fn program(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sij-cds"));
        command.args(arguments);
        command.env("SIJ_CDS__LEDGER__URL", format!("sqlite:{}", self.file("ledger.db").display()));
        command.env("SIJ_CDS__LEDGER__KEYS_FILE", self.file("keys"));
        let output = command.output().unwrap();
        let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    }

    /// The verification findings as text; empty if the ledger is intact.
    pub(crate) async fn defects(&self) -> Vec<String> {
        self.verified().await.findings.iter().map(ToString::to_string).collect()
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

    /// Changes the file without the ledger's knowledge, and returns the number of rows changed.
    pub(crate) async fn tamper(&self, statement: &str) -> u64 {
        let options = SqliteConnectOptions::new().filename(self.file("ledger.db"));
        let mut connection = options.connect().await.unwrap();
        let done = sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
        done.rows_affected()
    }
}

/// Writes a file that only its owner can read.
pub(crate) fn write_secret(path: &std::path::Path, secret: &str) {
    std::fs::write(path, secret).unwrap();
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// The sealed content of a record.
pub(crate) fn content(record: &OpenedRecord) -> Value {
    serde_json::from_slice(record.content.as_deref().expect("it has a content")).unwrap()
}

/// The summary of a record, as lists show it.
pub(crate) fn summary(record: &OpenedRecord) -> Value {
    serde_json::from_slice(&record.summary).unwrap()
}
