//! Writes to a SQLite file over one connection with prepared statements, on the writer's own thread. sqlx creates the tables and reads
//! them; for writes, it would hand every statement to another thread.
//! Invariant: one transaction writes rows and the journal position they reach, so records without rows are found after any process exit.
//! Not here: PostgreSQL ([`super::append`]), and the journal's files ([`super::journal`]).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Row, Transaction, TransactionBehavior, params};
use uuid::Uuid;

use super::chain::Record;
use super::columns::{COLUMNS, EXTENT_COLUMNS};
use super::database::FILE_SETTINGS;
use super::error::LedgerError;
use super::frame;
use super::journal::{Extent, Journal, JournalFile, Spot};

/// Number of columns written.
const WIDTH: usize = super::columns::WIDTH + 3;

/// Capacity of the prepared-statement cache: more than there are statements.
const STATEMENTS: usize = 8;

/// Checkpoint the write-ahead log after about this many bytes of rows, while writing continues. SQLite's own checkpoint, which blocks
/// every writer, starts only at a much longer log and then finds most of it done. On a small disk the log must not take all the space.
const CHECKPOINT_BYTES: usize = 1024 * 1024;

/// Approximate bytes of a row besides its sealed parts.
const ROW_OVERHEAD_BYTES: usize = 500;

/// A journal file that reaches this size is followed by a new one, because a purge removes whole files.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// How many journal records get their rows in one transaction during recovery.
pub(super) const MAX_RECORDS_AT_ONCE: usize = 256;

/// A buffer larger than this is freed after use.
const MAX_RETAINED_BUFFER: usize = 4 * 1024 * 1024;

/// Rows that the journal can restore need not be on the disk when their transaction ends; only their order matters.
const BESIDE_A_JOURNAL: &str = "PRAGMA synchronous = NORMAL";

/// Writes records to a SQLite file.
#[derive(Debug)]
pub(super) struct FileWriter {
    path: PathBuf,
    /// Where records are written first; without a journal, rows contain whole records.
    journal: Option<Journal>,
    /// Whether the journal has records without rows.
    has_waiting: AtomicBool,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// Opened on first use.
    connection: Option<Connection>,
    journal_file: Option<JournalFile>,
    /// A batch encoded for the journal.
    buffer: Vec<u8>,
    /// Journal records that have no rows yet, without their contents.
    waiting: Vec<Placed>,
    /// Whether the last attempt to write their rows failed.
    is_stuck: bool,
    checkpoints: Option<SyncSender<()>>,
    /// Bytes of rows written since the last checkpoint.
    bytes: usize,
}

/// A record and where its content is in the journal.
#[derive(Debug)]
struct Placed {
    record: Record,
    extent: Option<Extent>,
}

impl FileWriter {
    pub(super) fn new(path: &Path, journal: Option<Journal>) -> Self {
        Self { path: path.to_owned(), journal, has_waiting: AtomicBool::new(false), open: Mutex::default() }
    }

