//! Caller configuration and its effects: FHIR servers, plan and rate limit; and who may use plain HTTP.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Request};
use serde_json::json;
use sij_cds::app::{App, Ports};
use sij_cds::auth::{Credentials, VerifiedClient};
use sij_cds::cds_hooks::Dialect;
use sij_cds::clock::FixedClock;
use sij_cds::config::{ClientConfig, Config, PlanConfig};
use sij_cds::http::Peer;
use sij_cds::ids::SequentialIds;

use crate::support::callers::{EC_KEY, OTHER_EC_KEY, Token, ehr, good_token, let_in_the_ehr, other_client};
use crate::support::fhir_server::{FhirServer, call_with_server, register};
use crate::support::{
    Answer, LogBuffer, SERVICE, TestApp, bearing, changed, day_of_the_fixtures, default_config, empty_sign_call, post, story,
};

fn app(change: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::on_the_day_of_the_fixtures_with(|config| {
        let_in_the_ehr(config);
        change(config);
    })
}

/// A token of the other client.
fn other_token() -> String {
    let token = Token::good().claim("iss", json!("https://other.example")).header("jku", serde_json::Value::Null);
    token.signed_by(&OTHER_EC_KEY)
}

#[tokio::test]
async fn a_client_has_only_its_own_fhir_servers_asked() {
    let story = story("nothing-documented");
    for (own, is_asked) in [(vec!["ehr".to_owned()], true), (vec![], false)] {
        let server = FhirServer::of(&story).await;
        let app = app(|config| {
            register(config, &server.base());
            config.clients[0].fhir_servers = own;
        });
        let call = call_with_server(&story, &server.base(), |key| key == "conditions");
        app.sign_text_as(&good_token(), &call.to_string()).await;
        assert_eq!(!server.requests().await.is_empty(), is_asked);
    }
}

/// The caller resolved from these headers.
async fn known(change: impl FnOnce(&mut Config), authorization: &[&[u8]]) -> VerifiedClient {
    let mut config = default_config();
    change(&mut config);
    let ports = Ports::new(&config, Arc::new(FixedClock::at(day_of_the_fixtures())), Arc::new(SequentialIds::default())).unwrap();
    App::build(&config, ports).unwrap().authenticate(Credentials { authorization, certificate: None }).await.unwrap().client
}

#[tokio::test]
async fn what_a_client_can_do_is_known_of_whoever_bears_its_token() {
    let token = format!("Bearer {}", good_token());
    let client = known(let_in_the_ehr, &[token.as_bytes()]).await;
    assert!(client.has_dtr() && client.takes_system_actions() && !client.is_shadowed());
    assert_eq!((client.strict(), client.therapy_order_code()), (None, None));
    let token = format!("Bearer {}", good_token());
    let other = |config: &mut Config| {
        let_in_the_ehr(config);
        let code = Some("12345".to_owned());
        config.clients[0] =
            ClientConfig { dtr: false, shadow: true, system_actions: false, strict: Some(true), therapy_order_code: code, ..ehr() };
    };
    let client = known(other, &[token.as_bytes()]).await;
    assert!(!client.has_dtr() && !client.takes_system_actions() && client.is_shadowed());
    assert_eq!((client.strict(), client.therapy_order_code()), (Some(true), Some("12345")));
}

#[tokio::test]
async fn in_development_mode_everybody_is_as_its_section_says() {
    let client = known(|_| {}, &[]).await;
    assert!(client.has_dtr() && client.takes_system_actions() && !client.is_shadowed());
    assert_eq!((client.dialect(), client.plan(), client.strict()), (Dialect::Standard, None, None));
    let client = known(
        |config| {
            config.development.dialect = Some(Dialect::Epic);
            config.development.dtr = Some(false);
            config.development.shadow = Some(true);
            config.development.system_actions = Some(false);
            config.development.plan = Some("main".to_owned());
        },
        &[],
    )
    .await;
    assert!(!client.has_dtr() && !client.takes_system_actions() && client.is_shadowed());
    assert_eq!((client.dialect(), client.plan()), (Dialect::Epic, Some("main")));
}

