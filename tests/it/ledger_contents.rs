//! Contents in the files beside a SQLite ledger: what is changed there is found, what is purged is gone, and what was written before there
//! were such files is still read.

use std::io::Write as _;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use sij_cds::ids::{IdSource as _, RandomIds};
use sij_cds::ledger::{Archive, Entry, EntryKind, LedgerError, Proof, Purge, Purged};

use crate::support::callers::HandClock;
use crate::support::day_of_the_fixtures;
use crate::support::keeping::Keeping;

/// Says where the contents of a record stand.
const EXTENTS: &str =
    "SELECT content_file, content_offset, content_length FROM ledger_record WHERE content_file IS NOT NULL ORDER BY place";

fn entry(number: usize) -> Entry<'static> {
    let mut entry = Entry::new(RandomIds.new_id(), EntryKind::Call, day_of_the_fixtures());
    entry.content = vec![content(number).into()];
    entry
}

fn content(number: usize) -> Vec<u8> {
    format!("{{\"content\":{number}}}").repeat(9).into_bytes()
}

/// One run of a process: a start, and so many calls.
async fn write(keeping: &Keeping, count: usize) {
    let ledger = keeping.ledger().await;
    ledger.keep((0..count).map(entry).collect()).await.unwrap();
    ledger.close().await;
}

/// File, offset and length of each content.
async fn extents(keeping: &Keeping) -> Vec<(i64, usize, usize)> {
    let rows = keeping.rows(EXTENTS).await;
    let number = |row: &[i64], column: usize| usize::try_from(row[column]).unwrap();
    rows.iter().map(|row| (row[0], number(row, 1), number(row, 2))).collect()
}

async fn purge(archive: &Archive, before: DateTime<Utc>) -> u64 {
    let (mut removed, mut purge) = (0, Purge::begin(archive, before, Proof::Asked).await.unwrap());
    loop {
        match purge.step().await.unwrap() {
            Purged::Some(records) => removed += records,
            Purged::All => return removed,
            Purged::Stopped(finding) => panic!("{finding}"),
        }
    }
}

fn append(file: &Path, bytes: &[u8]) {
    std::fs::OpenOptions::new().append(true).open(file).unwrap().write_all(bytes).unwrap();
}

#[tokio::test]
async fn contents_stand_in_files_that_only_their_owner_reads() {
    use std::os::unix::fs::PermissionsExt as _;
    let keeping = Keeping::new();
    write(&keeping, 3).await;
    assert_eq!(keeping.rows("SELECT COUNT(*), COUNT(content), COUNT(content_file) FROM ledger_record").await, [[4, 0, 3]]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&keeping.file("ledger.db.contents")), mode(&keeping.contents_files()[0])), (0o700, 0o600));
    let records = keeping.records().await;
    let kept: Vec<_> = records.into_iter().filter_map(|record| record.content).collect();
    assert_eq!(kept, [content(0), content(1), content(2)]);
}

#[tokio::test]
async fn any_changed_byte_of_the_files_is_found() {
    let keeping = Keeping::new();
    write(&keeping, 3).await;
    let (file, extents) = (keeping.contents_files().remove(0), extents(&keeping).await);
    let original = std::fs::read(&file).unwrap();
    let chain = keeping.records().await[0].place.chain;
    for (place, (_, offset, length)) in extents.into_iter().enumerate() {
        for byte in (offset..offset + length).step_by(5) {
            let mut bytes = original.clone();
            bytes[byte] ^= 1;
            std::fs::write(&file, bytes).unwrap();
            assert_eq!(keeping.defects().await, [format!("chain {chain}: record {} was altered", place + 2)], "byte {byte}");
        }
    }
    std::fs::write(&file, original).unwrap();
    assert_eq!(keeping.defects().await, [""; 0]);
}

