//! Used tokens across a restart: a token that was used before the process was killed is refused after it.
//! Not here: tokens within one process ([`super::hostile_tokens`]), and the database that instances share ([`super::shared_replays`]).

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sij_cds::clock::{Clock as _, SystemClock};
use sij_cds::config::{Config, ReplayStore};
use tempfile::TempDir;

use crate::support::callers::{AUDIENCE, EC_KEY, EHR, HandClock, Token, good_token, key_set, let_in_the_ehr};
use crate::support::keeping::Keeping;
use crate::support::running_program::{RunningProgram, configuration_file};
use crate::support::{LogBuffer, SERVICE, bearing, day_of_the_fixtures, empty_sign_call, post};

/// A ledger whose service admits the client `ehr`.
fn guarded(change: impl FnOnce(&mut Config)) -> Keeping {
    guard(Keeping::new(), change)
}

fn guard(mut keeping: Keeping, change: impl FnOnce(&mut Config)) -> Keeping {
    let_in_the_ehr(&mut keeping.config);
    keeping.config.auth.protect_discovery = true;
    change(&mut keeping.config);
    keeping
}

/// The same ledger as it would be found after the process was killed at this moment.
fn killed(keeping: &Keeping) -> Keeping {
    guard(keeping.killed(), |_| {})
}

