//! The journal of a SQLite ledger: files beside the database to which batches of whole records are appended. A record is durable once it is
//! in the journal; its row, which points to it, may follow later, and recovery reads records without rows from here. Rows alone would also
//! need a flush per batch, and would write each content three times: to SQLite's log, to its file, and for a checksum.
//! Invariant: the records in the files have the order of their rows.
//! Not here: encoding a record ([`super::frame`]), and the rows ([`super::file_writer`]).

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufReader, ErrorKind, Read as _, Result, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::frame::{self, Framed};
use super::opening::with_suffix;

/// Files grow by this many zero bytes, which records then overwrite: a write that does not extend the file reaches the disk in half the
/// time, because it does not wait for other writers.
const PREALLOCATION_BYTES: u64 = 1024 * 1024;

/// This much of the reserve is left after every write. On a full disk, it is freed for the rows of journaled records.
const MIN_PREALLOCATED_BYTES: u64 = PREALLOCATION_BYTES / 2;

/// Approximate bytes of records to read at once.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Zeros to write at a time.
static BLANK: [u8; 64 * 1024] = [0; 64 * 1024];

/// The journal files of one SQLite file.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    directory: PathBuf,
}

/// A position in the files, ordered from the first file on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) file: u64,
    pub(super) offset: u64,
}

/// Where a record's content is, which is also the record's end; empty for a record without content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) from: Spot,
    pub(super) length: u64,
}

/// A journal file open for writing.
#[derive(Debug)]
pub(super) struct JournalFile {
    file: File,
    number: u64,
    /// Where the records end; zeros follow.
    length: u64,
    /// The length of the file.
    reserved: u64,
    /// Whether bytes after `length` may be non-zero.
    is_torn: bool,
}

impl Extent {
    /// Where it ends.
    pub(super) fn end(self) -> Spot {
        Spot { offset: self.from.offset + self.length, ..self.from }
    }
}

