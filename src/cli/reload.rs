//! Reloads the configuration on SIGHUP: all of it, or nothing.
//! Not here: the effect on calls in flight; see [`crate::http`].

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use secrecy::ExposeSecret;
use tracing::{error, info};

use super::serve::{warn_of_test_clients, warn_of_unused_policies};
use super::signals::Reload;
use crate::app::{App, Ports};
use crate::config::{Config, ConfigError, Layers, Overrides};
use crate::http::Live;
use crate::ids::RandomIds;

/// Reloads the configuration with the arguments the process was started with.
pub(super) struct Reloading {
    file: Option<PathBuf>,
    overrides: Overrides,
}

impl Reloading {
    pub(super) fn new(file: Option<PathBuf>, overrides: Overrides) -> Self {
        Self { file, overrides }
    }

    pub(super) fn read(&self) -> Result<Config, ConfigError> {
        Config::layered(Layers::of_process(self.file.as_deref(), self.overrides.clone()))
    }

    /// Reloads the configuration on every SIGHUP. If it is invalid, the old one stays in force.
    pub(super) async fn on_every(self, mut reload: Reload, mut current: Config, ports: Ports, live: Arc<Live>) {
        while reload.asked().await {
            let taken_over = self.take_over(&current, &ports, &live);
            let outcome = if taken_over.is_ok() { "taken_over" } else { "refused" };
            metrics::counter!("sij_cds_reloads_total", "outcome" => outcome).increment(1);
            match taken_over {
                Ok(config) => {
                    info!(clients = config.clients.len(), "configuration reloaded");
                    warn_of_test_clients(&config);
                    current = config;
                }
                Err(error) => error!(reason = format!("{error:#}"), "configuration not reloaded; the old one stays"),
            }
        }
    }

    fn take_over(&self, current: &Config, ports: &Ports, live: &Live) -> anyhow::Result<Config> {
        let config = self.read()?;
        let fixed = fixed_changes(current, &config);
        if !fixed.is_empty() {
            bail!("{} cannot be changed without a restart", fixed.join(", "));
        }
        let keys = ports.ledger.read_keys(&config.ledger)?;
        let app = App::build(&config, ports.clone())?;
        warn_of_unused_policies(&app);
        // First, so that no call of the new configuration is checked by a set fetched before the signal.
        ports.callers.doubt_key_sets();
        live.replace(Arc::new(app), Arc::new(RandomIds), &config)?;
        if let Some(keys) = keys {
            ports.ledger.take_keys(keys);
        }
        Ok(config)
    }
}

/// The changed keys that take effect only in a new process.
fn fixed_changes(current: &Config, changed: &Config) -> Vec<&'static str> {
    let (old, new) = (&current.server, &changed.server);
    let replay_url = |config: &Config| config.auth.replay_url.as_ref().map(|url| url.expose_secret().to_owned());
    let differing = [
        ("`server.listen`", old.listen != new.listen),
        ("`server.max_connections`", old.max_connections != new.max_connections),
        ("`server.max_connections_per_address`", old.max_connections_per_address != new.max_connections_per_address),
        ("`server.header_timeout`", old.header_timeout != new.header_timeout),
        ("`server.shutdown_grace`", old.shutdown_grace != new.shutdown_grace),
        // Invariant: losing clients from a file never disables authentication.
        ("whether callers are authenticated (`auth.mode`, `[[clients]]`)", current.auth_mode() != changed.auth_mode()),
        // Invariant: a used token stays unusable. How long it is remembered depends on the leeway it was accepted with.
        ("`auth.leeway`", current.auth.leeway != changed.auth.leeway),
        ("`auth.replay_capacity`", current.auth.replay_capacity != changed.auth.replay_capacity),
        ("`auth.replay_store`", current.auth.replay_store != changed.auth.replay_store),
        ("`auth.replay_url`", replay_url(current) != replay_url(changed)),
        ("`ledger.url`", current.ledger.url.expose_secret() != changed.ledger.url.expose_secret()),
        ("`ledger.instance`", current.ledger.instance != changed.ledger.instance),
        ("`ledger.write_timeout`", current.ledger.write_timeout != changed.ledger.write_timeout),
        ("`ledger.database_timeout`", current.ledger.database_timeout != changed.ledger.database_timeout),
        ("`traces`", current.traces != changed.traces),
        ("`log`", (current.log.format, current.log.level) != (changed.log.format, changed.log.level)),
    ];
    differing.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}
