//! Accepts connections, enforces their limits and timeouts, and shuts down gracefully.
//! Not here: certificates; see [`super::tls`].

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use axum::serve::Listener;
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};
use tower::Service;
use tracing::{debug, warn};

use super::connection_limits::{ConnectionLimits, ConnectionPermit};
use super::peer::Peer;
use super::running_config::{Live, RunningConfig};
use super::sent_body::{MAX_PIECE, held_until_sent};

/// How often an HTTP/2 peer is pinged, and how long it may take to answer.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// How much of an answer the HTTP library may hold that its caller does not read, in bytes. A request's head has the same limit.
const MAX_BUFFER: usize = 64 * 1024;

/// How many requests of one HTTP/2 connection are worked on at one time.
const MAX_STREAMS: u32 = 64;

/// How long shutdown waits for an idle connection.
const SHUTDOWN_IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why the server did not shut down cleanly.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Connections were still busy at the end of `server.shutdown_grace`.
    #[error("{connections} connections were cut off when the shutdown's grace was over")]
    CutOff {
        /// The number of connections.
        connections: usize,
    },
}

/// Serves `listener` until `shutdown` resolves and the calls in flight finish.
///
/// # Errors
///
/// [`ServeError::CutOff`] if they do not finish within `server.shutdown_grace`.
pub async fn serve(live: Arc<Live>, mut listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    let server = live.now().server.clone();
    let protocols = Arc::new(protocols(server.header_timeout));
    let places = ConnectionLimits::new(server.max_connections, server.max_connections_per_address);
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let (place, (stream, peer)) = tokio::select! {
            accepted = async { (places.next().await, Listener::accept(&mut listener).await) } => accepted,
            () = &mut shutdown => break,
        };
        while connections.try_join_next().is_some() {}
        let is_ours = live.now().server.trusts(peer.ip());
        // Connections beyond the total wait in the operating system's queue; those beyond an address's limit are closed here.
        let Some(place) = (if is_ours { Some(place) } else { places.held_by(place, peer.ip()) }) else { continue };
        let connection = Connection {
            live: Arc::clone(&live),
            protocols: Arc::clone(&protocols),
            idle_at_most: server.header_timeout,
            unsent_at_most: live.now().server.send_timeout,
            stopping: stopping.clone(),
            _place: place,
        };
        connections.spawn(connection.run(stream, peer));
    }
    drop(listener);
    // This fails only if there is no connection.
    _ = stop.send(true);
    let ended = timeout(server.shutdown_grace, async { while connections.join_next().await.is_some() {} }).await;
    // Dropping the set aborts the remaining connections.
    ended.map_err(|_| ServeError::CutOff { connections: connections.len() })
}

/// HTTP/1.1, or HTTP/2 if the client sends its preface.
fn protocols(header_timeout: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header_timeout).max_buf_size(MAX_BUFFER);
    let mut http2 = builder.http2();
    http2
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_INTERVAL)
        .max_send_buf_size(MAX_PIECE)
        .max_concurrent_streams(MAX_STREAMS);
    builder
}

struct Connection {
    live: Arc<Live>,
    protocols: Arc<Builder<TokioExecutor>>,
    idle_at_most: Duration,
    /// How long an answer may wait for a peer that does not read it.
    unsent_at_most: Duration,
    /// Becomes true when the service shuts down.
    stopping: watch::Receiver<bool>,
    _place: ConnectionPermit,
}

