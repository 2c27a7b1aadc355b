//! `sij-cds serve`.
//! Not here: HTTP ([`crate::http`]), decisions ([`crate::service`]), and what a reload may change ([`super::reload`]).

use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::arguments::ServeArguments;
use super::reload::Reloading;
use super::signals;
use crate::app::{App, Ports};
use crate::clock::SystemClock;
use crate::config::{AuthMode, Config, Overrides};
use crate::decision::UnusedPolicy;
use crate::http::Live;
use crate::ids::RandomIds;
use crate::service::Readiness;
use crate::telemetry::Metrics;
use crate::{http, telemetry};

/// Serves until a shutdown signal.
pub(super) fn run(arguments: ServeArguments) -> anyhow::Result<()> {
    let overrides = Overrides { listen: arguments.listen, policy_directory: arguments.policy_dir };
    let reloading = Reloading::new(arguments.file.path, overrides);
    let config = reloading.read()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    let _within = runtime.enter();
    let telemetry = telemetry::init(&config.log, &config.traces)?;
    let served = runtime.block_on(serve(config, reloading));
    telemetry.finish();
    served
}

/// Warns of the clients that may use a token again.
pub(super) fn warn_of_test_clients(config: &Config) {
    for client in config.clients.iter().filter(|client| config.auth.may_reuse_tokens(client)) {
        warn!(client = client.name, "test client: its tokens are taken until they expire, and not only once");
    }
}

/// Logs the folders of the policies that judge no order.
pub(super) fn warn_of_unused_policies(app: &App) {
    for UnusedPolicy { folder, id } in app.policies().unused() {
        warn!(policy = id, folder, "policy judges no order: no plan names it, and it is not the default one");
    }
}

async fn serve(config: Config, reloading: Reloading) -> anyhow::Result<()> {
    // Listen first: until then, SIGHUP would terminate the process.
    let reload = signals::Reload::listen().context("cannot listen for signals")?;
    let shutdown = signals::shutdown().context("cannot listen for signals")?;
    let ports = Ports::new(&config, Arc::new(SystemClock), Arc::new(RandomIds))?.with_ledger(&config).await?;
    let app = Arc::new(App::build(&config, ports.clone())?);
    let Readiness { policy, version: policy_version, ledger, .. } = app.hooks.readiness().await;
    let live = Arc::new(Live::new(Arc::clone(&app), Arc::new(RandomIds), &config)?);
    let wanted = config.server.listen;
    let listener = TcpListener::bind(wanted).await.with_context(|| format!("cannot listen on `{wanted}`"))?;
    let address = listener.local_addr().context("cannot tell the address listened on")?;
    let mode = config.auth_mode();
    if mode == AuthMode::Development {
        warn!("development mode: callers are not authenticated, and only this machine is served; configure [[clients]] to end it");
    }
    warn_of_test_clients(&config);
    info!(%address, tls = config.tls.is_on(), policy, policy_version, ledger = ledger.as_str(), "listening");
    warn_of_unused_policies(&app);
    drop(app);
    if let Some(metrics) = Metrics::of_this_process() {
        tokio::spawn(metrics.keep_up());
    }
    tokio::spawn(reloading.on_every(reload, config, ports.clone(), Arc::clone(&live)));
    let served = http::serve(live, listener, shutdown).await;
    ports.close().await;
    served?;
    info!("stopped");
    Ok(())
}
