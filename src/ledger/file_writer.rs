//! Writing to a SQLite file: one connection, prepared statements, on the writer's own thread. sqlx makes the tables and reads them; to
//! write, it would hand every statement to another thread.
//! Invariant: a row is written together with how far the journal has rows, so that what has none is found whenever a process ends.
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

/// How many columns are written.
const WIDTH: usize = super::columns::WIDTH + 3;

/// How many statements a connection keeps ready: more than there are.
const STATEMENTS: usize = 8;

/// After about so many bytes of rows the write-ahead log is brought into the file, while writing goes on. SQLite does it by itself when the
/// log is much longer, and then everybody waits; but then most of it is done already. On a small disk the log must not take all the room.
const BYTES_A_CHECKPOINT: usize = 1024 * 1024;

/// What a row takes beside what is sealed in it.
const REST_OF_A_ROW: usize = 500;

/// A file of the journal that has so many bytes is followed by another: a purge removes files.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// So many records of a journal get their rows in one transaction, where a process left them without.
pub(super) const RECORDS_AT_ONCE: usize = 256;

/// A buffer that grew beyond this is given back.
const MAX_RETAINED_BUFFER: usize = 4 * 1024 * 1024;

/// Rows that the journal can bring back need not be on the disk when their transaction ends, only in order.
const BESIDE_A_JOURNAL: &str = "PRAGMA synchronous = NORMAL";

/// Writes to a file.
#[derive(Debug)]
pub(super) struct FileWriter {
    path: PathBuf,
    /// Where records go first; where there is none, rows are all there is.
    journal: Option<Journal>,
    /// Whether records of the journal have no rows yet.
    has_waiting: AtomicBool,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// Opened when something is to be written.
    connection: Option<Connection>,
    journal_file: Option<JournalFile>,
    /// What is written to the journal together.
    buffer: Vec<u8>,
    /// Records of the journal that have no rows yet, without their contents.
    waiting: Vec<Placed>,
    /// Whether they could not be given any when that was tried last.
    is_stuck: bool,
    checkpoints: Option<SyncSender<()>>,
    /// Bytes of rows since the last checkpoint.
    bytes: usize,
}

/// A record, and where it stands in the journal.
#[derive(Debug)]
struct Placed {
    record: Record,
    extent: Option<Extent>,
}

impl FileWriter {
    pub(super) fn new(path: &Path, journal: Option<Journal>) -> Self {
        Self { path: path.to_owned(), journal, has_waiting: AtomicBool::new(false), open: Mutex::default() }
    }

    /// Writes records, all or none; they are durable when this returns, which takes as long as the disk does. Beside a journal their rows
    /// come with [`FileWriter::settle`], or ahead of the next records.
    pub(super) fn append(&self, records: Vec<Record>) -> Result<(), LedgerError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(journal) = &self.journal else {
            return self.write_rows(&mut open, &records.into_iter().map(|record| Placed { record, extent: None }).collect::<Vec<_>>());
        };
        if open.is_stuck {
            // What cannot be looked up does not pile up.
            self.settle_by(&mut open)?;
        }
        let placed = self.journaled(&mut open, journal, records)?;
        open.waiting.extend(placed);
        self.has_waiting.store(true, Ordering::Release);
        Ok(())
    }

    /// Writes the rows that are due, all or none.
    pub(super) fn settle(&self) -> Result<(), LedgerError> {
        self.settle_by(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether rows are due.
    pub(super) fn is_settled(&self) -> bool {
        !self.has_waiting.load(Ordering::Acquire)
    }

    /// Finds out whether records could be written, and have rows.
    pub(super) fn probe(&self) -> Result<(), LedgerError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.settle_by(&mut open)?;
        let Some(journal) = &self.journal else { return Ok(()) };
        self.journal_file(&mut open, journal)?.probe().map_err(LedgerError::Journal)
    }

    /// Writes the rows of what an earlier process left in the journal.
    pub(super) fn catch_up(&self) -> Result<(), LedgerError> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let spot = reached(self.connection(&mut open)?).map_err(LedgerError::File)?;
            let records = journal.behind(spot, RECORDS_AT_ONCE).map_err(LedgerError::Journal)?;
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
        // A transaction whose end was not heard of may have ended well.
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

    /// Writes records to the journal, and says where each stands; they are durable when this returns.
    fn journaled(&self, open: &mut Open, journal: &Journal, records: Vec<Record>) -> Result<Vec<Placed>, LedgerError> {
        self.journal_file(open, journal)?;
        let Open { journal_file: Some(file), buffer, .. } = open else { return Err(LedgerError::Closed) };
        buffer.clear();
        buffer.shrink_to(MAX_RETAINED_BUFFER);
        let placed = framed(records, file.end(), buffer).map_err(LedgerError::Journal)?;
        file.append(buffer).map_err(LedgerError::Journal)?;
        Ok(placed)
    }

    /// The file that records go to now.
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
            // Nobody can tell what is still open on it: the next connection can.
            open.connection = None;
            return Err(LedgerError::File(error));
        }
        open.bytes += records.iter().map(|placed| placed.record.sealed.size() + REST_OF_A_ROW).sum::<usize>();
        if open.bytes >= BYTES_A_CHECKPOINT {
            open.bytes = 0;
            let checkpoints = open.checkpoints.get_or_insert_with(|| checkpoints(&self.path));
            // One that is still at work does this one's, too.
            _ = checkpoints.try_send(());
        }
        Ok(())
    }
}

/// Writes records one behind the other, from a spot of the journal on, and says where each stands.
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

/// Whether SQLite had no room on the disk, by either of the names it has for that.
fn is_for_want_of_room(error: &LedgerError) -> bool {
    let LedgerError::File(error) = error else { return false };
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure))
}

/// A thread that brings the write-ahead log into the file whenever it is asked, until nobody can ask any more.
fn checkpoints(path: &Path) -> SyncSender<()> {
    let (asks, asked) = sync_channel(1);
    let path = path.to_owned();
    let work = move || {
        while asked.recv().is_ok() {
            // What is not done now is done the next time; what is wrong, the writer finds out as well.
            _ = connect(&path, false).and_then(|connection| connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)"));
        }
    };
    // Without it SQLite does it by itself.
    _ = thread::Builder::new().name("ledger-checkpoints".to_owned()).spawn(work);
    asks
}

/// Up to where the journal's records have rows.
fn reached(connection: &Connection) -> rusqlite::Result<Spot> {
    let select = "SELECT file, position FROM ledger_journal";
    let spot = connection.query_row(select, [], |row| Ok(Spot { file: number(row, 0)?, offset: number(row, 1)? }));
    Ok(spot.optional()?.unwrap_or_default())
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// Writes the rows of records, with the contents that stand nowhere else, and up to where the journal has rows then.
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
    // A card's uuid is random: that two calls have one is a defect, and no reason to lose either.
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

/// An id as it is stored.
fn bytes(id: &Uuid) -> &[u8] {
    id.as_bytes()
}