#[tokio::test]
async fn a_file_that_is_cut_or_gone_is_found_at_its_first_record() {
    let keeping = Keeping::new();
    write(&keeping, 3).await;
    let (file, extents) = (keeping.contents_files().remove(0), extents(&keeping).await);
    let original = std::fs::read(&file).unwrap();
    let chain = keeping.records().await[0].place.chain;
    let second = extents[1].1 + extents[1].2;
    for (length, record) in [(original.len() - 1, 4), (second, 4), (second - 1, 3), (0, 2)] {
        std::fs::write(&file, &original[..length]).unwrap();
        assert_eq!(keeping.defects().await, [format!("chain {chain}: record {record} was altered")], "{length} bytes");
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(keeping.defects().await, [format!("chain {chain}: record 2 was altered")]);
    let archive = keeping.archive().await;
    let listed = archive.newest(&sij_cds::ledger::Wanted::default(), 9).await.unwrap();
    assert_eq!(listed.len(), 4, "a list needs no contents");
    let shown = archive.find(listed[0].id).await;
    assert!(matches!(shown, Err(LedgerError::Altered { id }) if id == listed[0].id), "{shown:?}");
}

#[tokio::test]
async fn what_a_process_left_that_was_killed_before_its_rows_harms_nothing() {
    let keeping = Keeping::new();
    write(&keeping, 2).await;
    append(&keeping.contents_files()[0], b"torn");
    // The next process begins a file of its own; here its name is taken, too.
    std::fs::write(keeping.file("ledger.db.contents").join(format!("{:020}", 5)), b"torn before its first row").unwrap();
    write(&keeping, 2).await;
    let verified = keeping.verified().await;
    assert_eq!((verified.records, verified.findings.len()), (6, 0));
    let files: Vec<i64> = extents(&keeping).await.iter().map(|extent| extent.0).collect();
    assert_eq!(files, [2, 2, 5, 5]);
}

#[tokio::test]
async fn what_is_purged_is_gone_from_the_files() {
    let clock = std::sync::Arc::new(HandClock::at(day_of_the_fixtures()));
    let keeping = Keeping::with_clock(clock.clone());
    write(&keeping, 2).await;
    append(&keeping.contents_files()[0], b"of no record");
    let ledger = keeping.ledger().await;
    ledger.keep(vec![entry(1)]).await.unwrap();
    clock.advance(86_400);
    ledger.keep(vec![entry(2)]).await.unwrap();
    let kept = extents(&keeping).await[3];
    let archive = keeping.archive().await;
    assert_eq!(purge(&archive, day_of_the_fixtures() + TimeDelta::hours(1)).await, 5);
    let files = keeping.contents_files();
    assert_eq!(files.len(), 1, "a file of which all is purged is gone");
    let bytes = std::fs::read(&files[0]).unwrap();
    let is_blank = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    assert!(kept.1 > 0 && is_blank(&bytes[..kept.1]) && is_blank(&bytes[kept.1 + kept.2..]));
    assert!(!is_blank(&bytes[kept.1..kept.1 + kept.2]));
    assert_eq!(keeping.defects().await, [""; 0]);
    // All of it, while the service goes on.
    assert_eq!(purge(&archive, day_of_the_fixtures() + TimeDelta::days(9)).await, 1);
    assert!(std::fs::read(&files[0]).unwrap().iter().all(|byte| *byte == 0));
    ledger.keep(vec![entry(3)]).await.unwrap();
    ledger.close().await;
    let verified = keeping.verified().await;
    assert_eq!((verified.records, verified.findings.len()), (1, 0));
}

#[tokio::test]
async fn what_is_purged_is_gone_from_the_database_file() {
    let clock = std::sync::Arc::new(HandClock::at(day_of_the_fixtures()));
    let keeping = Keeping::with_clock(clock.clone());
    write(&keeping, 300).await;
    clock.advance(86_400);
    write(&keeping, 300).await;
    let summaries = keeping.bytes("SELECT summary FROM ledger_record ORDER BY place").await;
    let (purged, kept) = summaries.split_at(301);
    let archive = keeping.archive().await;
    assert_eq!(purge(&archive, day_of_the_fixtures() + TimeDelta::hours(1)).await, 301);
    archive.close().await;
    keeping.tamper("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let file = std::fs::read(keeping.file("ledger.db")).unwrap();
    let stands = |summary: &Vec<u8>| file.windows(summary.len()).any(|window| window == summary);
    assert!(!purged.iter().any(stands), "purged");
    assert!(kept.iter().all(stands), "kept");
}

#[tokio::test]
async fn a_purge_that_was_interrupted_before_the_files_is_made_good_by_the_next() {
    let keeping = Keeping::new();
    write(&keeping, 3).await;
    let kept = extents(&keeping).await[2].1;
    keeping.tamper("DELETE FROM ledger_record WHERE sequence < 4").await;
    let archive = keeping.archive().await;
    Purge::begin(&archive, day_of_the_fixtures(), Proof::Asked).await.unwrap();
    assert!(std::fs::read(&keeping.contents_files()[0]).unwrap()[..kept].iter().all(|byte| *byte == 0));
}

#[tokio::test]
async fn contents_in_rows_are_read_proved_and_purged_beside_those_in_files() {
    let keeping = Keeping::new();
    write(&keeping, 3).await;
    // As an earlier version wrote them.
    let bytes = std::fs::read(&keeping.contents_files()[0]).unwrap();
    for (_, offset, length) in extents(&keeping).await.into_iter().take(2) {
        let digits = bytes[offset..offset + length].iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let hex: String = digits.map(|digit| char::from_digit(digit.into(), 16).unwrap()).collect();
        let update = "content_file = NULL, content_offset = NULL, content_length = NULL";
        keeping.tamper(&format!("UPDATE ledger_record SET content = x'{hex}', {update} WHERE content_offset = {offset}")).await;
    }
    let kept: Vec<_> = keeping.records().await.into_iter().filter_map(|record| record.content).collect();
    assert_eq!(kept, [content(0), content(1), content(2)]);
    assert_eq!(keeping.defects().await, [""; 0]);
    keeping.tamper("UPDATE ledger_record SET content = substr(content, 1, 40) WHERE sequence = 2").await;
    assert_eq!(keeping.defects().await.len(), 1);
    assert_eq!(purge(&keeping.archive().await, day_of_the_fixtures()).await, 0);
}

#[tokio::test]
async fn a_write_that_fails_leaves_nothing_behind_when_the_next_succeeds() {
    let keeping = Keeping::new();
    let ledger = keeping.ledger().await;
    ledger.keep(vec![entry(0)]).await.unwrap();
    let length = || std::fs::metadata(&keeping.contents_files()[0]).unwrap().len();
    let before = length();
    let first = extents(&keeping).await[0].2;
    keeping.tamper("ALTER TABLE ledger_card RENAME TO away").await;
    let mut with_card = entry(1);
    with_card.cards = vec![RandomIds.new_id()];
    for _ in 0..3 {
        assert!(ledger.keep(vec![with_card.clone()]).await.is_err());
        assert!(length() <= before, "what failed does not pile up");
    }
    keeping.tamper("ALTER TABLE away RENAME TO ledger_card").await;
    ledger.keep(vec![with_card]).await.unwrap();
    ledger.close().await;
    let (_, offset, end) = extents(&keeping).await[1];
    assert_eq!((offset, length()), (first, u64::try_from(offset + end).unwrap()));
    assert_eq!(keeping.defects().await, [""; 0]);
}