impl Journal {
    /// The journal of a SQLite file.
    pub(super) fn beside(database: &Path) -> Self {
        Self { directory: with_suffix(database, ".journal") }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:020}"))
    }

    /// Reads a content; `None` if its file is missing or too short.
    pub(super) fn read(&self, extent: Extent) -> Result<Option<Vec<u8>>> {
        let Some(mut file) = if_there(File::open(self.path(extent.from.file)))? else { return Ok(None) };
        file.seek(SeekFrom::Start(extent.from.offset))?;
        let mut content = Vec::new();
        file.take(extent.length).read_to_end(&mut content)?;
        Ok((content.len() as u64 == extent.length).then_some(content))
    }

    /// Returns the next records after a position, each with where its content is; empty at the end. Skips what a process left that ended
    /// during a write.
    pub(super) fn behind(&self, spot: Spot, most: usize) -> Result<Vec<(Framed, Extent)>> {
        for number in self.numbers()?.into_iter().filter(|number| *number >= spot.file) {
            let from = Spot { file: number, offset: if number == spot.file { spot.offset } else { 0 } };
            let records = self.records_of_file(from, most)?;
            if !records.is_empty() {
                return Ok(records);
            }
        }
        Ok(Vec::new())
    }

    fn records_of_file(&self, from: Spot, most: usize) -> Result<Vec<(Framed, Extent)>> {
        let Some(mut file) = if_there(File::open(self.path(from.file)))? else { return Ok(Vec::new()) };
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.offset))?;
        let (mut reader, mut offset, mut records) = (BufReader::new(file), from.offset, Vec::new());
        while records.len() < most
            && offset - from.offset < MAX_BYTES
            && let Some(framed) = frame::read(&mut reader, length.saturating_sub(offset))?
        {
            let content = framed.content_length();
            offset += framed.length();
            records.push((framed, Extent { from: Spot { offset: offset - content, ..from }, length: content }));
        }
        Ok(records)
    }

    /// Truncates the zeros after the last record, which ends at `end`, in the file of a process that was killed.
    pub(super) fn trim(&self, end: Spot) -> Result<()> {
        let Some(mut file) = if_there(OpenOptions::new().read(true).write(true).open(self.path(end.file)))? else { return Ok(()) };
        file.seek(SeekFrom::Start(end.offset))?;
        let mut rest = Vec::new();
        (&mut file).take(2 * PREALLOCATION_BYTES).read_to_end(&mut rest)?;
        if !rest.is_empty() && rest.iter().all(|byte| *byte == 0) && end.offset + rest.len() as u64 == file.metadata()?.len() {
            file.set_len(end.offset)?;
        }
        Ok(())
    }

    /// Creates a file after all existing ones and after a position.
    pub(super) fn open_behind(&self, spot: Spot) -> Result<JournalFile> {
        match DirBuilder::new().mode(0o700).create(&self.directory) {
            Ok(()) => sync_directory(self.directory.parent())?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let number = self.numbers()?.last().copied().unwrap_or_default().max(spot.file) + 1;
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(self.path(number))?;
        sync_directory(Some(&self.directory))?;
        Ok(JournalFile { file, number, length: 0, reserved: 0, is_torn: false })
    }

    /// Removes everything before `end`: whole files, and in the file of `end` the bytes from `cleared` on, if that is in the same file;
    /// bytes before `cleared` are already erased. None of it is on the disk when this returns.
    pub(super) fn clear(&self, cleared: Spot, end: Spot) -> Result<()> {
        let mut is_changed = false;
        for number in self.numbers()?.into_iter().filter(|number| *number < end.file) {
            is_changed = true;
            if_there(std::fs::remove_file(self.path(number)))?;
        }
        let from = if cleared.file == end.file { cleared.offset } else { 0 };
        if from < end.offset {
            if_there(self.blank(Spot { offset: from, ..end }, end.offset))?;
        }
        if is_changed { sync_directory(Some(&self.directory)) } else { Ok(()) }
    }

    fn blank(&self, from: Spot, end: u64) -> Result<()> {
        let file = OpenOptions::new().write(true).open(self.path(from.file))?;
        // Do not extend a file that is shorter.
        write_blank(&file, from.offset, end.min(file.metadata()?.len()))?;
        file.sync_data()
    }

    /// The files' numbers in ascending order.
    fn numbers(&self) -> Result<Vec<u64>> {
        let Some(entries) = if_there(std::fs::read_dir(&self.directory))? else { return Ok(Vec::new()) };
        let mut numbers = Vec::new();
        for entry in entries {
            // Ignore files with other names.
            numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

impl JournalFile {
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Where the next record will be written.
    pub(super) fn end(&self) -> Spot {
        Spot { file: self.number, offset: self.length }
    }

    /// Appends records, all or none; they are durable when this returns.
    pub(super) fn append(&mut self, records: &[u8]) -> Result<()> {
        let end = self.length + records.len() as u64;
        self.make_room(end)?;
        self.is_torn = true;
        self.file.write_all_at(records, self.length)?;
        self.file.sync_data()?;
        (self.length, self.is_torn) = (end, false);
        Ok(())
    }

    /// Writes bytes that are never read, to check that a few records of usual size could be written.
    pub(super) fn probe(&mut self) -> Result<()> {
        self.make_room(self.length + MIN_PREALLOCATED_BYTES / 2)?;
        self.file.write_all_at(&[0], self.length)?;
        self.file.sync_data()
    }

    /// Ensures that zeros follow the records up to `end` and some way beyond.
    fn make_room(&mut self, end: u64) -> Result<()> {
        if self.is_torn {
            // Remnants of a failed write must not follow the next record.
            self.give_back()?;
            self.is_torn = false;
        }
        if end + MIN_PREALLOCATED_BYTES > self.reserved {
            let reserved = (end + MIN_PREALLOCATED_BYTES).next_multiple_of(PREALLOCATION_BYTES);
            self.is_torn = true;
            write_blank(&self.file, self.reserved, reserved)?;
            (self.reserved, self.is_torn) = (reserved, false);
        }
        Ok(())
    }

    /// Frees the reserve.
    pub(super) fn give_back(&mut self) -> Result<()> {
        self.file.set_len(self.length)?;
        self.reserved = self.length;
        Ok(())
    }

    /// Closes the file. A reserve that cannot be freed does no harm.
    pub(super) fn close(mut self) {
        _ = self.give_back();
    }
}

fn write_blank(file: &File, mut offset: u64, end: u64) -> Result<()> {
    while offset < end {
        let part = usize::try_from(end - offset).unwrap_or(usize::MAX).min(BLANK.len());
        file.write_all_at(BLANK.get(..part).unwrap_or(&BLANK), offset)?;
        offset += part as u64;
    }
    Ok(())
}

/// `None` if the file does not exist, for instance because another process removed it.
fn if_there<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the directory's entries durable.
fn sync_directory(directory: Option<&Path>) -> Result<()> {
    // A bare file name is relative to the working directory.
    let directory = directory.filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::super::chain::ChainHead;
    use super::super::entry::{Entry, EntryKind};
    use super::super::keys::{KeyRing, new_key_line};
    use super::super::sealed::SealedEntry;
    use super::*;

    fn journal() -> (tempfile::TempDir, Journal) {
        let directory = tempfile::tempdir().expect("a directory");
        let journal = Journal::beside(&directory.path().join("ledger.db"));
        (directory, journal)
    }

    fn spot(file: u64, offset: u64) -> Spot {
        Spot { file, offset }
    }

    /// `count` encoded records.
    fn frames(count: u128) -> Vec<Vec<u8>> {
        let keys = KeyRing::read(&new_key_line("a").expect("random")).expect("a key");
        let (mut head, key) = (ChainHead::of_new(Uuid::from_u128(1)), keys.sealing().expect("a key"));
        let frame = |number| {
            let entry = Entry::new(Uuid::from_u128(number), EntryKind::Call, DateTime::UNIX_EPOCH);
            let record = head.append(SealedEntry::seal(entry, &keys).expect("sealed"), "here", 5, key);
            let mut frame = Vec::new();
            frame::write(&record, &mut frame).expect("written");
            frame
        };
        (0..count).map(frame).collect()
    }

    /// The ids of the records after a position, and where each ends.
    fn behind(journal: &Journal, from: Spot, most: usize) -> Vec<(u128, Spot)> {
        let records = journal.behind(from, most).expect("read");
        records.iter().map(|(framed, extent)| (framed.record.sealed.id.as_u128(), extent.end())).collect()
    }

    #[test]
    fn what_is_written_is_read_where_it_was_said_to_stand() {
        let (_directory, journal) = journal();
        let mut file = journal.open_behind(spot(6, 90)).expect("a file");
        assert_eq!(file.end(), spot(7, 0));
        file.append(b"onetwo").expect("written");
        file.append(b"three").expect("written");
        assert_eq!(file.end(), spot(7, 11));
        let read = |offset, length| journal.read(Extent { from: spot(7, offset), length }).expect("read");
        assert_eq!((read(3, 3).as_deref(), read(6, 5).as_deref()), (Some(b"two".as_slice()), Some(b"three".as_slice())));
        file.close();
        assert_eq!((read(6, 6), read(90, 1)), (None, None));
        assert_eq!(journal.read(Extent { from: spot(8, 0), length: 1 }).expect("read"), None);
    }

    #[test]
    fn records_behind_a_spot_are_found_from_file_to_file_and_past_torn_ends() {
        let (_directory, journal) = journal();
        let frames = frames(5);
        assert_eq!(behind(&journal, Spot::default(), 9), []);
        let length = |number: usize| frames[number].len() as u64;
        let mut first = journal.open_behind(Spot::default()).expect("a file");
        first.append(&frames[0]).expect("written");
        first.append(&[frames[1].as_slice(), &frames[2]].concat()).expect("written");
        first.append(&frames[3][..frames[3].len() - 1]).expect("written");
        // Left by a process that wrote no complete record.
        journal.open_behind(Spot::default()).expect("a file").append(b"torn").expect("written");
        let mut third = journal.open_behind(Spot::default()).expect("a file");
        third.append(&frames[4]).expect("written");
        let ends = [spot(1, length(0)), spot(1, length(0) + length(1)), spot(1, length(0) + length(1) + length(2))];
        assert_eq!(behind(&journal, Spot::default(), 9), [(0, ends[0]), (1, ends[1]), (2, ends[2])]);
        assert_eq!(behind(&journal, ends[0], 1), [(1, ends[1])]);
        assert_eq!(behind(&journal, ends[2], 9), [(4, spot(3, length(4)))]);
        assert_eq!(behind(&journal, spot(3, length(4)), 9), []);
    }

    #[test]
    fn what_a_failed_write_left_is_cut_off_ahead_of_the_next() {
        let (_directory, journal) = journal();
        let frames = frames(2);
        let mut file = journal.open_behind(Spot::default()).expect("a file");
        file.append(&frames[0]).expect("written");
        file.file.write_all_at(&frames[1], file.length).expect("written");
        file.is_torn = true;
        file.append(b"next").expect("written");
        assert_eq!(file.end(), spot(1, frames[0].len() as u64 + 4));
        assert_eq!(behind(&journal, Spot::default(), 9).len(), 1);
        assert_eq!(std::fs::metadata(journal.path(1)).expect("there").len(), PREALLOCATION_BYTES, "what failed does not pile up");
        file.give_back().expect("cut");
        assert_eq!(std::fs::metadata(journal.path(1)).expect("there").len(), file.length);
    }

    #[test]
    fn what_is_cleared_is_gone_from_the_disk_and_the_rest_stands_where_it_stood() {
        let (_directory, journal) = journal();
        for number in [3, 5, 9] {
            let mut file = journal.open_behind(spot(number - 1, 0)).expect("a file");
            file.append(b"somebodyelse").expect("written");
            file.close();
        }
        journal.clear(Spot::default(), spot(5, 8)).expect("cleared");
        assert_eq!(std::fs::read(journal.path(5)).expect("there"), b"\0\0\0\0\0\0\0\0else");
        assert!(!journal.path(3).exists() && journal.path(9).exists());
        // Again, and beyond the end of the file.
        journal.clear(spot(5, 8), spot(5, 99)).expect("cleared");
        assert_eq!(std::fs::read(journal.path(5)).expect("there"), [0; 12]);
        journal.clear(Spot::default(), spot(9, 0)).expect("cleared");
        assert_eq!(std::fs::read(journal.path(9)).expect("there"), b"somebodyelse");
        assert!(!journal.path(5).exists());
        journal.clear(Spot::default(), spot(5, 99)).expect("what is gone is gone");
    }

    #[test]
    fn a_file_is_longer_than_what_it_holds_until_it_is_closed() {
        let (_directory, journal) = journal();
        let mut file = journal.open_behind(Spot::default()).expect("a file");
        let large = vec![b'x'; 700_000];
        let length = || std::fs::metadata(journal.path(1)).expect("there").len();
        for (count, reserved, probed) in [(1, 2, 2), (2, 2, 3), (3, 3, 3), (4, 4, 4)] {
            file.append(&large).expect("written");
            assert_eq!((length(), file.length()), (reserved * PREALLOCATION_BYTES, count * 700_000));
            file.probe().expect("it can be written");
            assert_eq!((length(), file.length()), (probed * PREALLOCATION_BYTES, count * 700_000));
        }
        file.close();
        assert_eq!(length(), 4 * 700_000);
    }

    #[test]
    fn zeros_that_a_killed_process_left_are_cut_off_and_nothing_else() {
        let (_directory, journal) = journal();
        journal.open_behind(Spot::default()).expect("a file").append(b"record").expect("written");
        let length = || std::fs::metadata(journal.path(1)).expect("there").len();
        journal.trim(spot(1, 3)).expect("nothing to do");
        assert_eq!(length(), PREALLOCATION_BYTES, "what is no zeros stays");
        journal.trim(spot(1, 6)).expect("cut");
        journal.trim(spot(2, 0)).expect("nothing to do");
        assert_eq!(length(), 6);
    }

    #[test]
    fn where_there_are_none_nothing_is_cleared() {
        let (_directory, journal) = journal();
        journal.clear(Spot::default(), spot(5, 8)).expect("nothing to do");
    }
}
