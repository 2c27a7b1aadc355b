//! The ledger in PostgreSQL, and its spool. These tests need a database that `tests/e2e/postgres.sh` starts for them and names in
//! `SIJ_CDS_TEST_POSTGRES`; without it they are ignored, and say so.

use std::sync::Arc;
use std::time::Duration;

use sij_cds::clock::SystemClock;
use sij_cds::ids::{IdSource as _, RandomIds};
use sij_cds::ledger::{Archive, Entry, EntryKind, Ledger, LedgerHealth, Proof, Purge, Purged};
use sqlx::{Connection as _, PgConnection};
use tokio::io::copy_bidirectional;
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

/// Records `count` calls one after another, and returns their ids.
async fn keep(ledger: &Ledger, count: usize) -> Vec<uuid::Uuid> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let entry = entry();
        ids.push(entry.id);
        ledger.keep(vec![entry]).await.unwrap();
    }
    ids
}

async fn kept_ids(keeping: &Keeping) -> Vec<uuid::Uuid> {
    keeping.records().await.iter().filter(|record| record.kind == EntryKind::Call).map(|record| record.id).collect()
}

/// A connection to the database that can be cut.
struct Wire {
    url: String,
    task: Option<JoinHandle<()>>,
    port: u16,
    socket: String,
}

impl Wire {
    async fn to(url: &str) -> Self {
        let directory = url.split("host=").nth(1).unwrap();
        let socket = format!("{directory}/.s.PGSQL.5432");
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let url = url.split('?').next().unwrap().replace("localhost", &format!("127.0.0.1:{port}"));
        let mut wire = Self { url: format!("{url}?sslmode=disable"), task: None, port, socket };
        wire.mend().await;
        wire
    }

