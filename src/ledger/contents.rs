//! Contents in files beside a SQLite file: each is written once, behind the others, and a row says where it stands. SQLite would write
//! each three times: to its log, from there to its file, and a sum over it.
//! Invariant: the contents of a file stand in the order of their rows, and each is on the disk before its row is.
//! Not here: the rows ([`super::file_writer`]), and what is sealed ([`super::sealed`]).

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Result, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::opening::with_suffix;

/// A file is made longer by so much, in zeros that contents are then written over: what does not make a file longer is on the disk in half
/// the time, for it waits for nothing that others write.
const RESERVE: u64 = 1024 * 1024;

/// How much is blanked at a time.
static BLANK: [u8; 64 * 1024] = [0; 64 * 1024];

/// The files beside one SQLite file.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    directory: PathBuf,
}

/// A place in the files: the first is the lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) file: u64,
    pub(super) offset: u64,
}

/// Where a content stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) from: Spot,
    pub(super) length: u64,
}

/// A file that contents are written to.
#[derive(Debug)]
pub(super) struct ContentsFile {
    file: File,
    number: u64,
    /// What was there when it was opened is not ours to cut.
    begun_at: u64,
    /// Up to where contents stand; zeros follow.
    length: u64,
    /// How long the file is.
    reserved: u64,
    /// Whether a write failed: then the room may be short, and contents take no more than they need.
    is_tight: bool,
}

impl Contents {
    /// Those beside a SQLite file.
    pub(super) fn beside(database: &Path) -> Self {
        Self { directory: with_suffix(database, ".contents") }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:020}"))
    }

    /// Reads a content; `None` where its file is gone or ends too early.
    pub(super) fn read(&self, extent: Extent) -> Result<Option<Vec<u8>>> {
        let mut file = match File::open(self.path(extent.from.file)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(extent.from.offset))?;
        let mut content = Vec::new();
        file.take(extent.length).read_to_end(&mut content)?;
        Ok((content.len() as u64 == extent.length).then_some(content))
    }

    /// Opens a file to write to, behind whatever a process left there that ended before it wrote the rows.
    pub(super) fn open(&self, number: u64) -> Result<ContentsFile> {
        match DirBuilder::new().mode(0o700).create(&self.directory) {
            Ok(()) => sync_directory(self.directory.parent())?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(self.path(number))?;
        sync_directory(Some(&self.directory))?;
        let length = file.metadata()?.len();
        Ok(ContentsFile { file, number, begun_at: length, length, reserved: length, is_tight: false })
    }

    /// Removes what stands ahead of a spot: files as a whole, and of the spot's own what is behind `cleared`, which is ahead of it and known
    /// to be removed up to there. Nothing of it is on the disk when this returns.
    pub(super) fn clear(&self, cleared: Spot, end: Spot) -> Result<()> {
        let mut is_changed = false;
        for number in self.numbers()?.into_iter().filter(|number| *number < end.file) {
            is_changed = true;
            unless_gone(std::fs::remove_file(self.path(number)))?;
        }
        let from = if cleared.file == end.file { cleared.offset } else { 0 };
        if from < end.offset {
            unless_gone(self.blank(Spot { offset: from, ..end }, end.offset))?;
        }
        if is_changed { sync_directory(Some(&self.directory)) } else { Ok(()) }
    }

    fn blank(&self, from: Spot, end: u64) -> Result<()> {
        let file = OpenOptions::new().write(true).open(self.path(from.file))?;
        // A file that is shorter does not become longer.
        write_blank(&file, from.offset, end.min(file.metadata()?.len()))?;
        file.sync_data()
    }

    fn numbers(&self) -> Result<Vec<u64>> {
        let entries = match std::fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut numbers = Vec::new();
        for entry in entries {
            // What is named otherwise is not ours.
            numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
        }
        Ok(numbers)
    }
}

impl ContentsFile {
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Writes a content; it is not durable yet.
    pub(super) fn append(&mut self, content: &[u8]) -> Result<Extent> {
        let extent = Extent { from: Spot { file: self.number, offset: self.length }, length: content.len() as u64 };
        let end = self.length + extent.length;
        if end > self.reserved && !self.is_tight {
            self.reserve(end);
        }
        self.file.write_all_at(content, self.length)?;
        self.length = end;
        self.reserved = self.reserved.max(end);
        Ok(extent)
    }

    /// Makes the file longer, beyond what is written next.
    fn reserve(&mut self, end: u64) {
        let reserved = end.next_multiple_of(RESERVE);
        if write_blank(&self.file, end, reserved).is_ok() {
            self.reserved = reserved;
        } else {
            // Where there is no room for zeros there may be some for the content.
            _ = self.file.set_len(self.length);
            (self.reserved, self.is_tight) = (self.length, true);
        }
    }

    /// Gives back what was reserved. What is not given back does no harm.
    pub(super) fn close(self) {
        _ = self.file.set_len(self.length);
    }

