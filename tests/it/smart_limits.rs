//! Hostile load on the SMART app: unauthenticated callers that send slowly or much, and what that leaves for others. Not here:
//! launches that are forged ([`super::smart_hostile`]).

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use futures_util::future::poll_immediate;
use futures_util::stream;
use sij_cds::app::App;
use sij_cds::http::{Live, Peer, serve};
use sij_cds::ids::RandomIds;
use sij_cds::smart::launch::LaunchRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use serde_json::json;

use crate::support::opened_app::{AppAtWork, Surfer, at_work, opened, surfer};
use crate::support::smart_ehr::{BROWSER, Begun, SmartEhr};
use crate::support::{Answer, story};

const ATTACKER: &str = "203.0.113.66";
const OTHER: &str = "203.0.113.7";

/// How long a form's body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// A request of a browser from this address.
fn from(address: &str, surfer: &Surfer, method: Method, path: &str, body: Body) -> Request<Body> {
    let request = surfer.request(Request::builder().method(method).uri(path));
    let mut request = request.header("content-type", "application/x-www-form-urlencoded").body(body).unwrap();
    request.extensions_mut().insert(Peer { address: address.parse().unwrap(), certificate: None });
    request
}

/// A body that begins and never ends.
fn endless() -> Body {
    let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"csrf="))]);
    Body::from_stream(futures_util::StreamExt::chain(begun, stream::pending()))
}

async fn get_from(work: &AppAtWork, address: &str, surfer: &Surfer, path: &str) -> Answer {
    work.app.http.send(from(address, surfer, Method::GET, path, Body::empty())).await
}

/// Sends that many forms whose bodies never end; returns those that are not answered yet, and the statuses of the others.
async fn open_posts<'w>(
    work: &'w AppAtWork,
    own: &Surfer,
    path: &str,
    number: usize,
) -> (Vec<impl Future<Output = Answer> + 'w>, Vec<u16>) {
    let (mut open, mut answered) = (Vec::new(), Vec::new());
    for _ in 0..number {
        let mut post = Box::pin(work.app.http.send(from(ATTACKER, own, Method::POST, path, endless())));
        match poll_immediate(&mut post).await {
            Some(answer) => answered.push(answer.status.as_u16()),
            None => open.push(post),
        }
    }
    (open, answered)
}

/// What others can still do: launch, use an open app, and get what needs no session.
async fn others_are_served(work: &AppAtWork, own: &Surfer, page: &str) {
    let launch = format!("/smart/launch?iss={}&launch=l", work.ehr.iss());
    assert_eq!(get_from(work, OTHER, own, &launch).await.status, 303);
    assert_eq!(get_from(work, OTHER, own, page).await.status, 200);
    for path in ["/.well-known/jwks.json", "/health/live", "/health/ready"] {
        for address in [ATTACKER, OTHER] {
            assert_eq!(get_from(work, address, own, path).await.status, 200, "{path}");
        }
    }
    let style = work.get(own, page).await.text();
    let style = style.split("href=\"").find_map(|rest| rest.split('"').next().filter(|href| href.contains("/assets/"))).unwrap();
    assert_eq!(get_from(work, ATTACKER, own, style).await.status, 200);
}

#[tokio::test]
async fn open_forms_of_no_session_or_a_foreign_browser_are_answered_at_once_and_block_nothing() {
    let (work, mut own) = (at_work().await, surfer());
    let (page, _) = opened(&work, &mut own).await;
    let foreign = Surfer { agent: "browser/2", ..Surfer::default() };
    for (path, expected) in [("/smart/app/unknown", 410), (page.as_str(), 403)] {
        let (open, answered) = open_posts(&work, &foreign, path, 300).await;
        assert_eq!((open.len(), answered), (0, vec![expected; 300]), "{path}");
    }
    others_are_served(&work, &own, &page).await;
}

