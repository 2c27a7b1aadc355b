//! Accepts connections, holds their number and time limits, and shuts down without cutting off calls.
//! Not here: certificates, which are read by [`super::tls`].

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use axum::serve::Listener;
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::Service;
use tracing::{debug, warn};

use super::live::{Live, Serving};
use super::peer::Peer;

/// How often an HTTP/2 peer is asked whether it is still there, and how long it may take to say so.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// Why serving did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Connections were still busy when the shutdown's grace was over.
    #[error("{connections} connections were cut off when the shutdown's grace was over")]
    CutOff {
        /// How many.
        connections: usize,
    },
}

/// Serves on `listener` until `shutdown` resolves and the calls in flight are done.
///
/// # Errors
///
/// [`ServeError::CutOff`] when they are not done within `server.shutdown_grace`.
pub async fn serve(live: Arc<Live>, mut listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    let server = live.now().server.clone();
    let protocols = Arc::new(protocols(server.header_timeout));
    let places = Arc::new(Semaphore::new(server.max_connections.get()));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let (place, (stream, peer)) = tokio::select! {
            accepted = accept(&places, &mut listener) => accepted,
            () = &mut shutdown => break,
        };
        while connections.try_join_next().is_some() {}
        let connection = Connection {
            live: Arc::clone(&live),
            protocols: Arc::clone(&protocols),
            idle_at_most: server.header_timeout,
            watcher: graceful.watcher(),
            _place: place,
        };
        connections.spawn(connection.run(stream, peer));
    }
    drop(listener);
    let ended = timeout(server.shutdown_grace, graceful.shutdown()).await;
    while connections.try_join_next().is_some() {}
    // Dropping the set ends what is left.
    ended.map_err(|_| ServeError::CutOff { connections: connections.len() })
}

/// The next connection, as soon as there is a place for it. Until then it waits in the operating system's queue.
async fn accept(places: &Arc<Semaphore>, listener: &mut TcpListener) -> (Option<OwnedSemaphorePermit>, (TcpStream, SocketAddr)) {
    // The places are never closed, so there is one in the end.
    let place = Arc::clone(places).acquire_owned().await.ok();
    (place, Listener::accept(listener).await)
}

/// HTTP/1.1, or HTTP/2 for a client that begins with its preface.
fn protocols(header_timeout: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header_timeout);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING_INTERVAL).keep_alive_timeout(PING_INTERVAL);
    builder
}

struct Connection {
    live: Arc<Live>,
    protocols: Arc<Builder<TokioExecutor>>,
    idle_at_most: Duration,
    watcher: Watcher,
    _place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    async fn run(self, stream: TcpStream, peer: SocketAddr) {
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
        match timeout(self.idle_at_most, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let certificates = stream.get_ref().1.peer_certificates();
                peer.certificate = certificates.and_then(|chain| chain.first()).map(|leaf| Arc::from(leaf.as_ref()));
                self.answer(stream, peer).await;
            }
            Ok(Err(error)) => debug!(%error, "the TLS handshake failed"),
            Err(_) => debug!("the TLS handshake took too long"),
        }
    }

    /// The HTTP library times a request's head only once it knows the protocol, and an idle connection only in HTTP/1.1: a peer
    /// that says nothing, or half of HTTP/2's preface, or nothing more after a request, would stay for ever. So a connection
    /// without a request in work is closed after a time.
    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static, peer: Peer) {
        let activity = Arc::new(Activity::default());
        let service = service_fn(answer_with(self.live, peer, Arc::clone(&activity)));
        let connection = self.protocols.serve_connection(TokioIo::new(stream), service).into_owned();
        let mut connection = pin!(self.watcher.watch(connection));
        let ended = loop {
            let begun = activity.begun.load(Ordering::Relaxed);
            tokio::select! {
                biased;
                ended = &mut connection => break ended,
                () = sleep(self.idle_at_most) => {
                    if activity.is_idle_since(begun) {
                        return;
                    }
                }
            }
        };
        if let Err(error) = ended {
            debug!(error, "the connection broke");
        }
    }
}

/// The requests of one connection.
#[derive(Debug, Default)]
struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Activity {
    /// Whether no request was begun since so many were, and none is in work.
    fn is_idle_since(&self, begun: u64) -> bool {
        self.begun.load(Ordering::Relaxed) == begun && self.ended.load(Ordering::Relaxed) == begun
    }
}

/// Counts a request as ended however it ends.
struct InWork(Arc<Activity>);

impl InWork {
    fn begin(activity: &Arc<Activity>) -> Self {
        activity.begun.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(activity))
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// Plain HTTP is spoken with this machine and with our proxies alone.
fn is_welcome(serving: &Serving, peer: &Peer) -> bool {
    let is_welcome = serving.server.trusts(peer.address);
    if !is_welcome {
        metrics::counter!("connections_refused_total").increment(1);
        if serving.warns() {
            warn!(address = %peer.address, "a connection was closed: it is neither TLS nor from one of server.trusted_proxies; this is said once");
        }
    }
    is_welcome
}

fn answer_with(live: Arc<Live>, peer: Peer, activity: Arc<Activity>) -> impl Fn(Request<Incoming>) -> Answering {
    move |request| {
        let in_work = InWork::begin(&activity);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer.clone());
        let answer = live.now().routes.clone().call(request);
        Box::pin(async move {
            let answer = answer.await;
            drop(in_work);
            answer
        })
    }
}

type Answering = BoxFuture<'static, Result<Response<Body>, Infallible>>;