impl Connection {
    async fn run(mut self, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "cannot switch off the delay of small packets");
        }
        let serving = self.live.now();
        let mut peer = Peer { address: peer.ip(), certificate: None };
        let Some(tls) = &serving.tls else {
            if is_welcome(&serving, &peer) {
                self.answer(stream, peer).await;
            }
            return;
        };
        let shaken = tokio::select! {
            shaken = timeout(self.idle_at_most, tls.accept(stream)) => shaken,
            _ = self.stopping.wait_for(|stops| *stops) => return,
        };
        match shaken {
            Ok(Ok(stream)) => {
                let certificates = stream.get_ref().1.peer_certificates();
                peer.certificate = certificates.and_then(|chain| chain.first()).map(|leaf| Arc::from(leaf.as_ref()));
                self.answer(stream, peer).await;
            }
            Ok(Err(error)) => debug!(%error, "the TLS handshake failed"),
            Err(_) => debug!("the TLS handshake took too long"),
        }
    }

    /// Serves a connection and enforces its idle timeout. The HTTP library times a request's head only once it knows the protocol,
    /// and an idle connection only in HTTP/1.1, so a silent peer could stay forever. A connection that never sent a request is
    /// dropped after the timeout; an idle one is shut down gracefully, and dropped after as long again. So is one whose peer does not read an
    /// answer in time; in HTTP/2 that shows in no socket, because each stream has a window of its own.
    async fn answer(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static, peer: Peer) {
        let activity = Arc::new(Activity::default());
        let service = service_fn(answer_with(self.live, peer, Arc::clone(&activity)));
        let mut connection = pin!(self.protocols.serve_connection(TokioIo::new(stream), service));
        let (mut is_ending, mut idle_at_most) = (false, self.idle_at_most);
        let mut idle = pin!(sleep(idle_at_most));
        let mut unsent = interval(self.unsent_at_most);
        let mut before = activity.counts();
        let ended = loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => break ended,
                _ = self.stopping.wait_for(|stops| *stops), if !is_ending => {
                    (is_ending, idle_at_most) = (true, SHUTDOWN_IDLE_TIMEOUT);
                    connection.as_mut().graceful_shutdown();
                }
                _ = unsent.tick() => {
                    if activity.has_unsent_for(self.unsent_at_most) {
                        debug!("the peer does not read its answer");
                        return;
                    }
                    continue;
                }
                () = idle.as_mut() => match activity.since(before) {
                    Since::Busy => {}
                    Since::Idle if before.begun > 0 && !is_ending => {
                        is_ending = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    Since::Idle => return,
                }
            }
            before = activity.counts();
            idle.as_mut().reset(Instant::now() + idle_at_most);
        };
        if let Err(error) = ended {
            debug!(error, "the connection broke");
        }
    }
}

/// Counts the requests of one connection.
#[derive(Debug, Default)]
struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
    /// The answers that are not sent yet, by their number, and since when.
    unsent: Mutex<BTreeMap<u64, Instant>>,
}

/// The numbers of requests started and finished so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RequestCounts {
    begun: u64,
    ended: u64,
}

/// A connection's activity since an earlier count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    /// A request started, finished, or is in progress.
    Busy,
    /// No request did.
    Idle,
}

impl Activity {
    fn counts(&self) -> RequestCounts {
        RequestCounts { begun: self.begun.load(Ordering::Relaxed), ended: self.ended.load(Ordering::Relaxed) }
    }

    fn since(&self, before: RequestCounts) -> Since {
        if self.counts() == before && before.begun == before.ended { Since::Idle } else { Since::Busy }
    }

    /// Whether an answer has been waiting to be sent for at least this long.
    fn has_unsent_for(&self, at_least: Duration) -> bool {
        self.unsent().values().min().is_some_and(|since| since.elapsed() >= at_least)
    }

    /// Ignores lock poisoning: a panic cannot leave the map inconsistent.
    fn unsent(&self) -> MutexGuard<'_, BTreeMap<u64, Instant>> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in progress, until its answer is sent. Dropping it counts the request as finished, whatever the outcome.
struct InWork {
    activity: Arc<Activity>,
    number: u64,
}

impl InWork {
    fn begin(activity: &Arc<Activity>) -> Self {
        Self { number: activity.begun.fetch_add(1, Ordering::Relaxed), activity: Arc::clone(activity) }
    }

    /// Notes that the answer is there and only has to be sent.
    fn begin_sending(&self) {
        self.activity.unsent().insert(self.number, Instant::now());
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        self.activity.unsent().remove(&self.number);
        self.activity.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// Allows plain HTTP only from this machine and from trusted proxies.
fn is_welcome(serving: &RunningConfig, peer: &Peer) -> bool {
    let is_welcome = serving.server.trusts(peer.address);
    if !is_welcome {
        metrics::counter!("sij_cds_connections_refused_total").increment(1);
        if serving.warns() {
            warn!(address = %peer.address, "a connection was closed: it is neither TLS nor from one of server.trusted_proxies; this is said once");
        }
    }
    is_welcome
}

fn answer_with(live: Arc<Live>, peer: Peer, activity: Arc<Activity>) -> impl Fn(Request<Incoming>) -> InFlightRequest {
    move |request| {
        let in_work = InWork::begin(&activity);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer.clone());
        let answer = live.now().routes.clone().call(request);
        Box::pin(async move {
            let answer = answer.await?;
            in_work.begin_sending();
            Ok(held_until_sent(answer, in_work))
        })
    }
}

type InFlightRequest = BoxFuture<'static, Result<Response<Body>, Infallible>>;
