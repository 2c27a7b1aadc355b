//! Writing to a SQLite file: one connection, prepared statements, on the writer's own thread. sqlx makes the tables and reads them; to
//! write, it would hand every statement to another thread.
//! Not here: PostgreSQL ([`super::append`]), and the files of contents ([`super::contents`]).

use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, TransactionBehavior, params};
use uuid::Uuid;

use super::chain::Record;
use super::columns::{COLUMNS, EXTENT_COLUMNS};
use super::contents::{Contents, ContentsFile, Extent, Spot};
use super::database::FILE_SETTINGS;
use super::error::LedgerError;

/// How many columns are written.
const WIDTH: usize = super::columns::WIDTH + 3;

/// How many statements a connection keeps ready: more than there are.
const STATEMENTS: usize = 8;

/// After so many records the write-ahead log is brought into the file, while writing goes on. SQLite does it by itself when the log is much
/// longer, and then everybody waits; but then most of it is done already.
const RECORDS_A_CHECKPOINT: usize = 500;

/// A file of contents that has so many bytes is followed by another: a purge removes files.
const LARGEST_FILE: u64 = 64 * 1024 * 1024;

/// Writes to a file.
#[derive(Debug)]
pub(super) struct FileWriter {
    path: PathBuf,
    /// Where contents go; into the rows, where there are none.
    contents: Option<Contents>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// Opened when something is to be written.
    connection: Option<Connection>,
    contents_file: Option<ContentsFile>,
    checkpoints: Option<SyncSender<()>>,
    /// Records since the last checkpoint.
    records: usize,
}

impl FileWriter {
    pub(super) fn new(path: &Path, contents: Option<Contents>) -> Self {
        Self { path: path.to_owned(), contents, open: Mutex::default() }
    }

    /// Writes records, all or none; they are durable when this returns, which takes as long as the disk does.
    pub(super) fn append(&self, records: &[Record]) -> Result<(), LedgerError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.append_by(&mut open, records) {
            // Nobody can tell what is still open on it, nor which rows came to be: the next connection can.
            open.connection = None;
            return Err(error);
        }
        open.records += records.len();
        if open.records >= RECORDS_A_CHECKPOINT {
            open.records = 0;
            let checkpoints = open.checkpoints.get_or_insert_with(|| checkpoints(&self.path));
            // One that is still at work does this one's, too.
            _ = checkpoints.try_send(());
        }
        Ok(())
    }

    fn append_by(&self, open: &mut Open, records: &[Record]) -> Result<(), LedgerError> {
        let Open { connection, contents_file, .. } = open;
        let connection = match connection {
            Some(connection) => connection,
            none => {
                let connection = connect(&self.path).map_err(LedgerError::File)?;
                if let Some(file) = contents_file {
                    let end = last_end(&connection).map_err(LedgerError::File)?;
                    file.cut(end).map_err(LedgerError::Contents)?;
                }
                none.insert(connection)
            }
        };
        let extents = match &self.contents {
            Some(contents) if records.iter().any(|record| record.sealed.content.is_some()) => {
                write_contents(current(contents_file, contents, connection)?, records).map_err(LedgerError::Contents)?
            }
            Some(_) | None => Vec::new(),
        };
        write_rows(connection, records, &extents).map_err(LedgerError::File)
    }

    pub(super) fn close(&self) {
        let open = std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(file) = open.contents_file {
            file.close();
        }
    }
}

/// A thread that brings the write-ahead log into the file whenever it is asked, until nobody can ask any more.
fn checkpoints(path: &Path) -> SyncSender<()> {
    let (asks, asked) = sync_channel(1);
    let path = path.to_owned();
    let work = move || {
        while asked.recv().is_ok() {
            // What is not done now is done the next time; what is wrong, the writer finds out as well.
            _ = connect(&path).and_then(|connection| connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)"));
        }
    };
    // Without it SQLite does it by itself.
    _ = thread::Builder::new().name("ledger-checkpoints".to_owned()).spawn(work);
    asks
}

/// The file that contents go to now.
fn current<'f>(
    file: &'f mut Option<ContentsFile>,
    contents: &Contents,
    connection: &Connection,
) -> Result<&'f mut ContentsFile, LedgerError> {
    if let Some(full) = file.take_if(|file| file.length() >= LARGEST_FILE) {
        full.close();
    }
    match file {
        Some(file) => Ok(file),
        none => {
            let number = next_place(connection).map_err(LedgerError::File)?;
            Ok(none.insert(contents.open(number).map_err(LedgerError::Contents)?))
        }
    }
}

/// Where the last content ends that there is a row of.
fn last_end(connection: &Connection) -> rusqlite::Result<Spot> {
    let select = "SELECT content_file, content_offset + content_length FROM ledger_record WHERE content_file IS NOT NULL \
        ORDER BY place DESC LIMIT 1";
    let end = connection.query_row(select, [], |row| Ok(Spot { file: number(row, 0)?, offset: number(row, 1)? }));
    Ok(end.optional()?.unwrap_or_default())
}

/// The place of the next row, which never was another's: it names a file whose contents are of this row and later ones.
fn next_place(connection: &Connection) -> rusqlite::Result<u64> {
    let last = connection.query_row("SELECT seq FROM sqlite_sequence WHERE name = 'ledger_record'", [], |row| number(row, 0));
    Ok(last.optional()?.unwrap_or_default() + 1)
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// Writes the contents of records, and says where each stands; they are durable when this returns.
fn write_contents(file: &mut ContentsFile, records: &[Record]) -> std::io::Result<Vec<Option<Extent>>> {
    let contents = records.iter().map(|record| record.sealed.content.as_deref());
    let extents: Vec<_> = contents.map(|content| content.map(|content| file.append(content)).transpose()).collect::<Result<_, _>>()?;
    file.sync()?;
    Ok(extents)
}

/// Writes the rows of records, with the contents that stand nowhere else.
fn write_rows(connection: &mut Connection, records: &[Record], extents: &[Option<Extent>]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let places = vec!["?"; WIDTH].join(", ");
        let mut insert =
            transaction.prepare_cached(&format!("INSERT INTO ledger_record ({COLUMNS}, {EXTENT_COLUMNS}) VALUES ({places})"))?;
        // A card's uuid is random: that two calls have one is a defect, and no reason to lose either.
        let mut insert_card =
            transaction.prepare_cached("INSERT INTO ledger_card (card, record_id) VALUES (?, ?) ON CONFLICT DO NOTHING")?;
        for (place, record) in records.iter().enumerate() {
            let sealed = &record.sealed;
            let extent = extents.get(place).copied().flatten();
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
    }
    transaction.commit()
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
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
