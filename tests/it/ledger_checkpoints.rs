//! Signed checkpoints that are kept elsewhere: `ledger verify --expect` notices by them a chain that was cut off, or continued from an older copy.

use std::sync::Arc;

use chrono::TimeDelta;
use sij_cds::ids::{IdSource as _, RandomIds};
use sij_cds::ledger::{Entry, EntryKind, new_key_line};

use crate::support::callers::HandClock;
use crate::support::day_of_the_fixtures;
use crate::support::keeping::Keeping;

async fn write(keeping: &Keeping, calls: usize) {
    let ledger = keeping.ledger().await;
    let entries = (0..calls).map(|_| Entry::new(RandomIds.new_id(), EntryKind::Call, day_of_the_fixtures()));
    ledger.write(entries.collect()).await.unwrap();
    ledger.close().await;
}

/// A ledger with ten records.
async fn ten_records() -> Keeping {
    let keeping = Keeping::new();
    write(&keeping, 9).await;
    keeping
}

/// Appends what `ledger checkpoint` prints to a file, as a timer does.
fn keep_checkpoint(keeping: &Keeping, file: &str) {
    let (code, lines) = keeping.command(&["checkpoint"]);
    assert_eq!(code, 0, "{lines}");
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    std::fs::write(file, kept + &lines).unwrap();
}

fn verify(keeping: &Keeping, file: &str) -> (i32, String) {
    keeping.command(&["verify", "--expect", file])
}

fn path(keeping: &Keeping) -> String {
    keeping.file("checkpoints").to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_checkpoint_is_one_line_a_chain_and_holds_as_the_chain_grows() {
    let keeping = ten_records().await;
    let file = path(&keeping);
    keep_checkpoint(&keeping, &file);
    write(&keeping, 3).await;
    keep_checkpoint(&keeping, &file);
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["sequence"].as_i64().unwrap()).collect::<Vec<_>>(), [10, 14]);
    assert_eq!((&lines[0]["checkpoint"], &lines[0]["keyId"]), (&1.into(), &"first".into()));
    let (code, told) = verify(&keeping, &file);
    assert!(code == 0 && told.ends_with("the ledger holds: 14 records in 1 chains\n"), "{told}");
    // What `verify` itself prints can be kept, too.
    let end = told.lines().find(|line| line.starts_with("end ")).unwrap();
    std::fs::write(&file, format!("{text}\n{end}\n{}\n", end.strip_prefix("end ").unwrap())).unwrap();
    assert_eq!(verify(&keeping, &file).0, 0);
    assert_eq!(keeping.command(&["verify", "--expect", end.strip_prefix("end ").unwrap()]).0, 0);
    let (code, told) = verify(&keeping, "none");
    assert!(code == 1 && told.contains("`none` is no chain end as an earlier run printed it, and no file that can be read"), "{told}");
}

#[tokio::test]
async fn newest_records_that_are_deleted_are_noticed_with_and_without_the_note_beside_the_database() {
    for has_note in [true, false] {
        let keeping = ten_records().await;
        let file = path(&keeping);
        keep_checkpoint(&keeping, &file);
        assert_eq!(keeping.tamper("DELETE FROM ledger_record WHERE sequence > 8").await, 2);
        if !has_note {
            std::fs::remove_file(keeping.file("ledger.db.lock")).unwrap();
        }
        assert_eq!(keeping.command(&["verify"]).0, i32::from(has_note), "a chain alone does not show that its end is missing");
        let (code, told) = verify(&keeping, &file);
        assert!(code == 1 && told.contains("record 10 is missing, and it was there once\n"), "{told}");
        assert!(told.contains("the ledger does not hold: 1 defects; 8 records hold"), "{told}");
        // Nor does the rest go on unnoticed.
        if !has_note {
            write(&keeping, 5).await;
            let (code, told) = verify(&keeping, &file);
            assert!(code == 1 && told.contains("record 10 is not the one that was there once\n"), "{told}");
        }
    }
}

