//! The service as it is configured now. A reload replaces it whole; a call in flight ends on what it began with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use axum::Router;
use tokio_rustls::TlsAcceptor;

use super::router::router;
use super::tls::{TlsError, acceptor};
use crate::app::App;
use crate::config::{Config, ServerConfig};
use crate::ids::IdSource;

/// The service as it is configured now.
pub struct Live(ArcSwap<RunningConfig>);

/// One configuration's routes and connections.
pub(super) struct RunningConfig {
    pub(super) routes: Router,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) server: ServerConfig,
    /// Whether it was said once that somebody else than a proxy of ours speaks plain HTTP.
    has_warned: AtomicBool,
}

impl Live {
    /// Begins to live.
    ///
    /// # Errors
    /// [`TlsError`] for a certificate or key that cannot be used.
    pub fn new(app: Arc<App>, ids: Arc<dyn IdSource>, config: &Config) -> Result<Self, TlsError> {
        Ok(Self(ArcSwap::from_pointee(RunningConfig::from_app(app, ids, config)?)))
    }

    /// Any routes, over plain HTTP.
    #[must_use]
    pub fn of_routes(routes: Router, server: &ServerConfig) -> Self {
        Self(ArcSwap::from_pointee(RunningConfig { routes, tls: None, server: server.clone(), has_warned: AtomicBool::new(false) }))
    }

    /// Takes over another configuration for every request and connection from now on.
    ///
    /// # Errors
    /// As [`Live::new`]; nothing is taken over then.
    pub fn replace(&self, app: Arc<App>, ids: Arc<dyn IdSource>, config: &Config) -> Result<(), TlsError> {
        self.0.store(Arc::new(RunningConfig::from_app(app, ids, config)?));
        Ok(())
    }

    pub(super) fn now(&self) -> Arc<RunningConfig> {
        self.0.load_full()
    }
}

impl RunningConfig {
    fn from_app(app: Arc<App>, ids: Arc<dyn IdSource>, config: &Config) -> Result<Self, TlsError> {
        let (tls, server) = (acceptor(&config.tls)?, config.server.clone());
        Ok(Self { routes: router(app, ids, config), tls, server, has_warned: AtomicBool::new(false) })
    }

    /// Whether this is the first time it has to be said.
    pub(super) fn warns(&self) -> bool {
        !self.has_warned.swap(true, Ordering::Relaxed)
    }
}
