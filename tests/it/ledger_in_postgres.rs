//! The ledger in PostgreSQL, also while it is away. These tests need a database that `tests/e2e/postgres.sh` starts for them and names
//! in `SIJ_CDS_TEST_POSTGRES`; without it they are ignored, and say so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sij_cds::clock::SystemClock;
use sij_cds::ids::{IdSource as _, RandomIds};
use sij_cds::ledger::{Archive, Entry, EntryKind, Ledger, LedgerHealth, Proof, Purge, Purged, new_key_line};
use sqlx::{Connection as _, PgConnection};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinHandle;

use crate::support::day_of_the_fixtures;
use crate::support::keeping::Keeping;

fn database() -> String {
    std::env::var("SIJ_CDS_TEST_POSTGRES").expect("tests/e2e/postgres.sh names the database")
}

/// A separate database, so that each test sees only its own records.
async fn own_database() -> String {
    let name = format!("ledger_{}", RandomIds.new_id().simple());
    let mut connection = PgConnection::connect(&database()).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
    database().replace("/postgres?", &format!("/{name}?"))
}

fn keeping(url: &str) -> Keeping {
    let mut keeping = Keeping::with_clock(Arc::new(SystemClock));
    keeping.config.ledger.url = url.to_owned().into();
    keeping
}

fn entry() -> Entry<'static> {
    let mut entry = Entry::new(RandomIds.new_id(), EntryKind::Call, day_of_the_fixtures());
    entry.summary = b"{\"a\":1}".to_vec();
    entry.content = vec![b"{\"b\":1}".as_slice().into()];
    entry.cards = vec![RandomIds.new_id()];
    entry
}

/// Writes `count` calls one after another, and returns their ids.
async fn write(ledger: &Ledger, count: usize) -> Vec<uuid::Uuid> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let entry = entry();
        ids.push(entry.id);
        ledger.write(vec![entry]).await.unwrap();
    }
    ids
}

/// Two instances on one database, with the same two keys. Each line of `keys` is a phase: which key seals for which instance.
#[tokio::test]
#[ignore = "needs a PostgreSQL, which tests/e2e/postgres.sh starts"]
async fn a_rotation_in_two_phases_breaks_no_reading_and_one_in_one_phase_is_said() {
    let url = own_database().await;
    let (mut one, mut two) = (keeping(&url), keeping(&url));
    (one.config.ledger.instance, two.config.ledger.instance) = ("one".to_owned(), "two".to_owned());
    let (old, new) = (std::fs::read_to_string(one.file("keys")).unwrap(), new_key_line("second").unwrap());
    let set = |keeping: &Keeping, lines: [&str; 2]| std::fs::write(keeping.file("keys"), lines.join("\n")).unwrap();
    set(&two, [&old, ""]);
    let ledgers = [(&one, one.ledger().await), (&two, two.ledger().await)];
    for (lines, at) in [([old.as_str(), new.as_str()], 0), ([&old, &new], 1), ([&new, &old], 0), ([&new, &old], 1)] {
        let (changed, ledger) = &ledgers[at];
        set(changed, lines);
        ledger.take_keys(ledger.read_keys(&changed.config.ledger).unwrap().unwrap());
        for (_, writing) in &ledgers {
            for id in write(writing, 1).await {
                for (keeping, reading) in &ledgers {
                    assert_eq!(reading.find(id).await.unwrap().map(|record| record.is_locked), Some(false), "{at}");
                    assert_eq!(keeping.verified().await.unchecked, [], "{at}");
                }
            }
        }
    }
    // An instance that got no second key: what the other one seals is not checked, and the instance itself goes on.
    set(&two, [&old, ""]);
    ledgers[1].1.close().await;
    let restarted = two.ledger().await;
    write(&restarted, 1).await;
    let verified = two.verified().await;
    assert_eq!((verified.findings.len(), verified.unchecked.iter().any(|unchecked| unchecked.key_id == "second")), (0, true));
    assert!(two.records().await.iter().any(|record| record.is_locked && record.key_id == "second"));
    assert!(crate::support::LogBuffer::of_this_run().text().contains("records cannot be read or checked, because their key is missing"));
    for ledger in [&restarted, &ledgers[0].1] {
        ledger.close().await;
    }
}