/// Requests of every kind that takes a token, and how each is answered.
fn requests() -> [(&'static str, Request<Body>, u16); 7] {
    [
        ("a call", post(SERVICE, empty_sign_call().to_string()), 200),
        ("no JSON", post(SERVICE, "{"), 400),
        ("another type", Request::post(SERVICE).header("content-type", "text/plain").body(Body::from("x")).unwrap(), 415),
        ("another service", post("/cds-services/other", "{}"), 404),
        ("no feedback", post(&format!("{SERVICE}/feedback"), "{}"), 400),
        ("no package", post("/fhir/Questionnaire/$questionnaire-package", "{}"), 400),
        ("discovery", Request::get("/cds-services").body(Body::empty()).unwrap(), 200),
    ]
}

#[tokio::test]
async fn whatever_a_token_was_used_for_it_is_refused_after_a_kill() {
    for ((name, request, status), (_, again, _)) in requests().into_iter().zip(requests()) {
        let (keeping, token) = (guarded(|_| {}), good_token());
        let app = keeping.app().await;
        assert_eq!(app.http.send(bearing(&token, request)).await.status, status, "{name}");
        let left = killed(&keeping);
        let restarted = left.app().await;
        assert_eq!(restarted.http.send(bearing(&token, again)).await.status, 401, "{name}");
        assert_eq!(restarted.http.sign_as(&good_token(), &empty_sign_call()).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn where_memory_is_configured_a_restart_forgets_used_tokens() {
    let (keeping, token) = (guarded(|config| config.auth.replay_store = ReplayStore::Memory), good_token());
    let app = keeping.app().await;
    assert_eq!(app.http.sign_as(&token, &empty_sign_call()).await.status, 200);
    assert!(keeping.bytes("SELECT digest FROM used_token").await.is_empty());
    let restarted = killed(&keeping);
    let restarted = restarted.app().await;
    assert_eq!(restarted.http.sign_as(&token, &empty_sign_call()).await.status, 200);
}

#[tokio::test]
async fn a_refused_token_is_not_written() {
    let keeping = guarded(|config| config.limits.client_calls_per_second = std::num::NonZeroU32::MIN);
    let app = keeping.app().await;
    assert_eq!(app.http.sign_as(&good_token(), &empty_sign_call()).await.status, 200);
    let early = good_token();
    assert_eq!(app.http.sign_as(&early, &empty_sign_call()).await.status, 429);
    assert_eq!(app.http.sign_as("no.token.", &empty_sign_call()).await.status, 401);
    app.ports.close().await;
    assert_eq!(keeping.bytes("SELECT digest FROM used_token").await.len(), 1);
}

#[tokio::test]
async fn what_was_used_before_a_restart_counts_towards_the_capacity() {
    let keeping = guarded(|_| {});
    let app = keeping.app().await;
    assert_eq!(app.http.sign_as(&good_token(), &empty_sign_call()).await.status, 200);
    let left = guard(keeping.killed(), |config| config.auth.replay_capacity = std::num::NonZeroUsize::MIN);
    let restarted = left.app().await;
    restarted.http.sign_as(&good_token(), &empty_sign_call()).await.outcome(503, "transient");
}

#[tokio::test]
async fn a_token_that_cannot_be_kept_is_answered_503_and_stays_used() {
    let (keeping, token) = (guarded(|_| {}), good_token());
    let app = keeping.app().await;
    keeping.tamper("ALTER TABLE used_token RENAME TO lost").await;
    let discovery = app.http.get_as(&token, "/cds-services").await;
    discovery.outcome(503, "transient");
    assert_eq!(discovery.header("retry-after"), Some("1"));
    app.http.sign_as(&good_token(), &empty_sign_call()).await.outcome(503, "transient");
    keeping.tamper("ALTER TABLE lost RENAME TO used_token").await;
    assert_eq!(app.http.get_as(&token, "/cds-services").await.status, 401);
    assert_eq!(app.http.sign_as(&good_token(), &empty_sign_call()).await.status, 200);
    // What could not be written then is written now.
    assert_eq!(keeping.bytes("SELECT digest FROM used_token").await.len(), 3);
}

#[tokio::test]
async fn tokens_that_are_over_are_removed_and_the_ledger_holds() {
    let clock = Arc::new(HandClock::at(day_of_the_fixtures()));
    let keeping = guard(Keeping::with_clock(clock.clone()), |_| {});
    let app = keeping.app().await;
    assert_eq!(app.http.sign_as(&good_token(), &empty_sign_call()).await.status, 200);
    clock.advance(3_600);
    let now = day_of_the_fixtures().timestamp() + 3_600;
    let later = Token::good().claim("iat", json!(now)).claim("exp", json!(now + 300)).signed_by(&EC_KEY);
    assert_eq!(app.http.sign_as(&later, &empty_sign_call()).await.status, 200);
    app.ports.close().await;
    assert_eq!(keeping.bytes("SELECT digest FROM used_token").await.len(), 1);
    assert_eq!(keeping.defects().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_ledger_of_an_earlier_version_gets_the_table_and_its_records_stay() {
    let keeping = guarded(|_| {});
    let app = keeping.app().await;
    assert_eq!(app.http.sign_as(&good_token(), &empty_sign_call()).await.status, 200);
    app.ports.close().await;
    keeping.tamper("DROP TABLE used_token").await;
    let records = keeping.records().await.len();
    let app = keeping.app().await;
    assert_eq!(app.http.sign_as(&good_token(), &empty_sign_call()).await.status, 200);
    app.ports.close().await;
    assert_eq!((keeping.records().await.len(), keeping.bytes("SELECT digest FROM used_token").await.len()), (records + 2, 1));
}

#[test]
fn used_tokens_are_remembered_in_the_database_of_the_ledger_unless_configured_otherwise() {
    let (ledger, other) = ("postgres://u@ledger.example/l", "postgres://u@tokens.example/t");
    for (ledger_url, replay_url, replay_store, expected) in [
        (ledger, None, ReplayStore::Durable, Some(ledger)),
        (ledger, Some(other), ReplayStore::Durable, Some(other)),
        (ledger, None, ReplayStore::Memory, None),
        ("sqlite:ledger.db", None, ReplayStore::Durable, None),
        ("sqlite:ledger.db", Some(other), ReplayStore::Durable, Some(other)),
    ] {
        let mut config = guarded(|_| {}).config;
        config.ledger.url = ledger_url.to_owned().into();
        config.auth.replay_url = replay_url.map(|url| url.to_owned().into());
        config.auth.replay_store = replay_store;
        assert_eq!(config.replay_database().map(ExposeSecret::expose_secret), expected, "{ledger_url} {replay_url:?}");
    }
}

#[tokio::test]
async fn a_token_used_before_kill_9_is_refused_as_replayed_after_it() {
    LogBuffer::of_this_run();
    let directory = TempDir::new().unwrap();
    let jwks = directory.path().join("jwks.json");
    std::fs::write(&jwks, key_set([EC_KEY.jwk("ehr-1")]).to_string()).unwrap();
    let entry = format!("[[clients]]\nname = \"ehr\"\niss = \"{EHR}\"\njwks_file = \"{}\"\n", jwks.display());
    let configuration = configuration_file(&directory, &entry);
    let now = SystemClock.now().timestamp();
    let token = Token::good().header("jku", Value::Null).claim("aud", json!(AUDIENCE)).claim("iat", json!(now));
    let token = token.claim("exp", json!(now + 300)).signed_by(&EC_KEY);

    let program = RunningProgram::start(&configuration);
    assert_eq!(program.call(&token).await, 200);
    drop(program);
    let mut program = RunningProgram::start(&configuration);
    assert_eq!(program.call(&token).await, 401);
    assert_eq!(program.line("caller refused")["cause"], "replayed");
}