    async fn mend(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        let socket = self.socket.clone();
        self.task = Some(tokio::spawn(async move {
            // All of them are aborted with the task.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let socket = socket.clone();
                connections.spawn(async move {
                    let mut server = UnixStream::connect(socket).await.unwrap();
                    _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        }));
    }

    async fn cut(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            _ = task.await;
        }
    }
}

async fn until(ledger: &Ledger, standing: LedgerHealth) {
    for _ in 0..100 {
        // Probes are at most one a second, so a record triggers the switch.
        ledger.keep(vec![entry()]).await.unwrap();
        if ledger.standing().await == standing {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the ledger does not get {}", standing.as_str());
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn records_are_kept_found_proved_and_purged() {
    let keeping = keeping(&own_database().await);
    let ledger = keeping.ledger().await;
    let ids = keep(&ledger, 5).await;
    assert_eq!(ledger.standing().await, LedgerHealth::Writable);
    ledger.close().await;
    assert_eq!(kept_ids(&keeping).await, ids);
    let again = keeping.ledger().await;
    keep(&again, 2).await;
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
        keep(&ledger, 3).await;
        ledger.close().await;
    }
    let chains: Vec<_> = keeping.verified().await.ends.iter().map(|end| end.place.chain).collect();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::query("DELETE FROM ledger_record WHERE chain = $1").bind(chains[1].as_bytes().to_vec()).execute(&mut connection).await.unwrap();
    let told = keeping.defects().await;
    assert_eq!(told, [format!("chain {}: record 4 is missing, and it was there once", chains[1])]);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn while_the_database_is_away_records_go_to_the_spool_and_then_to_it_in_order_and_once() {
    let url = own_database().await;
    let mut wire = Wire::to(&url).await;
    let through = keeping(&wire.url);
    let ledger = through.ledger().await;
    let mut ids = keep(&ledger, 3).await;
    for _ in 0..3 {
        wire.cut().await;
        ids.extend(keep(&ledger, 7).await);
        assert_eq!(ledger.standing().await, LedgerHealth::Spooling);
        wire.mend().await;
        until(&ledger, LedgerHealth::Writable).await;
    }
    ledger.close().await;
    let direct = kept_ids(&through).await;
    let seen: Vec<_> = direct.iter().filter(|id| ids.contains(id)).copied().collect();
    assert_eq!(seen, ids, "in order, and each once");
    let verified = through.verified().await;
    assert_eq!((verified.ends.len(), verified.findings.len()), (1, 0), "one chain, whatever way its records took");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn what_a_process_left_in_the_spool_is_brought_by_the_next_one() {
    let url = own_database().await;
    let mut wire = Wire::to(&url).await;
    let keeping = keeping(&wire.url);
    wire.cut().await;
    let ledger = keeping.ledger().await;
    let mut ids = keep(&ledger, 4).await;
    ledger.close().await;
    wire.mend().await;
    let ledger = keeping.ledger().await;
    ids.extend(keep(&ledger, 4).await);
    until(&ledger, LedgerHealth::Writable).await;
    ledger.close().await;
    let seen: Vec<_> = kept_ids(&keeping).await.into_iter().filter(|id| ids.contains(id)).collect();
    assert_eq!(seen, ids);
    let verified = keeping.verified().await;
    assert_eq!((verified.ends.len(), verified.findings.len()), (2, 0));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn without_calls_readiness_still_says_when_the_database_is_back() {
    let mut wire = Wire::to(&own_database().await).await;
    let keeping = keeping(&wire.url);
    let ledger = keeping.ledger().await;
    wire.cut().await;
    keep(&ledger, 3).await;
    wire.mend().await;
    for _ in 0..100 {
        if ledger.standing().await == LedgerHealth::Writable {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the ledger does not get writable");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn a_process_that_began_without_the_database_says_later_what_it_goes_on_from() {
    let url = own_database().await;
    let mut wire = Wire::to(&url).await;
    let keeping = keeping(&wire.url);
    let ledger = keeping.ledger().await;
    keep(&ledger, 3).await;
    ledger.close().await;
    wire.cut().await;
    let ledger = keeping.ledger().await;
    keep(&ledger, 2).await;
    wire.mend().await;
    until(&ledger, LedgerHealth::Writable).await;
    keep(&ledger, 1).await;
    ledger.close().await;
    let verified = keeping.verified().await;
    assert_eq!((verified.ends.len(), verified.findings.len()), (2, 0));
    let first = verified.ends[0].place;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::query("DELETE FROM ledger_record WHERE chain = $1").bind(first.chain.as_bytes().to_vec()).execute(&mut connection).await.unwrap();
    sqlx::query("DELETE FROM ledger_card").execute(&mut connection).await.unwrap();
    let missing = format!("chain {}: record {} is missing, and it was there once", first.chain, first.sequence);
    assert!(keeping.defects().await.contains(&missing), "{:?}", keeping.defects().await);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn with_neither_database_nor_spool_nothing_is_kept_and_the_next_chain_goes_on() {
    let url = own_database().await;
    let mut wire = Wire::to(&url).await;
    let keeping = keeping(&wire.url);
    let ledger = keeping.ledger().await;
    keep(&ledger, 2).await;
    wire.cut().await;
    let spool = sqlx::sqlite::SqliteConnectOptions::new().filename(keeping.file("spool.db"));
    let mut spool = sqlx::SqliteConnection::connect_with(&spool).await.unwrap();
    sqlx::raw_sql("ALTER TABLE ledger_record RENAME TO away").execute(&mut spool).await.unwrap();
    assert!(ledger.keep(vec![entry()]).await.is_err());
    sqlx::raw_sql("ALTER TABLE away RENAME TO ledger_record").execute(&mut spool).await.unwrap();
    keep(&ledger, 2).await;
    wire.mend().await;
    until(&ledger, LedgerHealth::Writable).await;
    ledger.close().await;
    let verified = keeping.verified().await;
    assert_eq!((verified.ends.len(), verified.findings.len()), (2, 0));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn two_instances_make_the_tables_at_once() {
    let url = own_database().await;
    let (one, two) = (keeping(&url), keeping(&url));
    std::fs::copy(one.file("keys"), two.file("keys")).unwrap();
    let (first, second) = tokio::join!(one.ledger(), two.ledger());
    keep(&first, 2).await;
    keep(&second, 2).await;
    first.close().await;
    second.close().await;
    assert_eq!(Archive::migrate(&one.config.ledger).await.map_err(|error| error.to_string()), Ok(()));
    assert_eq!(one.verified().await.findings, []);
}
