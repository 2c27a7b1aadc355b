//! How many calls are worked on at one time, and how much memory they may take: of all clients together and of each.

use std::convert::Infallible;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::pin::pin;
use std::task::Poll;

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use futures_util::{StreamExt as _, poll};
use serde_json::{Value, json};
use sij_cds::config::Config;

use crate::support::callers::{OTHER_EC_KEY, Token, good_token, let_in_the_ehr, other_client};
use crate::support::fhir_server::{FhirServer, call_with_server, register};
use crate::support::keeping::Keeping;
use crate::support::{SERVICE, TestApp, bearing, empty_sign_call, post, story};

/// A body that says so much and then waits.
fn unfinished(text: impl Into<Bytes>) -> Body {
    let begun = futures_util::stream::iter([Ok::<_, Infallible>(text.into())]);
    Body::from_stream(begun.chain(futures_util::stream::pending()))
}

fn limit(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap()
}

fn two_clients(change: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::on_the_day_of_the_fixtures_with(|config| {
        let_in_the_ehr(config);
        config.clients.push(other_client());
        change(config);
    })
}

fn other_token() -> String {
    Token::good().claim("iss", json!("https://other.example")).header("jku", Value::Null).signed_by(&OTHER_EC_KEY)
}

fn slow(token: &str) -> Request<Body> {
    bearing(token, post(SERVICE, unfinished("{")))
}

