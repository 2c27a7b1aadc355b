//! The metrics at `/metrics`: what they count of calls, decisions and feedback, who may read them, and that they reveal no caller.
//! All tests share one recorder, so each uses its own clients, named after it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use sij_cds::config::Config;
use sij_cds::http::Peer;
use sij_cds::telemetry::{DESCRIPTIONS, MetricKind};

use crate::support::call::{cpt, order};
use crate::support::callers::{self, Token, good_token, let_in_the_ehr};
use crate::support::markdown::{document, rows};
use crate::support::{Answer, Call, SERVICE, TestApp, bearing, empty_sign_call, post, stories, story};

fn reading_from(address: &str) -> Request<Body> {
    let mut request = Request::get("/metrics").body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer { address: address.parse().unwrap(), certificate: None });
    request
}

/// All metrics, each with its labels as written.
async fn figures(app: &TestApp) -> BTreeMap<String, f64> {
    let answer = app.send(reading_from("127.0.0.1")).await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap()).map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

fn of(figures: &BTreeMap<String, f64>, name: &str) -> f64 {
    figures.get(name).copied().unwrap_or_default()
}

/// Admits one client with this name, otherwise configured like `ehr`.
fn let_in(name: &'static str) -> impl FnOnce(&mut Config) {
    move |config| {
        let_in_the_ehr(config);
        name.clone_into(&mut config.clients[0].name);
    }
}

/// A call of the client, with a body.
async fn call(app: &TestApp, path: &str, body: &str) -> Answer {
    app.send(bearing(&good_token(), post(path, body.to_owned()))).await
}

