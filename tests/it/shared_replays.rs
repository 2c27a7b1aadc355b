//! Used tokens in PostgreSQL. These tests need a database that `tests/e2e/postgres.sh` starts for them and names in
//! `SIJ_CDS_TEST_POSTGRES`; without it they are ignored, and say so.

use std::sync::Arc;

use futures_util::future::join_all;
use secrecy::SecretString;
use sij_cds::app::{App, Ports};
use sij_cds::auth::{Credentials, Refusal};
use sij_cds::config::Config;
use sij_cds::ids::{IdSource as _, RandomIds, SequentialIds};

use crate::support::callers::{EC_KEY, HandClock, Token, good_token, let_in_the_ehr};
use crate::support::{LogBuffer, TestApp, day_of_the_fixtures, default_config, empty_sign_call};

fn database() -> SecretString {
    std::env::var("SIJ_CDS_TEST_POSTGRES").expect("tests/e2e/postgres.sh names the database").into()
}

fn config(url: SecretString) -> Config {
    LogBuffer::of_this_run();
    let mut config = default_config();
    let_in_the_ehr(&mut config);
    config.auth.replay_url = Some(url);
    config
}

/// An instance with connections of its own.
fn instance(clock: &Arc<HandClock>) -> App {
    let config = config(database());
    App::build(&config, Ports::new(&config, clock.clone(), Arc::new(SequentialIds::default())).unwrap()).unwrap()
}

async fn ask(app: &App, token: &str) -> Result<(), Refusal> {
    let authorization = format!("Bearer {token}");
    let verified = app.authenticate(Credentials { authorization: &[authorization.as_bytes()], certificate: None }).await;
    verified.map(|_| ()).map_err(|refused| refused.cause)
}

/// A token that is new in every test and run.
fn unused_token() -> Token {
    let id = RandomIds.new_id();
    Token::good().claim("jti", serde_json::json!(id))
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn a_token_that_one_instance_took_is_refused_by_another() {
    let clock = Arc::new(HandClock::at(day_of_the_fixtures()));
    let (one, two, token) = (instance(&clock), instance(&clock), unused_token().signed_by(&EC_KEY));
    assert_eq!(ask(&one, &token).await, Ok(()));
    assert_eq!(ask(&two, &token).await, Err(Refusal::Replayed));
    assert_eq!(ask(&one, &token).await, Err(Refusal::Replayed));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn of_a_token_sent_to_both_instances_at_once_one_is_taken() {
    let clock = Arc::new(HandClock::at(day_of_the_fixtures()));
    let instances = [instance(&clock), instance(&clock)];
    for _ in 0..20 {
        let token = unused_token().signed_by(&EC_KEY);
        let all = join_all((0..20).map(|number| ask(&instances[number % 2], &token))).await;
        assert_eq!(all.iter().filter(|taken| taken.is_ok()).count(), 1);
        assert!(all.iter().filter_map(|taken| taken.err()).all(|refusal| refusal == Refusal::Replayed));
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/e2e/postgres.sh"]
async fn a_token_is_forgotten_when_it_is_over() {
    let clock = Arc::new(HandClock::at(day_of_the_fixtures()));
    let (app, token) = (instance(&clock), unused_token());
    assert_eq!(ask(&app, &token.signed_by(&EC_KEY)).await, Ok(()));
    clock.advance(961);
    let now = day_of_the_fixtures().timestamp() + 961;
    let later = token.claim("iat", serde_json::json!(now)).claim("exp", serde_json::json!(now + 300));
    assert_eq!(ask(&app, &later.signed_by(&EC_KEY)).await, Ok(()));
    assert_eq!(ask(&app, &later.signed_by(&EC_KEY)).await, Err(Refusal::Replayed));
}

/// A port without a listener simulates a database that is down.
#[tokio::test]
async fn while_the_database_is_away_calls_are_answered_503() {
    let url = "postgres://nobody:a-password-of-this-test@127.0.0.1:1/none";
    let app = TestApp::on_the_day_of_the_fixtures_with(|changed| *changed = config(url.to_owned().into()));
    let answer = app.sign_as(&good_token(), &empty_sign_call()).await;
    answer.outcome(503, "transient");
    assert!(!LogBuffer::of_this_run().text().contains("a-password-of-this-test"));
}