    /// Writes records, all or none, and blocks on the disk; they are durable when this returns. With a journal,
    /// [`FileWriter::settle`] writes their rows, or the next append does first.
    pub(super) fn append(&self, records: Vec<Record>) -> Result<(), LedgerError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(journal) = &self.journal else {
            return self.write_rows(&mut open, &records.into_iter().map(|record| Placed { record, extent: None }).collect::<Vec<_>>());
        };
        if open.is_stuck {
            // Records that cannot be looked up must not accumulate.
            self.settle_by(&mut open)?;
        }
        let placed = self.journaled(&mut open, journal, records)?;
        open.waiting.extend(placed);
        self.has_waiting.store(true, Ordering::Release);
        Ok(())
    }

    /// Writes the pending rows, all or none.
    pub(super) fn settle(&self) -> Result<(), LedgerError> {
        self.settle_by(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether no rows are pending.
    pub(super) fn is_settled(&self) -> bool {
        !self.has_waiting.load(Ordering::Acquire)
    }

    /// Checks that records can be written and given rows.
    pub(super) fn probe(&self) -> Result<(), LedgerError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.settle_by(&mut open)?;
        let Some(journal) = &self.journal else { return Ok(()) };
        self.journal_file(&mut open, journal)?.probe().map_err(LedgerError::Journal)
    }

    /// Writes the rows of records that an earlier process left in the journal.
    pub(super) fn catch_up(&self) -> Result<(), LedgerError> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let spot = reached(self.connection(&mut open)?).map_err(LedgerError::File)?;
            let records = journal.behind(spot, MAX_RECORDS_AT_ONCE).map_err(LedgerError::Journal)?;
            if records.is_empty() {
                return journal.trim(spot).map_err(LedgerError::Journal);
            }
            let placed = |(framed, extent): (frame::Framed, Extent)| Placed { record: framed.record, extent: Some(extent) };
            self.write_rows(&mut open, &records.into_iter().map(placed).collect::<Vec<_>>())?;
        }
    }

    pub(super) fn close(&self) {
        let open = std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(file) = open.journal_file {
            file.close();
        }
    }

    fn settle_by(&self, open: &mut Open) -> Result<(), LedgerError> {
        let Some(end) = open.waiting.last().and_then(|last| last.extent).map(Extent::end) else { return Ok(()) };
        // A transaction whose commit was not confirmed may have been committed.
        let is_known = open.connection.is_none() && reached(self.connection(open)?).map_err(LedgerError::File)? >= end;
        let waiting = std::mem::take(&mut open.waiting);
        let mut outcome = if is_known { Ok(()) } else { self.write_rows(open, &waiting) };
        if outcome.as_ref().is_err_and(is_for_want_of_room)
            && let Some(file) = &mut open.journal_file
            && file.give_back().is_ok()
        {
            outcome = self.write_rows(open, &waiting);
        }
        open.is_stuck = outcome.is_err();
        self.has_waiting.store(open.is_stuck, Ordering::Release);
        if open.is_stuck {
            open.waiting = waiting;
        }
        outcome
    }

    fn connection<'o>(&self, open: &'o mut Open) -> Result<&'o mut Connection, LedgerError> {
        match &mut open.connection {
            Some(connection) => Ok(connection),
            none => Ok(none.insert(connect(&self.path, self.journal.is_some()).map_err(LedgerError::File)?)),
        }
    }

    /// Writes records to the journal and returns where each is; they are durable when this returns.
    fn journaled(&self, open: &mut Open, journal: &Journal, records: Vec<Record>) -> Result<Vec<Placed>, LedgerError> {
        self.journal_file(open, journal)?;
        let Open { journal_file: Some(file), buffer, .. } = open else { return Err(LedgerError::Closed) };
        buffer.clear();
        buffer.shrink_to(MAX_RETAINED_BUFFER);
        let placed = framed(records, file.end(), buffer).map_err(LedgerError::Journal)?;
        file.append(buffer).map_err(LedgerError::Journal)?;
        Ok(placed)
    }

    /// The journal file that is currently written.
    fn journal_file<'o>(&self, open: &'o mut Open, journal: &Journal) -> Result<&'o mut JournalFile, LedgerError> {
        if open.journal_file.as_ref().is_none_or(|file| file.length() >= MAX_FILE_BYTES) {
            let spot = reached(self.connection(open)?).map_err(LedgerError::File)?;
            let next = journal.open_behind(spot).map_err(LedgerError::Journal)?;
            if let Some(full) = open.journal_file.replace(next) {
                full.close();
            }
        }
        open.journal_file.as_mut().ok_or(LedgerError::Closed)
    }

    fn write_rows(&self, open: &mut Open, records: &[Placed]) -> Result<(), LedgerError> {
        if let Err(error) = write_rows(self.connection(open)?, records) {
            // The transaction state of this connection is unknown; a new connection can read it.
            open.connection = None;
            return Err(LedgerError::File(error));
        }
        open.bytes += records.iter().map(|placed| placed.record.sealed.size() + ROW_OVERHEAD_BYTES).sum::<usize>();
        if open.bytes >= CHECKPOINT_BYTES {
            open.bytes = 0;
            let checkpoints = open.checkpoints.get_or_insert_with(|| checkpoints(&self.path));
            // A checkpoint that is still running covers this request, too.
            _ = checkpoints.try_send(());
        }
        Ok(())
    }
}