#[tokio::test]
async fn slow_forms_of_one_address_have_a_quarter_of_the_places_for_five_seconds_and_block_no_launch() {
    let (work, mut own) = (at_work().await, surfer());
    let (page, _) = opened(&work, &mut own).await;
    let (open, answered) = open_posts(&work, &own, &page, 300).await;
    assert_eq!((open.len(), answered), (64, vec![503; 236]));
    others_are_served(&work, &own, &page).await;
    let launch = format!("/smart/launch?iss={}&launch=l", work.ehr.iss());
    assert_eq!(get_from(&work, ATTACKER, &own, &launch).await.status, 303, "launches have their own places");
    tokio::time::pause();
    let begun = Instant::now();
    for post in open {
        assert_eq!(post.await.status, 503);
    }
    assert!(begun.elapsed() <= BODY_TIMEOUT, "{:?}", begun.elapsed());
    assert_eq!(get_from(&work, ATTACKER, &own, &page).await.status, 200, "the places are given back");
}

#[tokio::test]
async fn addresses_behind_a_proxy_are_told_apart() {
    let work =
        AppAtWork::with(&story("nothing-documented"), |config| config.server.max_concurrent_calls = NonZeroUsize::new(8).unwrap(), |_| {})
            .await;
    let mut own = surfer();
    let (page, _) = opened(&work, &mut own).await;
    let behind_proxy = |client: &str, method, body| {
        let mut request = from("127.0.0.1", &own, method, &page, body);
        request.headers_mut().insert("x-forwarded-for", client.parse().unwrap());
        work.app.http.send(request)
    };
    let mut open: Vec<_> = (0..2).map(|_| Box::pin(behind_proxy(ATTACKER, Method::POST, endless()))).collect();
    for post in &mut open {
        assert!(poll_immediate(post).await.is_none());
    }
    for (client, expected) in [(ATTACKER, 503), (OTHER, 200)] {
        assert_eq!(behind_proxy(client, Method::GET, Body::empty()).await.status, expected, "{client}");
    }
}

#[tokio::test]
async fn a_connection_outlives_the_refusal_of_a_form_that_is_sent_after_it() {
    let work = at_work().await;
    let app = App::build(&work.ehr.config, work.app.ports.clone()).unwrap();
    let live = Arc::new(Live::new(Arc::new(app), Arc::new(RandomIds), &work.ehr.config).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(live, listener, std::future::pending()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        "POST /smart/app/unknown HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 5\r\n\r\n";
    let mut answer = vec![0; 64 * 1024];
    for _ in 0..2 {
        stream.write_all(head.as_bytes()).await.unwrap();
        let read = stream.read(&mut answer).await.unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 410 Gone\r\n"), "{}", String::from_utf8_lossy(&answer[..read]));
        stream.write_all(b"csrf=").await.unwrap();
    }
    server.abort();
}

#[tokio::test]
async fn ten_thousand_launches_from_one_address_leave_anothers_alive() {
    let ehr = SmartEhr::new().await;
    let iss = ehr.iss();
    let launch = async |address: &str| {
        let network: Option<IpAddr> = Some(address.parse().unwrap());
        let redirect = ehr.app.launch(LaunchRequest { iss: &iss, launch: None, browser: BROWSER, network }).await.ok().unwrap();
        Begun::new(redirect.state, &redirect.url)
    };
    let (before, mut others) = (launch(OTHER).await, Vec::new());
    for number in 0..10_000 {
        launch(ATTACKER).await;
        if number % 1_000 == 0 {
            others.push(launch(OTHER).await);
        }
    }
    for begun in [before].iter().chain(&others) {
        assert!(ehr.come_back(begun, &ehr.token(begun)).await.is_ok());
    }
}

#[tokio::test]
async fn launches_are_told_apart_by_the_network_of_their_address() {
    let few = |config: &mut sij_cds::config::Config| config.smart.max_sessions = NonZeroUsize::new(4).unwrap();
    let work = AppAtWork::with(&story("nothing-documented"), few, |_| {}).await;
    let (mut own, stranger) = (surfer(), surfer());
    let launch = format!("/smart/launch?iss={}&launch=l", work.ehr.iss());
    let begun = work.launch(&mut own).await;
    for number in 1..20 {
        assert_eq!(get_from(&work, &format!("2001:db8::{number}"), &stranger, &launch).await.status, 303);
    }
    assert_eq!(work.come_back(&own, &begun, &json!(null)).await.status, 303);
}
