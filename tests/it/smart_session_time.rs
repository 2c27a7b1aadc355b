//! How long an open app can be used: what its page says of it, and how its user gets more time. Not here: what else a session does
//! ([`super::smart_app`]).

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use sij_cds::config::Config;

use crate::support::html::Html;
use crate::support::opened_app::{AppAtWork, Surfer, filled, hidden, opened, surfer};
use crate::support::{Answer, story};

const MINUTE: i64 = 60;

/// Sessions of 30 minutes, and of 75 at most.
fn limits(config: &mut Config) {
    config.smart.session_lifetime = Duration::from_mins(30);
    config.smart.max_session_lifetime = Duration::from_mins(75);
}

async fn at_work() -> AppAtWork {
    AppAtWork::with(&story("nothing-documented"), limits, |_| {}).await
}

/// The seconds that a page says are left, and whether it offers more.
fn time_left(answer: &Answer) -> (i64, bool) {
    let page = Html::parse(&answer.text());
    let offers = page.all("button").iter().any(|button| button.get("value") == Some("extend"));
    (page.by_id("session-time").get("data-left").unwrap().parse().unwrap(), offers)
}

/// The fields of a form that asks for more time, without answers.
fn more(csrf: &str, order: &str) -> Vec<(&'static str, String)> {
    vec![("csrf", csrf.to_owned()), ("order", order.to_owned()), ("action", "extend".to_owned())]
}

async fn ask_for_more(work: &AppAtWork, surfer: &Surfer, address: &str, page: &Answer) -> Answer {
    let fields = more(&hidden(page, "csrf"), &hidden(page, "order"));
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    work.send(surfer, address, &fields).await
}

#[tokio::test]
async fn the_page_says_when_the_session_ends() {
    let (work, mut surfer) = (at_work().await, surfer());
    let (address, page) = opened(&work, &mut surfer).await;
    assert_eq!(time_left(&page), (30 * MINUTE, true));
    let time = Html::parse(&page.text()).all("time")[0].clone();
    assert_eq!((time.get("datetime"), time.text.as_str()), (Some("2026-11-22T10:30:00Z"), "10:30 UTC"));
    work.ehr.clock.advance(10 * MINUTE);
    assert_eq!(time_left(&work.get(&surfer, &address).await), (20 * MINUTE, true), "looking at it extends nothing");
}

#[tokio::test]
async fn the_user_gets_more_time_up_to_the_limit() {
    let lasting: fn(&mut Value) = |token| token["expires_in"] = json!(24 * 60 * 60);
    let work = AppAtWork::with(&story("nothing-documented"), limits, lasting).await;
    gets_more_time(&work, &[(20, 30, true), (20, 30, true), (20, 15, false), (10, 5, false)]).await;
}

/// The EHR grants access for 60 minutes, and no refresh token.
#[tokio::test]
async fn no_session_outlasts_an_access_that_cannot_be_refreshed() {
    gets_more_time(&at_work().await, &[(20, 30, true), (20, 20, false), (15, 5, false)]).await;
}

/// For each request for more time: the minutes that pass before it, the minutes left after it, and whether more can be had. The session
/// ends 5 minutes after the last.
async fn gets_more_time(work: &AppAtWork, requests: &[(i64, i64, bool)]) {
    let mut surfer = surfer();
    let (address, page) = opened(work, &mut surfer).await;
    for &(passes, left, can_extend) in requests {
        work.ehr.clock.advance(passes * MINUTE);
        let answer = ask_for_more(work, &surfer, &address, &page).await;
        assert!(answer.status.is_success() || answer.status == 303, "{}", answer.text());
        assert_eq!(time_left(&work.get(&surfer, &address).await), (left * MINUTE, can_extend), "after {passes} minutes more");
    }
    work.ehr.clock.advance(5 * MINUTE);
    assert_eq!(work.get(&surfer, &address).await.status, 410);
    assert_eq!(ask_for_more(work, &surfer, &address, &page).await.status, 410, "a session that has ended is not revived");
}