async fn recorded_ids(keeping: &Keeping) -> Vec<uuid::Uuid> {
    keeping.records().await.iter().filter(|record| record.kind == EntryKind::Call).map(|record| record.id).collect()
}

/// A connection to the database that can be cut.
struct Wire {
    url: String,
    task: Option<JoinHandle<()>>,
    port: u16,
    socket: String,
    is_held: Arc<AtomicBool>,
    /// How long each message takes in each direction.
    delay: Duration,
}

/// Copies one direction of a connection.
async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, delay: Duration) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

impl Wire {
    async fn to(url: &str) -> Self {
        let directory = url.split("host=").nth(1).unwrap();
        let socket = format!("{directory}/.s.PGSQL.5432");
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let url = url.split('?').next().unwrap().replace("localhost", &format!("127.0.0.1:{port}"));
        let mut wire =
            Self { url: format!("{url}?sslmode=disable"), task: None, port, socket, is_held: Arc::default(), delay: Duration::ZERO };
        wire.mend().await;
        wire
    }

    async fn mend(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        let (socket, is_held, delay) = (self.socket.clone(), Arc::clone(&self.is_held), self.delay);
        self.task = Some(tokio::spawn(async move {
            // All of them are aborted with the task.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let (socket, is_held) = (socket.clone(), Arc::clone(&is_held));
                connections.spawn(async move {
                    let mut server = UnixStream::connect(socket).await.unwrap();
                    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
                    let held = async {
                        while !is_held.load(Ordering::Acquire) {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    };
                    tokio::select! {
                        () = copy(from_client, to_server, delay) => {}
                        () = copy(from_server, to_client, delay) => {}
                        () = held => std::future::pending().await,
                    }
                });
            }
        }));
    }

    /// Connections stay open, and nothing passes.
    fn hold(&self) {
        self.is_held.store(true, Ordering::Release);
    }

    async fn cut(&mut self) {
        self.is_held.store(false, Ordering::Release);
        if let Some(task) = self.task.take() {
            task.abort();
            _ = task.await;
        }
    }
}

