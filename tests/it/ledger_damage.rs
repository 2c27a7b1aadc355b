//! A damaged ledger: `verify` and `export` name every defect and go on, and a process that is to write refuses what its quick check finds.

use std::path::Path;
use std::sync::Arc;

use chrono::TimeDelta;
use sij_cds::ids::{IdSource as _, RandomIds};
use sij_cds::ledger::{Entry, EntryKind, Proof, Purge, Purged, Verification, Wanted, new_key_line};

use crate::support::callers::HandClock;
use crate::support::day_of_the_fixtures;
use crate::support::keeping::Keeping;

/// The calls of an undamaged ledger. With the start record, its last record is one more.
const CALLS: usize = 30;

fn entry(number: usize) -> Entry<'static> {
    let mut entry = Entry::new(RandomIds.new_id(), EntryKind::Call, day_of_the_fixtures());
    entry.client = Some("ehr".to_owned());
    entry.patient = Some(format!("Patient/{number}"));
    entry.content = vec![content(number).into()];
    entry.cards = vec![RandomIds.new_id()];
    entry
}

fn content(number: usize) -> Vec<u8> {
    format!("{{\"content\":{number}}}").repeat(9).into_bytes()
}

async fn undamaged() -> Keeping {
    let keeping = Keeping::new();
    let ledger = keeping.ledger().await;
    for number in 2..=CALLS + 1 {
        ledger.write(vec![entry(number)]).await.unwrap();
    }
    ledger.close().await;
    keeping
}

/// What a damage does to a ledger.
struct Damage {
    statements: &'static [&'static str],
    /// Every defect, without the chain.
    defects: &'static [&'static str],
    /// How many records are left that hold.
    records: usize,
    /// Whether the quick check finds the first defect.
    is_refused: bool,
}

const DAMAGES: [Damage; 13] = [
    Damage { statements: &[], defects: &[], records: 31, is_refused: false },
    Damage {
        statements: &[
            "UPDATE ledger_record SET content = CAST(substr(content, 1, length(content) - 1) || x'00' AS BLOB) WHERE sequence = 15",
        ],
        defects: &["record 15 was altered"],
        records: 30,
        is_refused: false,
    },
    Damage {
        statements: &["UPDATE ledger_record SET client = 'other' WHERE sequence = 15"],
        defects: &["record 15 was altered"],
        records: 30,
        is_refused: false,
    },
    Damage {
        statements: &["UPDATE ledger_record SET patient_index = x'00' WHERE sequence = 31"],
        defects: &["record 31 was altered"],
        records: 30,
        is_refused: true,
    },
    Damage {
        statements: &["UPDATE ledger_record SET kind = 'none' WHERE sequence = 2"],
        defects: &["record 2 was altered"],
        records: 30,
        is_refused: true,
    },
    Damage {
        statements: &["UPDATE ledger_record SET hash = x'00' WHERE sequence = 15"],
        defects: &["record 15 was altered"],
        records: 30,
        is_refused: false,
    },
    Damage {
        statements: &["DELETE FROM ledger_record WHERE sequence = 1"],
        defects: &["record 1 is missing"],
        records: 30,
        is_refused: true,
    },
    Damage {
        statements: &["DELETE FROM ledger_record WHERE sequence = 15"],
        defects: &["record 15 is missing"],
        records: 30,
        is_refused: false,
    },
    Damage {
        statements: &["DELETE FROM ledger_record WHERE sequence BETWEEN 14 AND 16"],
        defects: &["records 14 to 16 are missing"],
        records: 28,
        is_refused: false,
    },
    Damage {
        statements: &["DELETE FROM ledger_record WHERE sequence = 31"],
        defects: &["record 31 is missing, and it was there once"],
        records: 30,
        is_refused: true,
    },
    Damage {
        statements: &["DELETE FROM ledger_record"],
        defects: &["record 31 is missing, and it was there once"],
        records: 0,
        is_refused: true,
    },
    Damage {
        statements: &[
            "UPDATE ledger_record SET sequence = 99 WHERE sequence = 14",
            "UPDATE ledger_record SET sequence = 14 WHERE sequence = 15",
            "UPDATE ledger_record SET sequence = 15 WHERE sequence = 99",
        ],
        defects: &["record 14 was altered", "record 15 was altered"],
        records: 29,
        is_refused: false,
    },
    Damage {
        statements: &[
            "UPDATE ledger_record SET client = 'other' WHERE sequence IN (10, 20)",
            "DELETE FROM ledger_record WHERE sequence = 15",
            "DELETE FROM ledger_record WHERE sequence = 31",
        ],
        defects: &["record 10 was altered", "record 15 is missing", "record 20 was altered", "record 31 is missing, and it was there once"],
        records: 27,
        is_refused: true,
    },
];

