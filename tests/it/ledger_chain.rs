//! The record chain: every altered, removed or inserted record is reported, and the rest stays verifiable after a purge.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use sij_cds::ids::{IdSource as _, RandomIds};
use sij_cds::ledger::{Archive, ChainPosition, End, Entry, EntryKind, Proof, Purge, Purged, Verification};
use uuid::Uuid;

use crate::support::callers::HandClock;
use crate::support::day_of_the_fixtures;
use crate::support::keeping::Keeping;

fn entry(number: u32) -> Entry<'static> {
    let mut entry = Entry::new(RandomIds.new_id(), EntryKind::Call, day_of_the_fixtures());
    entry.client = Some("ehr".to_owned());
    entry.hook = Some("order-sign".to_owned());
    entry.patient = Some(format!("Patient/{number}"));
    entry.status = Some(200);
    entry.determination = Some("supported".to_owned());
    entry.summary = format!("{{\"number\":{number}}}").into_bytes();
    entry.content = vec![format!("{{\"content\":{number}}}").repeat(9).into_bytes().into()];
    entry.cards = vec![RandomIds.new_id()];
    entry
}

/// A ledger with a start record and `count` calls.
async fn with_calls(count: u32) -> Keeping {
    let keeping = Keeping::new();
    write(&keeping, count).await;
    keeping
}

/// One run of a process: a start record and the calls, each in its own batch.
async fn write(keeping: &Keeping, count: u32) {
    let ledger = keeping.ledger().await;
    for number in 0..count {
        ledger.write(vec![entry(number)]).await.unwrap();
    }
    ledger.close().await;
}

async fn chain(keeping: &Keeping) -> Uuid {
    keeping.records().await[0].position.chain
}

