//! Accepts connections, holds their time limits, and shuts down without cutting off calls.
//! Not here: TLS, which a gateway in front ends.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::Service;
use tracing::debug;

use super::router;
use crate::app::App;
use crate::config::{Config, ServerConfig};
use crate::ids::RandomIds;

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

/// Serves the application on `listener` until `shutdown` resolves and the calls in flight are done.
///
/// # Errors
///
/// [`ServeError::CutOff`] when they are not done within `server.shutdown_grace`.
pub async fn serve(app: Arc<App>, config: &Config, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    let routes = router(app, Arc::new(RandomIds), config);
    serve_routes(routes, &config.server, listener, shutdown).await
}

/// Serves any routes, as [`serve`] does the application's.
///
/// # Errors
///
/// As [`serve`].
pub async fn serve_routes(
    routes: Router,
    server: &ServerConfig,
    mut listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let protocols = Arc::new(protocols(server.header_timeout));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, _) = tokio::select! {
            accepted = Listener::accept(&mut listener) => accepted,
            () = &mut shutdown => break,
        };
        while connections.try_join_next().is_some() {}
        let connection =
            Connection { routes: routes.clone(), protocols: Arc::clone(&protocols), first_request_within: server.header_timeout };
        connections.spawn(connection.run(stream, graceful.watcher()));
    }
    drop(listener);
    let ended = timeout(server.shutdown_grace, graceful.shutdown()).await;
    while connections.try_join_next().is_some() {}
    // Dropping the set ends what is left.
    ended.map_err(|_| ServeError::CutOff { connections: connections.len() })
}

/// HTTP/1.1, or HTTP/2 for a client that begins with its preface.
fn protocols(header_timeout: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header_timeout);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING_INTERVAL).keep_alive_timeout(PING_INTERVAL);
    builder
}

struct Connection {
    routes: Router,
    protocols: Arc<Builder<TokioExecutor>>,
    first_request_within: Duration,
}

impl Connection {
    /// The HTTP library times a request's head only once it knows the protocol: a peer that connects and says nothing, or half of
    /// HTTP/2's preface, would stay for ever. So the first request has a time limit of its own.
    async fn run(self, stream: TcpStream, watcher: Watcher) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "cannot switch off the delay of small packets");
        }
        let heard = Arc::new(AtomicBool::new(false));
        let service = service_fn(answer_with(self.routes, Arc::clone(&heard)));
        let connection = self.protocols.serve_connection(TokioIo::new(stream), service).into_owned();
        let mut connection = pin!(watcher.watch(connection));
        let ended = tokio::select! {
            biased;
            ended = &mut connection => ended,
            () = sleep(self.first_request_within) => {
                if !heard.load(Ordering::Relaxed) {
                    return;
                }
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(error, "the connection broke");
        }
    }
}

fn answer_with(routes: Router, heard: Arc<AtomicBool>) -> impl Fn(Request<Incoming>) -> Answer {
    move |request| {
        heard.store(true, Ordering::Relaxed);
        routes.clone().call(request.map(Body::new))
    }
}

type Answer = <Router as Service<Request<Body>>>::Future;