#[tokio::test]
async fn every_defect_is_named_and_all_other_records_are_exported() {
    let original = undamaged().await;
    let chain = original.records().await[0].position.chain;
    for Damage { statements, defects, records, is_refused } in DAMAGES {
        let damaged = original.killed();
        for statement in statements {
            assert!(damaged.tamper(statement).await > 0, "{statement}");
        }
        let defects: Vec<String> = defects.iter().map(|defect| format!("chain {chain}: {defect}")).collect();
        let verified = damaged.verified().await;
        assert_eq!((texts(&verified.findings), verified.records), (defects.clone(), records as u64), "{statements:?}");
        let exported = damaged.exported(&Wanted::default()).await;
        assert_eq!((texts(&exported.findings), exported.records.len()), (defects.clone(), records), "{statements:?}");
        assert!(exported.records.iter().filter(|record| record.kind == EntryKind::Call).all(is_whole), "{statements:?}");
        match damaged.try_ledger().await {
            Ok(ledger) => {
                assert!(!is_refused, "{statements:?}");
                ledger.close().await;
            }
            Err(error) => {
                let told = error.to_string();
                assert!(is_refused && told.starts_with("the ledger is damaged: chain "), "{statements:?}: {told}");
                assert!(defects.iter().any(|defect| told.contains(defect)) && told.contains("`sij-cds ledger verify`"), "{told}");
            }
        }
    }
}