/// A call with so many entries, in Bundles that hold each other and lie beside each other.
fn with_entries(count: usize) -> String {
    let entries = |count: usize| vec!["{}"; count].join(",");
    let bundle = |count: usize| format!(r#"{{"resourceType":"Bundle","entry":[{}]}}"#, entries(count));
    let mut call = empty_sign_call();
    call["prefetch"] = json!({ "a": "FIRST", "b": "SECOND" });
    let (half, rest) = (count / 2, count - count / 2);
    call.to_string().replace("\"FIRST\"", &bundle(half)).replace("\"SECOND\"", &bundle(rest))
}

#[tokio::test]
async fn more_entries_than_the_limit_are_413_over_all_bundles_of_a_call() {
    let app = TestApp::new();
    for (count, is_taken) in [(1, true), (20_000, true), (20_001, false), (1_300_000, false)] {
        let answer = app.sign_text(&with_entries(count)).await;
        if is_taken {
            assert_eq!(answer.status, StatusCode::OK, "{count}: {}", answer.text());
        } else {
            assert_eq!(answer.outcome(413, "too-costly"), "the body has more than 20000 Bundle entries", "{count}");
        }
    }
    let few = TestApp::with(|config| config.server.max_entries = limit(3));
    assert_eq!(few.sign_text(&with_entries(3)).await.status, StatusCode::OK);
    few.sign_text(&with_entries(4)).await.outcome(413, "too-costly");
}

#[tokio::test]
async fn feedback_and_packages_are_measured_like_calls() {
    let body = format!(r#"{{"feedback":[{}{{}}]}}"#, "{},".repeat(1_000_000));
    for path in [format!("{SERVICE}/feedback"), "/fhir/Questionnaire/$questionnaire-package".to_owned(), SERVICE.to_owned()] {
        let diagnostics = TestApp::new().send(post(&path, body.clone())).await.outcome(413, "too-costly");
        assert_eq!(diagnostics, "the body has far more JSON values than a chart of this size has", "{path}");
    }
}

#[tokio::test]
async fn a_call_takes_its_memory_from_what_all_calls_may_take() {
    let app = TestApp::with(|config| config.server.call_memory_bytes = limit(512 * 1024));
    let small = empty_sign_call();
    assert_eq!(app.sign(&small).await.status, StatusCode::OK);
    {
        let mut held = pin!(app.send(post(SERVICE, unfinished(vec![b' '; 256 * 1024]))));
        assert!(matches!(poll!(held.as_mut()), Poll::Pending));
        let refused = app.sign(&small).await;
        refused.outcome(503, "throttled");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    assert_eq!(app.sign(&small).await.status, StatusCode::OK);
    let mut large = small;
    large["extension"] = json!({ "note": "x".repeat(100 * 1024) });
    // It can never have as much.
    app.sign(&large).await.outcome(413, "too-costly");
}

#[tokio::test]
async fn one_client_leaves_slots_to_the_others() {
    let app = two_clients(|config| config.server.max_concurrent_calls = limit(8));
    let (mut first, mut second) = (pin!(app.send(slow(&good_token()))), pin!(app.send(slow(&good_token()))));
    assert!(poll!(first.as_mut()).is_pending() && poll!(second.as_mut()).is_pending());
    app.sign_as(&good_token(), &empty_sign_call()).await.outcome(503, "throttled");
    assert_eq!(app.sign_as(&other_token(), &empty_sign_call()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn one_client_leaves_memory_to_the_others() {
    let app = two_clients(|config| config.server.call_memory_bytes = limit(512 * 1024));
    let mut held = pin!(app.send(bearing(&good_token(), post(SERVICE, unfinished(vec![b' '; 64 * 1024])))));
    assert!(poll!(held.as_mut()).is_pending());
    app.sign_as(&good_token(), &empty_sign_call()).await.outcome(503, "throttled");
    assert_eq!(app.sign_as(&other_token(), &empty_sign_call()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_client_that_is_alone_has_all_slots() {
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
        let_in_the_ehr(config);
        config.server.max_concurrent_calls = limit(2);
    });
    let mut first = pin!(app.send(slow(&good_token())));
    assert!(poll!(first.as_mut()).is_pending());
    assert_eq!(app.sign_as(&good_token(), &empty_sign_call()).await.status, StatusCode::OK);
}

/// The detail of the call's card.
async fn detail(app: &TestApp, call: &str) -> String {
    let answer = app.sign_text(call).await;
    answer.json()["cards"][0]["detail"].as_str().unwrap_or_else(|| panic!("no card: {}", answer.text())).to_owned()
}

#[tokio::test]
async fn fetched_pages_share_the_bounds_of_their_call() {
    let story = story("first-injection-fully-documented");
    let server = FhirServer::of(&story).await;
    let call = call_with_server(&story, &server.base(), |_| false).to_string();
    for (entries, is_whole) in [(20_000, true), (3, false)] {
        let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
            register(config, &server.base());
            config.server.max_entries = limit(entries);
        });
        let detail = detail(&app, &call).await;
        assert_eq!(!detail.contains("has more than is read"), is_whole, "{entries}: {detail}");
    }
    let little = TestApp::on_the_day_of_the_fixtures_with(|config| {
        register(config, &server.base());
        config.server.call_memory_bytes = limit(200 * 1024);
    });
    let detail = detail(&little, &call).await;
    assert!(detail.contains("too busy to read"), "{detail}");
}

fn feedback(entries: usize) -> Value {
    let entry =
        json!({ "card": "4f5a7b1e-0000-4000-8000-000000000001", "outcome": "accepted", "outcomeTimestamp": "2026-11-22T10:00:00Z" });
    json!({ "feedback": vec![entry; entries] })
}

#[tokio::test(start_paused = true)]
async fn feedback_entries_count_in_a_rate_of_their_own() {
    let app = TestApp::with(|config| config.limits.calls_per_second = NonZeroU32::new(10).unwrap());
    assert_eq!(app.feedback(&feedback(25)).await.status, StatusCode::OK);
    let refused = app.feedback(&feedback(1)).await;
    refused.outcome(429, "throttled");
    assert_eq!(refused.header("retry-after"), Some("3"));
    assert_eq!(app.sign(&empty_sign_call()).await.status, StatusCode::OK, "calls are counted apart");
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    assert_eq!(app.feedback(&feedback(1)).await.status, StatusCode::TOO_MANY_REQUESTS);
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    assert_eq!(app.feedback(&feedback(1)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_client_whose_records_took_their_share_of_a_day_waits_for_the_next() {
    let mut keeping = Keeping::new();
    keeping.config.ledger.client_bytes_per_day = NonZeroU64::new(1);
    let app = keeping.app().await;
    assert_eq!(app.http.sign(&empty_sign_call()).await.status, StatusCode::OK);
    let refused = app.http.sign(&empty_sign_call()).await;
    refused.outcome(429, "throttled");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=24 * 3600).contains(&wait), "{wait}");
    app.http.feedback(&feedback(1)).await.outcome(429, "throttled");
    keeping.config.ledger.refusals_per_minute = NonZeroU32::MIN;
    app.ports.close().await;
    let (app, before) = (keeping.app().await, keeping.records().await.len());
    for _ in 0..20 {
        app.http.sign(&empty_sign_call()).await;
    }
    app.ports.close().await;
    // A start, the one call that reaches the share, and the refusals as one and their number.
    assert!(keeping.records().await.len() <= before + 4, "{} after {before}", keeping.records().await.len());
}