#[tokio::test]
async fn a_client_is_answered_for_its_own_plan() {
    let call = changed("nothing-documented", |call| call["prefetch"]["coverage"] = serde_json::Value::Null);
    let medicare = PlanConfig {
        id: Some("medicare".to_owned()),
        name: "Plan for the old".to_owned(),
        policy_url: Some("https://plan.example/medicare#{section}".parse().unwrap()),
        ..default_config().plan
    };
    for (plan, label) in [(Some("medicare".to_owned()), "Plan for the old"), (None, "Health plan")] {
        let app = app(|config| {
            config.plans = vec![medicare.clone()];
            config.clients[0].plan = plan;
        });
        let answer = app.sign_text_as(&good_token(), &call.request).await.json();
        assert_eq!(answer["cards"][0]["source"]["label"], label);
        assert_eq!(answer.to_string().contains("\"https://plan.example/medicare#I.A."), label != "Health plan");
    }
}

/// Calls until an answer is 429, and returns it. The calls take less time than the rate limit needs to refill.
async fn until_limited(app: &TestApp) -> Answer {
    for _ in 0..100 {
        let answer = app.sign_as(&good_token(), &empty_sign_call()).await;
        if answer.status != 200 {
            return answer;
        }
    }
    panic!("a hundred calls are let in");
}

#[tokio::test]
async fn a_client_beyond_its_rate_is_answered_429_and_others_are_not() {
    let app = app(|config| {
        config.clients[0].calls_per_second = NonZeroU32::new(2);
        config.clients.push(other_client());
    });
    let answer = until_limited(&app).await;
    assert_eq!(answer.outcome(429, "throttled"), "too many calls; wait as long as `Retry-After` says");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(app.sign_as(&other_token(), &empty_sign_call()).await.status, 200);
}

#[tokio::test]
async fn all_clients_together_have_a_rate() {
    let app = app(|config| config.limits.calls_per_second = NonZeroU32::MIN);
    assert_eq!(until_limited(&app).await.status, 429);
}

#[tokio::test]
async fn a_token_that_is_limited_is_not_used_up() {
    let app = app(|config| config.limits.calls_per_second = NonZeroU32::new(2).unwrap());
    let tokens: Vec<String> = (0..100).map(|_| good_token()).collect();
    let mut limited = None;
    for token in &tokens {
        if app.sign_as(token, &empty_sign_call()).await.status == 429 {
            limited = Some(token);
            break;
        }
    }
    let token = limited.expect("one of a hundred calls is limited");
    for expected in [200, 401] {
        let status = loop {
            let status = app.sign_as(token, &empty_sign_call()).await.status;
            if status != 429 {
                break status;
            }
        };
        assert_eq!(status, expected);
    }
}

#[tokio::test]
async fn refused_callers_use_up_nobodys_rate() {
    let app = app(|config| config.limits.calls_per_second = NonZeroU32::MIN);
    for _ in 0..20 {
        assert_eq!(app.sign_as(&Token::good().signed_by(&OTHER_EC_KEY), &empty_sign_call()).await.status, 401);
    }
    let token = good_token();
    assert_eq!(app.sign_as(&token, &empty_sign_call()).await.status, 200);
    // Replayed tokens are rejected as such, and do not count against the client.
    for _ in 0..20 {
        assert_eq!(app.sign_as(&token, &empty_sign_call()).await.status, 401);
    }
}

/// A call with that token from an external address.
async fn from_outside(app: &TestApp, address: &str, token: &str) -> u16 {
    let mut request: Request<Body> = bearing(token, post(SERVICE, empty_sign_call().to_string()));
    request.extensions_mut().insert(Peer { address: address.parse().unwrap(), certificate: None });
    app.send(request).await.status.as_u16()
}