fn texts(findings: &[sij_cds::ledger::DefectFound]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

fn is_whole(record: &sij_cds::ledger::OpenedRecord) -> bool {
    record.content == Some(content(usize::try_from(record.position.sequence).unwrap()))
}

/// Writes one record for each call, after the start record of this run.
async fn write_run(keeping: &Keeping, calls: usize) {
    let ledger = keeping.ledger().await;
    ledger.write((0..calls).map(entry).collect()).await.unwrap();
    ledger.close().await;
}

/// Alters one record of a copy, and returns why that ledger is refused; `None` if it is not.
async fn refusal_after_altering(original: &Keeping, sequence: usize) -> Option<String> {
    let damaged = original.killed();
    let alter = format!("UPDATE ledger_record SET client = 'other' WHERE sequence = {sequence}");
    assert_eq!(damaged.tamper(&alter).await, 1, "{sequence}");
    damaged.try_ledger().await.err().map(|error| error.to_string())
}

#[tokio::test]
async fn the_quick_check_sees_the_end_of_a_chain_of_any_length() {
    for (records, altered) in [
        (8, vec![1, 8]),
        (9, vec![5, 8, 9]),
        (12, vec![9, 10, 12]),
        (15, vec![8, 9, 15]),
        (16, vec![8, 9, 16]),
        (17, vec![8, 10, 17]),
        (31, vec![8, 24, 31]),
    ] {
        let keeping = Keeping::new();
        write_run(&keeping, records - 1).await;
        for sequence in altered {
            let told = refusal_after_altering(&keeping, sequence).await.unwrap_or_default();
            assert!(told.contains(&format!("record {sequence} was altered")), "{sequence} of {records}: {told}");
        }
        keeping.ledger().await.close().await;
    }
}

#[tokio::test]
async fn the_quick_check_sees_the_end_of_a_chain_that_a_purge_shortened() {
    for left in [8, 9, 12, 15, 16, 17, 31] {
        let clock = Arc::new(HandClock::at(day_of_the_fixtures()));
        let keeping = Keeping::with_clock(clock.clone());
        write_run(&keeping, 19).await;
        clock.advance(86_400);
        write_run(&keeping, left - 1).await;
        let archive = keeping.archive().await;
        let before = day_of_the_fixtures() + TimeDelta::hours(12);
        let mut purge = Purge::begin(&archive, before, Proof::Asked).await.unwrap();
        assert_eq!(purge.step().await.unwrap(), Purged::Some(20));
        drop(purge);
        archive.close().await;
        for sequence in [21, 20 + left] {
            let told = refusal_after_altering(&keeping, sequence).await.unwrap_or_default();
            assert!(told.contains(&format!("record {sequence} was altered")), "{sequence} of {left}: {told}");
        }
    }
}

#[tokio::test]
async fn the_quick_check_sees_a_record_that_is_missing_in_a_short_chain() {
    let keeping = Keeping::new();
    write_run(&keeping, 11).await;
    keeping.tamper("DELETE FROM ledger_record WHERE sequence IN (9, 10)").await;
    let told = keeping.try_ledger().await.unwrap_err().to_string();
    assert!(told.contains("records 9 to 10 are missing"), "{told}");
}

#[tokio::test]
async fn an_export_of_some_records_names_the_damaged_ones_among_them() {
    let damaged = undamaged().await;
    damaged.tamper("UPDATE ledger_record SET status = 500 WHERE sequence IN (10, 20)").await;
    damaged.tamper("DELETE FROM ledger_record WHERE sequence = 15").await;
    let wanted = Wanted { patient: Some("Patient/10".to_owned()), ..Wanted::default() };
    let exported = damaged.exported(&wanted).await;
    assert_eq!((exported.records.len(), exported.findings.len()), (0, 1));
    let wanted = Wanted { kind: Some(EntryKind::Call), ..Wanted::default() };
    let exported = damaged.exported(&wanted).await;
    assert_eq!((exported.records.len(), exported.findings.len()), (CALLS - 3, 2), "a missing record cannot be selected");
}

#[tokio::test]
async fn a_call_that_its_cards_do_not_find_is_named() {
    let damaged = undamaged().await;
    assert_eq!(damaged.tamper("DELETE FROM ledger_card WHERE record_id = (SELECT id FROM ledger_record WHERE sequence = 15)").await, 1);
    let defects = damaged.defects().await;
    assert!(defects.len() == 1 && defects[0].ends_with("record 15 is not found by its cards"), "{defects:?}");
}

#[tokio::test]
async fn a_bit_that_flips_on_the_disk_is_named_with_its_record() {
    let keeping = undamaged().await;
    let contents = keeping.bytes("SELECT content FROM ledger_record WHERE sequence IN (2, 15, 31) ORDER BY sequence").await;
    let original = std::fs::read(keeping.file("ledger.db")).unwrap();
    for (content, record) in contents.iter().zip([2, 15, 31]) {
        let start = original.windows(content.len()).position(|window| window == content).unwrap();
        for place in (start..start + content.len()).step_by(7) {
            let mut bytes = original.clone();
            bytes[place] ^= 0x10;
            std::fs::write(keeping.file("ledger.db"), bytes).unwrap();
            let defects = keeping.defects().await;
            assert!(defects.len() == 1 && defects[0].ends_with(&format!("record {record} was altered")), "{place}: {defects:?}");
        }
    }
}

/// A ledger that a killed process left with records in its write-ahead log.
async fn killed_with_calls(count: usize) -> Keeping {
    let keeping = Keeping::new();
    let ledger = keeping.ledger().await;
    for number in 0..count {
        ledger.write(vec![entry(number)]).await.unwrap();
    }
    let left = keeping.killed();
    ledger.close().await;
    left
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill_and_the_chain_goes_on() {
    let left = killed_with_calls(5).await;
    let verified = left.verified().await;
    assert_eq!((verified.records, verified.findings.len()), (6, 0));
    let ledger = left.ledger().await;
    ledger.write(vec![entry(7)]).await.unwrap();
    ledger.close().await;
    let verified = left.verified().await;
    assert_eq!((verified.records, verified.ends.len(), verified.findings.len()), (8, 1, 0));
}

#[tokio::test]
async fn a_write_ahead_log_that_is_missing_is_noticed() {
    let left = killed_with_calls(5).await;
    std::fs::remove_file(left.file("ledger.db-wal")).unwrap();
    let told = left.try_ledger().await.unwrap_err().to_string();
    assert!(told.contains("is missing, and it was there once"), "{told}");
    assert_eq!(left.defects().await.len(), 1);
}

#[tokio::test]
async fn a_database_that_is_missing_or_empty_is_noticed() {
    let keeping = undamaged().await;
    let expected = format!(
        "`ledger.url`: `{0}` is missing or empty, but `{0}.lock` shows that it had records; restore it, or move `{0}.lock` away to begin \
         a new ledger",
        keeping.file("ledger.db").display()
    );
    std::fs::write(keeping.file("ledger.db"), "").unwrap();
    assert_eq!(keeping.try_ledger().await.unwrap_err().to_string(), expected);
    std::fs::remove_file(keeping.file("ledger.db")).unwrap();
    assert_eq!(keeping.try_ledger().await.unwrap_err().to_string(), expected);
    std::fs::remove_file(keeping.file("ledger.db.lock")).unwrap();
    keeping.ledger().await.close().await;
}

#[tokio::test]
async fn keys_that_are_missing_are_noticed() {
    let mut keeping = undamaged().await;
    std::fs::write(keeping.file("keys"), new_key_line("second").unwrap()).unwrap();
    let told = keeping.try_ledger().await.unwrap_err().to_string();
    assert!(told.contains("record 1 was sealed with key `first`, which is not among the keys"), "{told}");
    // No key is made beside a ledger that has records.
    keeping.config.ledger.keys_file = None;
    let told = keeping.try_ledger().await.unwrap_err().to_string();
    assert_eq!(told, format!("`ledger.keys_file`: cannot use `{}.keys`", keeping.file("ledger.db").display()));
    assert!(!keeping.file("ledger.db.keys").exists());
}

async fn is_refused_as_old(keeping: &Keeping) {
    let file = keeping.file("ledger.db");
    let expected = format!("`ledger.url`: an earlier version of this program wrote `{}`", file.display());
    for told in [
        keeping.try_ledger().await.unwrap_err().to_string(),
        sij_cds::ledger::Archive::open(&keeping.config.ledger).await.unwrap_err().to_string(),
        sij_cds::ledger::Archive::migrate(&keeping.config.ledger).await.unwrap_err().to_string(),
    ] {
        assert!(told.starts_with(&expected) && told.contains("export its records with that version"), "{told}");
    }
}

#[tokio::test]
async fn a_file_of_an_earlier_form_is_refused() {
    let tables = undamaged().await;
    tables.tamper("UPDATE ledger_migrations SET version = 20261125000001").await;
    tables.tamper("CREATE TABLE ledger_journal (one INTEGER)").await;
    is_refused_as_old(&tables).await;
    let journal = Keeping::new();
    std::fs::create_dir(Path::new(&journal.file("ledger.db.journal"))).unwrap();
    is_refused_as_old(&journal).await;
    assert!(!journal.file("ledger.db").exists());
}

#[tokio::test]
async fn who_reads_sees_what_was_written_while_the_service_goes_on() {
    let keeping = Keeping::new();
    let ledger = keeping.ledger().await;
    for number in 0..5 {
        let entry = entry(number);
        let id = entry.id;
        ledger.write(vec![entry]).await.unwrap();
        assert_eq!(ledger.find(id).await.unwrap().map(|record| record.id), Some(id), "{number}, by the service itself");
        let archive = keeping.archive().await;
        assert_eq!(archive.find(id).await.unwrap().map(|record| record.id), Some(id), "{number}, from outside");
    }
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_continues_its_chain_when_it_can() {
    let keeping = Keeping::new();
    let ledger = keeping.ledger().await;
    ledger.write(vec![entry(1)]).await.unwrap();
    keeping.tamper("ALTER TABLE ledger_card RENAME TO away").await;
    for _ in 0..3 {
        assert!(ledger.write(vec![entry(2)]).await.is_err());
    }
    keeping.tamper("ALTER TABLE away RENAME TO ledger_card").await;
    ledger.write(vec![entry(3)]).await.unwrap();
    ledger.close().await;
    let verified = keeping.verified().await;
    assert_eq!((verified.records, verified.ends.len(), verified.findings.len()), (3, 1, 0));
}

#[tokio::test]
async fn an_error_of_the_database_is_reported_as_such_and_not_as_damaged_records() {
    let keeping = undamaged().await;
    // Every row can be found, and none can be read.
    keeping.tamper("ALTER TABLE ledger_record RENAME COLUMN tenant TO away").await;
    let archive = keeping.archive().await;
    let mut verification = Verification::begin(&archive, None, Vec::new()).await.unwrap();
    assert_eq!(verification.step().await.unwrap_err().to_string(), "the ledger's database failed");
    assert_eq!(verification.so_far().findings, []);
    assert_eq!(keeping.try_ledger().await.unwrap_err().to_string(), "the ledger's database failed");
}
