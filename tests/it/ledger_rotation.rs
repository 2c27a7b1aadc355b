//! Records whose key is not configured, as while keys are rotated: they are listed as such, their place in the chain is verified, and they are
//! no defect. Rotating in two phases leaves none.
//! Not here: two instances on one database; see [`super::ledger_in_postgres`].

use std::sync::Arc;

use chrono::TimeDelta;
use sij_cds::ids::{IdSource as _, RandomIds};
use sij_cds::ledger::{Archive, Entry, EntryKind, Verified, Wanted, new_key_line};

use crate::support::callers::HandClock;
use crate::support::day_of_the_fixtures;
use crate::support::keeping::Keeping;

fn entry() -> Entry<'static> {
    let mut entry = Entry::new(RandomIds.new_id(), EntryKind::Call, day_of_the_fixtures());
    entry.client = Some("ehr".to_owned());
    entry.determination = Some("supported".to_owned());
    entry.summary = br#"{"patient":"Patient/1"}"#.to_vec();
    entry.content = vec![br#"{"request":{}}"#.as_slice().into()];
    entry.cards = vec![RandomIds.new_id()];
    entry
}

/// One run: a start record and this many calls. Returns the id of the last.
async fn run(keeping: &Keeping, calls: usize) -> String {
    let ledger = keeping.ledger().await;
    let entries: Vec<Entry<'_>> = (0..calls).map(|_| entry()).collect();
    let id = entries.last().unwrap().id.to_string();
    ledger.write(entries).await.unwrap();
    ledger.close().await;
    id
}

/// Keys in a file, the first of which seals.
fn set_keys(keeping: &Keeping, lines: &[&str]) {
    std::fs::write(keeping.file("keys"), lines.join("\n")).unwrap();
}

/// A ledger with three records of the key `first`, and then three of the key `second`, which is not configured any more.
async fn half_locked() -> (Keeping, String) {
    let keeping = Keeping::new();
    run(&keeping, 2).await;
    let first = std::fs::read_to_string(keeping.file("keys")).unwrap();
    keeping.rotate("second");
    let id = run(&keeping, 2).await;
    set_keys(&keeping, &[&first]);
    (keeping, id)
}

#[tokio::test]
async fn a_record_whose_key_is_missing_is_listed_as_such() {
    let (keeping, id) = half_locked().await;
    let (code, text) = keeping.command(&["list"]);
    let locked: Vec<&str> = text.lines().filter(|line| line.contains("key `second` is missing")).collect();
    assert_eq!((code, text.lines().count(), locked.len()), (0, 6, 3), "{text}");
    assert!(locked[0].contains(&id) && locked[0].contains("ehr"), "{text}");
    let (code, text) = keeping.command(&["show", &id]);
    assert!(code == 0 && text.contains("key           second, which is missing: what it sealed cannot be read\n"), "{text}");
    assert!(text.contains("determination supported\n") && !text.contains("Patient/1"), "{text}");
    let (code, text) = keeping.command(&["show", &id, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &json["keyIsMissing"], &json["keyId"]), (0, &true.into(), &"second".into()), "{text}");
    let (code, text) = keeping.command(&["replay", &id]);
    assert_eq!((code, text), (1, format!("sij-cds: record `{id}` cannot be replayed: key `second` is missing\n")));
}

