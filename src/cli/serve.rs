//! `sij-cds serve`.
//! Not here: HTTP ([`crate::http`]) and decisions ([`crate::app`]).

use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tracing::info;

use super::arguments::ServeArguments;
use super::signals;
use crate::app::{App, Ports};
use crate::clock::SystemClock;
use crate::config::{Config, Layers, Overrides};
use crate::ids::RandomIds;
use crate::{http, telemetry};

/// Serves until told to stop.
pub(super) fn run(arguments: ServeArguments) -> anyhow::Result<()> {
    let overrides = Overrides { listen: arguments.listen, policy_directory: arguments.policy_dir };
    let config = Config::layered(Layers::of_process(arguments.file.path.as_deref(), overrides))?;
    telemetry::init(&config.log)?;
    let app = App::build(&config, Ports { clock: Arc::new(SystemClock), ids: Arc::new(RandomIds) })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(serve(Arc::new(app), &config))
}

async fn serve(app: Arc<App>, config: &Config) -> anyhow::Result<()> {
    let shutdown = signals::shutdown().context("cannot listen for signals")?;
    let wanted = config.server.listen;
    let listener = TcpListener::bind(wanted).await.with_context(|| format!("cannot listen on `{wanted}`"))?;
    let address = listener.local_addr().context("cannot tell the address listened on")?;
    let readiness = app.readiness();
    info!(%address, policy = readiness.policy, policy_version = readiness.version, "listening");
    http::serve(app, config, listener, shutdown).await?;
    info!("stopped");
    Ok(())
}