#[tokio::test]
async fn calls_are_counted_by_hook_client_and_status() {
    let app = TestApp::on_the_day_of_the_fixtures_with(let_in("counted"));
    call(&app, SERVICE, &story("nothing-documented").request).await;
    call(&app, SERVICE, &empty_sign_call().to_string()).await;
    call(&app, SERVICE, "not JSON").await;
    call(&app, SERVICE, r#"{"hook": "order-sign"}"#).await;
    call(&app, "/cds-services/no-service-of-ours", "{}").await;
    let figures = figures(&app).await;
    for (hook, status, calls) in [("order-sign", 200, 2.0), ("order-sign", 400, 1.0), ("unknown", 400, 1.0), ("unknown", 404, 1.0)] {
        let name = format!(r#"sij_cds_calls_total{{hook="{hook}",client="counted",status="{status}"}}"#);
        assert_eq!(of(&figures, &name).to_bits(), f64::to_bits(calls), "{name}");
    }
    let within = |limit: &str| of(&figures, &format!(r#"sij_cds_calls_within_{limit}_total{{hook="order-sign",client="counted"}}"#));
    assert_eq!((within("500_milliseconds"), within("5_seconds")), (2.0, 2.0));
}

#[tokio::test]
async fn a_refused_caller_is_counted_without_a_name() {
    let app = TestApp::on_the_day_of_the_fixtures_with(let_in("never-calls"));
    let name = r#"sij_cds_calls_total{hook="unknown",client="unauthenticated",status="401"}"#;
    let before = of(&figures(&app).await, name);
    let token = Token::good().claim("iss", json!("https://stranger.example")).signed_by(&callers::EC_KEY);
    app.sign_as(&token, &empty_sign_call()).await;
    let after = figures(&app).await;
    assert!(of(&after, name) > before);
    assert!(!after.keys().any(|name| name.contains("stranger") || name.contains("never-calls")));
}

#[tokio::test]
async fn times_are_counted_in_buckets_that_hold_the_limits() {
    let app = TestApp::on_the_day_of_the_fixtures_with(let_in("timed"));
    call(&app, SERVICE, &empty_sign_call().to_string()).await;
    let figures = figures(&app).await;
    for bound in ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "5", "10", "+Inf"] {
        let name = format!(r#"sij_cds_call_seconds_bucket{{hook="order-sign",status="200",le="{bound}"}}"#);
        assert!(figures.contains_key(&name), "{name}");
    }
}

#[tokio::test]
async fn orders_and_verdicts_are_counted_as_decided() {
    let app = TestApp::on_the_day_of_the_fixtures_with(let_in("decides"));
    let verdict = r#"sij_cds_verdicts_total{criterion="I.B.2",verdict="not-met"}"#;
    let before = of(&figures(&app).await, verdict);
    call(&app, SERVICE, &story("second-diagnostic-day-10").request).await;
    let after = figures(&app).await;
    let order = r#"sij_cds_orders_total{hook="order-sign",client="decides",plan="default",kind="injection",determination="not-yet"}"#;
    assert_eq!(of(&after, order).to_bits(), f64::to_bits(1.0));
    assert_eq!(of(&after, r#"sij_cds_calls_decided_total{hook="order-sign",client="decides"}"#).to_bits(), f64::to_bits(1.0));
    assert!(of(&after, verdict) > before);
}

#[tokio::test]
async fn orders_that_are_passed_over_are_counted_by_the_reason_whether_or_not_others_are_decided() {
    let app = TestApp::on_the_day_of_the_fixtures_with(let_in("passes-over"));
    let other = order("o2", &cpt("97110"), "2026-12-01");
    let mut option = order("o3", &cpt("27096:LT"), "2026-12-01");
    option["intent"] = json!("option");
    call(&app, SERVICE, &Call::ordering([other.clone(), option]).text()).await;
    call(&app, SERVICE, &Call::ordering([order("o1", &cpt("27096:LT"), "2026-12-01"), other]).text()).await;
    let figures = figures(&app).await;
    for (reason, orders) in [("not-in-scope", 2.0), ("option", 1.0), ("status", 0.0)] {
        let name = format!(r#"sij_cds_orders_passed_over_total{{hook="order-sign",client="passes-over",reason="{reason}"}}"#);
        assert_eq!(of(&figures, &name).to_bits(), f64::to_bits(orders), "{name}");
    }
}

/// A feedback entry on a card, with a reason of this code.
fn overridden(code: &str) -> Value {
    json!({"card": "0b8e5fe1-5d2c-4b3f-8e3e-1a7d1f2c9e55", "outcome": "overridden", "overrideReason": {"reason": {"code": code}}})
}

#[tokio::test]
async fn feedback_is_counted_by_outcome_and_the_policys_reasons() {
    let app = TestApp::on_the_day_of_the_fixtures_with(let_in("feeds-back"));
    let accepted = json!({"card": "0b8e5fe1-5d2c-4b3f-8e3e-1a7d1f2c9e55", "outcome": "accepted"});
    let bare =
        json!({"card": "0b8e5fe1-5d2c-4b3f-8e3e-1a7d1f2c9e55", "outcome": "overridden", "overrideReason": {"userComment": "Jane Roe"}});
    let feedback = json!({"feedback": [accepted, overridden("patientPays"), overridden("Jane Roe"), bare, overridden("patientPays")]});
    call(&app, &format!("{SERVICE}/feedback"), &feedback.to_string()).await;
    let figures = figures(&app).await;
    for (outcome, reason, entries) in
        [("accepted", "none", 1.0), ("overridden", "patientPays", 2.0), ("overridden", "other", 2.0), ("overridden", "none", 0.0)]
    {
        let name = format!(r#"sij_cds_feedback_total{{client="feeds-back",outcome="{outcome}",override_reason="{reason}"}}"#);
        assert_eq!(of(&figures, &name).to_bits(), f64::to_bits(entries), "{name}");
    }
}

#[tokio::test]
async fn figures_are_shown_to_the_allowed_networks_and_to_nobody_else() {
    let with_proxy = |config: &mut Config| {
        config.metrics.allowed_networks = vec!["10.9.0.0/16".parse().unwrap(), "::1/128".parse().unwrap()];
        config.server.trusted_proxies = vec!["10.1.0.0/16".parse().unwrap()];
    };
    let app = TestApp::with(with_proxy);
    for (peer, forwarded, is_shown) in [
        ("10.9.1.1", None, true),
        ("::ffff:10.9.1.1", None, true),
        ("::1", None, true),
        ("127.0.0.1", None, false),
        ("203.0.113.7", None, false),
        ("10.1.0.1", None, false),
        ("10.1.0.1", Some("10.9.1.1"), true),
        ("10.1.0.1", Some("10.9.1.1, 203.0.113.7"), false),
        ("203.0.113.7", Some("10.9.1.1"), false),
        ("::1", Some("unknown"), false),
        ("::1", Some("10.9.1.1,"), false),
    ] {
        let mut request = reading_from(peer);
        if let Some(forwarded) = forwarded {
            request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
        }
        let answer = app.send(request).await;
        assert_eq!(answer.status.as_u16(), if is_shown { 200 } else { 404 }, "{peer} {forwarded:?}");
    }
}

#[tokio::test]
async fn by_default_this_machine_alone_reads_figures_and_needs_no_token() {
    let app = TestApp::with(let_in("reads"));
    for (peer, status) in [("127.0.0.1", 200), ("::1", 200), ("192.0.2.1", 404)] {
        assert_eq!(app.send(reading_from(peer)).await.status, status, "{peer}");
    }
    let nobody = app.get("/metrics").await;
    assert_eq!(nobody.text(), app.get("/nowhere").await.text());
    assert_eq!(nobody.status, 404);
}

#[tokio::test]
async fn reading_figures_is_no_call_and_takes_no_rate() {
    let app = TestApp::with(|config| {
        let_in("rated")(config);
        config.limits.calls_per_second = 1.try_into().unwrap();
    });
    for _ in 0..5 {
        assert_eq!(app.send(reading_from("127.0.0.1")).await.status, 200);
    }
}

/// Every string of a story's call that could identify or describe a person.
fn telling(request: &str) -> BTreeSet<String> {
    fn collect(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::String(text) if text.chars().count() >= 8 => {
                found.insert(text.clone());
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
            // FHIR types are standard terms, and a label of queries.
            Value::Object(members) => {
                members.iter().filter(|(name, _)| *name != "resourceType").for_each(|(_, value)| collect(value, found));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = BTreeSet::new();
    collect(&serde_json::from_str(request).unwrap(), &mut found);
    // The hook is a label.
    found.remove("order-sign");
    found
}

#[tokio::test]
async fn nothing_of_any_call_reaches_the_figures() {
    let app = TestApp::on_the_day_of_the_fixtures_with(let_in("keeps-quiet"));
    let mut texts = BTreeSet::from(["Jane Roe".to_owned(), "secret-service".to_owned(), "secret-path".to_owned()]);
    for story in stories() {
        call(&app, SERVICE, &story.request).await;
        texts.extend(telling(&story.request));
    }
    let token = good_token();
    app.send(bearing(&token, post("/cds-services/secret-service", "Jane Roe"))).await;
    app.send(bearing(&token, post(&format!("{SERVICE}/feedback"), json!({"feedback": [overridden("Jane Roe")]}).to_string()))).await;
    app.get("/secret-path?name=Jane%20Roe").await;
    app.send(Request::builder().method("SECRET").uri("/secret-path").body(Body::empty()).unwrap()).await;
    let shown = app.send(reading_from("127.0.0.1")).await.text();
    assert!(texts.len() > 500, "only {} texts", texts.len());
    let values: Vec<&str> =
        shown.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.split('"').skip(1).step_by(2)).collect();
    assert!(values.contains(&"keeps-quiet"));
    let found: Vec<&String> = texts.iter().filter(|text| values.iter().any(|value| value.contains(text.as_str()))).collect();
    assert_eq!(found, Vec::<&String>::new());
    assert!(!shown.contains(&token) && !shown.contains("Jane"));
}

/// Every metric name in the source.
fn names_in_source() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = open.pop() {
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else if !path.ends_with("telemetry/metrics.rs") && path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let macros = ["counter!(", "histogram!(", "gauge!("];
                let calls = macros.iter().flat_map(|name| text.split(name).skip(1));
                names.extend(calls.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next()).map(str::to_owned));
            }
        }
    }
    names
}

#[test]
fn every_figure_is_described_and_every_description_is_documented() {
    let described: Vec<&str> = DESCRIPTIONS.iter().map(|description| description.name).collect();
    let counted = names_in_source();
    assert!(counted.len() >= 14, "{counted:?}");
    let missing: Vec<&String> = counted.iter().filter(|name| !described.contains(&name.as_str())).collect();
    assert_eq!(missing, Vec::<&String>::new());
    let documented: Vec<String> = rows(&document("docs/operations.md")).into_iter().map(|(name, _)| name).collect();
    let documented: Vec<&String> =
        documented.iter().filter(|name| name.starts_with("sij_cds_") && !name.contains(char::is_whitespace)).collect();
    assert_eq!(documented, described);
}

#[test]
fn every_figure_has_our_prefix_and_its_unit() {
    for description in DESCRIPTIONS {
        let is_counter = description.kind == MetricKind::Counter;
        assert!(description.name.starts_with("sij_cds_"), "{}", description.name);
        assert_eq!(description.name.ends_with("_total"), is_counter, "{}", description.name);
        let units = ["_total", "_seconds", "_records", "_seals", "_info"];
        assert!(units.iter().any(|unit| description.name.ends_with(unit)), "{}", description.name);
        assert!(description.help.ends_with('.') && !description.help.contains('\n'), "{}", description.name);
    }
}

#[test]
fn every_expression_of_the_operators_page_names_figures_that_exist() {
    let page = document("docs/operations.md");
    let known: BTreeSet<&str> = DESCRIPTIONS.iter().map(|description| description.name).collect();
    let named = page.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').filter(|word| word.starts_with("sij_cds_"));
    let mut seen = 0;
    for name in named {
        seen += 1;
        let bare = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        assert!(known.contains(name) || known.contains(bare), "{name}");
    }
    assert!(seen > DESCRIPTIONS.len() + 10, "only {seen}");
}