    /// All that was written is durable when this returns.
    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_data()
    }

    /// Cuts off what was written for rows that did not come to be: all behind the last row's content, which ends at `end`.
    pub(super) fn cut(&mut self, end: Spot) -> Result<()> {
        let end = if end.file == self.number { end.offset.max(self.begun_at) } else { self.begun_at };
        self.file.set_len(end)?;
        (self.length, self.reserved, self.is_tight) = (end, end, true);
        Ok(())
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

/// What somebody else removed is removed.
fn unless_gone(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// That a file is there is durable when this returns.
fn sync_directory(directory: Option<&Path>) -> Result<()> {
    // A bare name stands in the directory that the process runs in.
    let directory = directory.filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents() -> (tempfile::TempDir, Contents) {
        let directory = tempfile::tempdir().expect("a directory");
        let contents = Contents::beside(&directory.path().join("ledger.db"));
        (directory, contents)
    }

    fn spot(file: u64, offset: u64) -> Spot {
        Spot { file, offset }
    }

    #[test]
    fn what_is_written_is_read_where_it_was_said_to_stand() {
        let (_directory, contents) = contents();
        let mut file = contents.open(7).expect("a file");
        let extents: Vec<Extent> = [b"one".as_slice(), b"", b"three"].map(|content| file.append(content).expect("written")).into();
        file.sync().expect("synced");
        assert_eq!(extents.last(), Some(&Extent { from: spot(7, 3), length: 5 }));
        let read: Vec<_> = extents.iter().map(|extent| contents.read(*extent).expect("read").expect("there")).collect();
        assert_eq!(read, [b"one".as_slice(), b"", b"three"]);
    }

    #[test]
    fn what_is_cut_off_or_gone_is_told_from_what_is_there() {
        let (_directory, contents) = contents();
        let mut file = contents.open(7).expect("a file");
        let extent = file.append(b"content").expect("written");
        file.close();
        assert_eq!(contents.read(Extent { length: 8, ..extent }).expect("read"), None);
        assert_eq!(contents.read(Extent { from: spot(7, 90), length: 1 }).expect("read"), None);
        assert_eq!(contents.read(Extent { from: spot(8, 0), length: 1 }).expect("read"), None);
    }

    #[test]
    fn a_torn_end_is_left_behind_by_the_next_process_and_cut_by_its_own() {
        let (_directory, contents) = contents();
        let mut torn = contents.open(7).expect("a file");
        torn.append(b"torn").expect("written");
        torn.close();
        let mut file = contents.open(7).expect("a file");
        let kept = file.append(b"kept").expect("written");
        assert_eq!(kept.from, spot(7, 4));
        file.append(b"failed").expect("written");
        file.cut(spot(7, 8)).expect("cut");
        assert_eq!(file.append(b"next").expect("written").from, spot(7, 8));
        assert_eq!(contents.read(kept).expect("read").as_deref(), Some(b"kept".as_slice()));
        // Where no row says so, nothing of an earlier process is cut.
        for end in [spot(0, 0), spot(7, 2), spot(6, 99)] {
            file.cut(end).expect("cut");
            assert_eq!(file.length(), 4, "{end:?}");
        }
    }

    #[test]
    fn what_is_cleared_is_gone_from_the_disk_and_the_rest_stands_where_it_stood() {
        let (_directory, contents) = contents();
        for number in [3, 5, 9] {
            let mut file = contents.open(number).expect("a file");
            file.append(b"somebody").expect("written");
            file.append(b"else").expect("written");
            file.close();
        }
        contents.clear(Spot::default(), spot(5, 8)).expect("cleared");
        assert_eq!(std::fs::read(contents.path(5)).expect("there"), b"\0\0\0\0\0\0\0\0else");
        assert!(!contents.path(3).exists() && contents.path(9).exists());
        // Again, and further than the file goes.
        contents.clear(spot(5, 8), spot(5, 99)).expect("cleared");
        assert_eq!(std::fs::read(contents.path(5)).expect("there"), [0; 12]);
        contents.clear(Spot::default(), spot(9, 0)).expect("cleared");
        assert_eq!(std::fs::read(contents.path(9)).expect("there"), b"somebodyelse");
        assert!(!contents.path(5).exists());
        contents.clear(Spot::default(), spot(5, 99)).expect("what is gone is gone");
    }

    #[test]
    fn a_file_is_longer_than_what_it_holds_until_it_is_closed() {
        let (_directory, contents) = contents();
        let mut file = contents.open(7).expect("a file");
        let large = vec![b'x'; 700_000];
        let length = || std::fs::metadata(contents.path(7)).expect("there").len();
        for (count, reserved) in [(1, RESERVE), (2, 2 * RESERVE), (3, 3 * RESERVE), (4, 3 * RESERVE)] {
            let extent = file.append(&large).expect("written");
            assert_eq!((length(), extent.from.offset), (reserved, (count - 1) * 700_000));
            assert_eq!(contents.read(extent).expect("read").as_deref(), Some(large.as_slice()));
        }
        file.close();
        assert_eq!(length(), 4 * 700_000);
    }

    #[test]
    fn where_there_are_none_nothing_is_cleared() {
        let (_directory, contents) = contents();
        contents.clear(Spot::default(), spot(5, 8)).expect("nothing to do");
    }
}