#[tokio::test]
async fn an_address_that_sends_forged_tokens_is_not_listened_to_for_a_while() {
    let app = app(|config| config.limits.wrong_signatures_per_minute = NonZeroU32::new(10).unwrap());
    assert_eq!(from_outside(&app, "203.0.113.7", &good_token()).await, 200);
    for _ in 0..10 {
        assert_eq!(from_outside(&app, "203.0.113.7", &Token::good().signed_by(&OTHER_EC_KEY)).await, 401);
        assert_eq!(from_outside(&app, "203.0.113.9", &Token::good().signed_by(&OTHER_EC_KEY)).await, 401);
    }
    assert_eq!(from_outside(&app, "203.0.113.9", &good_token()).await, 429);
    assert_eq!(from_outside(&app, "203.0.113.8", &good_token()).await, 200);
    assert_eq!(from_outside(&app, "203.0.113.7", &good_token()).await, 200);
}

#[tokio::test]
async fn a_refused_caller_whose_body_does_not_come_is_answered_all_the_same() {
    tokio::time::pause();
    let never = Body::from_stream(futures_util::stream::pending::<Result<axum::body::Bytes, std::io::Error>>());
    app(|_| {}).send(bearing("x", post(SERVICE, never))).await.outcome(401, "login");
}

#[tokio::test]
async fn the_log_names_the_client_of_a_call() {
    let app = app(|config| {
        config.clients[0] = ehr();
        config.clients[0].name = "the-ehr-of-this-test".to_owned();
    });
    app.sign_as(&good_token(), &empty_sign_call()).await;
    let log = LogBuffer::of_this_run().text();
    let line = log.lines().find(|line| line.contains("the-ehr-of-this-test")).expect("a line names it");
    assert!(line.contains(r#""message":"answered""#), "{line}");
}

/// Sends a call that is rejected, from that address, and returns the address in the log.
async fn logged_address(proxies: &[&str], peer: &str, forwarded_for: &[&[u8]], mark: &str) -> String {
    let app = app(|config| config.server.trusted_proxies = proxies.iter().map(|network| network.parse().unwrap()).collect());
    let id = format!("00000000-0000-4000-8000-{mark:0>12}");
    let mut request: Request<Body> = bearing("x", post(SERVICE, "{}"));
    for value in forwarded_for {
        request.headers_mut().append("x-forwarded-for", HeaderValue::from_bytes(value).unwrap());
    }
    request.headers_mut().insert("x-request-id", id.parse().unwrap());
    request.extensions_mut().insert(Peer { address: peer.parse().unwrap(), certificate: None });
    app.send(request).await.outcome(401, "login");
    let log = LogBuffer::of_this_run().text();
    let line = log.lines().find(|line| line.contains(&id) && line.contains("caller refused")).expect("a line");
    serde_json::from_str::<serde_json::Value>(line).unwrap()["address"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn only_our_proxies_are_believed_where_a_caller_is() {
    for (mark, proxies, peer, forwarded_for, expected) in [
        ("1", &[][..], "198.51.100.7", "203.0.113.9", "198.51.100.7"),
        ("2", &["10.0.0.0/8"], "10.1.2.3", "203.0.113.9", "203.0.113.9"),
        ("3", &["10.0.0.0/8"], "10.1.2.3", "192.0.2.1, 203.0.113.9, 10.9.9.9", "203.0.113.9"),
        ("4", &["10.0.0.0/8"], "10.1.2.3", "nonsense", "::"),
        ("6", &["10.0.0.0/8"], "10.1.2.3", "192.0.2.1, nonsense", "::"),
        ("7", &["10.0.0.0/8"], "10.1.2.3", "192.0.2.1, 203.0.113.9:5678", "203.0.113.9"),
        ("5", &["10.0.0.0/8"], "203.0.113.5", "192.0.2.1", "203.0.113.5"),
    ] {
        assert_eq!(logged_address(proxies, peer, &[forwarded_for.as_bytes()], mark).await, expected, "{mark}");
    }
}

#[tokio::test]
async fn an_address_that_a_proxy_of_ours_did_not_write_readably_is_not_the_proxys() {
    const PROXY: &str = "10.1.2.3";
    let table: [(&[&[u8]], &str); 21] = [
        (&[], PROXY),
        (&[b"10.9.9.9"], PROXY),
        (&[b""], "::"),
        (&[b" "], "::"),
        (&[b"garbage"], "::"),
        (&[b"unknown"], "::"),
        (&[b"_hidden"], "::"),
        (&[b"192.0.2.1, unknown"], "::"),
        (&[b"unknown, 192.0.2.1"], "192.0.2.1"),
        (&[b"192.0.2.1, garbage, 10.9.9.9"], "::"),
        (&[b"192.0.2.1,"], "::"),
        (&[b","], "::"),
        (&[b"192.0.2.\xff"], "::"),
        (&[b"192.0.2.256"], "::"),
        (&[b"fe80::1%eth0"], "::"),
        (&[b"[2001:db8::1]:443"], "2001:db8::1"),
        (&[b"[2001:db8::1]"], "2001:db8::1"),
        (&[b"2001:db8::1"], "2001:db8::1"),
        (&[b"[192.0.2.1]"], "::"),
        (&[b"192.0.2.1", b"garbage"], "::"),
        (&[b"garbage", b"192.0.2.1"], "192.0.2.1"),
    ];
    for (number, (forwarded_for, expected)) in table.into_iter().enumerate() {
        let mark = format!("a{number}");
        assert_eq!(logged_address(&["10.0.0.0/8"], PROXY, forwarded_for, &mark).await, expected, "{forwarded_for:?}");
    }
}

#[tokio::test]
async fn callers_without_a_readable_address_share_one_limit_that_no_client_lifts() {
    let app = app(|config| {
        config.limits.wrong_signatures_per_minute = NonZeroU32::new(10).unwrap();
        config.server.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    });
    let call = async |forwarded_for: &str, token: &str| {
        let mut request: Request<Body> = bearing(token, post(SERVICE, empty_sign_call().to_string()));
        request.headers_mut().insert("x-forwarded-for", forwarded_for.parse().unwrap());
        request.extensions_mut().insert(Peer { address: "10.1.2.3".parse().unwrap(), certificate: None });
        app.send(request).await.status.as_u16()
    };
    assert_eq!(call("unknown", &good_token()).await, 200);
    for number in 0..10 {
        assert_eq!(call(&format!("garbage-{number}"), &Token::good().signed_by(&OTHER_EC_KEY)).await, 401);
    }
    assert_eq!(call("other garbage", &Token::good().signed_by(&OTHER_EC_KEY)).await, 429);
    assert_eq!(call("192.0.2.1", &good_token()).await, 200);
}

#[test]
fn plain_http_is_spoken_with_this_machine_and_our_proxies_alone() {
    let mut server = crate::support::default_config().server;
    server.trusted_proxies = vec!["10.1.0.0/16".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    for (peer, is_trusted) in [
        ("127.0.0.1", true),
        ("::1", true),
        ("10.1.255.255", true),
        ("::ffff:10.1.0.1", true),
        ("2001:db8::1", true),
        ("10.2.0.1", false),
        ("203.0.113.9", false),
        ("::ffff:203.0.113.9", false),
    ] {
        assert_eq!(server.trusts(peer.parse().unwrap()), is_trusted, "{peer}");
    }
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let app = app(|_| {});
    for answer in [app.discovery().await, app.sign(&empty_sign_call()).await, app.get("/nowhere").await] {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
    }
    assert_eq!(TestApp::new().discovery().await.header("strict-transport-security"), None);
}

#[tokio::test]
async fn a_refused_call_is_not_read_as_a_call() {
    let answer = app(|_| {}).sign_text_as(&Token::good().header("kid", json!("x")).signed_by(&EC_KEY), "this is no JSON").await;
    answer.outcome(401, "login");
}
