//! The running service. A reload replaces it as a whole; calls in flight finish with the old one.

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

/// The running service, which a reload can replace.
pub struct Live(ArcSwap<RunningConfig>);

/// The routes, TLS and server settings of one configuration.
pub(super) struct RunningConfig {
    pub(super) routes: Router,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) server: ServerConfig,
    /// Whether the warning about plain HTTP from an untrusted peer was logged.
    has_warned: AtomicBool,
}

impl Live {
    /// Builds the service from a configuration.
    ///
    /// # Errors
    /// [`TlsError`] for a certificate or key that cannot be used.
    pub fn new(app: Arc<App>, ids: Arc<dyn IdSource>, config: &Config) -> Result<Self, TlsError> {
        Ok(Self(ArcSwap::from_pointee(RunningConfig::from_app(app, ids, config)?)))
    }

    /// Serves arbitrary routes over plain HTTP.
    #[must_use]
    pub fn of_routes(routes: Router, server: &ServerConfig) -> Self {
        Self(ArcSwap::from_pointee(RunningConfig { routes, tls: None, server: server.clone(), has_warned: AtomicBool::new(false) }))
    }

    /// Replaces the configuration for all new requests and connections.
    ///
    /// # Errors
    /// As [`Live::new`]; the old configuration then stays in force.
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

    /// Whether the warning is still to be logged. Returns true only once.
    pub(super) fn warns(&self) -> bool {
        !self.has_warned.swap(true, Ordering::Relaxed)
    }
}