#[tokio::test]
async fn an_export_has_the_records_whose_key_is_missing_without_what_is_sealed() {
    let (keeping, id) = half_locked().await;
    let (code, text) = keeping.command(&["export"]);
    assert_eq!(code, 0, "{text}");
    let locked: Vec<&str> = text.lines().filter(|line| line.contains(r#""keyIsMissing":true"#)).collect();
    assert!(locked.len() == 3 && locked[2].contains(&id), "{text}");
    assert!(text.ends_with("3 records are exported without what is sealed: key `second` is missing\n"), "{text}");
    let exported = keeping.exported(&Wanted { kind: Some(EntryKind::Call), ..Wanted::default() }).await;
    assert_eq!((exported.records.len(), exported.findings.len()), (4, 0));
    let (_, table) = keeping.command(&["export", "--format", "csv"]);
    assert_eq!(table.lines().filter(|row| row.ends_with(",true")).count(), 3, "{table}");
}

#[tokio::test]
async fn what_is_not_checked_is_no_defect_and_says_so() {
    let (keeping, _) = half_locked().await;
    let chain = keeping.records().await[0].position.chain;
    let (code, text) = keeping.command(&["verify"]);
    let expected = format!("chain {chain}: 3 records from 4 to 6 are not checked: key `second` is missing\n");
    assert!(code == 0 && text.starts_with(&expected), "{text}");
    assert!(text.ends_with("the ledger holds: 3 records in 1 chains; 3 records are not checked\n"), "{text}");
    assert_eq!(keeping.command(&["verify", "--all-keys"]).0, 1);
    keeping.rotate("third");
    assert_eq!(keeping.verified().await.findings, []);
}

#[tokio::test]
async fn without_its_key_a_record_cannot_be_removed_or_replaced_unnoticed() {
    let original = Keeping::new();
    run(&original, 2).await;
    let first = std::fs::read_to_string(original.file("keys")).unwrap();
    original.rotate("second");
    run(&original, 2).await;
    let both = std::fs::read_to_string(original.file("keys")).unwrap();
    set_keys(&original, &[&first, both.lines().next().unwrap()]);
    run(&original, 2).await;
    for (statement, expected) in [
        ("DELETE FROM ledger_record WHERE sequence = 5", "record 5 is missing"),
        ("UPDATE ledger_record SET hash = zeroblob(32) WHERE sequence = 6", "record 7 does not continue the record before it"),
        ("UPDATE ledger_record SET previous = zeroblob(32) WHERE sequence = 5", "record 5 does not continue the record before it"),
        ("DELETE FROM ledger_record WHERE sequence = 9", "record 9 is missing, and it was there once"),
    ] {
        let damaged = original.killed();
        set_keys(&damaged, &[&first]);
        assert_eq!(damaged.tamper(statement).await, 1);
        let defects = damaged.defects().await;
        assert!(defects.len() == 1 && defects[0].ends_with(expected), "{statement}: {defects:?}");
    }
}

#[tokio::test]
async fn the_seals_of_a_key_are_counted_over_restarts_and_purges() {
    let clock = Arc::new(HandClock::at(day_of_the_fixtures()));
    let keeping = Keeping::with_clock(clock.clone());
    let counted = async || keeping.verified().await.seals;
    run(&keeping, 4).await;
    assert_eq!(counted().await, [("first".to_owned(), 10)].into());
    clock.advance(86_400);
    keeping.rotate("second");
    run(&keeping, 2).await;
    let both = [("first".to_owned(), 10), ("second".to_owned(), 6)].into();
    assert_eq!(counted().await, both);
    let before = (day_of_the_fixtures() + TimeDelta::hours(12)).to_rfc3339();
    assert!(keeping.command(&["purge", "--before", &before]).1.contains("5 records removed"));
    assert_eq!(counted().await, both, "what was purged was sealed nevertheless");
    run(&keeping, 1).await;
    assert_eq!(counted().await, [("first".to_owned(), 10), ("second".to_owned(), 10)].into());
    let metrics = sij_cds::telemetry::Metrics::of_this_process().unwrap().render();
    assert!(metrics.contains("sij_cds_ledger_key_seals{key=\"second\"}"), "{metrics}");
}

#[tokio::test]
async fn a_rotation_in_two_phases_leaves_no_record_that_an_instance_cannot_read() {
    let keeping = Keeping::new();
    let (first, second) = (std::fs::read_to_string(keeping.file("keys")).unwrap(), new_key_line("second").unwrap());
    run(&keeping, 1).await;
    for (keys, sealed_by) in [([&first, &second], "first"), ([&second, &first], "second")] {
        set_keys(&keeping, &keys.map(String::as_str));
        run(&keeping, 1).await;
        assert_eq!(keeping.records().await.last().unwrap().key_id, sealed_by);
        // An instance that is a phase behind, and one that is a phase ahead.
        for other in [[&first, &second], [&second, &first]] {
            set_keys(&keeping, &other.map(String::as_str));
            let Verified { findings, unchecked, .. } = keeping.verified().await;
            assert_eq!((findings, unchecked), (Vec::new(), Vec::new()), "{sealed_by}");
        }
    }
    let archive: Archive = keeping.archive().await;
    assert!(archive.newest(&Wanted::default(), 9).await.unwrap().iter().all(|record| !record.is_locked));
}
