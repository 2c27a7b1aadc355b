//! The journal beside a SQLite ledger: its records are durable with or without a row, alterations are detected, purged records are
//! gone, and records from before the journal existed are still readable.

use std::io::Write as _;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use sij_cds::ids::{IdSource as _, RandomIds};
use sij_cds::ledger::{Archive, Entry, EntryKind, LedgerError, Proof, Purge, Purged};
use sqlx::Connection as _;

use crate::support::callers::HandClock;
use crate::support::day_of_the_fixtures;
use crate::support::keeping::Keeping;

/// Selects where the contents of records are.
const EXTENTS: &str = "SELECT content_file, content_offset, content_length FROM ledger_record WHERE content_length > 0 ORDER BY place";

fn entry(number: usize) -> Entry<'static> {
    let mut entry = Entry::new(RandomIds.new_id(), EntryKind::Call, day_of_the_fixtures());
    entry.content = vec![content(number).into()];
    entry
}

fn content(number: usize) -> Vec<u8> {
    format!("{{\"content\":{number}}}").repeat(9).into_bytes()
}

/// One run of a process: a start record and the calls.
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
async fn contents_stand_in_a_journal_that_only_its_owner_reads() {
    use std::os::unix::fs::PermissionsExt as _;
    let keeping = Keeping::new();
    write(&keeping, 3).await;
    assert_eq!(keeping.rows("SELECT COUNT(*), COUNT(content), COUNT(content_file) FROM ledger_record").await, [[4, 0, 4]]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&keeping.file("ledger.db.journal")), mode(&keeping.journal_files()[0])), (0o700, 0o600));
    let records = keeping.records().await;
    let kept: Vec<_> = records.into_iter().filter_map(|record| record.content).collect();
    assert_eq!(kept, [content(0), content(1), content(2)]);
}

#[tokio::test]
async fn any_changed_byte_of_the_files_is_found() {
    let keeping = Keeping::new();
    write(&keeping, 3).await;
    let (file, extents) = (keeping.journal_files().remove(0), extents(&keeping).await);
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
    let (file, extents) = (keeping.journal_files().remove(0), extents(&keeping).await);
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
    append(&keeping.journal_files()[0], b"torn");
    // The next process creates its own file, after all existing ones.
    std::fs::write(keeping.file("ledger.db.journal").join(format!("{:020}", 5)), b"torn before its first record").unwrap();
    write(&keeping, 2).await;
    let verified = keeping.verified().await;
    assert_eq!((verified.records, verified.findings.len()), (6, 0));
    let files: Vec<i64> = extents(&keeping).await.iter().map(|extent| extent.0).collect();
    assert_eq!(files, [1, 1, 6, 6]);
}

#[tokio::test]
async fn what_is_purged_is_gone_from_the_files() {
    let clock = std::sync::Arc::new(HandClock::at(day_of_the_fixtures()));
    let keeping = Keeping::with_clock(clock.clone());
    write(&keeping, 2).await;
    append(&keeping.journal_files()[0], b"of no record");
    let ledger = keeping.ledger().await;
    ledger.keep(vec![entry(1)]).await.unwrap();
    clock.advance(86_400);
    ledger.keep(vec![entry(2)]).await.unwrap();
    let archive = keeping.archive().await;
    let kept = extents(&keeping).await[3];
    let purged_up_to = extents(&keeping).await[2].1 + extents(&keeping).await[2].2;
    assert_eq!(purge(&archive, day_of_the_fixtures() + TimeDelta::hours(1)).await, 5);
    let files = keeping.journal_files();
    assert_eq!(files.len(), 1, "a file of which all is purged is gone");
    let bytes = std::fs::read(&files[0]).unwrap();
    let is_blank = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    assert!(is_blank(&bytes[..purged_up_to]) && is_blank(&bytes[kept.1 + kept.2..]));
    assert_eq!(&bytes[purged_up_to..purged_up_to + 4], b"SIJ1", "what is kept is still whole");
    assert!(!is_blank(&bytes[kept.1..kept.1 + kept.2]));
    assert_eq!(keeping.defects().await, [""; 0]);
    // All of it, while the service continues.
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
    for last in [1, 2] {
        // Including the last one, after which no row is left.
        let end = extents(&keeping).await.remove(last - 1);
        let end = end.1 + end.2;
        keeping.tamper(&format!("UPDATE ledger_journal SET purged_file = 1, purged_position = {end}")).await;
        let archive = keeping.archive().await;
        Purge::begin(&archive, day_of_the_fixtures(), Proof::Asked).await.unwrap();
        let bytes = std::fs::read(&keeping.journal_files()[0]).unwrap();
        assert!(bytes[..end].iter().all(|byte| *byte == 0));
        assert_eq!(bytes.get(end..end + 4), Some(b"SIJ1".as_slice()));
    }
    keeping.tamper("DELETE FROM ledger_record").await;
    let end = std::fs::metadata(&keeping.journal_files()[0]).unwrap().len();
    keeping.tamper(&format!("UPDATE ledger_journal SET purged_file = 1, purged_position = {end}")).await;
    Purge::begin(&keeping.archive().await, day_of_the_fixtures(), Proof::Asked).await.unwrap();
    assert!(std::fs::read(&keeping.journal_files()[0]).unwrap().iter().all(|byte| *byte == 0));
}