#[tokio::test]
async fn an_old_copy_that_was_restored_and_continued_is_noticed() {
    let keeping = ten_records().await;
    let file = path(&keeping);
    let old = std::fs::read(keeping.file("ledger.db")).unwrap();
    write(&keeping, 5).await;
    keep_checkpoint(&keeping, &file);
    std::fs::write(keeping.file("ledger.db"), old).unwrap();
    std::fs::remove_file(keeping.file("ledger.db.lock")).unwrap();
    write(&keeping, 20).await;
    // The continued chain has checkpoints of its own, which hold.
    keep_checkpoint(&keeping, &file);
    assert_eq!(keeping.command(&["verify"]).0, 0);
    let (code, told) = verify(&keeping, &file);
    assert!(code == 1 && told.contains("record 16 is not the one that was there once\n"), "{told}");
    assert!(told.contains("1 defects; 31 records hold"), "{told}");
}

#[tokio::test]
async fn a_sequence_number_that_was_issued_twice_is_noticed_wherever_it_is() {
    for sequence in [1, 5, 10, 500] {
        let keeping = Keeping::new();
        write(&keeping, if sequence == 500 { 600 } else { 9 }).await;
        keeping.tamper("DROP INDEX ledger_record_position").await;
        let copy = format!(
            "INSERT INTO ledger_record SELECT 9999, chain, sequence, randomblob(16), kind, instance, received_at, recorded_at, client, tenant, hook, \
             status, cause, policies, determination, patient_index, card, about, cards, key_id, previous, hash, summary, content \
             FROM ledger_record WHERE sequence = {sequence}"
        );
        assert_eq!(keeping.tamper(&copy).await, 1);
        let defects = keeping.defects().await;
        assert!(defects.iter().any(|defect| defect.ends_with(&format!("the sequence number {sequence} was issued twice"))), "{defects:?}");
    }
}

#[tokio::test]
async fn a_line_that_is_forged_cut_off_or_of_a_missing_key_is_named() {
    let keeping = ten_records().await;
    let file = path(&keeping);
    keep_checkpoint(&keeping, &file);
    let line = std::fs::read_to_string(&file).unwrap();
    let other = Keeping::new();
    std::fs::write(other.file("keys"), new_key_line("first").unwrap()).unwrap();
    write(&other, 1).await;
    let foreign = other.command(&["checkpoint"]).1;
    let long = format!("{}\n", "x".repeat(5_000));
    for (text, code, expected) in [
        (line.replace("\"sequence\":10", "\"sequence\":9"), 1, "is a checkpoint that this ledger's key did not sign"),
        (foreign, 1, "is a checkpoint that this ledger's key did not sign"),
        (line[..line.len() - 20].to_owned(), 1, "is no checkpoint and no chain end"),
        (long, 1, "is no checkpoint and no chain end"),
        (line.replace("\"keyId\":\"first\"", "\"keyId\":\"second\""), 0, "is not checked: key `second` is missing"),
    ] {
        std::fs::write(&file, format!("{line}{text}")).unwrap();
        let (found, told) = verify(&keeping, &file);
        assert!(found == code && told.contains(&format!("line 2 of `{file}` {expected}\n")), "{text}: {told}");
    }
}

#[tokio::test]
async fn a_checkpoint_of_what_was_purged_is_no_defect_unless_the_chain_is_another() {
    let clock = Arc::new(HandClock::at(day_of_the_fixtures()));
    let keeping = Keeping::with_clock(clock.clone());
    let file = path(&keeping);
    write(&keeping, 4).await;
    keep_checkpoint(&keeping, &file);
    write(&keeping, 4).await;
    keep_checkpoint(&keeping, &file);
    clock.advance(86_400);
    write(&keeping, 4).await;
    keep_checkpoint(&keeping, &file);
    let before = (day_of_the_fixtures() + TimeDelta::hours(12)).to_rfc3339();
    let (code, told) = keeping.command(&["purge", "--before", &before]);
    assert!(code == 0 && told.contains("10 records removed"), "{told}");
    let (code, told) = verify(&keeping, &file);
    assert!(code == 0 && told.ends_with("the ledger holds: 5 records in 1 chains\n"), "{told}");
}

#[tokio::test]
async fn no_checkpoint_is_made_of_a_record_that_was_altered() {
    let keeping = ten_records().await;
    keeping.tamper("UPDATE ledger_record SET client = 'other' WHERE sequence = 10").await;
    let (code, told) = keeping.command(&["checkpoint"]);
    assert!(code == 1 && told.contains("record 10 was altered"), "{told}");
}
