//! Measures authentication: a token of each usual kind, refused tokens, and a whole authenticated call compared to the same
//! call without authentication. `cargo bench --bench authentication`; `docs/performance.md` explains the results.
//!
//! A token is valid once, so each is signed in advance and verified once. Prints medians over rounds.
//! Not here: the cost of connections; see `tests/e2e/load.sh`.

#[path = "../tests/it/support/callers.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "made for tests, which use the rest too")]
mod callers;
#[path = "support/request.rs"]
mod request;

use std::io::Write as _;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use anyhow::ensure;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use chrono::{DateTime, Utc};
use serde_json::json;
use sij_cds::app::{App, Ports};
use sij_cds::auth::Credentials;
use sij_cds::clock::FixedClock;
use sij_cds::config::{Config, Layers};
use sij_cds::http::router;
use sij_cds::ids::RandomIds;
use tower::ServiceExt as _;

use callers::{EC_KEY, OTHER_EC_KEY, RSA_KEY, Token, let_in_the_ehr};
use request::Call;

const TURNS: usize = 21;
const TOKENS_A_TURN: u32 = 200;
const RESOURCES: usize = 60;
const SERVICE: &str = "/cds-services/sacroiliac-joint-interventions";

/// The instant at which tokens are issued and verified.
fn day_of_the_fixtures() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000)
}

/// A kind of token.
struct Kind {
    name: &'static str,
    is_good: bool,
    sign: fn() -> String,
}

const KINDS: [Kind; 5] = [
    Kind { name: "ES384", is_good: true, sign: es384 },
    Kind { name: "RS384", is_good: true, sign: rs384 },
    Kind { name: "ES384, by another key", is_good: false, sign: || Token::good().signed_by(&OTHER_EC_KEY) },
    Kind {
        name: "of an unknown issuer",
        is_good: false,
        sign: || Token::good().claim("iss", json!("https://x.example")).signed_by(&EC_KEY),
    },
    Kind { name: "alg none", is_good: false, sign: || Token::good().header("alg", json!("none")).signed_by(&EC_KEY) },
];

fn es384() -> String {
    Token::good().signed_by(&EC_KEY)
}

fn rs384() -> String {
    Token::good().header("alg", json!("RS384")).header("kid", json!("ehr-rsa")).signed_by(&RSA_KEY)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let app = app(let_in_the_ehr)?.0;
    writeln!(out, "{:<28}{:>12}", "verification of a token", "µs")?;
    for kind in KINDS {
        writeln!(out, "{:<28}{:>12.1}", kind.name, verification(&app, &kind).await?)?;
    }
    let nobody = routes(|_| {})?;
    let client = routes(let_in_the_ehr)?;
    let body = Call::about(RESOURCES).json();
    let [mut open, mut ec, mut rsa] = [const { Vec::new() }; 3];
    for _ in 0..TURNS {
        open.push(calls(&nobody, &body, None).await?);
        ec.push(calls(&client, &body, Some(es384)).await?);
        rsa.push(calls(&client, &body, Some(rs384)).await?);
    }
    let [open, ec, rsa] = [open, ec, rsa].map(median);
    writeln!(out, "\n{:<28}{:>12}{:>12}", format!("call of {RESOURCES} resources"), "µs", "ratio")?;
    for (name, time) in [("of anybody", open), ("with a token, ES384", ec), ("with a token, RS384", rsa)] {
        writeln!(out, "{name:<28}{time:>12.1}{:>12.3}", time / open)?;
    }
    Ok(())
}

fn app(change: impl FnOnce(&mut Config)) -> anyhow::Result<(App, Config)> {
    let mut config = Config::layered(Layers::default())?;
    change(&mut config);
    // Measure the work of a call, not the rate limits.
    config.limits.calls_per_second = NonZeroU32::MAX;
    config.limits.client_calls_per_second = NonZeroU32::MAX;
    let ports = Ports::new(&config, Arc::new(FixedClock::at(day_of_the_fixtures())), Arc::new(RandomIds))?;
    Ok((App::build(&config, ports)?, config))
}

fn routes(change: impl FnOnce(&mut Config)) -> anyhow::Result<Router> {
    let (app, config) = app(change)?;
    Ok(router(Arc::new(app), Arc::new(RandomIds), &config))
}

/// The median time of one verification, in microseconds.
async fn verification(app: &App, kind: &Kind) -> anyhow::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..TURNS {
        let tokens: Vec<String> = (0..TOKENS_A_TURN).map(|_| format!("Bearer {}", (kind.sign)())).collect();
        let begun = Instant::now();
        for token in &tokens {
            let verified = app.authenticate(Credentials { authorization: &[token.as_bytes()], certificate: None }).await;
            ensure!(verified.is_ok() == kind.is_good, "{}: {verified:?}", kind.name);
        }
        times.push(microseconds(begun) / f64::from(TOKENS_A_TURN));
    }
    Ok(median(times))
}

/// The mean time of a call in a batch, in microseconds. Tokens are signed in advance.
async fn calls(routes: &Router, body: &str, sign: Option<fn() -> String>) -> anyhow::Result<f64> {
    let request = || {
        let request = Request::post(SERVICE).header("content-type", "application/json");
        let request = match sign {
            Some(sign) => request.header("authorization", format!("Bearer {}", sign())),
            None => request,
        };
        request.body(Body::from(body.to_owned()))
    };
    let requests = (0..TOKENS_A_TURN).map(|_| request()).collect::<Result<Vec<_>, _>>()?;
    let begun = Instant::now();
    for request in requests {
        let answer = routes.clone().oneshot(request).await?;
        ensure!(answer.status() == 200, "{}", answer.status());
    }
    Ok(microseconds(begun) / f64::from(TOKENS_A_TURN))
}

fn microseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e6
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