/// How long the ledger takes to reach a health, within the limit that operators rely on.
async fn until(ledger: &Ledger, is_reached: fn(LedgerHealth) -> bool) -> Duration {
    let begun = Instant::now();
    while !is_reached(ledger.health().await) {
        assert!(begun.elapsed() < Duration::from_secs(2), "after {:?}: {:?}", begun.elapsed(), ledger.health().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}

fn is_writable(health: LedgerHealth) -> bool {
    health == LedgerHealth::Writable
}

fn is_unwritable(health: LedgerHealth) -> bool {
    health.unwritable_cause().is_some()
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn records_are_written_found_verified_and_purged() {
    let keeping = keeping(&own_database().await);
    let ledger = keeping.ledger().await;
    let ids = write(&ledger, 5).await;
    assert_eq!(ledger.health().await, LedgerHealth::Writable);
    ledger.close().await;
    assert_eq!(recorded_ids(&keeping).await, ids);
    let again = keeping.ledger().await;
    write(&again, 2).await;
    again.close().await;
    let verified = keeping.verified().await;
    assert_eq!((verified.records, verified.ends.len(), verified.findings.len()), (9, 2, 0));
    let archive = keeping.archive().await;
    assert_eq!(archive.find(ids[3]).await.unwrap().unwrap().id, ids[3]);
    let before = chrono::DateTime::<chrono::Utc>::MAX_UTC;
    let mut purge = Purge::begin(&archive, before, Proof::Asked).await.unwrap();
    assert_eq!(purge.step().await.unwrap(), Purged::Some(6));
    drop(purge);
    archive.close().await;
    let verified = keeping.verified().await;
    assert_eq!((verified.records, verified.findings.len()), (3, 0));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn a_chain_that_is_gone_is_missed() {
    let url = own_database().await;
    let keeping = keeping(&url);
    for _ in 0..3 {
        let ledger = keeping.ledger().await;
        write(&ledger, 3).await;
        ledger.close().await;
    }
    let chains: Vec<_> = keeping.verified().await.ends.iter().map(|end| end.position.chain).collect();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::query("DELETE FROM ledger_record WHERE chain = $1").bind(chains[1].as_bytes().to_vec()).execute(&mut connection).await.unwrap();
    let told = keeping.defects().await;
    assert_eq!(told, [format!("chain {}: record 4 is missing, and it was there once", chains[1])]);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn two_instances_say_within_two_seconds_that_the_database_is_away_and_that_it_is_back() {
    let url = own_database().await;
    let mut wire = Wire::to(&url).await;
    let (one, mut two) = (keeping(&wire.url), keeping(&wire.url));
    std::fs::copy(one.file("keys"), two.file("keys")).unwrap();
    two.config.ledger.instance = "two".to_owned();
    let (first, second) = (one.ledger().await, two.ledger().await);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.extend(write(&first, 3).await);
        ids.extend(write(&second, 3).await);
        wire.cut().await;
        tokio::join!(until(&first, is_unwritable), until(&second, is_unwritable));
        assert!(first.write(vec![entry()]).await.is_err() && second.write(vec![entry()]).await.is_err());
        wire.mend().await;
        tokio::join!(until(&first, is_writable), until(&second, is_writable));
    }
    ids.extend(write(&first, 1).await);
    first.close().await;
    second.close().await;
    let mut recorded = recorded_ids(&one).await;
    recorded.sort();
    ids.sort();
    assert_eq!(recorded, ids, "all that was acknowledged, and nothing else");
    assert_eq!(one.verified().await.findings, []);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn a_database_that_does_not_answer_is_noticed_within_two_seconds() {
    let url = own_database().await;
    let mut wire = Wire::to(&url).await;
    let keeping = keeping(&wire.url);
    let ledger = keeping.ledger().await;
    write(&ledger, 1).await;
    wire.hold();
    until(&ledger, is_unwritable).await;
    wire.cut().await;
    wire.mend().await;
    until(&ledger, is_writable).await;
    ledger.close().await;
    assert_eq!(keeping.verified().await.findings, []);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn a_process_that_begins_without_the_database_links_its_chain_when_it_is_there() {
    let url = own_database().await;
    let mut wire = Wire::to(&url).await;
    let keeping = keeping(&wire.url);
    let ledger = keeping.ledger().await;
    write(&ledger, 3).await;
    ledger.close().await;
    wire.cut().await;
    let ledger = keeping.ledger().await;
    assert!(is_unwritable(ledger.health().await));
    wire.mend().await;
    until(&ledger, is_writable).await;
    write(&ledger, 1).await;
    ledger.close().await;
    let verified = keeping.verified().await;
    assert_eq!((verified.ends.len(), verified.findings.len()), (2, 0));
    let first = verified.ends[0].position;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::query("DELETE FROM ledger_record WHERE chain = $1").bind(first.chain.as_bytes().to_vec()).execute(&mut connection).await.unwrap();
    let missing = format!("chain {}: record {} is missing, and it was there once", first.chain, first.sequence);
    assert!(keeping.defects().await.contains(&missing), "{:?}", keeping.defects().await);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn a_damaged_end_and_tables_of_an_earlier_form_are_refused() {
    let url = own_database().await;
    let keeping = keeping(&url);
    let ledger = keeping.ledger().await;
    write(&ledger, 3).await;
    ledger.close().await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::query("UPDATE ledger_record SET client = 'other' WHERE sequence = 4").execute(&mut connection).await.unwrap();
    let told = keeping.try_ledger().await.unwrap_err().to_string();
    assert!(told.contains("record 4 was altered"), "{told}");
    sqlx::query("UPDATE ledger_migrations SET version = 20261125000001").execute(&mut connection).await.unwrap();
    let told = keeping.try_ledger().await.unwrap_err().to_string();
    assert!(told.starts_with("`ledger.url`: an earlier version of this program made the database's ledger tables"), "{told}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn a_slow_database_passes_the_quick_check_when_it_returns() {
    let url = own_database().await;
    let mut wire = Wire::to(&url).await;
    let keeping = keeping(&wire.url);
    for _ in 0..20 {
        let ledger = keeping.ledger().await;
        write(&ledger, 10).await;
        ledger.close().await;
    }
    wire.cut().await;
    let ledger = keeping.ledger().await;
    assert!(is_unwritable(ledger.health().await));
    // The round trips of the whole quick check take longer than a write may.
    wire.delay = Duration::from_millis(8);
    wire.mend().await;
    let begun = Instant::now();
    while !is_writable(ledger.health().await) {
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", ledger.health().await);
    }
    assert!(begun.elapsed() > keeping.config.ledger.database_timeout, "the check is no longer than a write: {:?}", begun.elapsed());
    write(&ledger, 1).await;
    ledger.close().await;
    assert_eq!(keeping.verified().await.findings, []);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn the_quick_check_sees_the_ends_of_the_newest_chains() {
    let url = own_database().await;
    let keeping = keeping(&url);
    // With the start record, one chain of 12 records, then one of 20.
    for calls in [11, 19] {
        let ledger = keeping.ledger().await;
        write(&ledger, calls).await;
        ledger.close().await;
    }
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for (sequence, records) in [(12, 12), (9, 12), (20, 20), (8, 20)] {
        let chain = format!("chain IN (SELECT chain FROM ledger_record GROUP BY chain HAVING COUNT(*) = {records})");
        for hook in ["'other'", "NULL"] {
            let alter = format!("UPDATE ledger_record SET hook = {hook} WHERE {chain} AND sequence = {sequence}");
            let done = sqlx::raw_sql(sqlx::AssertSqlSafe(alter)).execute(&mut connection).await.unwrap();
            assert_eq!(done.rows_affected(), 1, "{sequence} of {records}");
            if hook != "NULL" {
                let told = keeping.try_ledger().await.unwrap_err().to_string();
                assert!(told.contains(&format!("record {sequence} was altered")), "{sequence} of {records}: {told}");
            }
        }
    }
    keeping.ledger().await.close().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn a_text_that_postgresql_refuses_fails_no_batch() {
    let keeping = keeping(&own_database().await);
    let ledger = keeping.ledger().await;
    let with_nul = Entry { tenant: Some("no\u{0}rth".to_owned()), ..entry() };
    let ids = [entry().id, with_nul.id];
    let first = Entry { id: ids[0], ..entry() };
    let (one, other) = tokio::join!(ledger.write(vec![first]), ledger.write(vec![with_nul]));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    ledger.close().await;
    assert_eq!(recorded_ids(&keeping).await, ids);
    assert_eq!(keeping.verified().await.findings, []);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn two_instances_make_the_tables_at_once() {
    let url = own_database().await;
    let (one, two) = (keeping(&url), keeping(&url));
    std::fs::copy(one.file("keys"), two.file("keys")).unwrap();
    let (first, second) = tokio::join!(one.ledger(), two.ledger());
    write(&first, 2).await;
    write(&second, 2).await;
    first.close().await;
    second.close().await;
    assert_eq!(Archive::migrate(&one.config.ledger).await.map_err(|error| error.to_string()), Ok(()));
    assert_eq!(one.verified().await.findings, []);
}
