//! Real connections: protocols, timeouts and shutdown. Tests that wait for a timeout pause time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use sij_cds::config::ServerConfig;
use sij_cds::http::{Live, ServeError, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::support::{LogBuffer, default_config};

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

async fn start(routes: Router) -> Server {
    start_with(routes, |_| {}).await
}

async fn start_with(routes: Router, change: impl FnOnce(&mut ServerConfig)) -> Server {
    let mut config = default_config().server;
    change(&mut config);
    LogBuffer::of_this_run();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let live = Arc::new(Live::of_routes(routes, &config));
    let task = tokio::spawn(async move { serve(live, listener, async { _ = stopped.await }).await });
    Server { address, stop, task }
}

async fn say(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// A route that reports when it is entered, and answers on request.
fn held_route(entered: &Arc<Notify>, release: &Arc<Notify>) -> Router {
    let (entered, release) = (Arc::clone(entered), Arc::clone(release));
    let handler = move || async move {
        entered.notify_one();
        release.notified().await;
        "done"
    };
    Router::new().route("/", get(handler))
}

#[tokio::test]
async fn http_1_is_served() {
    let server = start(Router::new().route("/", get(async || "hello"))).await;
    let mut stream = say(&server, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn cleartext_http_2_is_served() {
    const SETTINGS: u8 = 4;
    let server = start(Router::new()).await;
    let empty_settings = [0, 0, 0, SETTINGS, 0, 0, 0, 0, 0];
    let mut stream = say(&server, &[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &empty_settings].concat()).await;
    let mut frame_head = [0; 9];
    stream.read_exact(&mut frame_head).await.unwrap();
    assert_eq!(frame_head[3], SETTINGS);
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_dropped() {
    let server = start(Router::new()).await;
    for beginning in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nhost:"] {
        let mut stream = say(&server, beginning.as_bytes()).await;
        tokio::time::pause();
        let mut answer = Vec::new();
        // Reads until the connection ends; an error counts as an end.
        _ = stream.read_to_end(&mut answer).await;
        tokio::time::resume();
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{beginning}");
    }
}

#[tokio::test]
async fn a_shutdown_lets_the_call_in_flight_finish() {
    let (entered, release) = <(Arc<Notify>, Arc<Notify>)>::default();
    let server = start(held_route(&entered, &release)).await;
    let mut stream = say(&server, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    entered.notified().await;

    server.stop.send(()).unwrap();
    release.notify_one();

    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("done"), "{answer}");
    assert!(server.task.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_idle_connections() {
    let server = start(Router::new().route("/", get(async || "hello"))).await;
    let mut stream = say(&server, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    stream.read_u8().await.unwrap();
    server.stop.send(()).unwrap();
    assert!(server.task.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_request_that_never_ends() {
    let server = start(Router::new()).await;
    let _stream = say(&server, b"G").await;
    // Answered after the first was accepted.
    let mut other = say(&server, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    other.read_to_end(&mut Vec::new()).await.unwrap();
    tokio::time::pause();
    server.stop.send(()).unwrap();
    assert!(server.task.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_call_that_outlives_the_grace_is_cut_off_and_reported() {
    let (entered, release) = <(Arc<Notify>, Arc<Notify>)>::default();
    let server = start(held_route(&entered, &release)).await;
    let _stream = say(&server, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    entered.notified().await;

    tokio::time::pause();
    server.stop.send(()).unwrap();
    assert!(matches!(server.task.await.unwrap(), Err(ServeError::CutOff { connections: 1 })));
}

/// An HTTP/2 client preface, its settings, and a `GET /`.
fn http_2_request() -> Vec<u8> {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    /// Length 6; HEADERS; end of stream and of headers; stream 1.
    const HEADERS: [u8; 9] = [0, 0, 6, 1, 5, 0, 0, 0, 1];
    /// GET, http, `/`, and the authority `x` (RFC 7541, appendix A).
    const FIELDS: [u8; 6] = [0x82, 0x86, 0x84, 0x41, 1, b'x'];
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &SETTINGS, &HEADERS, &FIELDS].concat()
}

/// Long before the keep-alive ping to the peer.
const SHORT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn an_idle_http_2_connection_is_closed() {
    let server = start_with(Router::new().route("/", get(async || "hello")), |config| config.header_timeout = SHORT).await;
    let mut stream = say(&server, &http_2_request()).await;
    stream.read_u8().await.unwrap();
    tokio::time::pause();
    let begun = Instant::now();
    _ = stream.read_to_end(&mut Vec::new()).await;
    assert!(begun.elapsed() < 4 * SHORT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_connection_with_a_request_in_work_is_not_idle() {
    let (entered, release) = <(Arc<Notify>, Arc<Notify>)>::default();
    let server = start_with(held_route(&entered, &release), |config| config.header_timeout = SHORT).await;
    let mut stream = say(&server, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    entered.notified().await;
    tokio::time::pause();
    tokio::time::sleep(10 * SHORT).await;
    release.notify_one();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("done"), "{answer}");
}

/// More than the sockets and the buffers between take.
const LONG_ANSWER: usize = 64 * 1024 * 1024;

#[tokio::test]
async fn an_answer_that_nobody_reads_ends_its_connection() {
    for request in [b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), http_2_request()] {
        let entered = Arc::new(Notify::new());
        let noted = Arc::clone(&entered);
        let handler = move || async move {
            noted.notify_one();
            vec![b'x'; LONG_ANSWER]
        };
        let routes = Router::new().route("/", get(handler));
        let server = start_with(routes, |config| config.send_timeout = SHORT).await;
        let mut stream = say(&server, &request).await;
        entered.notified().await;
        stream.read_u8().await.unwrap();
        tokio::time::pause();
        tokio::time::sleep(3 * SHORT).await;
        tokio::time::resume();
        let mut rest = Vec::new();
        _ = stream.read_to_end(&mut rest).await;
        assert!(rest.len() < LONG_ANSWER / 2, "{}", rest.len());
    }
}

#[tokio::test]
async fn an_answer_that_is_read_slowly_enough_is_sent_whole() {
    let server = start(Router::new().route("/", get(async || vec![b'x'; 1024 * 1024]))).await;
    let mut stream = say(&server, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let (mut rest, mut piece) = (0, vec![0; 50_000]);
    loop {
        match stream.read(&mut piece).await.unwrap() {
            0 => break,
            read => rest += read,
        }
    }
    assert!(rest > 1024 * 1024, "{rest}");
}

#[tokio::test]
async fn one_connection_too_many_waits_for_a_place() {
    let routes = Router::new().route("/", get(async || "hello"));
    let server = start_with(routes, |config| config.max_connections = std::num::NonZeroUsize::MIN).await;
    let mut first = say(&server, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    first.read_u8().await.unwrap();
    let mut second = say(&server, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(timeout(Duration::from_millis(50), second.read_u8()).await.is_err());
    drop(first);
    assert_eq!(second.read_u8().await.unwrap(), b'H');
}

/// This machine's own external address, from which it is not a loopback peer; `None` on a machine without a network.
fn outward_address() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: connecting a datagram socket only selects a route.
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_loopback() && !address.is_unspecified())
}

#[tokio::test]
async fn plain_http_from_elsewhere_is_closed_unanswered_unless_it_is_a_proxy_of_ours() {
    let Some(own) = outward_address() else {
        println!("skipped: this machine has no address but loopback");
        return;
    };
    for (proxies, is_answered) in [(vec![], false), (vec![own.into()], true)] {
        LogBuffer::of_this_run();
        let mut config = default_config().server;
        config.trusted_proxies = proxies;
        let listener = TcpListener::bind((own, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let live = Arc::new(Live::of_routes(Router::new().route("/", get(async || "hello")), &config));
        let task = tokio::spawn(serve(live, listener, std::future::pending()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        _ = stream.read_to_end(&mut answer).await;
        assert_eq!(answer.starts_with(b"HTTP/1.1 200"), is_answered);
        task.abort();
    }
}
