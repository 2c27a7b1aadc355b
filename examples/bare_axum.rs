//! What a call costs in the simplest service there could be: axum alone, the body parsed into `serde_json::Value`, and
//! always the same two kilobytes in answer. `tests/e2e/load.sh` compares the real service with it.
//! `bare_axum ADDRESS`, with the real service's runtime and body limit.

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const BODY_LIMIT: usize = 16_777_216;

fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).context("usage: bare_axum ADDRESS")?;
    let answer = Bytes::from(serde_json::to_vec(&json!({ "cards": [{
        "summary": "Sacroiliac joint injection: policy criteria checked",
        "indicator": "info",
        "source": { "label": "Bare axum" },
        "detail": "Criterion met: pain on three or more provocation tests. ".repeat(33),
    }] }))?);
    let routes = Router::new()
        .route("/cds-services", get(async || json(Bytes::from_static(br#"{"services":[]}"#))))
        .route("/cds-services/{id}", post(async move |body: Bytes| parse_and_answer(&body, answer)))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async { Ok(axum::serve(TcpListener::bind(address).await?, routes).await?) })
}

fn parse_and_answer(body: &[u8], answer: Bytes) -> Response {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) if value.get("hook").is_some() => json(answer),
        Ok(_) | Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn json(body: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}
