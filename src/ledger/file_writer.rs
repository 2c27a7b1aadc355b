//! Writing to a SQLite file: one connection, prepared statements, on the writer's own thread. sqlx makes the tables and reads them; to
//! write, it would hand every statement to another thread.
//! Not here: PostgreSQL; see [`super::append`].

use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use uuid::Uuid;

use super::chain::Record;
use super::columns::{COLUMNS, WIDTH};
use super::database::FILE_SETTINGS;
use super::error::LedgerError;

/// How many statements a connection keeps ready: more than there are.
const STATEMENTS: usize = 8;

/// After so many records the write-ahead log is brought into the file, while writing goes on. SQLite does it by itself when the log is much
/// longer, and then everybody waits; but then most of it is done already.
const RECORDS_A_CHECKPOINT: usize = 500;

/// Writes to a file.
#[derive(Debug)]
pub(super) struct FileWriter {
    path: PathBuf,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// Opened when something is to be written.
    connection: Option<Connection>,
    checkpoints: Option<SyncSender<()>>,
    /// Records since the last checkpoint.
    records: usize,
}

impl FileWriter {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: Mutex::default() }
    }

    /// Writes records, all or none; they are durable when this returns, which takes as long as the disk does.
    pub(super) fn append(&self, records: &[Record]) -> Result<(), LedgerError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        append(&mut open.connection, &self.path, records).map_err(|error| {
            // Nobody can tell what is still open on it.
            open.connection = None;
            LedgerError::File(error)
        })?;
        open.records += records.len();
        if open.records >= RECORDS_A_CHECKPOINT {
            open.records = 0;
            let checkpoints = open.checkpoints.get_or_insert_with(|| checkpoints(&self.path));
            // One that is still at work does this one's, too.
            _ = checkpoints.try_send(());
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Open::default();
    }
}

/// A thread that brings the write-ahead log into the file whenever it is asked, until nobody can ask any more.
fn checkpoints(path: &Path) -> SyncSender<()> {
    let (asks, asked) = sync_channel(1);
    let path = path.to_owned();
    let work = move || {
        while asked.recv().is_ok() {
            // What is not done now is done the next time; what is wrong, the writer finds out as well.
            _ = open(&path).and_then(|connection| connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)"));
        }
    };
    // Without it SQLite does it by itself.
    _ = thread::Builder::new().name("ledger-checkpoints".to_owned()).spawn(work);
    asks
}

fn append(connection: &mut Option<Connection>, path: &Path, records: &[Record]) -> rusqlite::Result<()> {
    let connection = match connection {
        Some(connection) => connection,
        none => none.insert(open(path)?),
    };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let places = vec!["?"; WIDTH].join(", ");
        let mut insert = transaction.prepare_cached(&format!("INSERT INTO ledger_record ({COLUMNS}) VALUES ({places})"))?;
        // A card's uuid is random: that two calls have one is a defect, and no reason to lose either.
        let mut insert_card =
            transaction.prepare_cached("INSERT INTO ledger_card (card, record_id) VALUES (?, ?) ON CONFLICT DO NOTHING")?;
        for record in records {
            let sealed = &record.sealed;
            insert.execute(params![
                bytes(&record.chain),
                record.sequence,
                bytes(&sealed.id),
                sealed.kind.as_str(),
                record.instance,
                sealed.received_at,
                record.recorded_at,
                sealed.client,
                sealed.tenant,
                sealed.hook,
                sealed.status,
                sealed.cause,
                sealed.policies,
                sealed.determination,
                sealed.patient_index,
                sealed.card.as_ref().map(bytes),
                sealed.about.as_ref().map(bytes),
                sealed.cards_bytes(),
                sealed.key_id,
                sealed.summary,
                sealed.content,
                record.hash.as_slice(),
            ])?;
            for card in &sealed.cards {
                insert_card.execute(params![bytes(card), bytes(&sealed.id)])?;
            }
        }
    }
    transaction.commit()
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch(FILE_SETTINGS)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// An id as it is stored.
fn bytes(id: &Uuid) -> &[u8] {
    id.as_bytes()
}