/// Encodes records in order from a journal position on, and returns where each is.
fn framed(records: Vec<Record>, from: Spot, buffer: &mut Vec<u8>) -> std::io::Result<Vec<Placed>> {
    let place = |mut record: Record| {
        frame::write(&record, buffer)?;
        let length = record.sealed.content.as_ref().map_or(0, |content| content.len() as u64);
        let offset = from.offset + buffer.len() as u64 - length;
        record.sealed.content = None;
        Ok(Placed { record, extent: Some(Extent { from: Spot { offset, ..from }, length }) })
    };
    records.into_iter().map(place).collect()
}

/// Whether SQLite reported a full disk, by either of its two error codes.
fn is_for_want_of_room(error: &LedgerError) -> bool {
    let LedgerError::File(error) = error else { return false };
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure))
}

/// Starts a thread that runs a checkpoint on each request, until all senders are dropped.
fn checkpoints(path: &Path) -> SyncSender<()> {
    let (asks, asked) = sync_channel(1);
    let path = path.to_owned();
    let work = move || {
        while asked.recv().is_ok() {
            // The next checkpoint does what this one cannot; the writer detects persistent errors itself.
            _ = connect(&path, false).and_then(|connection| connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)"));
        }
    };
    // If the thread cannot start, SQLite checkpoints by itself.
    _ = thread::Builder::new().name("ledger-checkpoints".to_owned()).spawn(work);
    asks
}

/// The journal position up to which records have rows.
fn reached(connection: &Connection) -> rusqlite::Result<Spot> {
    let select = "SELECT file, position FROM ledger_journal";
    let spot = connection.query_row(select, [], |row| Ok(Spot { file: number(row, 0)?, offset: number(row, 1)? }));
    Ok(spot.optional()?.unwrap_or_default())
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// Writes the rows of records, with contents stored nowhere else, and the journal position they reach.
fn write_rows(connection: &mut Connection, records: &[Placed]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    insert(&transaction, records)?;
    if let Some(end) = records.last().and_then(|last| last.extent).map(Extent::end) {
        let upsert = "INSERT INTO ledger_journal (one, file, position) VALUES (1, ?, ?) \
            ON CONFLICT (one) DO UPDATE SET file = excluded.file, position = excluded.position";
        transaction.prepare_cached(upsert)?.execute([end.file.cast_signed(), end.offset.cast_signed()])?;
    }
    transaction.commit()
}

fn insert(transaction: &Transaction<'_>, records: &[Placed]) -> rusqlite::Result<()> {
    let places = vec!["?"; WIDTH].join(", ");
    let mut insert = transaction.prepare_cached(&format!("INSERT INTO ledger_record ({COLUMNS}, {EXTENT_COLUMNS}) VALUES ({places})"))?;
    // Card uuids are random: two calls sharing one is a defect, but no reason to lose either record.
    let mut insert_card = transaction.prepare_cached("INSERT INTO ledger_card (card, record_id) VALUES (?, ?) ON CONFLICT DO NOTHING")?;
    for Placed { record, extent } in records {
        let sealed = &record.sealed;
        let content = sealed.content.as_ref().filter(|_| extent.is_none());
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
            content,
            record.hash.as_slice(),
            extent.map(|extent| extent.from.file.cast_signed()),
            extent.map(|extent| extent.from.offset.cast_signed()),
            extent.map(|extent| extent.length.cast_signed()),
        ])?;
        for card in &sealed.cards {
            insert_card.execute(params![bytes(card), bytes(&sealed.id)])?;
        }
    }
    Ok(())
}

fn connect(path: &Path, has_journal: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch(FILE_SETTINGS)?;
    if has_journal {
        connection.execute_batch(BESIDE_A_JOURNAL)?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// An id in its stored form.
fn bytes(id: &Uuid) -> &[u8] {
    id.as_bytes()
}