#[tokio::test]
async fn contents_in_rows_are_read_proved_and_purged_beside_those_in_files() {
    let keeping = Keeping::new();
    write(&keeping, 3).await;
    // As written by an earlier version.
    let bytes = std::fs::read(&keeping.journal_files()[0]).unwrap();
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

/// The ledger as it is on the disk at this moment, as a killed process leaves it.
fn killed(keeping: &Keeping) -> Keeping {
    let left = Keeping::new();
    for name in ["ledger.db", "ledger.db-wal", "keys"] {
        if let Ok(bytes) = std::fs::read(keeping.file(name)) {
            std::fs::write(left.file(name), bytes).unwrap();
        }
    }
    std::fs::create_dir(left.file("ledger.db.journal")).unwrap();
    for file in keeping.journal_files() {
        std::fs::copy(&file, left.file("ledger.db.journal").join(file.file_name().unwrap())).unwrap();
    }
    left
}

async fn contents_of(keeping: &Keeping) -> Vec<Vec<u8>> {
    keeping.records().await.into_iter().filter_map(|record| record.content).collect()
}

/// The state left by a process that made entries durable after a first start record and was killed before any had a row.
async fn killed_without_rows(entries: Vec<Entry<'_>>) -> Keeping {
    let keeping = Keeping::new();
    write(&keeping, 0).await;
    let held = keeping.hold_rows().await;
    let ledger = keeping.ledger().await;
    ledger.keep(entries).await.unwrap();
    let left = killed(&keeping);
    held.close().await.unwrap();
    ledger.close().await;
    left
}

#[tokio::test]
async fn what_is_kept_and_has_no_row_yet_is_there_for_whoever_reads_after_a_kill() {
    let left = killed_without_rows(vec![entry(0), entry(1)]).await;
    let again = killed(&left);
    assert_eq!(left.rows("SELECT COUNT(*) FROM ledger_record").await, [[1]], "rows come later");
    assert_eq!(contents_of(&left).await, [content(0), content(1)]);
    assert_eq!(left.defects().await, [""; 0]);
    // The next process, too, whose chain continues from there.
    write(&again, 2).await;
    let verified = again.verified().await;
    assert_eq!((verified.records, verified.findings.len()), (7, 0));
    assert_eq!(contents_of(&again).await.len(), 4);
    let zeros = std::fs::read(&again.journal_files()[1]).unwrap().iter().rev().take_while(|byte| **byte == 0).count();
    assert!(zeros < 9, "room that a killed process had reserved is given back");
}

#[tokio::test]
async fn a_record_that_was_not_written_whole_was_never_kept() {
    let left = killed_without_rows(vec![entry(0)]).await;
    let file = left.journal_files().remove(1);
    let whole = std::fs::read(&file).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let second = whole.windows(4).rposition(|window| window == b"SIJ1").unwrap();
    for length in [end - 1, end - 40, second + 5, second, second - 1, 3] {
        let torn = killed(&left);
        std::fs::write(torn.journal_files().remove(1), &whole[..length]).unwrap();
        write(&torn, 1).await;
        let records = torn.verified().await.records;
        // The first start record, that of the second process if complete, and the start record and call of the third.
        assert_eq!((records, torn.defects().await), (if length < second { 3 } else { 4 }, Vec::new()), "{length} bytes");
    }
}

#[tokio::test]
async fn a_record_that_was_altered_before_it_had_a_row_is_found() {
    let left = killed_without_rows(vec![entry(0)]).await;
    let file = left.journal_files().remove(1);
    let mut bytes = std::fs::read(&file).unwrap();
    let call = bytes.windows(4).rposition(|window| window == b"SIJ1").unwrap();
    let number = |at: usize| usize::try_from(u32::from_le_bytes(bytes[call + at..call + at + 4].try_into().unwrap())).unwrap();
    let end = call + 16 + number(4) + number(8);
    // By an attacker who knows the record format but has no key.
    bytes[end - 1] ^= 1;
    let mut sum = crc32fast::Hasher::new();
    sum.update(&bytes[call + 4..call + 12]);
    sum.update(&bytes[call + 16..end]);
    bytes[call + 12..call + 16].copy_from_slice(&sum.finalize().to_le_bytes());
    std::fs::write(&file, bytes).unwrap();
    let defects = left.defects().await;
    assert!(defects.len() == 1 && defects[0].ends_with("record 3 was altered"), "{defects:?}");
}

#[tokio::test]
async fn a_back_up_of_the_rows_is_made_up_to_its_journal() {
    let keeping = Keeping::new();
    write(&keeping, 2).await;
    let older = std::fs::read(keeping.file("ledger.db")).unwrap();
    for _ in 0..3 {
        write(&keeping, 300).await;
    }
    let back_up = killed(&keeping);
    std::fs::write(back_up.file("ledger.db"), older).unwrap();
    _ = std::fs::remove_file(back_up.file("ledger.db-wal"));
    let verified = back_up.verified().await;
    assert_eq!((verified.records, verified.findings.len()), (906, 0));
}

#[tokio::test]
async fn who_reads_sees_what_was_kept_before_while_the_service_goes_on() {
    let keeping = Keeping::new();
    let ledger = keeping.ledger().await;
    for number in 0..5 {
        let kept = entry(number);
        let id = kept.id;
        ledger.keep(vec![kept]).await.unwrap();
        let archive = keeping.archive().await;
        assert_eq!(archive.find(id).await.unwrap().map(|record| record.id), Some(id), "{number}, from outside");
        let kept = entry(number);
        let id = kept.id;
        ledger.keep(vec![kept]).await.unwrap();
        assert_eq!(ledger.find(id).await.unwrap().map(|record| record.id), Some(id), "{number}, by the service itself");
    }
}

#[tokio::test]
async fn records_that_can_get_no_rows_are_kept_and_then_no_more_until_they_can() {
    let keeping = Keeping::new();
    let ledger = keeping.ledger().await;
    keeping.archive().await.close().await;
    keeping.tamper("ALTER TABLE ledger_card RENAME TO away").await;
    let mut with_card = entry(0);
    with_card.cards = vec![RandomIds.new_id()];
    ledger.keep(vec![with_card]).await.unwrap();
    assert!(ledger.find(RandomIds.new_id()).await.is_err(), "it cannot be told what is there");
    let length = || std::fs::metadata(&keeping.journal_files()[0]).unwrap().len();
    let before = length();
    for _ in 0..3 {
        assert!(ledger.keep(vec![entry(1)]).await.is_err());
    }
    assert_eq!((ledger.standing().await.as_str(), length()), ("unwritable", before));
    keeping.tamper("ALTER TABLE away RENAME TO ledger_card").await;
    ledger.keep(vec![entry(2)]).await.unwrap();
    ledger.close().await;
    assert_eq!(contents_of(&keeping).await, [content(0), content(2)]);
    assert_eq!(keeping.defects().await, [""; 0]);
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_keeps_nothing_until_it_can() {
    let keeping = Keeping::new();
    write(&keeping, 1).await;
    let away = keeping.file("away");
    std::fs::rename(keeping.file("ledger.db.journal"), &away).unwrap();
    std::fs::write(keeping.file("ledger.db.journal"), b"no directory").unwrap();
    let refused = sij_cds::ledger::Ledger::open(
        &keeping.config.ledger,
        std::sync::Arc::new(HandClock::at(day_of_the_fixtures())),
        std::sync::Arc::new(RandomIds),
    );
    assert!(refused.await.is_err());
    std::fs::remove_file(keeping.file("ledger.db.journal")).unwrap();
    std::fs::rename(away, keeping.file("ledger.db.journal")).unwrap();
    write(&keeping, 1).await;
    let verified = keeping.verified().await;
    assert_eq!((verified.records, verified.findings.len()), (4, 0));
}
