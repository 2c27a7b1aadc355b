//! Every fault is answered with its status and an OperationOutcome (protocol section 4).

use std::convert::Infallible;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode};
use axum::routing::get;
use sij_cds::http::{Observer, around_all};
use sij_cds::ids::SequentialIds;
use tower::ServiceExt;

use crate::support::{Answer, LogBuffer, SERVICE, TestApp, default_config, empty_sign_call, post};

/// A body that never ends.
fn endless_wait() -> Body {
    let never = futures_util::stream::pending::<Result<Bytes, Infallible>>();
    Body::from_stream(never)
}

#[tokio::test]
async fn an_unknown_path_is_404() {
    TestApp::new().get("/patients").await.outcome(404, "not-found");
}

#[tokio::test]
async fn an_unknown_service_is_404() {
    let call = post("/cds-services/other", empty_sign_call().to_string());
    TestApp::new().send(call).await.outcome(404, "not-found");
}

#[tokio::test]
async fn a_service_id_that_is_not_text_is_404() {
    TestApp::new().send(post("/cds-services/%FF", "{}")).await.outcome(404, "not-found");
}

#[tokio::test]
async fn feedback_for_an_unknown_service_is_404() {
    TestApp::new().send(post("/cds-services/other/feedback", r#"{"feedback":[]}"#)).await.outcome(404, "not-found");
}

#[tokio::test]
async fn a_wrong_method_is_405_and_told_the_right_one() {
    let answer = TestApp::new().get(SERVICE).await;
    answer.outcome(405, "not-supported");
    assert_eq!(answer.header("allow"), Some("POST"));
}

#[tokio::test]
async fn discovery_by_post_is_405() {
    let answer = TestApp::new().send(post("/cds-services", "{}")).await;
    answer.outcome(405, "not-supported");
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
}

#[tokio::test]
async fn a_call_that_is_not_json_is_400() {
    for body in ["", "{", "order-sign", "\u{feff}"] {
        TestApp::new().send(post(SERVICE, body)).await.outcome(400, "structure");
    }
}

#[tokio::test]
async fn a_call_without_a_hook_is_400_and_told_where() {
    let mut call = empty_sign_call();
    call.as_object_mut().unwrap().remove("hook");
    let diagnostics = TestApp::new().sign(&call).await.outcome(400, "structure");
    assert!(diagnostics.contains("hook"), "{diagnostics}");
}

#[tokio::test]
async fn feedback_that_is_not_json_is_400() {
    TestApp::new().send(post(&format!("{SERVICE}/feedback"), "{")).await.outcome(400, "structure");
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let app = TestApp::with(|config| config.server.body_limit_bytes = NonZeroUsize::new(1000).unwrap());
    let diagnostics = app.send(post(SERVICE, " ".repeat(1001))).await.outcome(413, "too-long");
    assert_eq!(diagnostics, "the body is larger than 1000 bytes");
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_when_its_length_is_not_declared() {
    let app = TestApp::with(|config| config.server.body_limit_bytes = NonZeroUsize::new(1000).unwrap());
    let chunks = (0..3).map(|_| Ok::<_, Infallible>(Bytes::from(" ".repeat(400))));
    app.send(post(SERVICE, Body::from_stream(futures_util::stream::iter(chunks)))).await.outcome(413, "too-long");
}

#[tokio::test]
async fn a_body_that_never_stops_is_413_all_the_same() {
    let app = TestApp::with(|config| config.server.body_limit_bytes = NonZeroUsize::new(1000).unwrap());
    let chunks = std::iter::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(b"          ")));
    app.send(post(SERVICE, Body::from_stream(futures_util::stream::iter(chunks)))).await.outcome(413, "too-long");
}

#[tokio::test]
async fn a_body_of_just_the_limit_is_read() {
    let call = empty_sign_call().to_string();
    let app = TestApp::with(|config| config.server.body_limit_bytes = NonZeroUsize::new(call.len()).unwrap());
    assert_eq!(app.send(post(SERVICE, call)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_in_chunks_is_read_whole() {
    let call = empty_sign_call().to_string();
    let chunks: Vec<_> = call.as_bytes().chunks(7).map(|chunk| Ok::<_, Infallible>(Bytes::copy_from_slice(chunk))).collect();
    let answer = TestApp::new().send(post(SERVICE, Body::from_stream(futures_util::stream::iter(chunks)))).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400() {
    let frames = [Ok(Bytes::from_static(b"{")), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
    TestApp::new().send(post(SERVICE, Body::from_stream(futures_util::stream::iter(frames)))).await.outcome(400, "structure");
}

#[tokio::test]
async fn another_media_type_is_415() {
    let request = Request::post(SERVICE).header("content-type", "text/xml").body(Body::from(empty_sign_call().to_string())).unwrap();
    TestApp::new().send(request).await.outcome(415, "not-supported");
}

#[tokio::test]
async fn a_compressed_body_is_415() {
    let request = Request::post(SERVICE).header("content-encoding", "gzip").body(Body::from("\u{1f}")).unwrap();
    TestApp::new().send(request).await.outcome(415, "not-supported");
}

#[tokio::test]
async fn fhir_json_with_a_charset_is_accepted() {
    let request = Request::post(SERVICE).header("content-type", "application/fhir+json; charset=UTF-8");
    let answer = TestApp::new().send(request.body(Body::from(empty_sign_call().to_string())).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_without_a_media_type_is_taken_for_json() {
    let request = Request::post(SERVICE).body(Body::from(empty_sign_call().to_string())).unwrap();
    assert_eq!(TestApp::new().send(request).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_all_there_by_the_deadline_is_503() {
    let answer = TestApp::new().send(post(SERVICE, endless_wait())).await;
    answer.outcome(503, "timeout");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn one_call_too_many_is_503_at_once_and_health_still_answers() {
    let app = TestApp::with(|config| config.server.max_concurrent_calls = NonZeroUsize::MIN);
    let mut first = Box::pin(app.send(post(SERVICE, endless_wait())));
    assert!(matches!(futures_util::poll!(&mut first), Poll::Pending));

    let second = app.sign(&empty_sign_call()).await;
    second.outcome(503, "throttled");
    assert_eq!(second.header("retry-after"), Some("1"));
    assert_eq!(app.get("/health/live").await.status, StatusCode::OK);
    assert_eq!(app.discovery().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_call_given_up_by_its_caller_frees_its_slot() {
    let app = TestApp::with(|config| config.server.max_concurrent_calls = NonZeroUsize::MIN);
    let mut given_up = Box::pin(app.send(post(SERVICE, endless_wait())));
    assert!(matches!(futures_util::poll!(&mut given_up), Poll::Pending));
    drop(given_up);
    assert_eq!(app.sign(&empty_sign_call()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_panic_is_500_and_its_message_stays_inside() {
    LogBuffer::of_this_run();
    let routes = Router::new().route("/", get(async || -> StatusCode { panic!("Jane Roe, born 1960") }));
    let guarded = around_all(routes, Observer::new(Arc::new(SequentialIds::default())), &default_config());
    let Ok(response) = guarded.oneshot(Request::get("/").body(Body::empty()).unwrap()).await;
    let diagnostics = Answer::read(response).await.outcome(500, "exception");
    assert!(!diagnostics.contains("Jane"), "{diagnostics}");
}

#[tokio::test]
async fn a_method_nobody_knows_is_405() {
    let method = Method::from_bytes(b"BREW").unwrap();
    let request = Request::builder().method(method).uri(SERVICE).body(Body::empty()).unwrap();
    TestApp::new().send(request).await.outcome(405, "not-supported");
}