#[tokio::test]
async fn an_untouched_ledger_holds_over_restarts() {
    let keeping = with_calls(3).await;
    write(&keeping, 2).await;
    let verified = keeping.verified().await;
    assert_eq!((verified.records, verified.findings.len(), verified.ends.len()), (7, 0, 1));
    let kinds: Vec<_> = keeping.records().await.iter().map(|record| record.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == EntryKind::Start).count(), 2);
    let places: Vec<i64> = keeping.records().await.iter().map(|record| record.position.sequence).collect();
    assert_eq!(places, [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn entries_that_come_at_once_are_kept_each() {
    let keeping = Keeping::new();
    let ledger = Arc::new(keeping.ledger().await);
    let tasks: Vec<_> = (0..600)
        .map(|number| {
            let ledger = Arc::clone(&ledger);
            tokio::spawn(async move { ledger.write(vec![entry(number)]).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    ledger.close().await;
    let verified = keeping.verified().await;
    assert_eq!((verified.records, verified.findings.len()), (601, 0));
}

#[tokio::test]
async fn every_altered_column_is_found() {
    let columns = [
        ("id", "x'00000000000000000000000000000001'"),
        ("kind", "'fault'"),
        ("instance", "'other'"),
        ("received_at", "received_at + 1"),
        ("recorded_at", "recorded_at + 1"),
        ("client", "'other'"),
        ("client", "NULL"),
        ("tenant", "''"),
        ("hook", "'order-select'"),
        ("status", "503"),
        ("cause", "''"),
        ("policies", "'p|1'"),
        ("determination", "'not-supported'"),
        ("patient_index", "x'00'"),
        ("card", "x'00000000000000000000000000000001'"),
        ("cards", "NULL"),
        ("about", "x'00000000000000000000000000000001'"),
        ("summary", "CAST(substr(summary, 1, length(summary) - 1) || x'00' AS BLOB)"),
        ("summary", "(SELECT summary FROM ledger_record WHERE sequence = 4)"),
        ("content", "CAST(substr(content, 1, length(content) - 1) || x'00' AS BLOB)"),
        ("content", "(SELECT content FROM ledger_record WHERE sequence = 4)"),
        ("content", "x''"),
        ("content", "NULL"),
        ("previous", "(SELECT previous FROM ledger_record WHERE sequence = 4)"),
        ("previous", "x'00'"),
        ("recorded_at", "9223372036854775807"),
        ("status", "-1"),
        ("hash", "(SELECT hash FROM ledger_record WHERE sequence = 4)"),
    ];
    let keeping = with_calls(4).await;
    let chain = chain(&keeping).await;
    let original = std::fs::read(keeping.file("ledger.db")).unwrap();
    for (column, value) in columns {
        let rows = keeping.tamper(&format!("UPDATE ledger_record SET {column} = {value} WHERE sequence = 3")).await;
        assert_eq!(rows, 1, "{column}");
        assert_eq!(keeping.defects().await, [format!("chain {chain}: record 3 was altered")], "{column} = {value}");
        for suffix in ["", "-wal", "-shm"] {
            _ = std::fs::remove_file(keeping.file(&format!("ledger.db{suffix}")));
        }
        std::fs::write(keeping.file("ledger.db"), &original).unwrap();
    }
    assert_eq!(keeping.defects().await, [""; 0]);
}

#[tokio::test]
async fn a_record_ahead_of_the_chain_is_found() {
    let keeping = with_calls(2).await;
    let chain = chain(&keeping).await;
    let columns = "kind, instance, received_at, recorded_at, key_id, summary, previous, hash, chain";
    let insert = format!(
        "INSERT INTO ledger_record (id, sequence, {columns}) SELECT x'{:032x}', -7, {columns} FROM ledger_record WHERE sequence = 2",
        1
    );
    assert_eq!(keeping.tamper(&insert).await, 1);
    assert_eq!(keeping.defects().await, [format!("chain {chain}: record -7 stands before the chain's beginning")]);
}

#[tokio::test]
async fn a_removed_end_is_found_by_whoever_saw_it() {
    let keeping = with_calls(4).await;
    let seen: End = keeping.verified().await.ends[0].to_string().parse().unwrap();
    assert_eq!(verify(&keeping, None, vec![seen]).await, [""; 0]);
    keeping.tamper("DELETE FROM ledger_record WHERE sequence = 5").await;
    let chain = seen.position.chain;
    assert_eq!(verify(&keeping, None, vec![seen]).await, [format!("chain {chain}: record 5 is missing, and it was there once")]);
    // The lock file says so, too; without it, only the caller can.
    assert_eq!(keeping.defects().await, [format!("chain {chain}: record 5 is missing, and it was there once")]);
    std::fs::remove_file(keeping.file("ledger.db.lock")).unwrap();
    assert_eq!(keeping.defects().await, [""; 0]);
    write(&keeping, 1).await;
    assert_eq!(verify(&keeping, None, vec![seen]).await, [format!("chain {chain}: record 5 is not the one that was there once")]);
}

async fn verify(keeping: &Keeping, resume: Option<ChainPosition>, expected: Vec<End>) -> Vec<String> {
    let archive = keeping.archive().await;
    let mut verification = Verification::begin(&archive, resume, expected).await.unwrap();
    while verification.step().await.unwrap() {}
    verification.so_far().findings.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn verifying_goes_on_from_a_place() {
    let keeping = with_calls(1_200).await;
    let archive = keeping.archive().await;
    let mut verification = Verification::begin(&archive, None, Vec::new()).await.unwrap();
    assert!(verification.step().await.unwrap());
    let place = verification.position().unwrap();
    assert_eq!(place.sequence, 500);
    keeping.tamper("UPDATE ledger_record SET client = 'other' WHERE sequence IN (400, 900)").await;
    let chain = place.chain;
    assert_eq!(verify(&keeping, Some(place), Vec::new()).await, [format!("chain {chain}: record 900 was altered")]);
    let both = [400, 900].map(|record| format!("chain {chain}: record {record} was altered"));
    assert_eq!(verify(&keeping, None, Vec::new()).await, both);
}

#[tokio::test]
async fn a_rotated_key_seals_what_is_new_and_opens_what_is_old() {
    let keeping = with_calls(2).await;
    keeping.rotate("second");
    write(&keeping, 2).await;
    let records = keeping.records().await;
    let keys: Vec<&str> = records.iter().map(|record| record.key_id.as_str()).collect();
    assert_eq!(keys, ["first", "first", "first", "second", "second", "second"]);
    assert_eq!(keeping.defects().await, [""; 0]);
    let archive = keeping.archive().await;
    let wanted = sij_cds::ledger::Wanted { patient: Some("Patient/1".to_owned()), ..Default::default() };
    assert_eq!(archive.newest(&wanted, 9).await.unwrap().len(), 2, "each key has its own index");
    let new = std::fs::read_to_string(keeping.file("keys")).unwrap().lines().next().unwrap().to_owned();
    std::fs::write(keeping.file("keys"), new).unwrap();
    let verified = keeping.verified().await;
    let told: Vec<String> = verified.unchecked.iter().map(ToString::to_string).collect();
    let chain = records[0].position.chain;
    assert_eq!(told, [format!("chain {chain}: 3 records from 1 to 3 are not checked: key `first` is missing")]);
    assert_eq!((verified.records, verified.findings.len()), (3, 0));
}

#[tokio::test]
async fn a_writer_takes_another_key_while_it_runs() {
    let keeping = Keeping::new();
    let ledger = keeping.ledger().await;
    ledger.write(vec![entry(1)]).await.unwrap();
    keeping.rotate("second");
    ledger.take_keys(ledger.read_keys(&keeping.config.ledger).unwrap().unwrap());
    ledger.write(vec![entry(2)]).await.unwrap();
    ledger.close().await;
    let keys: Vec<String> = keeping.records().await.into_iter().map(|record| record.key_id).collect();
    assert_eq!(keys, ["first", "first", "second"]);
    assert_eq!(keeping.defects().await, [""; 0]);
}

/// Records of three days, and the clock on the third.
async fn three_days() -> (Keeping, Arc<HandClock>) {
    let clock = Arc::new(HandClock::at(day_of_the_fixtures()));
    let keeping = Keeping::with_clock(clock.clone());
    for _ in 0..3 {
        write(&keeping, 600).await;
        clock.advance(86_400);
    }
    (keeping, clock)
}

async fn purge(archive: &Archive, before: DateTime<Utc>, proof: Proof) -> (u64, Purged) {
    let (mut removed, mut purge) = (0, Purge::begin(archive, before, proof).await.unwrap());
    loop {
        match purge.step().await.unwrap() {
            Purged::Some(records) => removed += records,
            end => return (removed, end),
        }
    }
}

#[tokio::test]
async fn a_purge_leaves_the_chain_provable() {
    let (keeping, _) = three_days().await;
    let archive = keeping.archive().await;
    let seen = keeping.verified().await.ends;
    let before = day_of_the_fixtures() + TimeDelta::hours(12);
    assert_eq!(archive.count_before(before).await.unwrap(), 601);
    assert_eq!(purge(&archive, before, Proof::Asked).await, (601, Purged::All));
    while archive.give_room_back().await.unwrap() {}
    let verified = keeping.verified().await;
    assert_eq!((verified.records, verified.findings.len()), (1_202, 0));
    assert_eq!(verified.ends, seen);
    write(&keeping, 1).await;
    assert_eq!(keeping.verified().await.records, 1_204);
    // Everything is removed, and the chain continues after it.
    assert_eq!(purge(&archive, before + TimeDelta::days(9), Proof::Asked).await, (1_204, Purged::All));
    write(&keeping, 1).await;
    let verified = keeping.verified().await;
    assert_eq!((verified.records, verified.findings.len(), verified.ends.len()), (2, 0, 1));
    assert_eq!(keeping.records().await[0].position.sequence, 1_806);
    assert_eq!(keeping.tamper("DELETE FROM ledger_card").await, 1, "cards go with their calls");
}

#[tokio::test]
async fn a_purge_hides_nothing() {
    let (keeping, _) = three_days().await;
    let archive = keeping.archive().await;
    let chain = chain(&keeping).await;
    let before = day_of_the_fixtures() + TimeDelta::hours(12);
    keeping.tamper("UPDATE ledger_record SET client = 'other' WHERE sequence = 550").await;
    let (removed, end) = purge(&archive, before, Proof::Asked).await;
    let Purged::Stopped(finding) = end else { panic!("{end:?}") };
    assert_eq!((removed, finding.to_string()), (500, format!("chain {chain}: record 550 was altered")));
    assert_eq!(purge(&archive, before, Proof::Waived).await, (101, Purged::All));
    assert_eq!(keeping.defects().await, [""; 0]);
    for (statement, expected) in [
        ("UPDATE ledger_checkpoint SET sequence = 600", "the checkpoint of the purge up to record 600 was altered"),
        (
            "UPDATE ledger_checkpoint SET hash = x'0000000000000000000000000000000000000000000000000000000000000000', sequence = 601",
            "the checkpoint of the purge up to record 601 was altered",
        ),
        ("DELETE FROM ledger_checkpoint", "records 1 to 601 are missing"),
    ] {
        keeping.tamper(statement).await;
        assert_eq!(keeping.defects().await, [format!("chain {chain}: {expected}")], "{statement}");
        // Another purge does not repair it, either.
        let (removed, end) = purge(&archive, before + TimeDelta::days(9), Proof::Asked).await;
        let Purged::Stopped(finding) = end else { panic!("{end:?}") };
        assert_eq!((removed, finding.to_string()), (0, format!("chain {chain}: {expected}")), "{statement}");
    }
}

#[tokio::test]
async fn two_purges_at_once_leave_what_one_would() {
    let (keeping, _) = three_days().await;
    let before = day_of_the_fixtures() + TimeDelta::days(1) + TimeDelta::hours(12);
    let (one, two) = (keeping.archive().await, keeping.archive().await);
    let ((first, _), (second, _)) = tokio::join!(purge(&one, before, Proof::Asked), purge(&two, before, Proof::Asked));
    assert_eq!(first + second, 1_202);
    let verified = keeping.verified().await;
    assert_eq!((verified.records, verified.findings.len()), (601, 0));
}

#[tokio::test]
async fn what_is_purged_is_gone_from_the_file() {
    let (keeping, _) = three_days().await;
    let summaries = keeping.bytes("SELECT summary FROM ledger_record ORDER BY place").await;
    let (purged, kept) = summaries.split_at(601);
    let archive = keeping.archive().await;
    assert_eq!(purge(&archive, day_of_the_fixtures() + TimeDelta::hours(12), Proof::Asked).await, (601, Purged::All));
    archive.close().await;
    keeping.tamper("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let file = std::fs::read(keeping.file("ledger.db")).unwrap();
    let is_there = |summary: &Vec<u8>| memchr::memmem::find(&file, summary).is_some();
    assert!(!purged.iter().any(is_there), "purged");
    assert!(kept.iter().all(is_there), "kept");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Any changed byte of a record's sealed parts or code is reported with the record.
    #[test]
    fn any_changed_byte_is_found(record in 1_i64..=5, column in 0_usize..4, place in 0_usize..400, change in 1_u8..=255) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let keeping = with_calls(4).await;
            let chain = chain(&keeping).await;
            let column = ["summary", "content", "previous", "hash"][column];
            let hex = hex_of(&keeping, column, record).await;
            let Some(hex) = hex.filter(|hex| !hex.is_empty()) else { return };
            let mut bytes = hex;
            let place = place % bytes.len();
            bytes[place] ^= change;
            let text: String = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from_digit(digit.into(), 16).unwrap()).collect();
            keeping.tamper(&format!("UPDATE ledger_record SET {column} = x'{text}' WHERE sequence = {record}")).await;
            assert_eq!(keeping.defects().await, [format!("chain {chain}: record {record} was altered")], "{column}, byte {place}");
        });
    }
}

async fn hex_of(keeping: &Keeping, column: &str, record: i64) -> Option<Vec<u8>> {
    use sqlx::{ConnectOptions as _, Row as _};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(keeping.file("ledger.db"));
    let mut connection = options.connect().await.unwrap();
    let select = format!("SELECT {column} AS bytes FROM ledger_record WHERE sequence = {record}");
    sqlx::query(sqlx::AssertSqlSafe(select)).fetch_one(&mut connection).await.unwrap().get("bytes")
}