#[tokio::test]
async fn a_session_that_is_over_cannot_be_extended() {
    let (work, mut surfer) = (at_work().await, surfer());
    let (address, page) = opened(&work, &mut surfer).await;
    work.ehr.clock.advance(30 * MINUTE);
    assert_eq!(ask_for_more(&work, &surfer, &address, &page).await.status, 410);
}

#[tokio::test]
async fn only_the_sessions_own_form_in_its_own_browser_extends_it() {
    let (work, mut own) = (at_work().await, surfer());
    let (address, page) = opened(&work, &mut own).await;
    let (csrf, order) = (hidden(&page, "csrf"), hidden(&page, "order"));
    work.ehr.clock.advance(10 * MINUTE);
    let foreign = Surfer { agent: "browser/2", ..Surfer::default() };
    for (who, surfer, csrf) in
        [("another browser", &foreign, csrf.as_str()), ("another page's form", &own, ""), ("a guessed token", &own, "guessed")]
    {
        let fields = more(csrf, &order);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(work.send(surfer, &address, &fields).await.status, 403, "{who}");
    }
    for query in ["?action=extend", "?extend"] {
        let answer = work.get(&own, &format!("{address}{query}")).await;
        assert_eq!(time_left(&answer), (20 * MINUTE, true), "a link extends nothing");
    }
    assert_eq!(time_left(&work.get(&own, &address).await), (20 * MINUTE, true));
}

#[tokio::test]
async fn with_a_request_for_more_time_the_answers_stay_on_the_page() {
    let (work, mut surfer) = (at_work().await, surfer());
    let (address, page) = opened(&work, &mut surfer).await;
    work.ehr.clock.advance(10 * MINUTE);
    let answer = work.send(&surfer, &address, &filled(&hidden(&page, "csrf"), &hidden(&page, "order"), "extend")).await;
    assert_eq!((answer.status.as_u16(), time_left(&answer)), (200, (30 * MINUTE, true)));
    let weeks = Html::parse(&answer.text()).by_id("q-exercise-therapy-weeks").get("value").map(str::to_owned);
    assert_eq!(weeks.as_deref(), Some("8"));
    assert!(work.chart.writes.lock().unwrap().is_empty(), "nothing is saved by it");
}

#[tokio::test]
async fn after_saving_a_request_for_more_time_leaves_the_form_closed() {
    let (work, mut surfer) = (at_work().await, surfer());
    let (address, page) = opened(&work, &mut surfer).await;
    let (csrf, order) = (hidden(&page, "csrf"), hidden(&page, "order"));
    assert_eq!(work.send(&surfer, &address, &filled(&csrf, &order, "save")).await.status, 303);
    let shown = work.get(&surfer, &address).await;
    work.ehr.clock.advance(10 * MINUTE);
    let fields = sent(&shown);
    let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain([("action", "extend")]);
    let answer = work.send(&surfer, &address, &fields.collect::<Vec<_>>()).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some(address.as_str())));
    let shown = work.get(&surfer, &address).await;
    assert_eq!(time_left(&shown), (30 * MINUTE, true));
    assert!(shown.text().contains("Your answers are in the patient"), "{}", shown.text());
}

/// The fields that a browser sends with a page's form.
fn sent(answer: &Answer) -> Vec<(String, String)> {
    let page = Html::parse(&answer.text());
    let inputs = page.all("input").into_iter().filter(|input| match input.get("type") {
        Some("radio" | "checkbox") => input.get("checked").is_some(),
        _ => true,
    });
    inputs.map(|input| (input.get("name").unwrap().to_owned(), input.get("value").unwrap_or_default().to_owned())).collect()
}

#[tokio::test]
async fn where_the_limit_is_the_lifetime_no_more_time_is_offered() {
    let equal = |config: &mut Config| config.smart.max_session_lifetime = config.smart.session_lifetime;
    let work = AppAtWork::with(&story("nothing-documented"), equal, |_| {}).await;
    let mut surfer = surfer();
    let (_, page) = opened(&work, &mut surfer).await;
    assert_eq!(time_left(&page), (30 * MINUTE, false));
    assert!(TimeDelta::from_std(work.ehr.config.smart.session_lifetime).is_ok());
}
